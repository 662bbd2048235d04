//! `git wt undo`: what was removed comes back as it was, and nothing of anybody else's is touched for it.

use crate::world::{Everything, SmallDisk, World};
use std::fs;
use std::path::PathBuf;

/// A repository whose worktree has ports, an env file, a copy, an SQLite database of its own and work of all kinds.
fn at_work() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[env]\nDEBUG = \"1\"\n[database]\n");
    world.write("myproject/.gitignore", ".env\n.env.local\ndb*.sqlite3\nmedia/\n");
    world.write("myproject/kept", "as committed\n");
    world.write("myproject/gone", "as committed\n");
    world.commit(&world.path("myproject"), "recipe");
    world.write("myproject/.env", "# mine\nSECRET=x\nPORT=8000\nDATABASE_URL=sqlite:///db.sqlite3\n");
    world.write("myproject/.env.local", "A=1\n");
    world.write("myproject/db.sqlite3", "");
    world.trust();
    world.wt(&["add", "staging"]).ok();
    work(&world);
    world
}

fn tree(world: &World) -> PathBuf {
    world.path("myproject-staging")
}

/// Staged, modified, deleted, untracked and ignored files, a link and an executable.
fn work(world: &World) {
    world.write("myproject-staging/staged", "staged\n");
    world.git(&tree(world), &["add", "staged"]);
    world.write("myproject-staging/staged", "and changed since\n");
    world.write("myproject-staging/kept", "changed\n");
    fs::remove_file(tree(world).join("gone")).unwrap();
    world.write("myproject-staging/new\nline", "untracked\n");
    world.write("myproject-staging/media/photo", "data");
    world.write("myproject-staging/db.sqlite3", "rows");
    std::os::unix::fs::symlink("nowhere", tree(world).join("-link")).unwrap();
}

/// What git and the file system say of the worktree, its database and its ports.
fn seen(world: &World) -> (String, Everything) {
    let git = |args: &[&str]| world.git(&tree(world), args);
    let told = [
        git(&["status", "--porcelain=v2", "--branch", "--ignored"]),
        git(&["ls-files", "--stage"]),
        git(&["reflog", "--format=%h %gs"]),
    ];
    (told.join("\n"), world.everything())
}

#[test]
fn all_is_as_it_was() {
    let world = at_work();
    let (told, before) = seen(&world);
    world.wt(&["remove", "staging"]).code(128);
    world.wt(&["remove", "-f", "staging"]).ok().says(&["removed staging", "hint: git wt undo staging\n"]);
    assert!(!tree(&world).exists());
    let list = world.wt(&["list", "--no-status"]).ok().stdout;
    assert!(!list.contains("staging"), "{list}");
    let directory = format!("{}\n", world.told(tree(&world).as_os_str().as_encoded_bytes()));
    world.wt(&["undo"]).ok().prints(&directory).says(&["staging is back"]);
    let (told_after, after) = seen(&world);
    assert_eq!(told_after, told);
    before.is_still(&after, "after undo");
    world.wt(&["doctor"]).ok();
    world.wt(&["undo"]).code(128).says(&["error: there is nothing to bring back"]);
}

#[test]
fn what_only_the_worktree_led_to_survives_a_gc() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    world.git(&tree(&world), &["switch", "--quiet", "--detach"]);
    world.write("myproject-staging/a", "on no branch\n");
    world.commit(&tree(&world), "on no branch");
    world.git(&tree(&world), &["reset", "--quiet", "--hard", "HEAD~1"]);
    world.write("myproject-staging/b", "only staged\n");
    world.git(&tree(&world), &["add", "b"]);
    world.wt(&["remove", "-f", "staging"]).ok();
    let repo = world.path("myproject");
    world.git(&repo, &["reflog", "expire", "--expire=now", "--all"]);
    world.git(&repo, &["gc", "--quiet", "--prune=now"]);
    world.wt(&["undo", "staging"]).ok();
    assert_eq!(world.git(&tree(&world), &["show", "HEAD@{1}:a"]), "on no branch");
    assert_eq!(world.git(&tree(&world), &["show", ":b"]), "only staged");
    // what kept them goes when the worktree leads to them again
    assert_eq!(world.git(&repo, &["for-each-ref", "refs/wt"]), "");
}

