//! stub
pub struct Wanted { pub name: String, pub head: String, pub protected: bool, pub variables: Vec<(String,String)>, pub path_entry: Option<String> }
pub enum Change { Set(String,String), Unset(String) }
pub fn changes(_: Option<&str>, _: Option<&Wanted>, _: &dyn Fn(&str)->Option<String>) -> Vec<Change> { vec![] }
pub fn may_be_set(_: &str) -> bool { true }
