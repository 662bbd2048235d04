//! Every hint that a test sees is one command that can be pasted: bash, zsh and fish can read it, it begins with a
//! program, and what it says to git-wt is a command line.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::terminal::find;

/// What a hint may begin with.
pub const PROGRAMS: [&str; 19] = [
    "git",
    "cd",
    "exec",
    "export",
    "unset",
    "deactivate",
    "echo",
    "rm",
    "mkdir",
    "grep",
    "gunzip",
    "iconv",
    "sudo",
    "psql",
    "mysql",
    "mysqldump",
    "GIT_WT_PUSH=1",
    "printf",
    "umount",
];

/// The shells that are here, with what has each read a command without running it.
static READERS: LazyLock<Vec<(PathBuf, &[&str])>> = LazyLock::new(|| {
    let all: [(&str, &[&str]); 3] = [
        ("bash", &["--norc", "-n", "-c"]),
        ("zsh", &["-f", "-n", "-c"]),
        ("fish", &["--no-config", "--no-execute", "-c"]),
    ];
    all.into_iter().filter_map(|(shell, args)| Some((find(shell)?, args))).collect()
});

/// Asserts that each hint in what git-wt has told is a command; each is looked at once.
#[track_caller]
pub fn are_commands(told: &str) {
    static SEEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    for hint in hints(told) {
        if SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(hint.to_owned()) {
            let fault = fault(hint);
            assert!(fault.is_none(), "no command to paste: {hint}\n{}", fault.unwrap());
        }
    }
}

/// Returns the hints of git-wt. Advice of git itself, which is passed on, is prose: it has empty lines, or says how to
/// turn it off; so is that of pip, which a hook may run. What a killed program has not written to the end is left out.
fn hints(told: &str) -> Vec<&str> {
    let told = told.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines: Vec<&str> = told.lines().collect();
    let runs = lines.chunk_by(|before, after| before.starts_with("hint:") == after.starts_with("hint:"));
    let texts =
        runs.map(|run| run.iter().filter_map(|line| Some(line.strip_prefix("hint:")?.trim())).collect());
    let is_prose = |text: &&str| text.is_empty() || text.contains("advice.") || text.starts_with("See PEP ");
    let is_ours = |texts: &Vec<&str>| !texts.iter().any(is_prose);
    texts.filter(is_ours).flatten().collect()
}

/// Says why this is no command, if it is none.
fn fault(hint: &str) -> Option<String> {
    let words: Vec<&str> = hint.split_whitespace().collect();
    if !words.first().is_some_and(|program| PROGRAMS.contains(program)) {
        return Some("it begins with no program".into());
    }
    let has_syntax = hint.contains(['\'', '"', '\\', '$', '|', '&', ';', '>']);
    if let (["git", "wt", rest @ ..], false) = (&words[..], has_syntax) {
        let line = std::iter::once("git-wt").chain(rest.iter().copied());
        if let Err(error) = git_wt::command().try_get_matches_from(line) {
            return Some(error.to_string());
        }
    }
    READERS.iter().find_map(|(shell, args)| {
        let mut command = Command::new(shell);
        command.args(*args).arg(hint).env_clear().current_dir("/").stdin(Stdio::null());
        let output = command.output().unwrap();
        // fish says what is wrong, and ends well
        let can_read = output.status.success() && output.stderr.is_empty();
        (!can_read).then(|| format!("{}: {}", shell.display(), String::from_utf8_lossy(&output.stderr)))
    })
}

#[test]
fn advice_of_git_is_not_ours() {
    let told = "error: x\nhint: git wt list\nnote: y\nhint: If you meant that,\nhint:\nhint:     git x\n\
                fatal: z\nhint: It was ignored.\nhint: Disable it with `git config set advice.ignoredHook false`.\n\
                error: v\nhint: git wt add a\nhint: git wt add b\nhint: git wt a";
    assert_eq!(hints(told), ["git wt list", "git wt add a", "git wt add b"]);
}

#[test]
fn what_is_no_command_is_found() {
    for hint in ["git wt add 'a b'", "GIT_WT_PUSH=1 git push", "cd -- \"$(printf %b 'a\\0342')\""] {
        assert_eq!(fault(hint), None, "{hint}");
    }
    for prose in ["stop what uses it", "", "git wt adds x", "git wt add --bases x y", "git wt help help help"]
    {
        assert!(fault(prose).is_some(), "{prose}");
    }
    if !READERS.is_empty() {
        for broken in ["git wt add 'x", "git wt add <NAME>", "git log (all", "cd -- it's"] {
            assert!(fault(broken).is_some(), "{broken}");
        }
    }
}
