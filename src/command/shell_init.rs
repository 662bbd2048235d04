//! `git wt shell-init`: the shell's half, to be evaluated in its start file.

mod install;
mod start_file;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};

use crate::error::{Error, Explain, Result};
use crate::git::Identity;
use crate::host::exec;
use crate::ui::Ui;

/// Print the shell functions that make cd, the prompt and completion work
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// The shell; if absent, that of $SHELL is told how to use this
    #[arg(value_name = "SHELL", conflicts_with = "uninstall")]
    pub shell: Option<Shell>,
    /// Name of the function that moves the shell at once
    #[arg(long, value_name = "NAME", default_value = FUNCTION, conflicts_with = "no_cmd")]
    pub cmd: String,
    /// Define no such function: only the prompt follows
    #[arg(long)]
    pub no_cmd: bool,
    /// Install the manual pages, and add the line that loads this to the shell's start file
    #[arg(long, group = "change")]
    pub install: bool,
    /// Take back what --install has done, for every shell
    #[arg(long, group = "change")]
    pub uninstall: bool,
    /// Show what would be done to which file, and stop
    #[arg(short = 'n', long, requires = "change")]
    pub dry_run: bool,
    /// Do it without being asked
    #[arg(short, long, requires = "change")]
    pub yes: bool,
    /// Print what TAB calls, which the functions load at the first TAB
    #[arg(long, hide = true, requires = "shell", conflicts_with = "change")]
    pub completion: bool,
    /// Where git-wt will be, for a package that brings the functions along as a file
    #[arg(long, hide = true, value_name = "PATH", requires = "shell", conflicts_with = "change")]
    pub program: Option<PathBuf>,
}

/// The function that moves the shell at once, if nobody wants another name.
const FUNCTION: &str = "wt";

/// A shell that has a file of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// 3.2 and later.
    Bash,
    /// 5.3 and later.
    Zsh,
    /// 3.4 and later.
    Fish,
    /// 0.108 and later.
    Nu,
    /// 7 and later.
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
}

impl Shell {
    fn functions(self) -> &'static str {
        match self {
            Self::Bash => include_str!("../../shell/git-wt.bash"),
            Self::Zsh => include_str!("../../shell/git-wt.zsh"),
            Self::Fish => include_str!("../../shell/git-wt.fish"),
            Self::Nu => include_str!("../../shell/git-wt.nu"),
            Self::PowerShell => include_str!("../../shell/git-wt.ps1"),
        }
    }

    /// What TAB calls; packages put it where the shell finds it by itself.
    fn completion(self) -> &'static str {
        match self {
            Self::Bash => include_str!("../../shell/completion/git-wt.bash"),
            Self::Zsh => include_str!("../../shell/completion/git-wt.zsh"),
            Self::Fish => include_str!("../../shell/completion/git-wt.fish"),
            // no package can bring it along: it is part of the functions
            Self::Nu | Self::PowerShell => "",
        }
    }

    /// The line for the shell's start file.
    fn line(self, function: Option<&str>) -> String {
        let options = match function {
            Some(FUNCTION) => String::new(),
            Some(name) => format!(" --cmd {name}"),
            None => " --no-cmd".to_owned(),
        };
        match self {
            Self::Bash => format!("eval \"$(git-wt shell-init bash{options})\""),
            Self::Zsh => format!("eval \"$(git-wt shell-init zsh{options})\""),
            Self::Fish => format!("git-wt shell-init fish{options} | source"),
            // nu reads its autoload directory after this, and a script that is not there yet it cannot load
            Self::Nu => format!(
                "mkdir $nu.user-autoload-dirs.0; git-wt shell-init nu{options} \
                 | save --force ($nu.user-autoload-dirs.0 | path join git-wt.nu)"
            ),
            Self::PowerShell => {
                format!("Invoke-Expression (& git-wt shell-init powershell{options} | Out-String)")
            }
        }
    }

    /// The assignment that tells the functions where the binary is.
    fn binary(self, exe: &Path) -> Result<String> {
        let exe = quote(self, exe.as_os_str())?;
        Ok(match self {
            Self::Bash | Self::Zsh => format!("__git_wt_exe={exe}\n"),
            Self::Fish => format!("set -g __git_wt_exe {exe}\n"),
            Self::Nu => format!("$env.__git_wt.exe = {exe}\n"),
            Self::PowerShell => format!("$global:__git_wt_exe = {exe}\n"),
        })
    }

    /// The function of the user's choice, and its completion.
    fn define(self, name: &str) -> String {
        match self {
            Self::Bash => format!(
                "\\builtin unalias {name} 2>/dev/null || \\builtin true\n\
                 function {name} {{ __git_wt_call \"$@\"; }}\n\
                 __git_wt_complete_for {name}\n"
            ),
            Self::Zsh => format!(
                "\\builtin unalias {name} 2>/dev/null || \\builtin true\n\
                 function {name} {{ __git_wt_call \"$@\" }}\n\
                 __git_wt_complete_for {name}\n"
            ),
            Self::Fish => format!(
                "function {name} --wraps git-wt --description 'git worktrees with an environment'\n    \
                 __git_wt_call $argv\nend\n"
            ),
            Self::Nu => format!(
                "\n# Worktrees with an environment; at the next prompt the shell follows.\n\
                 @complete __git_wt_complete\n\
                 def --env --wrapped {name} [...args] {{ __git_wt_call ...$args }}\n"
            ),
            Self::PowerShell => format!(
                "function global:{name} {{ __git_wt_call $args }}\n\
                 __git_wt_complete_for {name}\n"
            ),
        }
    }

    fn script(self, exe: &Path, function: Option<&str>) -> Result<String> {
        let define = function.map(|name| self.define(name)).unwrap_or_default();
        // bash and zsh load it at the first TAB; fish reads it in a tenth of a millisecond
        let completion = if self == Self::Fish { self.completion() } else { "" };
        Ok(format!("{}{}{completion}{define}", self.binary(exe)?, self.functions()))
    }
}