#[test]
fn an_operation_in_progress_goes_on() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    for (place, text) in [("myproject-staging", "theirs\n"), ("myproject", "ours\n")] {
        world.write(format!("{place}/file"), text);
        world.commit(&world.path(place), text);
    }
    let merge = world.command("git", &tree(&world)).args(["merge", "--quiet", "main"]).status().unwrap();
    assert!(!merge.success());
    let before = world.git(&tree(&world), &["status", "--porcelain=v2"]);
    world.wt(&["remove", "-f", "staging"]).ok();
    world.wt(&["undo"]).ok();
    assert_eq!(world.git(&tree(&world), &["status", "--porcelain=v2"]), before);
    world.write("myproject-staging/file", "both\n");
    world.git(&tree(&world), &["add", "file"]);
    world.git(&tree(&world), &["commit", "--quiet", "--no-edit"]);
}

#[test]
fn nothing_of_a_newcomer_is_touched() {
    let world = at_work();
    world.wt(&["remove", "-f", "staging"]).ok();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/newcomer", "x");
    let newcomer = world.everything_in(&["myproject-staging"], &|_| true);
    world.wt(&["undo"]).ok().says(&[
        "staging is back as staging-2 in ../myproject-staging-2: its place is taken",
        "HEAD is detached",
        "somebody else has it by now: port 8001 (PORT)",
        "hint: git wt setup staging-2\n",
    ]);
    newcomer.is_still(&world.everything_in(&["myproject-staging"], &|_| true), "after undo");
    assert_eq!(world.read("myproject-staging-2/media/photo"), "data");
    assert_eq!(world.read("myproject-staging-2/db.sqlite3"), "rows");
    let env = |name: &str| world.wt(&["env", name]).ok().stdout;
    assert!(env("staging").contains("PORT=8001"), "{}", env("staging"));
    world.wt(&["setup", "staging-2"]).ok();
    assert!(env("staging-2").contains("PORT=8002"), "{}", env("staging-2"));
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_branch_that_was_deleted_with_it_is_back() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/a", "work\n");
    world.commit(&tree(&world), "work");
    let head = world.git(&tree(&world), &["rev-parse", "HEAD"]);
    let log = world.git(&tree(&world), &["reflog", "staging", "--format=%H %gs"]);
    world.wt(&["remove", "-D", "staging"]).ok();
    let repo = world.path("myproject");
    assert_eq!(world.git(&repo, &["branch", "--list", "staging"]), "");
    world.git(&repo, &["reflog", "expire", "--expire=now", "--all"]);
    world.git(&repo, &["gc", "--quiet", "--prune=now"]);
    world.wt(&["undo"]).ok().says(&["branch 'staging' is back at"]);
    assert_eq!(world.git(&tree(&world), &["symbolic-ref", "HEAD"]), "refs/heads/staging");
    assert_eq!(world.git(&tree(&world), &["rev-parse", "staging"]), head);
    let now = world.git(&tree(&world), &["reflog", "staging", "--format=%H %gs"]);
    assert!(now.ends_with(&log) && log.lines().count() == 2, "{now}");
}

#[test]
fn a_branch_that_has_moved_stays_where_it_is() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    let old = world.git(&tree(&world), &["rev-parse", "HEAD"]);
    world.write("myproject-staging/a", "untracked\n");
    world.wt(&["remove", "-f", "staging"]).ok();
    let repo = world.path("myproject");
    world.write("myproject/b", "later\n");
    world.commit(&repo, "later");
    world.git(&repo, &["branch", "--force", "staging", "main"]);
    world.wt(&["undo"]).ok().says(&["HEAD is detached", "'staging' has moved"]);
    assert_eq!(world.git(&tree(&world), &["rev-parse", "HEAD"]), old);
    assert_eq!(world.git(&tree(&world), &["status", "--porcelain"]), "?? a");
}

