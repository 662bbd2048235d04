//! Words that git-wt writes for a shell come out of the real shell unchanged.

use std::path::Path;
use std::process::Command;

use git_wt::{nu, posix, powershell};

use crate::terminal::find;
use crate::world::World;

/// Words that have broken somebody's script before.
const NASTY: [&str; 86] = [
    "",
    " ",
    "  ",
    "a b",
    " a",
    "a ",
    "\t",
    "a\tb",
    "\n",
    "a\nb",
    "a\n",
    "\n\n",
    "\r",
    "a\r\n",
    "'",
    "''",
    "it's",
    "'a'",
    "\"",
    "\"\"",
    "say \"x\"",
    "'\"'",
    "\"'\"",
    "`",
    "`id`",
    "\\",
    "\\\\",
    "a\\",
    "a\\\\",
    "\\'",
    "\\\"",
    "\\n",
    "\\x41",
    "\\u{41}",
    "'\\",
    "\\ ",
    "\\\n",
    "$",
    "$$",
    "$HOME",
    "${HOME}",
    "$(id)",
    "$((1+1))",
    "$'a'",
    "$\"a\"",
    "(id)",
    "{a,b}",
    "[a]",
    "{}",
    "!",
    "!!",
    "a!b",
    "#",
    "a #b",
    "~",
    "~root",
    "*",
    "?",
    "*.rs",
    "[!a]*",
    "=ls",
    "=",
    "a=b",
    "-",
    "-n",
    "--",
    "--help",
    "%",
    "%s",
    "%n%d",
    "%F{red}",
    "&",
    "a && b",
    "a; b",
    "|",
    "<a >b",
    "^",
    "@",
    "@(a)",
    ",",
    "‘’‚‛",
    "“”„",
    "é",
    "\u{1b}[31m",
    "\u{1}\u{7f}\u{85}",
    "\u{202e}👩‍👩‍👧",
];

fn comes_back(shell: &str, args: &[&str], script: &str, quoted: impl Fn(&str) -> String) {
    let world = World::new();
    let Some(program) = find(shell) else { return };
    let lines: String = NASTY.iter().map(|word| script.replace("WORD", &quoted(word)) + "\n").collect();
    world.write("script", &lines);
    let mut command: Command = world.command(program, &world.root());
    let output = command.args(args).arg(Path::new("script")).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let back: Vec<&str> = printed.split_terminator('\0').collect();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}");
    assert_eq!(back, NASTY, "{shell}");
}

#[test]
fn every_word_comes_back_from_posix_shells_and_fish() {
    comes_back("sh", &[], "printf '%s\\0' WORD", posix);
    comes_back("bash", &[], "printf '%s\\0' WORD", posix);
    comes_back("zsh", &["-f"], "printf '%s\\0' WORD", posix);
    comes_back("fish", &["--no-config"], "printf '%s\\0' WORD", posix);
}

#[test]
fn every_word_comes_back_from_nu() {
    comes_back("nu", &["--no-config-file"], "print --no-newline WORD (char nul)", nu);
}

#[test]
fn every_word_comes_back_from_powershell() {
    if crate::powershell::is_here() {
        comes_back("pwsh", &["-NoProfile", "-File"], "[Console]::Write(WORD + [char] 0)", powershell);
    }
}
