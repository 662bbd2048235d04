//! `git wt remove`: what is removed, what stays, what is asked.

use crate::terminal::Terminal;
use crate::world::World;
use std::fs;

/// Makes a repository whose recipe gives ports, an env file and a copy.
fn provisioned() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[env]\nDEBUG = \"1\"\n");
    world.commit(&world.path("myproject"), "recipe");
    world.write("myproject/.env", "# mine\nSECRET=x\nPORT=8000\n");
    world.write("myproject/.env.local", "A=1\n");
    world.trust();
    world
}

#[test]
fn everything_that_was_made_goes_and_the_branch_stays() {
    let world = provisioned();
    world.git(&world.path("myproject"), &["branch", "staging"]);
    let before = world.everything();
    world.wt(&["add", "staging"]).ok();
    world.wt(&["remove", "--purge", "staging"]).ok().prints("").says(&["removed staging"]);
    world.swept();
    before.is_still(&world.everything(), "after remove");
}

#[test]
fn changes_are_refused_and_listed() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/README", "changed\n");
    world.write("myproject-staging/new", "new\n");
    world.wt(&["remove", "staging"]).code(128).says(&[
        "modified or untracked files",
        "M README",
        "?? new",
        "-f staging",
    ]);
    assert!(world.path("myproject-staging/new").exists());
    world.wt(&["remove", "-f", "staging"]).ok();
    assert!(!world.path("myproject-staging").exists());
}

#[test]
fn a_protected_worktree_needs_an_answer_without_data_too() {
    let world = provisioned();
    world.write("myproject/.wt.toml", "[template.production]\nprotected = true\n");
    world.wt(&["add", "production"]).ok();
    world
        .wt(&["remove", "production"])
        .code(128)
        .says(&["error: 'production' is protected\nhint: git wt remove -y production\n"]);
    world.wt(&["remove", "--force", "production"]).code(128);
    world.write("myproject-production/media/photo", "data");
    let purge = ["remove", "--purge", "production"];
    world.wt(&purge).code(128).says(&["'production' is protected", "caused by: 'media/'"]);
    world.wt(&["remove", "-y", "production"]).ok();
    // a worktree made by git is protected once it is adopted
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "../production"]);
    world.wt(&["setup", "production"]).ok();
    world.wt(&["remove", "production"]).code(128).says(&["'production' is protected"]);
}

#[test]
fn deleting_ignored_data_at_once_needs_an_answer_and_caches_do_not() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/node_modules/x/index.js", "");
    world.wt(&["remove", "staging"]).ok();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/db.sqlite3", "data");
    world.write("myproject-staging/media/photo", "data");
    world.write("myproject-staging/.env", "PORT=8001\nEDITED=by hand\n");
    world.wt(&["remove", "--purge", "staging"]).code(128).says(&[
        "would lose data",
        "'db.sqlite3'",
        "'media/'",
        "'.env'",
        "hint: git wt remove -y --purge staging",
    ]);
    assert!(world.path("myproject-staging/db.sqlite3").exists());
    world.wt(&["remove", "--purge", "-y", "staging"]).ok();
    assert!(!world.path("myproject-staging").exists());
}

#[test]
fn a_database_in_the_worktree_stays_on_request() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[database]\n");
    world.write("myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
    world.write("myproject/.gitignore", ".env\n*.sqlite3*\n");
    world.commit(&world.path("myproject"), "recipe");
    world.write("myproject-staging-db.sqlite3", "somebody's");
    for (at, line) in
        [&["remove", "--keep-db", "staging"][..], &["remove", "--purge", "--keep-db", "staging"]]
            .iter()
            .enumerate()
    {
        world.wt(&["add", "staging"]).ok();
        let database = rusqlite::Connection::open(world.path("myproject-staging/db.sqlite3")).unwrap();
        database.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
        world
            .wt(&["remove", "--purge", "staging"])
            .code(128)
            .says(&["hint: git wt remove --keep-db staging\n"]);
        let dry = world.wt(&[line, &["-n"][..]].concat()).ok().stdout;
        assert!(!dry.contains("database"), "{dry}");
        let kept = format!("myproject-staging-{}-db.sqlite3", at + 2);
        world.wt(line).ok().says(&[&format!("kept for good: database '[ROOT]/{kept}'\n")]);
        // a program that has it open goes on
        database.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        drop(database);
        let database = rusqlite::Connection::open(world.path(&kept)).unwrap();
        let rows: i64 = database.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1);
    }
    assert_eq!(world.read("myproject-staging-db.sqlite3"), "somebody's");
    world.wt(&["doctor"]).ok();
}