#[test]
fn the_last_of_a_name_comes_back_first() {
    let world = World::with_repo();
    for text in ["first", "second"] {
        world.wt(&["add", "staging"]).ok();
        world.write("myproject-staging/a", text);
        world.wt(&["remove", "-f", "staging"]).ok();
    }
    world.wt(&["add", "other"]).ok();
    world.wt(&["remove", "other"]).ok();
    let list = world.wt(&["undo", "--list"]).ok().stdout;
    assert_eq!(list.lines().filter(|line| line.starts_with("staging  removed ")).count(), 2, "{list}");
    world.wt(&["undo", "nothing"]).code(128).says(&["'nothing' was not removed", "hint: git wt undo --list"]);
    world.wt(&["undo", "staging"]).ok();
    world.wt(&["undo", "staging"]).ok();
    let read = |place: &str| world.read(format!("{place}/a"));
    let found = [read("myproject-staging"), read("myproject-staging-2")];
    assert!(found == ["second", "first"] || found == ["first", "second"], "{found:?}");
}

#[test]
fn what_is_emptied_is_gone_and_frees_its_database() {
    let world = at_work();
    let claims = || fs::read_dir(world.path("state/git-wt/databases")).map_or(0, Iterator::count);
    world.wt(&["remove", "-f", "staging"]).ok();
    world.wt(&["undo", "--empty", "nothing"]).code(128);
    world.wt(&["undo", "--empty"]).ok().says(&["deleted 'staging' for good"]);
    assert_eq!(claims(), 0);
    let removed = world.path("myproject/.git/wt/removed");
    assert!(fs::read_dir(&removed).unwrap().next().is_none());
    world.wt(&["undo"]).code(128).says(&["there is nothing to bring back"]);
    assert_eq!(world.wt(&["undo", "--list"]).ok().stdout, "");
}

#[test]
fn the_trash_keeps_for_as_long_as_is_set() {
    let world = at_work();
    let keep = |days: &str| world.git(&world.path("myproject"), &["config", "wt.keep", days]);
    keep("soon");
    world
        .wt(&["remove", "-f", "staging"])
        .code(128)
        .says(&["wt.keep is 'soon'", "hint: git config wt.keep 7"]);
    keep("1");
    world.wt(&["remove", "-f", "staging"]).ok().says(&["kept for 1 day"]);
    world.wt(&["undo"]).ok();
    // without a trash what would be lost is asked about
    keep("0");
    world.wt(&["remove", "-f", "staging"]).code(128).says(&["would lose data", "'media/'"]);
    world.wt(&["remove", "-fy", "staging"]).ok();
    world.wt(&["undo"]).code(128);
}

#[test]
fn submodules_and_their_ignored_files_come_back() {
    let world = World::with_repo();
    let module = world.repo("module");
    let url = module.display().to_string();
    let repo = world.path("myproject");
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "sub"];
    world.git(&repo, &add);
    world.write("module/.gitignore", "data\n");
    world.commit(&repo, "submodule");
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/sub/mine", "untracked in it\n");
    world.write("myproject-staging/sub/data", "ignored in it\n");
    world.wt(&["remove", "-ff", "staging"]).ok();
    world.write("myproject-staging/in the way", "x");
    world.wt(&["undo"]).ok();
    let sub = world.path("myproject-staging-2/sub");
    assert!(world.git(&sub, &["status", "--porcelain"]).contains("?? mine"));
    assert_eq!(world.read(sub.join("data")), "ignored in it\n");
}

#[test]
fn what_is_on_another_disk_waits_there() {
    let world = World::with_repo();
    let place = world.path("disk");
    let Some(_disk) = SmallDisk::mounted(&place, "4m") else { return };
    world.wt(&["add", "--path", "../disk/staging", "staging"]).ok();
    world.write("disk/staging/new", "mine");
    world.wt(&["remove", "-f", "staging"]).ok();
    assert!(!world.path("disk/staging").exists());
    world.wt(&["undo"]).ok();
    assert_eq!(world.read("disk/staging/new"), "mine");
}

