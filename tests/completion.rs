//! What TAB offers in real shells.

use std::path::Path;

use crate::terminal::{PROMPT, Setup, Terminal, adopt, world};
use crate::world::{World, is_here};

/// The files that load bash's completions, and git's own, which comes with git.
const BASH_COMPLETION: &str = "/usr/share/bash-completion/bash_completion";
const GIT_COMPLETION: &str = "/usr/share/bash-completion/completions/git";

fn has_bash_completion() -> bool {
    is_here("bash-completion", Path::new(BASH_COMPLETION).exists())
        && is_here("git's completion for bash", Path::new(GIT_COMPLETION).exists())
}

#[test]
fn tab_completes_verbs_and_worktrees() {
    let world = world();
    adopt(&world, "b1", "odd/sp ace & 'q");
    furnish(&world);
    let load = format!("source {BASH_COMPLETION}; source {GIT_COMPLETION}");
    if !has_bash_completion() {
        return;
    }
    world.git(&world.path("myproject"), &["config", "alias.w", "wt"]);
    let setup = Setup { before: &load, ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "bash", &setup) else { return };
    for (typed, want) in [
        ("wt cd st\t", "wt cd staging "),
        ("git-wt cd st\t", "git-wt cd staging "),
        ("git wt cd st\t", "git wt cd staging "),
        ("git -C ../other wt cd st\t", "git -C ../other wt cd staging "),
        ("git w cd st\t", "git w cd staging "),
        ("wt cd\t", "wt cd "),
        ("git wt cd\t", "git wt cd "),
        ("wt cd --cr\t", "wt cd --create "),
        ("wt rem\t", "wt remove "),
        ("git wt tru\t", "git wt trust "),
        ("wt add x --base=sta\t", "wt add x --base=staging "),
        ("git wt add x --base=sta\t", "git wt add x --base=staging "),
        ("wt cd \"st\t", "wt cd \"staging\" "),
        ("wt cd sp\t", "wt cd sp\\ ace\\ \\&\\ \\'q "),
        ("wt cd \"sp\t", "wt cd \"sp ace & 'q\" "),
        ("wt cd 'sp\t", "wt cd 'sp ace & '\\''q' "),
        ("wt cd sp\\ a\t", "wt cd sp\\ ace\\ \\&\\ \\'q "),
        ("wt add x --template=lo\t", "wt add x --template=local "),
        ("git wt add x --template lo\t", "git wt add x --template local "),
        ("git w add x --template lo\t", "git w add x --template local "),
        ("git --git-dir=.git wt cd st\t", "git --git-dir=.git wt cd staging "),
        ("wt add wait\t", "wt add waiting "),
        ("wt add --base v\t", "wt add --base v1 "),
        ("wt add x --path ../ot\t", "wt add x --path ../other/"),
        ("wt run staging -- some-pr\t", "wt run staging -- some-program "),
        ("wt run staging -- cat READ\t", "wt run staging -- cat README "),
        ("git wt run staging -- some-pr\t", "git wt run staging -- some-program "),
        ("git -C . wt run staging -- git wt cd st\t", "git -C . wt run staging -- git wt cd staging "),
        ("wt run sta\t", "wt run staging "),
    ] {
        terminal.completes(typed, want);
    }
}

/// Adds things to complete other than worktrees.
fn furnish(world: &World) {
    let main = world.path("myproject");
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[template.local]\nenv.A = \"1\"\n");
    world.program("some-program", "#!/bin/sh\n");
    world.git(&main, &["branch", "waiting"]);
    world.git(&main, &["tag", "v1"]);
}