#[test]
fn the_main_worktree_is_never_removed() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    std::os::unix::fs::symlink(world.path("myproject"), world.path("link")).unwrap();
    for target in ["@", "myproject", ".", "../link", "../myproject/", "main"] {
        world.wt(&["remove", "-f", "-f", "-y", target]).code(128).says(&["is the main worktree"]);
    }
    world
        .wt_in("myproject-staging", &["remove", "-f", "../myproject"])
        .code(128)
        .says(&["is the main worktree"]);
    assert!(world.path("myproject/README").exists());
}

#[test]
fn only_a_registered_worktree_is_deleted() {
    let world = provisioned();
    world.repo("other");
    world.write("plain/file", "x");
    for target in ["../other", "../plain", "nothing"] {
        world.wt(&["remove", "-f", "-y", target]).code(128).says(&["is not a worktree"]);
    }
    // a directory in place of a worktree is not that worktree
    world.wt(&["add", "staging"]).ok();
    fs::rename(world.path("myproject-staging"), world.path("elsewhere")).unwrap();
    world.write("myproject-staging/.git", "gitdir: /nowhere\n");
    world.write("myproject-staging/precious", "x");
    world.wt(&["remove", "-f", "-y", "staging"]).code(128);
    assert!(world.path("myproject-staging/precious").exists());
}

#[test]
fn another_worktree_is_never_taken_along() {
    let world = provisioned();
    world.wt(&["add", "outer"]).ok();
    // in plain view, and in a directory that git ignores
    for place in ["myproject-outer/inner", "myproject-outer/media/inner"] {
        world.git(&world.path("myproject"), &["worktree", "add", "--detach", &format!("../{place}")]);
        world.write(format!("{place}/work"), "mine\n");
        world
            .wt(&["remove", "-f", "-f", "-y", "outer"])
            .code(128)
            .says(&["'outer' has another worktree in it", place]);
        assert_eq!(world.read(format!("{place}/work")), "mine\n");
        world.wt(&["remove", "-f", "-y", "inner"]).ok();
    }
    world.wt(&["remove", "-f", "-y", "outer"]).ok();
}

#[test]
fn a_locked_worktree_needs_force_twice() {
    let world = provisioned();
    world.wt(&["add", "--lock", "--reason", "on a stick", "staging"]).ok();
    world.wt(&["remove", "staging"]).code(128).says(&["'staging' is locked: on a stick", "git wt unlock"]);
    world.wt(&["remove", "-f", "staging"]).code(128);
    world.wt(&["remove", "-f", "-f", "staging"]).ok();
}

#[test]
fn a_worktree_made_by_git_goes_as_git_removes_it() {
    let world = provisioned();
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "../plain"]);
    world.wt(&["remove", "plain"]).ok();
    assert!(!world.path("plain").exists());
    assert_eq!(world.git(&world.path("myproject"), &["worktree", "list"]).lines().count(), 1);
}

#[test]
fn removing_the_current_worktree_leads_to_main() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    world.wt_in("myproject-staging", &["remove", "."]).ok().prints("[ROOT]/myproject\n");
    assert!(!world.path("myproject-staging").exists());
}

#[test]
fn several_are_judged_before_one_goes() {
    let world = provisioned();
    world.wt(&["add", "a"]).ok();
    world.wt(&["add", "b"]).ok();
    world.write("myproject-b/new", "x");
    world.wt(&["remove", "a", "b"]).code(128).says(&["'b' has modified or untracked files"]);
    assert!(world.path("myproject-a").exists());
    world.wt(&["remove", "--all", "-y"]).ok().says(&["kept: 'b' has modified"]);
    assert!(!world.path("myproject-a").exists() && world.path("myproject-b").exists());
}

