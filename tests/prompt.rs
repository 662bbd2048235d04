//! What the prompt of a real shell shows, and what it costs.

use crate::terminal::{SHELLS, Setup, Terminal, export, world};

#[test]
fn a_name_cannot_draw_on_the_prompt() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let hostile = if shell == "fish" {
            r"set -gx GIT_WT_NAME x\e\[31m\nb"
        } else {
            "export GIT_WT_NAME=$'x\\e[31m\\nb'"
        };
        assert_eq!(terminal.prompts(hostile), "(x?[31m?b)", "{shell}");
    }
}

#[test]
fn the_prompt_says_the_worktree_and_its_branch() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        assert_eq!(terminal.prompts("wt cd staging"), "(staging)", "{shell}");
        assert_eq!(
            terminal.prompts(&format!("git switch -q -c {shell}/x")),
            format!("(staging {shell}/x)"),
            "{shell}"
        );
        let head = world.git(&world.path("staging"), &["rev-parse", "--short=7", "HEAD"]);
        assert_eq!(terminal.prompts("git switch -q --detach"), format!("(staging {head})"), "{shell}");
        assert_eq!(terminal.prompts("git switch -q staging"), "(staging)", "{shell}");
        assert_eq!(terminal.prompts("cd .."), "", "{shell}");
    }
}

#[test]
fn references_in_reftables_show_no_branch() {
    let world = world();
    world.write("head", "ref: refs/heads/.invalid\n");
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        terminal.shows(&export(shell, "GIT_WT_HEAD", &world.path("head").to_string_lossy()));
        assert_eq!(terminal.prompts(&export(shell, "GIT_WT_NAME", "staging")), "(staging)", "{shell}");
    }
}

#[test]
fn the_prompt_is_left_alone_when_asked() {
    let world = world();
    for shell in SHELLS {
        let setup = Setup { variables: &[("GIT_WT_PROMPT", "off")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        assert_eq!(terminal.prompts("wt cd staging"), "", "{shell}");
    }
    let setup = Setup { after: "PS1='[$__git_wt_ps1] @@ '", ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "bash", &setup) else { return };
    assert_eq!(terminal.prompts("wt cd staging"), "[staging]");
}

#[test]
fn a_protected_worktree_is_red() {
    let world = world();
    for shell in ["bash", "zsh", "fish"] {
        let setup = Setup { variables: &[("TERM", "xterm")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        terminal.shows("wt cd staging");
        assert!(!terminal.raw.contains("31m"), "{shell}: {:?}", terminal.raw);
        assert_eq!(terminal.prompts(&export(shell, "GIT_WT_PROTECTED", "1")), "(staging)", "{shell}");
        let red = terminal.raw.rfind("31m").unwrap_or_else(|| panic!("{shell}: {:?}", terminal.raw));
        assert!(terminal.raw[red..].contains("(staging)"), "{shell}: {:?}", terminal.raw);
    }
}

#[test]
fn other_hooks_of_the_prompt_run_and_see_the_status() {
    let world = world();
    for before in ["PROMPT_COMMAND='seen=$?'", "PROMPT_COMMAND=('seen=$?' 'also=1')"] {
        let after = "eval \"$(git-wt shell-init bash)\"";
        let setup = Setup { before, after, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, "bash", &setup) else { continue };
        terminal.shows("(exit 7)");
        assert_eq!(terminal.shows("echo $seen"), "7", "{before}");
        // loaded twice, hooked once
        let hooked = terminal.shows("declare -p PROMPT_COMMAND");
        assert_eq!(hooked.matches("__git_wt_prompt").count(), 1, "{before}: {hooked}");
    }
}

#[test]
fn an_unchanged_directory_costs_no_process() {
    let world = world();
    world.program("counted", "#!/bin/sh\necho started >>\"$HOME/count\"\nexec git-wt \"$@\"\n");
    for shell in SHELLS {
        let after = if shell == "fish" { "set -g __git_wt_exe counted" } else { "__git_wt_exe=counted" };
        world.write("home/count", "");
        let setup = Setup { after, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        let started = || world.read("home/count").lines().count();
        terminal.shows(":");
        let before = started();
        terminal.shows("cd ../staging");
        terminal.shows(":");
        assert_eq!(started(), before + 1, "{shell}: entering");
        terminal.shows(":");
        terminal.shows("mkdir -p sub && cd sub");
        terminal.shows("git switch -q -C staging");
        assert_eq!(started(), before + 1, "{shell}: staying");
        terminal.shows("cd ../..");
        terminal.shows(":");
        assert_eq!(started(), before + 2, "{shell}: leaving");
    }
}