#[test]
fn tab_completes_in_fish() {
    let world = world();
    adopt(&world, "b1", "odd/sp ace & 'q");
    furnish(&world);
    let setup = Setup { variables: &[("TERM", "xterm")], ..Setup::default() };
    let Some(mut terminal) = Terminal::open_with(&world, "fish", &setup) else { return };
    for (typed, want) in [
        ("wt cd st\t", "wt cd staging "),
        ("git wt cd st\t", "git wt cd staging "),
        ("git -C ../other wt cd st\t", "git -C ../other wt cd staging "),
        ("wt cd sp\t", "wt cd sp\\ ace\\ \\&\\ \\'q "),
        ("wt cd sp\\ a\t", "wt cd sp\\ ace\\ \\&\\ \\'q "),
        ("wt cd \"sp\t", "wt cd \"sp ace & 'q\" "),
        ("wt add x --template=lo\t", "wt add x --template=local "),
        ("git wt add x --template lo\t", "git wt add x --template local "),
        ("wt add wait\t", "wt add waiting "),
        ("wt run staging -- some-pr\t", "wt run staging -- some-program "),
        ("wt run staging -- cat READ\t", "wt run staging -- cat README "),
        ("git wt run staging -- some-pr\t", "git wt run staging -- some-program "),
    ] {
        terminal.type_in(typed);
        terminal.until(|shown| shown.contains(want));
        terminal.type_in("\x15\r");
        terminal.until(|shown| shown.ends_with(PROMPT) && shown.contains('\n'));
    }
}