#[test]
fn removing_one_changes_no_other_ports() {
    let world = provisioned();
    for name in ["staging", "production", "qa"] {
        world.wt(&["add", name]).ok();
    }
    let port = |name: &str| world.read(format!("myproject-{name}/.env")).lines().last().map(str::to_owned);
    assert_eq!(port("production"), Some("DEBUG=1".into()));
    let env = world.read("myproject-production/.env");
    assert!(env.contains("PORT=8002"), "{env}");
    world.wt(&["remove", "staging"]).ok();
    assert_eq!(world.read("myproject-production/.env"), env);
    world.wt(&["add", "again"]).ok();
    assert!(world.read("myproject-again/.env").contains("PORT=8001"));
}

/// Commits a file with some text.
fn work(world: &World, tree: &str, file: &str, text: &str) {
    world.write(format!("{tree}/{file}"), text);
    world.commit(&world.path(tree), &format!("{file} in {tree}"));
}

fn branches(world: &World) -> Vec<String> {
    let list = world.git(&world.path("myproject"), &["branch", "--all", "--format=%(refname:short)"]);
    list.lines().map(str::to_owned).collect()
}

#[test]
fn a_merged_branch_goes_on_request_and_an_unmerged_one_needs_a_second_word() {
    let world = provisioned();
    world.wt(&["add", "merged"]).ok();
    world
        .wt(&["remove", "--delete-branch", "merged"])
        .ok()
        .says(&["deleted branch 'merged'", "hint: git branch merged "]);
    world.wt(&["add", "unmerged"]).ok();
    work(&world, "myproject-unmerged", "file", "x");
    let commit = world.git(&world.path("myproject-unmerged"), &["rev-parse", "HEAD"]);
    for force in [&[][..], &["-f", "-y"]] {
        let line = [&["remove", "--delete-branch", "unmerged"], force].concat();
        world.wt(&line).code(128).says(&["has commits that are nowhere else", &commit, "remove -D unmerged"]);
        assert!(world.path("myproject-unmerged/file").exists(), "nothing is removed");
    }
    let seen = world.wt(&["remove", "-D", "unmerged"]).ok();
    let back = format!("hint: git branch unmerged {}", &commit[..7]);
    assert!(seen.stderr.contains(&back), "{seen:#?}");
    assert_eq!(branches(&world), ["main"]);
    world.git(&world.path("myproject"), &["branch", "unmerged", &commit[..7]]);
}

#[test]
fn a_branch_counts_as_merged_however_its_changes_came_in() {
    let world = provisioned();
    let main = world.path("myproject");
    for (name, merge) in [
        ("merge", &["merge", "--quiet", "--no-ff", "-m", "merge", "merge"][..]),
        ("squash", &["merge", "--quiet", "--squash", "squash"]),
        ("rebase", &["cherry-pick", "rebase~1", "rebase"]),
    ] {
        world.wt(&["add", name]).ok();
        work(&world, &format!("myproject-{name}"), "one", name);
        work(&world, &format!("myproject-{name}"), name, "x");
        // main has other commits before and after
        work(&world, "myproject", &format!("before-{name}"), "x");
        world.git(&main, merge);
        if name == "squash" {
            world.git(&main, &["commit", "--quiet", "-m", "squashed"]);
        }
        work(&world, "myproject", &format!("after-{name}"), "x");
        world.git(&main, &["rm", "--quiet", "one"]);
        world.commit(&main, "one goes again");
    }
    world.wt(&["add", "open"]).ok();
    work(&world, "myproject-open", "three", "x");
    world.git(&world.path("myproject-open"), &["revert", "--no-edit", "HEAD"]);
    world.wt(&["remove", "--merged"]).code(128).says(&[
        "no terminal to ask on",
        "merge, rebase, squash",
        "--merged --yes",
    ]);
    world.wt(&["remove", "--merged", "--yes", "--delete-branch"]).ok();
    assert_eq!(branches(&world), ["main", "open"]);
    assert!(world.path("myproject-open").exists() && !world.path("myproject-squash").exists());
}

