//! `git wt --version`: which git-wt is running, and which git it calls.

use std::path::PathBuf;

use crate::error::Result;
use crate::host::exec::Program;
use crate::ui::Ui;

/// Prints one line for each, with the program's path.
pub fn run(ui: Ui) -> Result<u8> {
    let at =
        |place: Option<PathBuf>| place.map(|place| format!(" ({})", place.display())).unwrap_or_default();
    let ours = at(std::env::current_exe().ok());
    let git = Program::new("git").arg("--version").stdout()?;
    let git = String::from_utf8_lossy(&git).trim().to_owned() + &at(which::which("git").ok());
    ui.answer(format!("git-wt {}{ours}\n{git}\n", env!("CARGO_PKG_VERSION")).as_bytes())?;
    Ok(0)
}
