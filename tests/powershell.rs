//! PowerShell, if it is installed. No package registry has it, so CI does not run these tests; there `.ci/run` only
//! parses our file for it.

use crate::terminal::world;
use crate::world::{Seen, World};

/// Whether PowerShell is on PATH; CI does not require it.
pub fn is_here() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let here = std::env::split_paths(&path).any(|dir| dir.join("pwsh").exists());
    if !here {
        eprintln!("skipped: pwsh is not installed, and cannot be had from a package registry");
    }
    here
}

/// Runs lines in `myproject` with git-wt loaded, in strict mode.
fn runs(world: &World, lines: &str) -> Seen {
    let script = format!(
        "Set-StrictMode -Version Latest\n$ErrorActionPreference = 'Stop'\n\
         Invoke-Expression (& git-wt shell-init powershell | Out-String)\n{lines}\n"
    );
    let program = crate::terminal::find("pwsh").unwrap();
    let mut command = world.command(program, &world.path("myproject"));
    world.see(command.args(["-NoProfile", "-NonInteractive", "-Command", &script])).ok()
}

#[test]
fn powershell_can_read_its_file() {
    if !is_here() {
        return;
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/shell/git-wt.ps1");
    let parse = format!(
        "$errors = $null; [void] [System.Management.Automation.Language.Parser]::ParseFile('{file}', [ref] $null, [ref] $errors); $errors"
    );
    let seen = runs(&world(), &parse).prints("");
    assert_eq!(seen.stderr, "");
}

#[test]
fn powershell_is_moved_at_once_and_keeps_the_status() {
    if !is_here() {
        return;
    }
    let seen = runs(
        &world(),
        "wt cd staging | Out-Null; \"$PWD $LASTEXITCODE\"; wt cd nowhere; \"$PWD $LASTEXITCODE\"; \"[$env:GIT_WT_CD_FILE]\"",
    );
    seen.prints("[ROOT]/staging 0\n[ROOT]/staging 128\n[]\n");
}

#[test]
fn the_environment_comes_and_goes_with_the_worktree_in_powershell() {
    if !is_here() {
        return;
    }
    let world = world();
    world.write("staging/.env", "PORT=8001\nTEXT=\"two\nlines\"\n");
    let seen = runs(
        &world,
        "$env:PORT = '1'; Set-Location ../staging; [void] (prompt); \"$env:PORT $env:TEXT $(__git_wt_ps1)\"\n\
         Set-Location ..; [void] (prompt); \"$env:PORT [$env:TEXT] [$(__git_wt_ps1)]\"",
    );
    seen.prints("8001 two\nlines (staging) \n1 [] []\n");
}

#[test]
fn tab_completes_in_powershell() {
    if !is_here() {
        return;
    }
    let seen = runs(
        &world(),
        "foreach ($line in 'wt cd st', 'git-wt cd st') { (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText }",
    );
    seen.prints("staging\nstaging\n");
}