#[test]
fn a_remote_s_branch_goes_only_on_its_own_word() {
    let world = provisioned();
    let main = world.path("myproject");
    world.git(&main, &["clone", "--quiet", "--bare", ".", "../origin.git"]);
    world.git(&main, &["remote", "add", "origin", "../origin.git"]);
    for name in ["pushed", "gone"] {
        world.wt(&["add", name]).ok();
        work(&world, &format!("myproject-{name}"), "file", "x");
        world.git(&world.path(format!("myproject-{name}")), &["push", "--quiet", "-u", "origin", name]);
    }
    world.wt(&["remove", "--delete-branch", "pushed"]).ok();
    assert_eq!(branches(&world), ["gone", "main", "origin/gone", "origin/pushed"]);
    // a remote branch that is deleted too does not count as keeping the commits
    world
        .wt(&["remove", "--delete-branch", "--delete-remote-branch", "gone"])
        .code(128)
        .says(&["nowhere else"]);
    // if the remote has moved on or is away, everything stays as it was
    let origin = world.path("origin.git");
    fs::rename(&origin, world.path("away.git")).unwrap();
    world
        .wt(&["remove", "-D", "--delete-remote-branch", "gone"])
        .code(128)
        .says(&["cannot delete the branch 'gone'"]);
    fs::rename(world.path("away.git"), &origin).unwrap();
    world.git(&origin, &["branch", "--force", "gone", "main"]);
    world.wt(&["remove", "-D", "--delete-remote-branch", "gone"]).code(128);
    world.git(&origin, &["branch", "--force", "gone", &world.git(&main, &["rev-parse", "gone"])]);
    assert!(world.path("myproject-gone/file").exists());
    world
        .wt(&["remove", "-D", "--delete-remote-branch", "gone"])
        .ok()
        .says(&["deleted branch 'gone' of 'origin'", "deleted branch 'gone'"]);
    assert_eq!(branches(&world), ["main", "origin/pushed"]);
    assert_eq!(world.git(&origin, &["branch", "--format=%(refname:short)"]), "main\npushed");
    world.wt(&["add", "local"]).ok();
    world.wt(&["remove", "--delete-remote-branch", "local"]).code(128).says(&["tracks no remote's branch"]);
}

#[test]
fn commits_that_only_it_leads_to_are_named_with_the_way_back() {
    let world = provisioned();
    world.wt(&["add", "--detach", "main"]).ok();
    world.wt(&["remove", "-n", "myproject-main"]).ok();
    work(&world, "myproject-main", "experiment", "x");
    let commit = world.git(&world.path("myproject-main"), &["rev-parse", "--short", "HEAD"]);
    let named = format!("commit {commit} experiment in myproject-main (on no branch)");
    world.wt(&["remove", "--purge", "myproject-main"]).code(128).says(&["would lose data", &named]);
    let seen = world.wt(&["remove", "--purge", "-y", "myproject-main"]).ok();
    assert!(seen.stderr.contains(&format!("{commit}\n")), "{seen:#?}");
    world.git(&world.path("myproject"), &["branch", "main-again", &commit]);
    // a commit that a tag or another worktree reaches is not lost
    world.wt(&["add", "--detach", "main-again"]).ok();
    world.wt(&["remove", "myproject-main-again"]).ok();
}

#[test]
fn a_program_that_works_in_it_is_named_and_left_alone() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    let mut server = world.command("sleep", &world.path("myproject-staging")).arg("600").spawn().unwrap();
    let seen = world.wt(&["remove", "staging"]).ok();
    let named = format!("note: process {} (sleep) still works in its directory\n", server.id());
    assert!(!cfg!(target_os = "linux") || seen.stderr.contains(&named), "{seen:#?}");
    assert!(server.try_wait().unwrap().is_none(), "it runs on");
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_second_remove_finishes_what_the_first_was_killed_in() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    let records = fs::read_dir(world.path("myproject/.git/wt/records")).unwrap().flatten();
    let record =
        records.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "json"));
    let record = record.unwrap();
    let removing = fs::read_to_string(&record).unwrap().replace("\"ready\"", "\"removing\"");
    fs::write(&record, removing).unwrap();
    // killed once the directory and git's entry were gone
    world.git(&world.path("myproject"), &["worktree", "remove", "--force", "../myproject-staging"]);
    world.wt(&["remove", "staging"]).ok().says(&["removed staging"]);
    assert!(!record.exists() && !world.path("state/git-wt/ports/8001").exists());
    world.wt(&["remove", "staging"]).code(128).says(&["'staging' is not a worktree"]);
}

