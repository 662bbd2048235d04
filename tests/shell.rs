//! Real interactive shells: where they are after each command, and that nothing else about them changes.

use crate::terminal::{PROMPT, SHELLS, Setup, Terminal, adopt, export, find, mover, status_of, world};

#[test]
fn the_function_moves_the_shell_at_once() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let shown = terminal.shows("wt cd staging && pwd");
        assert_eq!(shown.lines().last(), Some("[ROOT]/staging"), "{shell}: {shown:?}");
        assert_eq!(terminal.shows("cd - >/dev/null; pwd"), "[ROOT]/myproject", "{shell}");
    }
}

#[test]
fn the_terminal_stays_that_of_the_command() {
    let world = world();
    world.program("asked", "#!/bin/sh\n[ \"$1\" = hook ] && exec git-wt \"$@\"\nfor fd in 0 1 2; do [ -t $fd ] && echo $fd; done\n");
    for shell in SHELLS {
        let after = if shell == "fish" { "set -g __git_wt_exe asked" } else { "__git_wt_exe=asked" };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &Setup { after, ..Setup::default() })
        else {
            continue;
        };
        assert_eq!(terminal.shows("wt list"), "0\n1\n2", "{shell}");
    }
}

#[test]
fn add_and_remove_move_the_shell_too() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let shown = terminal.shows(&format!("wt add -q {shell} && pwd"));
        assert_eq!(shown.lines().last(), Some(&*format!("[ROOT]/myproject-{shell}")), "{shell}: {shown:?}");
        // if its current directory is removed, the shell goes to the main worktree
        terminal.shows("wt remove -y .");
        assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}");
    }
}

#[test]
fn the_subdirectory_is_kept_where_the_other_worktree_has_it() {
    let world = world();
    for dir in ["myproject/apps/shop", "staging/apps/shop", "staging/only here"] {
        std::fs::create_dir_all(world.path(dir)).unwrap();
    }
    // a link that leads out of the other worktree is not followed
    std::fs::create_dir_all(world.path("myproject/out")).unwrap();
    std::os::unix::fs::symlink("/tmp", world.path("staging/out")).unwrap();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for (from, line, to) in [
            ("myproject/apps/shop", "wt cd staging", "[ROOT]/staging/apps/shop"),
            ("myproject/apps/shop", "git wt cd staging", "[ROOT]/staging/apps/shop"),
            ("staging/apps/shop", "wt cd @", "[ROOT]/myproject/apps/shop"),
            ("staging/only here", "wt cd @", "[ROOT]/myproject"),
            ("myproject/out", "wt cd staging", "[ROOT]/staging"),
        ] {
            terminal.shows(&format!("cd '{}'", world.path(from).display()));
            assert_eq!(terminal.shows(line), to, "{shell}: {from}");
            assert_eq!(terminal.stands(), to, "{shell}: {from}");
        }
        terminal.shows(&format!("wt add -q sub-{shell} 2>/dev/null; mkdir -p apps/shop; cd apps/shop"));
        terminal.shows("wt remove -fy .");
        assert_eq!(terminal.stands(), "[ROOT]/myproject/apps/shop", "{shell}");
    }
    // a script gets the root of the worktree
    world.wt_in("myproject/apps/shop", &["cd", "staging"]).ok().prints("[ROOT]/staging\n");
}

#[test]
fn a_dash_is_the_worktree_before_however_one_came_here() {
    let world = world();
    std::fs::create_dir(world.path("staging/deep")).unwrap();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let shown = terminal.shows("wt cd -");
        assert!(shown.contains("there is no previous worktree"), "{shell}: {shown}");
        terminal.shows("wt cd staging");
        terminal.shows("cd deep");
        for (line, place) in [
            ("wt cd -", "[ROOT]/myproject"),
            ("git wt cd -", "[ROOT]/staging"),
            ("cd ../other", "[ROOT]/other"),
            ("wt cd -", "[ROOT]/staging"),
            ("wt cd -", "[ROOT]/other"),
        ] {
            terminal.shows(line);
            assert_eq!(terminal.stands(), place, "{shell}: {line}");
        }
    }
}

