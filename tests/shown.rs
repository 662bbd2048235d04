//! Whatever names a repository contains, every character shown is visible, and whatever is to be pasted does only what
//! it says.

use std::collections::BTreeSet;
use std::fs;

use crate::terminal::find;
use crate::world::{Seen, World};

/// Right-to-left, a zero-width character, line breaks, a tag, a private-use character, a byte order mark.
const UNSEEN: &str = "\u{202e}\u{200b}\u{85}\u{2028}\u{e0041}\u{e000}\u{feff}";

#[track_caller]
fn can_be_seen(text: &str) {
    let is_hidden = |c: char| {
        (c.is_control() && c != '\n')
            || UNSEEN.contains(c)
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}')
    };
    assert!(!text.contains(is_hidden), "{text:?}");
}

#[test]
fn no_verb_shows_what_cannot_be_seen() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.write(
        "myproject/.wt.toml",
        &format!("[hooks]\nsetup = [\"echo ok # {UNSEEN}\"]\n[template.\"t{UNSEEN}\"]\nprotected = true\n"),
    );
    world.commit(&repo, "recipe");
    let branch = "a\u{202e}\u{200b}\u{2066}b";
    world.git(&repo, &["branch", branch]);
    let dir = "odd\u{1b}[31m\u{202e}\nerror: forged";
    world.git(
        &repo,
        &["worktree", "add", "--quiet", "--detach", "--lock", "--reason", dir, &format!("../{dir}")],
    );
    world.write(format!("{dir}/new{UNSEEN}\n"), "x");
    world.wt(&["add", branch]).code(3);
    let shown = world.wt(&["list"]).ok().stdout;
    assert!(shown.contains(r"a\u{202e}\u{200b}\u{2066}b"), "{shown}");
    assert!(shown.contains(r"odd\u{1b}[31m\u{202e}\nerror"), "{shown}");
    // programs get it unchanged
    let json = world.wt(&["list", "--json"]).ok().stdout;
    assert!(json.contains(branch), "{json}");
    let main = repo.to_str().unwrap();
    let place = world.path(dir);
    let place = place.to_str().unwrap();
    for args in [
        &["add", "--dry-run", branch][..],
        &["add", branch],
        &["add", branch],
        &["add", "--template", dir, "x"],
        &["add", "--base", dir, "x"],
        &["add", dir],
        &["add", UNSEEN],
        &["add", "--path", place, "x"],
        &["list"],
        &["cd", UNSEEN],
        &["cd", &branch[..4]],
        &["trust"],
        &["trust", "--yes"],
        &["setup", "--dry-run", branch],
        &["setup", branch],
        &["setup", "--dry-run", dir],
        &["env", branch],
        &["run", UNSEEN, "--", "true"],
        &["doctor"],
        &["remove", dir],
        &["unlock", dir],
        &["remove", dir],
        &["remove", "--dry-run", "-f", dir],
        &["move", dir, main],
        &["prune", "--expire", UNSEEN],
        &["lock", UNSEEN],
        &["remove", branch],
        &["remove", "--all", "--dry-run"],
        &["help", UNSEEN],
        &[UNSEEN],
        &["list", &format!("--{UNSEEN}")],
    ] {
        let seen = world.wt(args);
        // the path of a directory is data
        let answer = if ["add", "cd", "remove", "move"].contains(&args[0]) && !args.contains(&"--dry-run") {
            ""
        } else {
            &seen.stdout
        };
        can_be_seen(answer);
        // and the output of hooks and git is theirs
        let ours = seen.stderr.lines().filter(|line| !line.starts_with("ok"));
        can_be_seen(&ours.collect::<Vec<_>>().join("\n"));
        assert!(!seen.stderr.contains("\nerror: forged") && !answer.contains("\nerror: forged"), "{seen:#?}");
    }
}

#[test]
fn trust_shows_every_character_of_a_command() {
    let world = World::with_repo();
    world.write(
        "myproject/.wt.toml",
        "[hooks]\nsetup = [\"rm x # \u{202e}\u{2066} hs | lruc\", \"ls \u{200b}-l\u{ad}\"]\n",
    );
    world.commit(&world.path("myproject"), "recipe");
    let seen = world.wt(&["trust", "--yes"]).ok();
    seen.says(&["  rm x # \\u{202e}\\u{2066} hs | lruc\n", "  ls \\u{200b}-l\\u{ad}\n"]);
}

/// Returns the lines after `hint: `.
fn hints(seen: &Seen) -> Vec<String> {
    seen.stderr.lines().filter_map(|line| line.strip_prefix("hint: ")).map(str::to_owned).collect()
}