#[test]
fn nothing_of_it_needs_a_remote() {
    let world = provisioned();
    assert_eq!(world.git(&world.path("myproject"), &["remote"]), "");
    world.wt(&["add", "x"]).ok();
    world.wt(&["list"]).ok();
    world.wt(&["prune"]).ok();
    world.wt(&["remove", "--delete-branch", "x"]).ok();
}

#[test]
fn what_would_go_can_be_looked_at_first() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    let before = world.everything();
    let seen = world.wt(&["remove", "-n", "staging"]).ok();
    assert_eq!(seen.stdout, "would remove 'staging' at '[ROOT]/myproject-staging'\n  port 8001 (PORT)\n");
    before.is_still(&world.everything(), "after remove -n");
}

#[test]
fn what_comes_into_it_meanwhile_is_not_deleted_at_once() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[hooks]\nteardown = [\"mkdir -p media && echo dump >media/dump\"]\n");
    world.commit(&world.path("myproject"), "recipe");
    world.trust();
    world.wt(&["add", "staging"]).ok();
    let why = ["'staging' has changed since it was looked at, and would lose", "'media/' (ignored by git)"];
    world.wt(&["remove", "--purge", "staging"]).code(128).says(&why);
    assert_eq!(world.read("myproject-staging/media/dump"), "dump\n");
    // while a question waits
    let Some(mut terminal) = Terminal::open(&world, "bash") else { return };
    terminal.shows(&format!("cd {}", world.path("myproject").display()));
    terminal.type_in("git wt remove --purge --no-hooks staging\r");
    terminal.until(|shown| shown.ends_with("[y/N] "));
    world.write("myproject-staging/.env", "MINE=1\n");
    terminal.type_in("y\r");
    let said = terminal.until(|shown| shown.ends_with("@@ "));
    assert!(said.contains("has changed since") && said.contains("'.env' (ignored by git)"), "{said}");
    assert_eq!(world.read("myproject-staging/.env"), "MINE=1\n");
    world.wt(&["remove", "--purge", "-y", "staging"]).ok();
}

#[test]
fn what_a_merge_commit_changes_counts_as_work() {
    let world = provisioned();
    let main = world.path("myproject");
    world.wt(&["add", "staging"]).ok();
    let tree = world.path("myproject-staging");
    work(&world, "myproject-staging", "own", "x");
    work(&world, "myproject-staging", "file", "theirs");
    world.git(&main, &["switch", "--quiet", "-c", "other"]);
    work(&world, "myproject", "file", "ours");
    world.git(&main, &["switch", "--quiet", "main"]);
    // main has each of their commits, but not what the merge makes of them
    work(&world, "myproject", "before", "x");
    world.git(&main, &["cherry-pick", "staging~1", "staging"]);
    world.git(&main, &["revert", "--no-edit", "HEAD"]);
    world.git(&main, &["cherry-pick", "other"]);
    let merge = world.command("git", &tree).args(["merge", "--quiet", "other"]).output().unwrap();
    assert!(!merge.status.success());
    world.write("myproject-staging/file", "both, by hand");
    world.commit(&tree, "resolved");
    let why = ["has commits that are nowhere else"];
    world.wt(&["remove", "--delete-branch", "staging"]).code(128).says(&why);
    assert_eq!(world.read("myproject-staging/file"), "both, by hand");
}

