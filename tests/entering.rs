//! The environment of a worktree, as a real shell takes it over on entering and gives it back on leaving.

use crate::terminal::{SHELLS, Setup, Terminal, export, find, world};

#[test]
fn one_who_brings_along_anothers_venv_is_told_once() {
    let world = world();
    std::fs::create_dir(world.path("staging/deep")).unwrap();
    let told = "warning: the environment of 'staging' leads into another worktree: VIRTUAL_ENV of the shell is in 'other'\n\
                hint: deactivate";
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let venv = world.path("other/.venv");
        terminal.shows(&export(shell, "VIRTUAL_ENV", venv.to_str().unwrap()));
        assert_eq!(terminal.shows("cd ../staging"), told, "{shell}");
        for line in ["cd deep", "wt list >/dev/null", "cd ..", "true"] {
            assert_eq!(terminal.shows(line), "", "{shell}: {line}");
        }
        assert_eq!(terminal.shows("cd ../other"), "", "{shell}");
        assert_eq!(terminal.shows("cd ../staging"), told, "{shell}");
    }
    world.git(&world.path("myproject"), &["config", "wt.guard", "off"]);
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        terminal.shows(&export(shell, "VIRTUAL_ENV", world.path("other/.venv").to_str().unwrap()));
        assert_eq!(terminal.shows("cd ../staging"), "", "{shell}");
    }
}

#[test]
fn the_environment_comes_and_goes_with_the_worktree() {
    let world = world();
    let port = |name: &str| {
        let file = world.read(format!("{name}/.env"));
        file.lines().find_map(|line| line.strip_prefix("PORT=")).unwrap().to_owned()
    };
    for shell in SHELLS {
        let before = export(shell, "PORT", "1");
        let setup = Setup { before: &before, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        let shown = terminal.shows("wt cd staging >/dev/null; echo $PORT");
        assert_eq!(shown, port("staging"), "{shell}");
        let mut port_after = |line: &str| {
            terminal.shows(line);
            terminal.shows("echo $PORT")
        };
        assert_eq!(port_after("cd ../other"), port("other"), "{shell}");
        assert_eq!(port_after("cd .."), "1", "{shell}");
        // what the user changes meanwhile is kept, also when git-wt looks again
        port_after("cd staging");
        assert_eq!(port_after(&export(shell, "PORT", "7")), "7", "{shell}");
        assert_eq!(port_after("wt cd staging"), "7", "{shell}");
        assert_eq!(port_after("cd .."), "7", "{shell}");
    }
}

#[test]
fn a_shell_that_inherits_an_environment_gives_it_back() {
    let world = world();
    for shell in SHELLS {
        let Some(program) = find(shell) else { continue };
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        terminal.shows("wt cd staging");
        terminal.shows("cd staging 2>/dev/null; mkdir -p sub");
        // leaves the worktree and becomes a new shell in one command, without a prompt between
        let leave = format!("env --chdir={} {} -i", world.root().display(), program.display());
        terminal.shows(&leave);
        assert_eq!(terminal.shows("echo \"[$PORT$GIT_WT_NAME]\""), "[]", "{shell}");
    }
}

#[test]
fn records_that_are_cut_short_change_nothing() {
    let world = world();
    let records = [
        "set\\0PORT\\0006\\0",
        "set\\0PORT\\0end\\0",
        "set\\0PORT\\06\\0set\\0X",
        "set\\0PORT\\06\\0what\\0X\\0end\\0",
        "set\\0PORT\\06\\0set\\0A B\\0x\\0end\\0",
        "",
    ];
    for (at, record) in records.iter().enumerate() {
        world.program(&format!("cut{at}"), &format!("#!/bin/sh\nprintf '{record}'\n"));
    }
    for shell in SHELLS {
        for at in 0..records.len() {
            let after = if shell == "fish" { "set -g __git_wt_exe cut" } else { "set -u; __git_wt_exe=cut" };
            let after = format!("{after}{at}");
            let setup = Setup { after: &after, variables: &[("PORT", "1")], ..Setup::default() };
            let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
            assert_eq!(terminal.shows("cd ../staging"), "", "{shell}: {at}");
            assert_eq!(terminal.shows("echo $PORT"), "1", "{shell}: {at}");
        }
    }
}

#[test]
fn functions_of_another_version_say_so_once() {
    let real = env!("CARGO_BIN_EXE_git-wt");
    let cases = [
        ("s/ hook 1 / hook 0 /", "this shell's git-wt functions are of another version"),
        ("1s|/.*git-wt|/gone/git-wt|", "/gone/git-wt"),
    ];
    for shell in SHELLS {
        for (edit, said) in cases {
            let world = world();
            let load = format!("\"{real}\" \"$@\" | sed '{edit}'");
            world.program(
                "git-wt",
                &format!("#!/bin/sh\n[ \"$1\" = shell-init ] || exec \"{real}\" \"$@\"\n{load}\n"),
            );
            let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
            assert!(terminal.raw.contains(said), "{shell}: {:?}", terminal.raw);
            for line in ["cd ../staging", "cd ../other", "cd ..", "cd other", "true"] {
                assert_eq!(terminal.shows(line), "", "{shell}: {line}");
            }
            if edit.contains("hook") {
                assert_eq!(terminal.shows("wt cd staging"), "[ROOT]/staging", "{shell}");
                assert_eq!(terminal.stands(), "[ROOT]/staging", "{shell}");
            }
        }
    }
}
