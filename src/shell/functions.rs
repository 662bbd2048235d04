//! The functions that each shell loads: whole files in its own language, preceded by the path of this program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::error::{Error, Explain, Result};
use crate::host::identity::Identity;
use crate::text::name::escaped;
use crate::text::quote;

/// The default name of the function that makes the shell change directory at once.
pub const FUNCTION: &str = "wt";

/// A shell for which we have functions.
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

    /// Returns the script that TAB calls; packages put it where the shell finds it.
    pub fn completion(self) -> &'static str {
        match self {
            Self::Bash => include_str!("../../shell/completion/git-wt.bash"),
            Self::Zsh => include_str!("../../shell/completion/git-wt.zsh"),
            Self::Fish => include_str!("../../shell/completion/git-wt.fish"),
            // it is part of the functions, so packages cannot install it separately
            Self::Nu | Self::PowerShell => "",
        }
    }

    /// Returns the line for the shell's start file.
    pub fn line(self, function: Option<&str>) -> String {
        let options = match function {
            Some(FUNCTION) => String::new(),
            Some(name) => format!(" --cmd {name}"),
            None => " --no-cmd".to_owned(),
        };
        match self {
            Self::Bash => format!("eval \"$(git-wt shell-init bash{options})\""),
            Self::Zsh => format!("eval \"$(git-wt shell-init zsh{options})\""),
            Self::Fish => format!("git-wt shell-init fish{options} | source"),
            // nu reads its autoload directory after its start file, and cannot load a script that does not exist yet
            Self::Nu => format!(
                "mkdir $nu.user-autoload-dirs.0; git-wt shell-init nu{options} \
                 | save --force ($nu.user-autoload-dirs.0 | path join git-wt.nu)"
            ),
            Self::PowerShell => {
                format!("Invoke-Expression (& git-wt shell-init powershell{options} | Out-String)")
            }
        }
    }

    /// Returns the assignment that tells the functions where the binary is.
    fn binary(self, exe: &Path) -> Result<String> {
        let exe = quoted(self, exe.as_os_str())?;
        Ok(match self {
            Self::Bash | Self::Zsh => format!("__git_wt_exe={exe}\n"),
            Self::Fish => format!("set -g __git_wt_exe {exe}\n"),
            Self::Nu => format!("$env.__git_wt.exe = {exe}\n"),
            Self::PowerShell => format!("$global:__git_wt_exe = {exe}\n"),
        })
    }

    /// Returns the function with the user's chosen name, and its completion.
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

    pub fn script(self, exe: &Path, function: Option<&str>) -> Result<String> {
        let define = function.map(|name| self.define(name)).unwrap_or_default();
        // bash and zsh load it at the first TAB; fish reads it in a tenth of a millisecond
        let completion = if self == Self::Fish { self.completion() } else { "" };
        Ok(format!("{}{}{completion}{define}", self.binary(exe)?, self.functions()))
    }
}

/// Quotes a word so that the shell reads it literally; a script cannot contain a word that is not text.
fn quoted(shell: Shell, word: &OsStr) -> Result<String> {
    let text = word.to_str().ok_or_else(|| {
        Error::new(format!("'{}' cannot be written into a script", escaped(&word.to_string_lossy())))
            .because("it is not valid UTF-8")
    })?;
    Ok(match shell {
        Shell::Bash | Shell::Zsh | Shell::Fish => quote::posix(text),
        Shell::Nu => quote::nu(text),
        Shell::PowerShell => quote::powershell(text),
    })
}

/// Whether all shells accept the name as it is; git and git-wt themselves must not be hidden.
pub fn is_function_name(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    plain && name.starts_with(|c: char| c.is_ascii_alphabetic()) && !matches!(name, "git" | "git-wt")
}

/// Returns the program's path, in a form that stays valid when an upgrade changes what a link on PATH points to.
pub fn program() -> Result<PathBuf> {
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