#[test]
fn a_database_that_stays_is_whole_and_where_it_is_said_to_be() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[database]\n");
    world.write("myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
    world.write("myproject/.gitignore", ".env\n*.sqlite3*\nmedia/\n");
    world.commit(&world.path("myproject"), "recipe");
    let rows = |place: &str| {
        let database = rusqlite::Connection::open(world.path(place)).unwrap();
        database.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let add = |name: &str| {
        world.wt(&["add", name]).ok();
        let database =
            rusqlite::Connection::open(world.path(format!("myproject-{name}/db.sqlite3"))).unwrap();
        database.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
        database.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        database
    };
    let remove = |name: &str| world.wt(&["remove", "--keep-db", "--purge", name]);
    // what is left of another database beside its new place is not taken for a part of it
    world.write("myproject-a-db.sqlite3-wal", "of another database");
    let open = add("a");
    remove("a").ok().says(&["kept for good: database '[ROOT]/myproject-a-2-db.sqlite3'\n"]);
    drop(open);
    assert_eq!((rows("myproject-a-2-db.sqlite3"), world.read("myproject-a-db.sqlite3-wal").len()), (1, 19));
    // plain git has moved the worktree
    drop(add("b"));
    world.git(&world.path("myproject"), &["worktree", "move", "../myproject-b", "../elsewhere"]);
    remove("../elsewhere").ok().says(&["kept for good: database '[ROOT]/elsewhere-db.sqlite3'\n"]);
    assert_eq!(rows("elsewhere-db.sqlite3"), 1);
    // a link is not the database
    drop(add("c"));
    let real = world.path("myproject-c/media/real");
    fs::create_dir(real.parent().unwrap()).unwrap();
    fs::rename(world.path("myproject-c/db.sqlite3"), &real).unwrap();
    std::os::unix::fs::symlink("media/real", world.path("myproject-c/db.sqlite3")).unwrap();
    let yes = world.wt(&["remove", "--keep-db", "--purge", "-y", "c"]);
    yes.code(128).says(&["cannot keep database", "caused by: a link leads to it"]);
    assert!(real.exists());
    // nor is one that git-wt has not made
    drop(add("d"));
    fs::copy(&real, world.path("myproject-d/mine.sqlite3")).unwrap();
    let yes = world.wt(&["remove", "--keep-db", "--purge", "-y", "d"]);
    yes.code(128).says(&["git-wt has not made the database 'mine.sqlite3', and does not keep it"]);
    assert!(world.path("myproject-d/mine.sqlite3").exists() && world.path("myproject-d/db.sqlite3").exists());
}

/// Makes a repository with a submodule `lib`, and the worktree `staging`, which has it too.
fn with_a_submodule() -> World {
    let world = World::with_repo();
    world.repo("library");
    let url = world.path("library").display().to_string();
    let repo = world.path("myproject");
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "lib"];
    world.git(&repo, &add);
    world.commit(&repo, "submodule");
    // a tag that is on no branch, and that every clone has
    let library = world.path("library");
    world.git(&library, &["commit", "--quiet", "--allow-empty", "-m", "released"]);
    world.git(&library, &["tag", "v1"]);
    world.git(&library, &["reset", "--quiet", "--hard", "HEAD~"]);
    world.git(&repo.join("lib"), &["fetch", "--quiet", "--tags"]);
    world.wt(&["add", "staging"]).ok();
    assert_eq!(world.git(&world.path("myproject-staging/lib"), &["tag"]), "v1");
    world
}

#[test]
fn a_stash_or_a_tag_that_only_its_submodule_has_keeps_a_worktree() {
    let world = with_a_submodule();
    let lib = world.path("myproject-staging/lib");
    let refused = |what: &str| {
        for line in [&["remove", "staging"][..], &["remove", "--purge", "-y", "staging"]] {
            let why = ["'staging' has submodules with commits of their own", what];
            world.wt(line).code(128).says(&why);
        }
    };
    world.write("myproject-staging/lib/README", "precious\n");
    world.git(&lib, &["stash", "--quiet"]);
    refused("lib: ");
    world.git(&lib, &["stash", "drop", "--quiet"]);
    world.git(&lib, &["commit", "--quiet", "--allow-empty", "-m", "precious"]);
    world.git(&lib, &["tag", "mine"]);
    world.git(&lib, &["reset", "--quiet", "--hard", "HEAD~"]);
    refused(" precious");
    world.git(&lib, &["tag", "--delete", "mine"]);
    world.wt(&["remove", "--purge", "staging"]).ok();
}

/// Asserts that `--purge` names all these as lost and deletes nothing, and that it does so with `-y`.
#[track_caller]
fn asks_about(world: &World, force: &[&str], lost: &[&str]) {
    let line = [&["remove", "--purge", "staging"], force].concat();
    let causes: Vec<String> = lost.iter().map(|what| format!("caused by: {what}\n")).collect();
    let told = format!("error: removing 'staging' would lose data\n{}hint: ", causes.concat());
    world.wt(&line).code(128).says(&[&told]);
    world.wt(&[&line[..], &["-y"]].concat()).ok();
    assert!(!world.path("myproject-staging").exists());
}