#[test]
fn one_who_came_through_a_link_stays_on_its_side() {
    let world = world();
    std::os::unix::fs::symlink(world.root(), world.path("link")).unwrap();
    std::os::unix::fs::symlink(world.path("other"), world.path("direct")).unwrap();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        terminal.shows("cd ../link/myproject");
        terminal.shows("wt cd staging");
        assert_eq!(terminal.stands(), "[ROOT]/link/staging", "{shell}");
        terminal.shows("git wt cd @");
        assert_eq!(terminal.stands(), "[ROOT]/link/myproject", "{shell}");
        terminal.shows("wt cd -");
        assert_eq!(terminal.stands(), "[ROOT]/link/staging", "{shell}");
        // a link to one particular worktree leads to no other
        terminal.shows("cd ../direct");
        terminal.shows("wt cd staging");
        assert_eq!(terminal.stands(), "[ROOT]/staging", "{shell}");
    }
}

#[test]
fn the_shells_own_history_of_directories_goes_on() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for mover in ["wt", "git wt"] {
            terminal.shows(&format!("cd {}", world.path("myproject").display()));
            terminal.shows("pushd ../other >/dev/null");
            terminal.shows(&format!("{mover} cd staging"));
            if shell != "fish" {
                assert_eq!(terminal.shows("echo $OLDPWD"), "[ROOT]/other", "{shell}: {mover}");
            }
            let dirs = terminal.shows("dirs");
            assert!(
                dirs.starts_with("[ROOT]/staging") && dirs.contains("[ROOT]/myproject"),
                "{shell}: {dirs}"
            );
            terminal.shows("popd >/dev/null");
            assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}: {mover}");
        }
    }
}

#[test]
fn a_failure_keeps_its_status_and_the_shell_its_place() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let status = status_of(shell);
        assert_eq!(terminal.shows(&format!("wt cd nowhere 2>/dev/null; echo {status}")), "128", "{shell}");
        assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}");
        // also across a prompt
        terminal.shows("wt cd nowhere");
        assert_eq!(terminal.shows(&format!("echo {status}")), "128", "{shell}");
        terminal.shows("git wt cd nowhere");
        assert_eq!(terminal.shows(&format!("echo {status}")), "128", "{shell}");
        assert_eq!(terminal.shows(&format!("wt cd staging >/dev/null; echo {status}")), "0", "{shell}");
    }
}

#[test]
fn a_directory_that_has_gone_is_a_failure() {
    let world = world();
    mover(&world);
    for shell in SHELLS {
        let after = if shell == "fish" { "set -g __git_wt_exe mover" } else { "__git_wt_exe=mover" };
        let setup = Setup { after, variables: &[("TO", "/nowhere at all")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        terminal.shows("wt");
        assert_eq!(terminal.shows(&format!("echo {}", status_of(shell))), "1", "{shell}");
        assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}");
    }
}

#[test]
fn plain_git_moves_the_shell_at_the_next_prompt() {
    let world = world();
    world.git(&world.path("myproject"), &["config", "alias.w", "wt"]);
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for line in [
            "git wt cd staging",
            "git -C ../myproject wt cd staging",
            "git w cd staging",
            "git-wt cd staging",
            "env A=1 git-wt cd staging",
            "git wt cd staging | cat",
        ] {
            terminal.shows("cd ../myproject");
            assert_eq!(terminal.shows(line), "[ROOT]/staging", "{shell}: {line}");
            assert_eq!(terminal.stands(), "[ROOT]/staging", "{shell}: {line}");
        }
        terminal.shows("cd ../myproject");
        terminal.shows("time git wt cd staging");
        assert_eq!(terminal.stands(), "[ROOT]/staging", "{shell}");
    }
}