/// Collects the hints that verbs give for one branch, and for its worktree at `place`.
fn gather(world: &World, branch: &str, place: &str) -> BTreeSet<String> {
    let repo = world.path("myproject");
    let mut all = BTreeSet::new();
    let mut wt = |args: &[&str]| all.extend(hints(&world.wt(args)));
    world.git(&repo, &["branch", "--", branch]);
    assert_eq!(world.wt(&["add", "--path", place, branch]).code, 3, "{branch}");
    wt(&["setup", branch]);
    wt(&["add", branch]);
    wt(&["add", "-b", branch, "../elsewhere"]);
    wt(&["add", "--path", place, "other"]);
    wt(&["cd", branch]);
    let root = world.path("myproject").join(place);
    fs::write(root.join("new"), "x").unwrap();
    wt(&["remove", branch]);
    fs::remove_file(root.join("new")).unwrap();
    fs::create_dir_all(root.join("media")).unwrap();
    fs::write(root.join("media/photo"), "x").unwrap();
    wt(&["remove", "--purge", branch]);
    fs::write(root.join("README"), "more").unwrap();
    world.commit(&root, "more");
    wt(&["remove", "--delete-branch", branch]);
    wt(&["lock", branch]);
    wt(&["remove", branch]);
    wt(&["unlock", branch]);
    wt(&["move", branch, "./README"]);
    wt(&["run", branch, "--", "false"]);
    fs::rename(&root, world.path("aside")).unwrap();
    wt(&["cd", branch]);
    wt(&["add", branch]);
    fs::rename(world.path("aside"), &root).unwrap();
    wt(&["remove", "-y", "-D", branch]);
    all
}

#[test]
fn a_hint_that_is_pasted_runs_nothing_of_a_name() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[hooks]\nsetup = [\"true\"]\n");
    world.commit(&world.path("myproject"), "recipe");
    let names = [
        ("a;touch${IFS}pwned;#", "../a b;touch pwned;#"),
        ("$(touch${IFS}pwned)a", "../$(touch pwned)"),
        ("`touch${IFS}pwned`a", "../`touch pwned`"),
        ("it's\"a\"&touch${IFS}pwned&", "../it's \"a\"; touch pwned"),
        ("=a|touch${IFS}pwned", "../=a"),
        ("x-(touch${IFS}pwned)", "../-x"),
        ("{a,b};touch${IFS}pwned", "../\\'; touch pwned #"),
        ("!!a%n\u{202e};touch${IFS}pwned", "../\u{200b} ; touch pwned"),
    ];
    world.write("stub/git", "#!/bin/sh\nprintf '%s\\0' \"$@\" >>\"$LOG\"\n");
    let stub = world.path("stub/git");
    fs::set_permissions(&stub, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for (branch, place) in names {
        let all = gather(&world, branch, place);
        assert!(all.len() >= 8, "{branch}: {all:#?}");
        let root = world.root();
        let pasted: Vec<String> =
            all.iter().map(|hint| hint.replace("[ROOT]", root.to_str().unwrap())).collect();
        for hint in &pasted {
            assert!(!hint.contains("   "), "{hint}");
            can_be_seen(hint);
            assert_eq!(run(&world, "sh", hint), [""; 0], "{hint}");
            if hint.starts_with("git wt remove -f ") {
                let words = fs::read(world.path("words")).unwrap();
                let last = words.split(|byte| *byte == 0).rfind(|word| !word.is_empty());
                let names = [branch.as_bytes(), place.trim_start_matches("../").as_bytes()];
                assert!(last.is_some_and(|last| names.contains(&last)), "{hint}");
            }
        }
        let lines = pasted.join("\n");
        world.write("pasted", &lines);
        for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
            let Some(program) = find(shell) else { continue };
            let parsed = world.see(world.command(program, &root).arg(check).arg("pasted"));
            assert_eq!((parsed.code, parsed.stderr.as_str()), (0, ""), "{shell}: {lines}");
            assert_eq!(run(&world, shell, &lines), [""; 0], "{shell}: {lines}");
        }
    }
}

/// Runs a line in an empty directory, where git only prints its arguments; returns what is in the directory afterwards.
fn run(world: &World, shell: &str, line: &str) -> Vec<String> {
    let dir = world.path("empty");
    let _ = fs::remove_dir_all(&dir);
    let _ = fs::remove_file(world.path("words"));
    fs::create_dir(&dir).unwrap();
    let path = format!("{}:/usr/bin:/bin", world.path("stub").display());
    let mut command = world.command(shell, &dir);
    command.env("PATH", path).env("LOG", world.path("words")).arg("-c").arg(line).output().unwrap();
    fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}