#[test]
fn what_its_submodules_ignore_is_named_before_it_goes_for_good() {
    let world = with_a_submodule();
    world.write("myproject-staging/lib/.env", "precious\n");
    world.write("myproject-staging/lib/node_modules/x/index.js", "");
    asks_about(&world, &[], &["'lib/.env' (ignored by git)"]);
}

#[test]
fn a_repository_that_is_only_in_it_is_no_submodule() {
    let world = provisioned();
    world.wt(&["add", "staging"]).ok();
    let tree = world.path("myproject-staging");
    world.repo("myproject-staging/inner");
    world.commit(&tree, "a repository in it");
    let why = "error: 'staging' has a git repository in it; -f removes it too\ncaused by: inner\n";
    for line in [&["remove", "staging"][..], &["remove", "--purge", "-y", "staging"]] {
        world.wt(line).code(128).says(&[why, "hint: git wt remove -f staging\n"]);
    }
    asks_about(&world, &["-f"], &["'inner' (a git repository)"]);
}

#[test]
fn a_repository_is_data_whatever_the_directory_around_it_is_called() {
    let world = provisioned();
    world.write("myproject/.gitignore", ".env\n.env.*\nvendor/\nnode_modules/\n");
    world.write("myproject/src/file", "x");
    world.commit(&world.path("myproject"), "source");
    let inside = ["node_modules/x", "src", "vendor/lib"];
    world.wt(&["add", "staging"]).ok();
    for place in inside {
        world.git(&world.root(), &["init", "--quiet", &format!("myproject-staging/{place}")]);
    }
    world.write("myproject-staging/vendor/other/file", "x");
    std::os::unix::fs::symlink(world.path("myproject"), world.path("myproject-staging/vendor/link")).unwrap();
    let lost = inside.map(|place| format!("'{place}' (a git repository)"));
    asks_about(&world, &[], &lost.each_ref().map(String::as_str));
}

#[test]
fn changes_that_git_was_told_not_to_see_are_named() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    for file in ["assumed", "skipped", "same", "gone", "out/file"] {
        world.write(format!("myproject/{file}"), "text\n");
    }
    for link in ["link", "other link"] {
        std::os::unix::fs::symlink("README", repo.join(link)).unwrap();
    }
    world.commit(&repo, "files");
    world.wt(&["add", "staging"]).ok();
    let tree = world.path("myproject-staging");
    world.git(&tree, &["update-index", "--assume-unchanged", "assumed"]);
    world.git(&tree, &["update-index", "--skip-worktree", "skipped", "same", "gone", "link", "other link"]);
    for file in ["assumed", "skipped"] {
        world.write(format!("myproject-staging/{file}"), "precious\n");
    }
    for file in ["gone", "other link"] {
        fs::remove_file(tree.join(file)).unwrap();
    }
    std::os::unix::fs::symlink("precious", tree.join("other link")).unwrap();
    let lost =
        ["assumed", "other link", "skipped"].map(|file| format!("'{file}' (changes hidden from git status)"));
    asks_about(&world, &[], &lost.each_ref().map(String::as_str));
    // what a sparse checkout leaves out is nothing to lose
    world.wt(&["add", "staging"]).ok();
    world.git(&tree, &["sparse-checkout", "set", "--no-cone", "/*", "!/out/"]);
    assert!(!tree.join("out").exists());
    world.wt(&["remove", "--purge", "staging"]).ok();
}

#[test]
fn what_git_does_not_look_at_in_the_place_of_a_submodule_is_named() {
    let world = with_a_submodule();
    let tree = world.path("myproject-staging");
    world.git(&tree, &["update-index", "--assume-unchanged", "lib"]);
    world.write("myproject-staging/lib/new", "precious\n");
    asks_about(&world, &[], &["'lib' (changes hidden from git status)"]);
    world.wt(&["add", "staging"]).ok();
    world.git(&tree, &["submodule", "--quiet", "deinit", "--force", "lib"]);
    world.write("myproject-staging/lib/new", "precious\n");
    assert_eq!(world.git(&tree, &["status", "--porcelain"]), "");
    asks_about(&world, &[], &["'lib' (git cannot look into it)"]);
}