#[test]
fn what_is_mounted_in_it_is_no_part_of_it() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    let place = world.path("myproject-staging/a disk");
    let Some(disk) = SmallDisk::mounted(&place, "4m") else { return };
    world.write("myproject-staging/a disk/file", "of another");
    let hint = "hint: umount '[ROOT]/myproject-staging/a disk'\n";
    for line in [&["remove", "-f", "staging"][..], &["remove", "-fy", "--purge", "staging"]] {
        world.wt(line).code(128).says(&["error: 'staging' has a file system mounted in it\n", hint]);
    }
    drop(disk);
    world.wt(&["remove", "-f", "staging"]).ok();
}

#[test]
fn a_copy_of_the_repository_leaves_the_originals_alone() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[database]\nname = \"{{ name }}\"\n");
    world.write("myproject/.gitignore", ".env\n");
    world.commit(&world.path("myproject"), "recipe");
    fs::create_dir(world.path("data")).unwrap();
    let main = world.path("data/main.sqlite3").display().to_string();
    world.write("myproject/.env", &format!("DATABASE_URL=sqlite:///{main}\n"));
    rusqlite::Connection::open(&main).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    world.trust();
    world.wt(&["add", "staging"]).ok();
    let env = world.read("myproject-staging/.env");
    let database = world.path(env.trim_end().strip_prefix("DATABASE_URL=sqlite:///").unwrap());
    fs::write(&database, "rows").unwrap();
    world.wt(&["remove", "staging"]).ok();
    world.see(world.command("cp", &world.root()).args(["-a", "myproject", "copy"])).ok();
    world.wt(&["undo"]).ok();
    // the copy has a copy of the trash: it may come from a stranger, and its places are the original's
    let why =
        ["'staging' was removed from another repository, of which this is a copy", "its files are in '"];
    world.wt_in("copy", &["undo"]).code(128).says(&why);
    world.wt_in("copy", &["undo", "--empty"]).ok();
    assert_eq!(fs::read_to_string(&database).unwrap(), "rows");
}

#[test]
fn a_repository_that_was_moved_has_its_trash_along() {
    let world = at_work();
    world.wt(&["remove", "-f", "staging"]).ok();
    fs::rename(world.path("myproject"), world.path("elsewhere")).unwrap();
    world.wt_in("elsewhere", &["undo"]).ok();
    assert!(world.git(&tree(&world), &["status", "--porcelain"]).contains("kept"));
}

#[test]
fn a_branch_that_is_deleted_meanwhile_takes_no_commit_along() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/a", "work\n");
    world.commit(&tree(&world), "work");
    world.wt(&["remove", "staging"]).ok();
    let repo = world.path("myproject");
    world.git(&repo, &["branch", "--quiet", "-D", "staging"]);
    // a branch in the way of the old name
    world.git(&repo, &["branch", "staging/more"]);
    world.git(&repo, &["gc", "--quiet", "--prune=now"]);
    world.wt(&["undo"]).ok().says(&["HEAD is detached"]);
    assert_eq!(world.git(&tree(&world), &["log", "-1", "--format=%s"]), "work");
}

#[test]
fn a_directory_that_was_moved_away_is_not_taken_for_gone() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    world.write("myproject-staging/staged", "x");
    world.git(&tree(&world), &["add", "staged"]);
    // beside its place it is found, and not taken for gone
    fs::rename(tree(&world), world.path("renamed")).unwrap();
    for line in [&["remove", "-f", "staging"][..], &["remove", "-fy", "--purge", "staging"]] {
        world.wt(line).code(128).says(&["was moved to '[ROOT]/renamed'", "hint: git wt repair"]);
    }
    fs::create_dir(world.path("deep")).unwrap();
    fs::rename(world.path("renamed"), world.path("deep/away")).unwrap();
    let seen = world.wt(&["remove", "staging"]).ok();
    assert!(!seen.stderr.contains("git wt undo"), "{seen:#?}");
    assert!(world.wt(&["undo", "--list"]).ok().stdout.contains("  no directory  "));
    world.wt(&["undo"]).code(128).says(&["there is nothing to bring back"]);
    let why = ["the directory of 'staging' was gone before it was removed", "git's entry is in '"];
    world.wt(&["undo", "staging"]).code(128).says(&why);
}