#[test]
fn a_command_that_was_stopped_moves_the_shell_when_it_goes_on() {
    let world = world();
    world.write("myproject/.wt.toml", "[venv]\n");
    world.commit(&world.path("myproject"), "venv");
    // waits until the test writes a word
    world.program("uv", "#!/bin/sh\necho making >/dev/tty\nread word <\"$HOME/word\"\nfor place; do :; done\nexec /usr/bin/python3 -m venv --without-pip \"$place\"\n");
    for (at, shell) in SHELLS.into_iter().enumerate() {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for mover in ["wt", "git wt"] {
            let _ = std::fs::remove_file(world.path("home/word"));
            world.see(world.command("mkfifo", &world.root()).arg(world.path("home/word"))).ok();
            let name = format!("{}{at}", mover.replace(' ', "-"));
            terminal.type_in(&format!("{mover} add -q {name}\r"));
            terminal.until(|shown| shown.contains("making\n"));
            terminal.type_in("\x1a");
            terminal.until(|shown| shown.ends_with(PROMPT));
            assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}: {mover}");
            terminal.type_in("fg\r");
            std::fs::write(world.path("home/word"), "go on\n").unwrap();
            terminal.until(|shown| {
                shown.contains(&format!("[ROOT]/myproject-{name}\n")) && shown.ends_with(PROMPT)
            });
            assert_eq!(terminal.stands(), format!("[ROOT]/myproject-{name}"), "{shell}: {mover}");
            terminal.shows(&format!("cd {}", world.path("myproject").display()));
        }
    }
}

#[test]
fn scripts_and_subshells_move_nothing_and_are_told_the_command() {
    let world = world();
    world.program("script", "#!/bin/sh\ngit wt cd staging\nexit 0\n");
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let substitution =
            if shell == "fish" { "echo (git wt cd staging)" } else { "echo $(git wt cd staging)" };
        for line in ["sh -c 'git wt cd staging; :'", "script", "true | git wt cd staging", substitution] {
            let shown = terminal.shows(line);
            assert!(shown.contains("hint: cd -- [ROOT]/staging"), "{shell}: {line}: {shown:?}");
            assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}: {line}");
        }
    }
}

#[test]
fn the_last_of_several_commands_on_one_line_has_the_last_word() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let shown = terminal
            .shows("git wt cd staging >/dev/null; git wt cd @ >/dev/null; git wt cd staging >/dev/null");
        assert!(!shown.contains("error"), "{shell}: {shown:?}");
        assert_eq!(terminal.stands(), "[ROOT]/staging", "{shell}");
    }
}

#[test]
fn the_background_moves_nothing() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for line in ["git wt cd staging 2>said &", "wt cd staging >/dev/null 2>said &"] {
            // fish runs functions in the foreground whatever comes after them
            if shell == "fish" && line.starts_with("wt") {
                continue;
            }
            // the end of the job may come before the prompt, or after it
            terminal.type_in(&format!("{line}\r"));
            terminal.until(|shown| shown.contains(PROMPT));
            terminal.type_in("wait; echo waited; pwd\r");
            let shown =
                terminal.until(|shown| shown.contains("\nwaited\n[ROOT]/") && shown.ends_with(PROMPT));
            assert!(shown.contains("\nwaited\n[ROOT]/myproject\n"), "{shell}: {line}: {shown:?}");
            terminal.type_in("echo again; pwd\r");
            let shown = terminal.until(|shown| shown.contains("\nagain\n[ROOT]/") && shown.ends_with(PROMPT));
            assert!(shown.contains("\nagain\n[ROOT]/myproject\n"), "{shell}: {line}: {shown:?}");
        }
        let said = world.read("myproject/said");
        assert!(said.is_empty() || said.contains("hint: cd -- "), "{shell}: {said:?}");
    }
}

#[test]
fn a_substitution_of_the_function_moves_nothing() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        let line = if shell == "fish" { "echo (wt cd staging)" } else { "echo $(wt cd staging)" };
        let shown = terminal.shows(line);
        assert!(shown.contains("[ROOT]/staging"), "{shell}: {shown:?}");
        assert_eq!(terminal.stands(), "[ROOT]/myproject", "{shell}");
    }
}

