//! stub
use crate::error::Result;
pub struct EnvText(Vec<u8>);
pub enum Value { Text(String), Dynamic(String) }
impl EnvText {
    pub fn parse(b: Vec<u8>) -> Self { Self(b) }
    pub fn as_bytes(&self) -> &[u8] { &self.0 }
    pub fn variables(&self) -> Vec<(String, Value)> {
        String::from_utf8_lossy(&self.0).lines().filter_map(|l| l.split_once('=')).map(|(a,b)|(a.to_owned(), Value::Text(b.to_owned()))).collect()
    }
    pub fn get(&self, n: &str) -> Option<Value> { self.variables().into_iter().find(|(a,_)| a==n).map(|x|x.1) }
    pub fn set(&mut self, n: &str, v: &str) -> Result<()> {
        let mut t: Vec<String> = String::from_utf8_lossy(&self.0).lines().filter(|l| !l.starts_with(&format!("{n}="))).map(str::to_owned).collect();
        t.push(format!("{n}={v}")); self.0 = (t.join("\n")+"\n").into_bytes(); Ok(())
    }
}
