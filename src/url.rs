//! stub
pub struct Url<'a>(&'a str);
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum Engine { Sqlite, Postgres, Mysql }
impl Engine { pub fn of(s: &str) -> Option<Self> { match s { "sqlite" => Some(Self::Sqlite), "postgres" => Some(Self::Postgres), "mysql" => Some(Self::Mysql), _ => None } } }
pub enum SqlitePlace { Memory, Relative(String), Absolute(String) }
impl<'a> Url<'a> {
    pub fn parse(t: &'a str) -> Option<Self> { t.contains("://").then_some(Self(t)) }
    pub fn scheme(&self) -> &str { self.0.split(':').next().unwrap_or("") }
    pub fn with_database(&self, n: &str) -> String { let (a,_) = self.0.rsplit_once('/').unwrap_or((self.0,"")); format!("{a}/{n}") }
    pub fn with_path(&self, p: &str) -> String { format!("{}://{p}", self.scheme()) }
    pub fn sqlite_place(&self) -> Option<SqlitePlace> { let p = self.0.strip_prefix("sqlite:///")?; Some(if p.starts_with('/') { SqlitePlace::Absolute(p.into()) } else { SqlitePlace::Relative(p.into()) }) }
}