#[test]
fn odd_directories_are_reached_and_nothing_in_them_runs() {
    let world = world();
    let odd = [
        "a b",
        "it's",
        "say \"x\"",
        "$(touch pwned)",
        "`touch pwned`",
        "%F{red}",
        "%d %n",
        "-dash",
        "semi;colon",
        "back\\slash",
        "[\\e[31m]",
    ];
    for (at, name) in odd.iter().enumerate() {
        adopt(&world, &format!("b{at}"), &format!("odd/{name}"));
    }
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for (at, name) in odd.iter().enumerate() {
            let mover = if at % 2 == 0 { "wt" } else { "git wt" };
            terminal.shows(&format!("{mover} cd b{at}"));
            let (shown, prompt) = terminal.line("pwd");
            assert_eq!(shown, format!("[ROOT]/odd/{name}"), "{shell}");
            assert_eq!(prompt, format!("({name} b{at})"), "{shell}");
        }
        let somewhere = odd.iter().map(|name| world.path("odd").join(name));
        let pwned = somewhere.chain([world.path("myproject")]).any(|dir| dir.join("pwned").exists());
        assert!(!pwned, "{shell}");
    }
}

#[test]
fn line_breaks_and_escapes_in_a_directory_are_data() {
    let world = world();
    mover(&world);
    let odd = ["new\nline", "trailing\n", "esc\x1b[31m", "\t"];
    for (at, name) in odd.iter().enumerate() {
        let place = world.path(format!("odd/{name}"));
        std::fs::create_dir_all(&place).unwrap();
        std::os::unix::fs::symlink(&place, world.path(format!("link{at}"))).unwrap();
        for shell in SHELLS {
            let after = if shell == "fish" { "set -g __git_wt_exe mover" } else { "__git_wt_exe=mover" };
            let to = place.to_str().unwrap();
            let setup = Setup { after, variables: &[("TO", to)], ..Setup::default() };
            let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
            terminal.shows("wt");
            let asked = format!("test . -ef ../../link{at} -o . -ef ../link{at}; and echo there");
            let asked = if shell == "fish" { asked } else { asked.replace("; and", " &&") };
            assert_eq!(terminal.shows(&asked), "there", "{shell}: {name:?}");
        }
    }
}

#[test]
fn a_directory_whose_name_is_no_text_is_reached() {
    use std::os::unix::ffi::OsStrExt;
    let world = world();
    let place = world.path("odd").join(std::ffi::OsStr::from_bytes(b"bad\xffname"));
    std::fs::create_dir_all(&place).unwrap();
    std::os::unix::fs::symlink(&place, world.path("link")).unwrap();
    world.program(
        "mover",
        "#!/bin/sh\n[ \"$1\" = hook ] && exec git-wt \"$@\"\nprintf '%s/bad\\377name\\0' \"$TO\" >\"$GIT_WT_CD_FILE\"\n",
    );
    for shell in SHELLS {
        let after = if shell == "fish" { "set -g __git_wt_exe mover" } else { "__git_wt_exe=mover" };
        let to = world.path("odd");
        let setup = Setup { after, variables: &[("TO", to.to_str().unwrap())], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        terminal.shows("wt");
        let and = if shell == "fish" { "; and" } else { " &&" };
        assert_eq!(terminal.shows(&format!("test . -ef ../../link{and} echo there")), "there", "{shell}");
    }
}

#[test]
fn strict_and_crowded_shells_are_no_hindrance() {
    let world = world();
    for before in [
        "set -eu -o pipefail -o noclobber",
        "alias cd='echo no' rm='echo no' wt='echo no'; shopt -s expand_aliases",
        "cd() { echo no; }; rm() { echo no; }; read() { echo no; }; export() { echo no; }",
        "unset PROMPT_COMMAND",
        "PROMPT_COMMAND='true;true'",
        "PROMPT_COMMAND=(true 'true x')",
        "declare -a PROMPT_COMMAND=('true x')",
        "PROMPT_COMMAND=(); IFS=:",
        "CDPATH=/tmp:..; IFS=:",
        "shopt -s failglob nullglob",
        "set -o posix",
        "set -P",
    ] {
        let setup = Setup { before, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, "bash", &setup) else { continue };
        assert_eq!(terminal.shows("wt cd staging"), "[ROOT]/staging", "{before}");
        assert_eq!(terminal.line("pwd"), ("[ROOT]/staging".into(), "(staging)".into()), "{before}");
        terminal.shows("git wt cd other");
        assert_eq!(terminal.stands(), "[ROOT]/other", "{before}");
        // the shell survives a status that errexit ignores, and keeps it
        terminal.shows("false && true");
        assert_eq!(terminal.shows("echo $?"), "1", "{before}");
    }
}

#[test]
fn strict_zsh_is_no_hindrance() {
    let world = world();
    for before in [
        "setopt no_unset pipe_fail no_clobber warn_create_global",
        "setopt ksh_arrays sh_word_split",
        "setopt auto_pushd auto_cd cdable_vars chase_links",
        "setopt prompt_subst extended_glob null_glob",
        "alias cd='echo no' rm='echo no' wt='echo no'; alias -g staging=other",
        "cd() { echo no }; rm() { echo no }",
        "psvar=(a b); autoload -Uz compinit && compinit -u",
    ] {
        let setup = Setup { before, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, "zsh", &setup) else { continue };
        assert_eq!(terminal.shows("wt cd 'staging'"), "[ROOT]/staging", "{before}");
        assert_eq!(terminal.line("pwd"), ("[ROOT]/staging".into(), "(staging)".into()), "{before}");
        assert_eq!(terminal.shows("false; echo $?"), "1", "{before}");
    }
}

#[test]
fn nothing_is_left_behind_in_the_runtime_directory() {
    let world = world();
    for shell in SHELLS {
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        for line in ["wt cd staging", "git wt cd other", "wt cd nowhere", "git wt cd nowhere", ":"] {
            terminal.shows(line);
        }
        let left: Vec<_> =
            std::fs::read_dir(world.path("run")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("git-wt")), "{shell}: {left:?}");
    }
}

