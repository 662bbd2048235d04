//! `git wt list`: what is where, what runs, and looking that changes nothing.

use std::fs;
use std::net::TcpListener;

use crate::world::World;

fn crowd() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 18100\n");
    world.commit(&world.path("myproject"), "recipe");
    world
}

#[test]
fn the_table_says_what_is_where() {
    let world = crowd();
    world.wt(&["add", "staging", "--note", "for the demo"]).ok();
    let port: u16 = world.read("myproject-staging/.env").trim().rsplit('=').next().unwrap().parse().unwrap();
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "--detach", "../detached"]);
    world.git(&world.path("myproject"), &["worktree", "lock", "--reason", "a stick", "../detached"]);
    let _server = TcpListener::bind(("127.0.0.1", port)).unwrap();
    world.write("myproject-staging/README", "hello\nworld\n");
    world.write("myproject-staging/new", "1\n2\n3\n");
    let list = world.wt(&["list"]).ok().stdout.replace(&port.to_string(), "PORT");
    let head = world.git(&world.path("myproject"), &["rev-parse", "HEAD"])[..7].to_owned();
    let list = list.replace(&head, "1234567");
    let lines: Vec<String> =
        list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "* myproject main 1234567 [ROOT]/myproject main",
            "detached (detached) 1234567 [ROOT]/detached locked: a stick",
            "staging staging 1234567 +4 -0 http://localhost:PORT running [ROOT]/myproject-staging for the demo",
        ]
    );
    // nothing is looked at that was not asked for
    assert!(!world.wt(&["list", "--no-status"]).ok().stdout.contains("+4"));
}

#[test]
fn looking_changes_no_index_and_loses_no_merge() {
    let world = crowd();
    let repo = world.path("myproject");
    world.write("myproject/a", "1\n2\n3\n");
    world.commit(&repo, "a");
    world.git(&repo, &["switch", "--quiet", "--create", "other"]);
    world.write("myproject/a", "other\n2\n3\n");
    world.commit(&repo, "other");
    world.git(&repo, &["switch", "--quiet", "main"]);
    world.write("myproject/a", "main\n2\n3\n");
    world.commit(&repo, "main");
    let _ = world.command("git", &repo).args(["merge", "--quiet", "other"]).output();
    world.write("myproject/intended", "x\n");
    world.git(&repo, &["add", "--intent-to-add", "intended"]);
    world.write("myproject/partly", "staged\n");
    world.git(&repo, &["add", "partly"]);
    world.write("myproject/partly", "staged\nnot staged\n");
    let look = || {
        let merge = fs::read(repo.join(".git/MERGE_HEAD")).unwrap();
        (fs::read(repo.join(".git/index")).unwrap(), merge, world.read("myproject/partly"))
    };
    let before = look();
    world.wt(&["list"]).ok();
    world.wt(&["list", "--json"]).ok();
    assert!(look() == before, "the index, the merge or a file has changed");
}

#[test]
fn json_has_a_version_and_the_fields() {
    let world = crowd();
    world.wt(&["add", "staging", "--note", "why"]).ok();
    let json: serde_json::Value = serde_json::from_str(&world.wt(&["list", "--json"]).ok().stdout).unwrap();
    assert_eq!(json["version"], 1);
    let staging = &json["worktrees"][1];
    for (field, want) in [("name", "staging"), ("branch", "staging"), ("base", "HEAD"), ("note", "why")] {
        assert_eq!(staging[field], want);
    }
    for field in ["repository", "path", "created_at", "updated_at", "head", "url"] {
        assert!(staging[field].is_string(), "{field}: {staging}");
    }
    assert!(staging["port"].as_u64().is_some_and(|port| port > 18100));
    assert!(json["worktrees"][0].get("port").is_none(), "absent means not applicable");
}

#[test]
fn porcelain_is_git_s_own() {
    let world = crowd();
    world.wt(&["add", "staging"]).ok();
    let repo = world.path("myproject");
    let odd = world.path("two\nlines and 'quotes'");
    world.git(&repo, &["worktree", "add", "--quiet", "-b", "odd", odd.to_str().unwrap()]);
    world.git(&repo, &["worktree", "lock", "--reason", "one\ntwo", odd.to_str().unwrap()]);
    world.git(&repo, &["worktree", "add", "--quiet", "../gone"]);
    fs::remove_dir_all(world.path("gone")).unwrap();
    for line in [
        &["--porcelain"][..],
        &["--porcelain", "-z"],
        &["--verbose"],
        &["-v"],
        &["--verb", "--expire", "1.day.ago"],
        &["--expire=now"],
    ] {
        let git = world.see(world.command("git", &repo).args(["worktree", "list"]).args(line));
        let us = world.wt(&[&["list"], line].concat());
        assert_eq!((us.stdout, us.stderr, us.code), (git.stdout, git.stderr, git.code));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = crowd();
    let repo = world.path("myproject");
    world.see(world.command("bash", &repo).args(["-c", "set -o pipefail; git wt list | true"])).ok();
}

#[test]
fn odd_names_and_reasons_are_shown_in_one_line_each_and_found() {
    let world = crowd();
    let repo = world.path("myproject");
    for (branch, path) in [("a", "two\nlines"), ("b", "-dash"), ("c", "\u{1b}[31mred"), ("d", " spaces ")] {
        let path = world.path(path);
        world.git(&repo, &["worktree", "add", "--quiet", "-b", branch, path.to_str().unwrap()]);
        assert_eq!(
            world.wt(&["cd", branch]).ok().stdout,
            format!("{}\n", path.display()).replace(&*world.root().to_string_lossy(), "[ROOT]")
        );
    }
    world.git(&repo, &["worktree", "lock", "--reason", "one\ntwo", &world.path("-dash").to_string_lossy()]);
    let list = world.wt(&["list"]).ok().stdout;
    assert_eq!(list.lines().count(), 5, "{list}");
    assert!(!list.contains('\u{1b}') && list.contains("locked: one\\ntwo"), "{list}");
    let json: serde_json::Value = serde_json::from_str(&world.wt(&["list", "--json"]).ok().stdout).unwrap();
    let paths: Vec<&str> =
        json["worktrees"].as_array().unwrap().iter().filter_map(|tree| tree["path"].as_str()).collect();
    assert!(paths.iter().any(|path| path.ends_with("/two\nlines")), "{paths:?}");
}

#[test]
fn git_is_asked_to_look_and_not_to_touch() {
    let world = crowd();
    let log = world.path("home/asked");
    let git = ["/usr/local/bin/git", "/usr/bin/git"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
        .unwrap();
    world.program(
        "git",
        &format!(
            "#!/bin/sh\necho \"$* locks=$GIT_OPTIONAL_LOCKS language=$LC_ALL\" >> {}\nexec {git} \"$@\"\n",
            log.display()
        ),
    );
    let mut list = world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path("myproject"));
    world.see(list.arg("list").env("LC_ALL", "de_DE.UTF-8")).ok();
    let asked = fs::read_to_string(log).unwrap();
    assert!(
        asked.contains(" status ") && asked.lines().all(|line| line.ends_with(" locks=0 language=C")),
        "{asked}"
    );
    assert!(asked.lines().all(|line| line.contains(" -z")), "{asked}");
}