#[test]
fn what_a_killed_git_left_locked_is_in_nobodys_way() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    world.wt(&["remove", "staging"]).ok();
    let pins = world.path("myproject/.git/refs/wt/trash");
    let pin = fs::read_dir(&pins).unwrap().next().unwrap().unwrap().path();
    fs::write(pin.with_extension("lock"), "").unwrap();
    world.wt(&["undo"]).ok();
    world.wt(&["remove", "staging"]).ok();
    world.wt(&["undo", "--empty"]).ok();
}

/// The only item in the trash of a repository.
fn item(world: &World, repository: &str) -> PathBuf {
    let items = fs::read_dir(world.path(repository).join(".git/wt/removed")).unwrap();
    items.map(|item| item.unwrap().path()).next().unwrap()
}

#[test]
fn a_manifest_from_a_stranger_puts_nothing_anywhere() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    world.wt(&["remove", "staging"]).ok();
    world.see(world.command("cp", &world.root()).args(["-a", "myproject", "theirs"])).ok();
    let manifest = item(&world, "theirs").join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap().replace("\"kept\"", "\"restoring\"");
    let place = world.path("home/.config/git").display().to_string();
    fs::write(&manifest, text.replace(&world.path("myproject-staging").display().to_string(), &place))
        .unwrap();
    fs::write(item(&world, "theirs").join("tree/config"), "[core]\n\tfsmonitor = touch pwned\n").unwrap();
    for line in
        [&["remove", "typo"][..], &["undo"], &["undo", "--list"], &["doctor", "--fix"], &["undo", "--empty"]]
    {
        let _ = world.wt_in("theirs", line);
        assert!(!world.path("home/.config/git/config").exists(), "{line:?}");
    }
}

#[test]
fn a_name_in_a_manifest_is_no_path() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    world.wt(&["remove", "staging"]).ok();
    let manifest = item(&world, "myproject").join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    for name in ["../../victim", "/victim", "", ".."] {
        let entry = text.replace("\"entry\": \"myproject-staging\"", &format!("\"entry\": \"{name}\""));
        assert_ne!(entry, text);
        fs::write(&manifest, entry).unwrap();
        world.wt(&["undo"]).code(128);
        world.wt(&["undo", "--list"]).ok().says(&["manifest.json'", "is no name"]);
    }
}

#[test]
fn nothing_is_written_through_a_link_that_is_committed() {
    let world = World::with_repo();
    world.write("victim", "untouched\n");
    std::os::unix::fs::symlink("../victim", world.path("myproject/..git.new")).unwrap();
    world.commit(&world.path("myproject"), "a link where a file is written aside");
    world.wt(&["add", "staging"]).ok();
    world.wt(&["remove", "staging"]).ok();
    world.write("myproject-staging/in the way", "");
    world.wt(&["undo"]).ok();
    assert_eq!(world.read("victim"), "untouched\n");
    world.git(&world.path("myproject-staging-2"), &["rev-parse", "HEAD"]);
}