#[test]
fn tab_completes_in_zsh() {
    let world = world();
    adopt(&world, "b1", "odd/sp ace & 'q");
    furnish(&world);
    let zle = "setopt zle; PROMPT='@@ '";
    for (before, after) in [
        ("autoload -Uz compinit && compinit -u", zle.to_owned()),
        ("", format!("{zle}; autoload -Uz compinit && compinit -u")),
    ] {
        let setup = Setup { before, after: &after, variables: &[("TERM", "xterm")], ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(&world, "zsh", &setup) else { return };
        for (typed, want) in [
            ("wt cd st\t", "wt cd staging "),
            ("git-wt cd st\t", "git-wt cd staging "),
            ("git wt cd st\t", "git wt cd staging "),
            ("git -C ../other wt cd st\t", "git -C ../other wt cd staging "),
            ("wt cd \"sp\t", "wt cd \"sp ace & 'q\" "),
            ("wt add x --template=lo\t", "wt add x --template=local "),
            ("git wt add x --template lo\t", "git wt add x --template local "),
            ("wt add wait\t", "wt add waiting "),
            ("wt run staging -- some-pr\t", "wt run staging -- some-program "),
            ("wt run staging -- cat READ\t", "wt run staging -- cat README "),
            ("git wt run staging -- some-pr\t", "git wt run staging -- some-program "),
        ] {
            terminal.type_in(typed);
            // zle redraws only what has changed; this makes it show the whole line again
            terminal.type_in("\x12\x07\x0c");
            terminal.until(|shown| shown.contains(want));
            terminal.type_in("\x15\r");
            terminal.until(|shown| shown.ends_with(PROMPT) && shown.contains('\n'));
        }
    }
}

/// Installs what a package would; returns the directory where bash-completion and fish then look.
fn packaged(world: &World) -> Option<String> {
    let prefix = world.path("usr");
    crate::install::make(world, &["install", &format!("prefix={}", prefix.display())])?.ok();
    Some(format!("{}/share:/usr/local/share:/usr/share", prefix.display()))
}

#[test]
fn tab_completes_by_installed_files_alone() {
    let world = world();
    let Some(dirs) = packaged(&world) else { return };
    let fpath = format!(
        "fpath=('{}' $fpath); autoload -Uz compinit && compinit -u",
        world.path("usr/share/zsh/site-functions").display()
    );
    let variables = [("TERM", "xterm"), ("XDG_DATA_DIRS", &*dirs)];
    for (shell, before, after) in [
        ("bash", &*format!("source {BASH_COMPLETION}"), ""),
        ("zsh", &*fpath, "setopt zle; PROMPT='@@ '"),
        ("fish", "", ""),
    ] {
        if shell == "bash" && !has_bash_completion() {
            continue;
        }
        let setup = Setup { before, after, bare: true, variables: &variables };
        let Some(mut terminal) = Terminal::open_with(&world, shell, &setup) else { continue };
        let mut lines = vec![("git-wt cd st\t", "git-wt cd staging ")];
        // fish 3 looks for `git-git-wt`
        if shell != "fish" || !terminal.shows("string match '[4-9]*' $version").is_empty() {
            lines.push(("git wt cd st\t", "git wt cd staging "));
            lines.push(("git -C ../other wt rem\t", "git -C ../other wt remove "));
        }
        for (typed, want) in lines {
            terminal.type_in(typed);
            if shell == "zsh" {
                terminal.type_in("\x12\x07\x0c");
            }
            terminal.until(|shown| shown.contains(want));
            terminal.type_in("\x15\r");
            terminal.until(|shown| shown.ends_with(PROMPT) && shown.contains('\n'));
        }
    }
}

#[test]
fn tab_offers_nothing_outside_of_a_repository() {
    let world = world();
    let mut command = world.command("git-wt", &world.root());
    command.env("GIT_WT_COMPLETE", "raw").env("GIT_WT_COMPLETE_INDEX", "2");
    let seen = world.see(command.args(["--", "git-wt", "cd", "st"])).ok().prints("");
    assert_eq!(seen.stderr, "");
    let mut command = world.command("git-wt", &world.path("myproject"));
    command.env("GIT_WT_COMPLETE", "another").args(["cd", "staging"]);
    let seen = world.see(&mut command).ok().prints("");
    assert_eq!(seen.stderr, "");
}

/// Returns what the binary answers a completion script for these words, with the last one under the cursor.
fn offers(world: &World, words: &[&str]) -> String {
    let mut command = world.command("git-wt", &world.path("myproject"));
    command.env("GIT_WT_COMPLETE", "raw").env("GIT_WT_COMPLETE_INDEX", words.len().to_string());
    let seen = world.see(command.args(["--", "git-wt"]).args(words)).ok();
    assert_eq!(seen.stderr, "");
    seen.stdout
}

#[test]
fn worktrees_are_offered_with_their_state() {
    let world = world();
    let main = world.path("myproject");
    world.git(&main, &["worktree", "lock", &world.path("other").to_string_lossy()]);
    world.git(&main, &["worktree", "add", "--quiet", "--detach", &world.path("odd").to_string_lossy()]);
    let commit = world.git(&main, &["rev-parse", "--short", "HEAD"]);
    std::fs::remove_dir_all(world.path("odd")).unwrap();
    let linked = format!(
        "odd\tdetached at {commit}, missing\nother\tother, port 8002, locked\nstaging\tstaging, port 8001\n"
    );
    assert_eq!(offers(&world, &["remove", ""]), linked);
    assert_eq!(offers(&world, &["cd", ""]), format!("myproject\tmain, main worktree\n{linked}"));
}

/// Fakes very many worktrees, whose directories are missing.
fn crowd(world: &World) {
    for number in 0..250 {
        let entry = format!("myproject/.git/worktrees/crowd-{number}");
        let dot_git = world.path(format!("crowd-{number}/.git"));
        world.write(format!("{entry}/gitdir"), &format!("{}\n", dot_git.display()));
        world.write(format!("{entry}/commondir"), "../..\n");
        world.write(format!("{entry}/HEAD"), &format!("ref: refs/heads/b{number}\n"));
    }
}

#[test]
fn of_very_many_worktrees_those_that_are_meant_are_described() {
    let world = world();
    crowd(&world);
    let all = offers(&world, &["cd", ""]);
    assert_eq!(all.lines().count(), 253);
    assert!(
        all.contains("\nstaging") && all.contains("\ncrowd-0\n") && all.contains("\ncrowd-249\n"),
        "{all}"
    );
    assert_eq!(offers(&world, &["cd", "st"]), "staging\tstaging, port 8001\n");
    assert_eq!(offers(&world, &["remove", "crowd-249"]), "crowd-249\tb249, missing\n");
    assert_eq!(offers(&world, &["cd", "my"]), "myproject\tmain, main worktree\n");
    assert_eq!(offers(&world, &["remove", "my"]), "");
}

#[test]
fn the_names_of_very_many_are_remembered_until_one_comes_or_goes() {
    let world = world();
    crowd(&world);
    let rest = || {
        for dir in ["worktrees", "wt/records"] {
            let dir = std::fs::File::open(world.path("myproject/.git").join(dir)).unwrap();
            dir.set_modified(std::time::SystemTime::now() - std::time::Duration::from_mins(1)).unwrap();
        }
    };
    let names = world.path("myproject/.git/wt/names");
    offers(&world, &["cd", "cr"]);
    assert!(!names.exists(), "what changes just now is not remembered");
    rest();
    let all = offers(&world, &["cd", "cr"]);
    // now the answer comes from the file
    let text = std::fs::read_to_string(&names).unwrap();
    std::fs::write(&names, text.replace("\0crowd-7\0crowd-7\0", "\0crowd-7\0known-7\0")).unwrap();
    assert!(offers(&world, &["cd", ""]).contains("\nknown-7\n"));
    // but descriptions are read from the worktrees
    assert_eq!(offers(&world, &["cd", "kn"]), "");
    world.wt(&["add", "new"]).ok();
    assert!(offers(&world, &["cd", "ne"]).starts_with("new\tnew, port "));
    assert_eq!(offers(&world, &["cd", "cr"]), all);
    // a file that was cut short is not used
    rest();
    offers(&world, &["cd", ""]);
    std::fs::write(&names, "cut").unwrap();
    assert_eq!(offers(&world, &["cd", "cr"]), all);
}

#[test]
fn branches_are_offered_by_use_and_those_in_use_not_for_add() {
    let world = world();
    let main = world.path("myproject");
    for branch in ["early", "late", "middle", "packed"] {
        world.git(&main, &["branch", branch]);
    }
    world.git(&main, &["remote", "add", "origin", "/nowhere"]);
    world.git(&main, &["update-ref", "refs/remotes/origin/late", "HEAD"]);
    world.git(&main, &["update-ref", "refs/remotes/origin/theirs", "HEAD"]);
    world.git(&main, &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/late"]);
    world.git(&main, &["tag", "v1"]);
    world.git(&main, &["pack-refs", "--all"]);
    let day = std::time::Duration::from_hours(24);
    for (age, branch) in ["late", "middle", "early"].into_iter().enumerate() {
        let log = std::fs::File::options().append(true).open(main.join(".git/logs/refs/heads").join(branch));
        let age = u32::try_from(age).unwrap();
        log.unwrap().set_modified(std::time::SystemTime::now() - day * age).unwrap();
    }
    std::fs::remove_file(main.join(".git/logs/refs/heads/packed")).unwrap();
    assert_eq!(
        offers(&world, &["add", ""]),
        "late\tbranch\nmiddle\tbranch\nearly\tbranch\npacked\tbranch\ntheirs\ton origin\n"
    );
    assert_eq!(offers(&world, &["add", "origin/t"]), "origin/theirs\tremote branch\n");
    assert_eq!(offers(&world, &["add", "x", "v"]), "v1\ttag\n");
    assert_eq!(offers(&world, &["add", "x", "--base=sta"]), "--base=staging\tbranch\n");
}

#[test]
fn completion_starts_no_process() {
    let world = world();
    furnish(&world);
    world.program("git", "#!/bin/sh\n: >\"$HOME/started\"\nexec /usr/bin/git \"$@\"\n");
    for words in [&["cd", ""][..], &["add", ""], &["add", "--base", ""], &["add", "--template", ""], &["c"]] {
        assert_ne!(offers(&world, words), "", "{words:?}");
        assert!(!world.path("home/started").exists(), "{words:?}");
    }
}
