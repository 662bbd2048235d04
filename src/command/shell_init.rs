//! `git wt shell-init`: the shell's half, to be evaluated in its start file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};

use crate::error::{Error, Explain, Result};
use crate::exec;
use crate::git::Identity;
use crate::ui::Ui;

/// Print the shell functions that make cd, the prompt and completion work
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// The shell; that of $SHELL is told how to use this if absent
    #[arg(value_name = "SHELL")]
    pub shell: Option<Shell>,
    /// Name of the function that moves the shell at once
    #[arg(long, value_name = "NAME", default_value = "wt", conflicts_with = "no_cmd")]
    pub cmd: String,
    /// Define no such function: only the prompt follows
    #[arg(long)]
    pub no_cmd: bool,
}

/// A shell that has a file of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// 3.2 and later.
    Bash,
    /// 5.3 and later.
    Zsh,
    /// 3.4 and later.
    Fish,
}

impl Shell {
    fn functions(self) -> &'static str {
        match self {
            Self::Bash => include_str!("../../shell/git-wt.bash"),
            Self::Zsh => include_str!("../../shell/git-wt.zsh"),
            Self::Fish => include_str!("../../shell/git-wt.fish"),
        }
    }

    /// The line for the shell's start file.
    fn line(self) -> &'static str {
        match self {
            Self::Bash => "echo 'eval \"$(git-wt shell-init bash)\"' >> ~/.bashrc",
            Self::Zsh => "echo 'eval \"$(git-wt shell-init zsh)\"' >> ~/.zshrc",
            Self::Fish => "echo 'git-wt shell-init fish | source' >> ~/.config/fish/config.fish",
        }
    }

    /// Quotes a word so that the shell reads it as it is.
    fn quote(self, word: &OsStr) -> String {
        let word = word.to_string_lossy();
        match self {
            Self::Bash | Self::Zsh => shell_escape::unix::escape(word).into_owned(),
            // fish knows backslashes inside single quotes
            Self::Fish => format!("'{}'", word.replace('\\', "\\\\").replace('\'', "\\'")),
        }
    }

    fn script(self, exe: &Path, function: Option<&str>) -> String {
        let exe = self.quote(exe.as_os_str());
        let set = match self {
            Self::Bash | Self::Zsh => format!("__git_wt_exe={exe}\n"),
            Self::Fish => format!("set -g __git_wt_exe {exe}\n"),
        };
        let define = match (function, self) {
            (None, _) => String::new(),
            (Some(name), Self::Bash) => format!(
                "\\builtin unalias {name} 2>/dev/null || \\builtin true\n\
                 function {name} {{ __git_wt_call \"$@\"; }}\n__git_wt_complete_for {name}\n"
            ),
            (Some(name), Self::Zsh) => format!(
                "\\builtin unalias {name} 2>/dev/null || \\builtin true\n\
                 function {name} {{ __git_wt_call \"$@\" }}\n__git_wt_complete_for {name}\n"
            ),
            (Some(name), Self::Fish) => format!(
                "function {name} --wraps git-wt --description 'git worktrees with an environment'\n    \
                 __git_wt_call $argv\nend\n"
            ),
        };
        format!("{set}{}{define}", self.functions())
    }
}

/// Prints a shell's functions, or how to use them.
pub fn run(args: &Args, ui: Ui) -> Result<u8> {
    let function = (!args.no_cmd).then_some(args.cmd.as_str());
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if function.is_some_and(|name| name.is_empty() || name.starts_with('-') || !plain(name)) {
        return Err(Error::usage(format!("'{}' is no name for a function", crate::name::escaped(&args.cmd))));
    }
    let Some(shell) = args.shell else { return how_to(ui) };
    ui.answer(shell.script(&program()?, function).as_bytes())?;
    Ok(0)
}

fn how_to(ui: Ui) -> Result<u8> {
    let login = exec::variable("SHELL").map(PathBuf::from).unwrap_or_default();
    let name = login.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Ok(shell) = Shell::from_str(&name, false) else {
        return Err(Error::usage("which shell?").hint("git wt shell-init bash|zsh|fish"));
    };
    ui.say(&format!("add this to the start file of {name}, then open a new shell:"));
    ui.answer(format!("{}\n", shell.line()).as_bytes())?;
    Ok(0)
}

/// The path that stays valid when an upgrade moves what a link on PATH points to.
fn program() -> Result<PathBuf> {
    let ours = std::env::current_exe().explain(|| "cannot tell where git-wt is".into())?;
    match which::which("git-wt") {
        Ok(first) if Identity::of(&first) == Identity::of(&ours) => Ok(first),
        _ => Ok(ours),
    }
}
