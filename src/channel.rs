//! stub
use crate::error::Result;
#[derive(Debug, Clone, Default)]
pub struct Channel;
impl Channel { pub fn take() -> Self { Self } pub fn tell(&self, _: &std::path::Path) -> Result<bool> { Ok(false) } }