#[test]
fn what_git_wt_keeps_is_no_link_and_no_pipe() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    world.wt(&["remove", "staging"]).ok();
    world.write("victim/file", "untouched\n");
    let own = world.path("myproject/.git/wt");
    for dir in ["trash", "records", "removed", "damaged"] {
        let _ = fs::rename(own.join(dir), own.join("kept"));
        std::os::unix::fs::symlink(world.path("victim"), own.join(dir)).unwrap();
        for line in [&["add", "other"][..], &["doctor", "--fix"], &["undo"], &["undo", "--empty"]] {
            world.wt(line).code(128).says(&["is a link, and git-wt makes none there", "hint: rm "]);
        }
        fs::remove_file(own.join(dir)).unwrap();
        let _ = fs::rename(own.join("kept"), own.join(dir));
    }
    assert_eq!(fs::read_dir(world.path("victim")).unwrap().count(), 1);
    for (file, line) in [
        (own.join("lock"), &["add", "other"][..]),
        (own.join("entries.lock"), &["add", "other"]),
        (item(&world, "myproject").join("lock"), &["undo"]),
    ] {
        let _ = fs::remove_file(&file);
        assert!(world.command("mkfifo", &world.root()).arg(&file).status().unwrap().success());
        world.wt(line).code(128).says(&["lock'"]);
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(world.path("victim/file"), &file).unwrap();
        world.wt(line).code(128).says(&["lock'"]);
        fs::remove_file(&file).unwrap();
    }
    assert_eq!(world.read("victim/file"), "untouched\n");
    world.wt(&["undo"]).ok();
}

#[test]
fn one_that_cannot_come_back_is_in_nobodys_way() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    world.commit(&world.path("myproject"), "recipe");
    world.trust();
    world.wt(&["add", "first"]).ok();
    world.wt(&["add", "--path", "../deep/second", "second"]).ok();
    world.wt(&["remove", "first"]).ok();
    world.wt(&["remove", "second"]).ok();
    fs::remove_dir(world.path("deep")).unwrap();
    world.write("deep", "a file in the way of its parent");
    world.wt(&["undo", "second"]).code(128).says(&["cannot bring '[ROOT]/deep/second' back"]);
    world.wt(&["doctor"]).ok();
    world.wt(&["undo", "first"]).ok();
    fs::remove_file(world.path("deep")).unwrap();
    world.wt(&["undo", "second"]).ok();
    assert!(world.path("deep/second").exists());
    world.wt(&["doctor"]).ok();
}

#[test]
fn a_link_in_place_of_the_directory_is_not_taken_for_it() {
    let world = World::with_repo();
    world.wt(&["add", "staging"]).ok();
    fs::rename(tree(&world), world.path("real")).unwrap();
    std::os::unix::fs::symlink("real", tree(&world)).unwrap();
    for line in [&["remove", "-f", "staging"][..], &["remove", "-fy", "--purge", "staging"]] {
        world.wt(line).code(128).says(&["is a link by now"]);
    }
    assert!(world.path("real/.git").exists() && tree(&world).is_symlink());
}

#[test]
fn a_full_disk_stops_no_removal() {
    let world = World::with_repo();
    let place = world.path("disk");
    let Some(_disk) = SmallDisk::mounted(&place, "6m") else { return };
    world.repo("disk/myproject");
    world.write("disk/myproject/.wt.toml", "[port]\nPORT = 8000\n[database]\n");
    world.write("disk/myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
    world.commit(&world.path("disk/myproject"), "recipe");
    let wt = |line: &[&str]| world.wt_in("disk/myproject", line);
    let fill = || {
        let filler = fs::File::create(world.path("disk/filler")).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while std::io::Write::write_all(&mut &filler, &vec![0; size]).is_ok() {}
        }
    };
    let free = || fs::remove_file(world.path("disk/filler")).unwrap();
    for line in [&["remove", "-f", "staging"][..], &["remove", "-fy", "--purge", "staging"]] {
        wt(&["add", "staging"]).ok();
        world.write("disk/myproject-staging/work", "mine");
        fill();
        wt(line).ok();
        assert!(!world.path("disk/myproject-staging").exists());
        free();
        world.swept_in("disk/myproject");
        wt(&["doctor"]).ok();
        if line.len() == 3 {
            wt(&["undo"]).ok();
            assert_eq!(world.read("disk/myproject-staging/work"), "mine");
            wt(&["remove", "-fy", "--purge", "staging"]).ok();
        }
    }
}