#[test]
fn a_runtime_directory_that_is_missing_is_no_hindrance() {
    let world = world();
    // set in the shell, and below a file, since fish would otherwise make a directory of its own there
    let missing = world.path("myproject/README/run").display().to_string();
    for shell in SHELLS {
        let set = [("XDG_RUNTIME_DIR", &*missing), ("TMPDIR", "relative")];
        let before = set.map(|(name, value)| export(shell, name, value)).join("; ");
        let setup = Setup { before: &before, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        terminal.shows("wt cd staging");
        assert_eq!(terminal.stands(), "[ROOT]/staging", "{shell}");
    }
}

#[test]
fn a_script_that_loads_it_is_left_alone() {
    let world = world();
    for (shell, line) in [
        (
            "bash",
            "set -eu; eval \"$(git-wt shell-init bash)\"; echo $?; trap -p; echo \"${PROMPT_COMMAND-none}\"; cd ../staging; echo \"${PORT-unset}\"",
        ),
        (
            "zsh",
            "set -eu; eval \"$(git-wt shell-init zsh)\"; echo $?; echo \"${GIT_WT_PROMPT_CD_FILE-none}\"; cd ../staging; echo \"${PORT-unset}\"",
        ),
        (
            "fish",
            "git-wt shell-init fish | source; echo $status; set -q GIT_WT_PROMPT_CD_FILE; or echo none
            cd ../staging; set -q PORT; or echo unset",
        ),
    ] {
        let Some(program) = find(shell) else { continue };
        let mut command = world.command(program, &world.path("myproject"));
        let seen = world.see(command.args(["-c", line])).ok().prints("0\nnone\nunset\n");
        assert_eq!(seen.stderr, "", "{shell}");
    }
}

#[test]
fn a_function_of_another_name_or_none() {
    let world = world();
    for shell in SHELLS {
        let Some(program) = find(shell) else { continue };
        for (option, want) in [("--cmd=tree", "tree\n"), ("--no-cmd", "")] {
            let load = if shell == "fish" {
                format!(
                    "git-wt shell-init fish {option} | source; functions --query wt; and echo wt; functions --query tree; and echo tree; true"
                )
            } else {
                format!(
                    "eval \"$(git-wt shell-init {shell} {option})\"; for f in wt tree; do typeset -f $f >/dev/null && echo $f; done; true"
                )
            };
            let mut command = world.command(&program, &world.path("myproject"));
            world.see(command.args(["-c", &load])).ok().prints(want);
        }
    }
}

#[test]
fn questions_are_asked_at_a_terminal_and_answered_there() {
    let world = world();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[hooks]\nsetup = [\"echo the hook ran\"]\n");
    world.commit(&world.path("myproject"), "hooks");
    let Some(mut terminal) = Terminal::open(&world, "bash") else { return };
    let mut answer = |line: &str, key: &str| {
        terminal.type_in(&format!("{line}\r"));
        let asked = terminal.until(|shown| shown.ends_with("[y/N] "));
        terminal.type_in(&format!("{key}\r"));
        asked + &terminal.until(|shown| shown.ends_with(PROMPT))
    };
    let shown = answer("wt add one", "n");
    assert!(
        shown.contains("  run        echo the hook ran\n") && shown.contains("without consent"),
        "{shown}"
    );
    let shown = answer("wt add two", "y");
    assert!(shown.contains("  echo the hook ran  ") && shown.contains("ready in "), "{shown}");
    world.write("myproject-two/media/photo", "x");
    let shown = answer("wt remove --purge two", "n");
    assert!(shown.contains("loses 'media/' (ignored by git)") && shown.contains("'two' stays"), "{shown}");
    assert!(world.path("myproject-two/media/photo").exists());
    answer("wt remove --purge two", "y");
    assert!(!world.path("myproject-two").exists());
}

#[test]
fn ctrl_c_leaves_the_shell_the_terminal_and_the_repository_as_they_were() {
    let world = world();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[venv]\n");
    world.commit(&world.path("myproject"), "venv");
    world.program("uv", "#!/bin/sh\necho making\necho making > /dev/tty\nexec sleep 600\n");
    for shell in SHELLS {
        let before = world.everything();
        let Some(mut terminal) = Terminal::open(&world, shell) else { continue };
        terminal.type_in("wt add fresh\r");
        terminal.until(|shown| shown.contains("making\n"));
        terminal.type_in("\x03");
        let shown = terminal.until(|shown| shown.contains("error: interrupted") && shown.ends_with(PROMPT));
        assert!(shown.contains("undone: branch 'fresh'"), "{shell}: {shown}");
        assert_eq!(terminal.shows("pwd"), "[ROOT]/myproject", "{shell}");
        // nor does Ctrl-C at a question change anything
        world.write("staging/media/photo", "x");
        terminal.type_in("wt remove --purge staging\r");
        terminal.until(|shown| shown.ends_with("[y/N] "));
        terminal.type_in("\x03");
        terminal.until(|shown| shown.ends_with(PROMPT));
        assert_eq!(terminal.shows(&format!("echo {}", status_of(shell))), "130", "{shell}");
        std::fs::remove_dir_all(world.path("staging/media")).unwrap();
        drop(terminal);
        before.is_still(&world.everything(), shell);
    }
}

#[test]
fn nobody_can_guess_or_take_over_the_file_that_moves_the_shell() {
    let world = world();
    for shell in SHELLS {
        let Some(mut one) = Terminal::open(&world, shell) else { continue };
        let Some(mut other) = Terminal::open(&world, shell) else { continue };
        let name = |terminal: &mut Terminal| terminal.shows("echo $GIT_WT_PROMPT_CD_FILE");
        let (first, second) = (name(&mut one), name(&mut other));
        assert!(first.starts_with("[ROOT]/run/git-wt."), "{first}");
        let random = |name: &str| name.rsplit('.').next().map(str::to_owned);
        assert_ne!(random(&first), random(&second));
        one.shows("wt cd staging");
        one.shows("git wt cd @");
        assert_eq!(one.shows("pwd"), "[ROOT]/myproject");
    }
    let left = std::fs::read_dir(world.path("run")).unwrap().map(|entry| entry.unwrap().file_name());
    let ours: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("git-wt")).collect();
    assert!(ours.is_empty(), "left: {ours:?}");
    // a file that somebody else has put there is not written through
    world.write("victim", "untouched");
    std::os::unix::fs::symlink(world.path("victim"), world.path("run/trap")).unwrap();
    let mut command = world.command("git-wt", &world.path("myproject"));
    let seen = world.see(command.args(["cd", "staging"]).env("GIT_WT_CD_FILE", world.path("run/trap")));
    seen.code(128).says(&["cannot tell the shell where to go"]);
    assert_eq!(world.read("victim"), "untouched");
}
