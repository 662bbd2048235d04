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
    for line in [&["--porcelain"][..], &["--porcelain", "-z"], &["--verbose"]] {
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