/// Quotes a word so that the shell reads it as it is; no script can hold a word that is not text.
fn quote(shell: Shell, word: &OsStr) -> Result<String> {
    let text = word.to_str().ok_or_else(|| {
        Error::new(format!(
            "'{}' cannot be written into a script",
            crate::text::name::escaped(&word.to_string_lossy())
        ))
        .because("it is not valid UTF-8")
    })?;
    Ok(match shell {
        Shell::Bash | Shell::Zsh | Shell::Fish => crate::text::quote::posix(text),
        Shell::Nu => crate::text::quote::nu(text),
        Shell::PowerShell => crate::text::quote::powershell(text),
    })
}

/// Prints a shell's functions, or how to use them.
pub fn run(args: &Args, ui: Ui) -> Result<u8> {
    let function = (!args.no_cmd).then_some(args.cmd.as_str());
    if function.is_some_and(|name| !is_function_name(name)) {
        return Err(Error::usage(format!(
            "'{}' is no name for a function",
            crate::text::name::escaped(&args.cmd)
        )));
    }
    if args.uninstall {
        return install::uninstall(args, ui);
    }
    if args.install {
        return install::install(args.shell.map_or_else(login_shell, Ok)?, function, args, ui);
    }
    let Some(shell) = args.shell else { return how_to(login_shell()?, function, ui) };
    if args.completion {
        ui.answer(shell.completion().as_bytes())?;
        return Ok(0);
    }
    let program = args.program.clone().map_or_else(program, Ok)?;
    ui.answer(shell.script(&program, function)?.as_bytes())?;
    Ok(0)
}

/// Whether all the shells take the name as it is; git and git-wt themselves are never hidden.
fn is_function_name(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    plain && name.starts_with(|c: char| c.is_ascii_alphabetic()) && !matches!(name, "git" | "git-wt")
}

/// The shell that the user logs in with.
fn login_shell() -> Result<Shell> {
    let login = exec::variable("SHELL").map(PathBuf::from).unwrap_or_default();
    let name = login.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Shell::from_str(&name, false).map_err(|_| {
        Error::usage("which shell?")
            .advise("bash, zsh, fish, nu or powershell")
            .hint("git wt shell-init SHELL")
    })
}

fn how_to(shell: Shell, function: Option<&str>, ui: Ui) -> Result<u8> {
    match shell.start_file() {
        Some(file) => {
            ui.hint("git wt shell-init --install");
            ui.say(&format!("or add this line to '{}', and open a new shell:", file.display()));
        }
        None => ui.say("add this line to the start file of your shell, and open a new shell:"),
    }
    ui.answer(format!("{}\n", shell.line(function)).as_bytes())?;
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

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn a_script_holds_no_path_that_is_not_text() {
        for shell in Shell::value_variants() {
            assert!(shell.binary(Path::new("/a b")).unwrap().contains("/a b"));
            assert!(shell.binary(Path::new(OsStr::from_bytes(b"/\xff"))).is_err());
        }
    }

    #[test]
    fn the_files_are_printed_whole_between_two_ends() {
        for shell in Shell::value_variants() {
            let script = shell.script(Path::new("/x/git-wt"), Some("tree")).unwrap();
            assert!(script.starts_with(&shell.binary(Path::new("/x/git-wt")).unwrap()));
            assert!(script.contains(shell.functions()) && script.contains("tree "));
            let bare = shell.script(Path::new("/x/git-wt"), None).unwrap();
            assert!(bare.contains(shell.functions()) && !bare.contains(&shell.define("tree")));
        }
    }

    #[test]
    fn a_function_has_a_plain_name() {
        for good in ["wt", "tree", "my_wt", "w-t"] {
            assert!(is_function_name(good), "{good}");
        }
        for bad in ["", "-x", "a b", "a;b", "$(x)", "git", "git-wt", "1x", "é"] {
            assert!(!is_function_name(bad), "{bad}");
        }
    }
}
