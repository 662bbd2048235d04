//! stub
use crate::error::Result;
#[derive(Debug, Clone, clap::Args)]
/// Print the shell functions
pub struct Args { /// shell
 pub shell: Option<String> }
pub fn run(_: &Args, _: crate::ui::Ui) -> Result<u8> { Ok(0) }
