//! `git wt move` and `repair`: the port, the database and the note stay, whatever names the place is updated, and
//! nothing still leads to the old place.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::world::{Seen, World, is_here};

/// Builds an editable install as setuptools would, which is not installed everywhere.
const BACKEND: &str = r#"import os, zipfile

def build_editable(directory, *_):
    name = "shop-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for file, text in [
            ("shop.pth", os.getcwd() + "\n"),
            ("shop-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: shop\nVersion: 1\n"),
            ("shop-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("shop-1.dist-info/entry_points.txt", "[console_scripts]\nshop = shop:main\n"),
            ("shop-1.dist-info/RECORD", ""),
        ]:
            wheel.writestr(file, text)
    return name
"#;

/// Makes a repository whose worktrees get everything that can contain their path.
fn crowded() -> World {
    let world = World::with_repo();
    world.write("myproject/.gitignore", ".env\n.venv/\n*.sqlite3\nmedia\n__pycache__/\n");
    world.write(
        "myproject/.wt.toml",
        "link = [\"media\"]\n[port]\nPORT = 8000\n[env]\nDATA_DIR = \"{{ path }}/data\"\n[venv]\n[database]\n",
    );
    world.write(
        "myproject/pyproject.toml",
        "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n",
    );
    world.write("myproject/backend.py", BACKEND);
    world.write("myproject/shop.py", "def main():\n    print(__file__)\n");
    world.commit(&world.path("myproject"), "project");
    world.write("myproject/media/photo", "x");
    world.trust();
    let database = world.path("myproject/db.sqlite3").display().to_string();
    world.write("myproject/.env", &format!("A=1\nDATABASE_URL=sqlite:///{database}\n"));
    world
}

/// Returns the files in a directory that contain `text`, except those compiled by Python.
fn files_with(dir: &Path, text: &str) -> Vec<String> {
    let found = Command::new("grep").args(["-rlF", "--exclude=*.pyc", "--", text]).arg(dir).output().unwrap();
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Whether the system's Python makes environments with pip.
fn has_pip() -> bool {
    let found = Command::new("/usr/bin/python3").args(["-c", "import ensurepip"]).output();
    is_here("ensurepip of /usr/bin/python3", found.is_ok_and(|found| found.status.success()))
}

fn run(world: &World, words: &[&str]) -> Seen {
    world.wt(&[&["run", "staging", "--"], words].concat())
}

#[test]
fn an_environment_comes_along_and_works_at_the_new_place() {
    if !has_pip() {
        return;
    }
    let world = crowded();
    // a real uv would download pip
    world.program("uv", "#!/bin/sh\nfor venv; do :; done\nexec /usr/bin/python3 -m venv \"$venv\"\n");
    world.wt(&["add", "--note", "for the demo", "staging"]).ok();
    run(&world, &["pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--editable", "."]).ok();
    run(
        &world,
        &["python", "-c", "import sqlite3; sqlite3.connect('db.sqlite3').execute('CREATE TABLE mine (a)')"],
    )
    .ok();
    let port = world.path("state/git-wt/ports/8001");
    let claim = fs::read_to_string(&port).unwrap();

    world.wt(&["move", "staging", "../a place/over there"]).code(128).says(&["fatal: "]);
    assert!(
        world.path("myproject-staging/.env").exists(),
        "git makes no parents, and we leave all as it was"
    );
    let old = world.path("myproject-staging");
    let naming = files_with(&old, &old.display().to_string());
    for name in ["bin/activate", "bin/pip", "bin/shop", "shop.pth", "direct_url.json"] {
        assert!(naming.iter().any(|file| file.ends_with(name)), "{name}: {naming:#?}");
    }
    fs::create_dir(world.path("a place")).unwrap();
    world.wt(&["move", "staging", "../a place"]).ok().prints("");

    let now = world.path("a place/myproject-staging");
    assert_eq!(files_with(&now, &old.display().to_string()), Vec::<String>::new());
    let env = world.read(now.join(".env"));
    assert!(env.contains("/a place/myproject-staging/data"), "{env}");
    assert!(env.contains("/a%20place/myproject-staging/db.sqlite3"), "{env}");
    assert!(env.contains("PORT=8001"), "{env}");
    assert_eq!(fs::read_to_string(&port).unwrap(), claim);
    assert_eq!(fs::read_to_string(now.join("media/photo")).unwrap(), "x");
    let database = fs::read_dir(world.path("state/git-wt/databases")).unwrap().flatten();
    let claims: Vec<_> = database.map(|claim| fs::read_to_string(claim.path()).unwrap()).collect();
    assert!(claims.len() == 1 && claims[0].contains("/a place/myproject-staging/db.sqlite3"), "{claims:?}");

    run(&world, &["shop"]).ok().prints("[ROOT]/a place/myproject-staging/shop.py\n");
    run(&world, &["pip", "--version"]).ok();
    run(&world, &["python", "-c", "import sys; print(sys.prefix)"])
        .ok()
        .prints("[ROOT]/a place/myproject-staging/.venv\n");
    let list = world.wt(&["list", "--json", "--no-status"]).ok().stdout;
    assert!(list.contains("for the demo") && list.contains("\"port\":8001"), "{list}");
    world.wt(&["doctor"]).ok();
    // what git-wt wrote is still recognised as its own
    let seen = world.wt(&["remove", "--purge", "staging"]).code(128);
    assert!(!seen.stderr.contains(".env"), "{seen:#?}");
    world.wt(&["remove", "--purge", "-y", "staging"]).ok();
    assert!(!port.exists() && !now.exists());
    assert_eq!(fs::read_dir(world.path("state/git-wt/databases")).unwrap().count(), 0);
}

/// Makes a repository with a small environment that contains its path, and a worktree `staging`.
fn with_staging() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[env]\nHERE = \"{{ path }}\"\n");
    world.commit(&world.path("myproject"), "recipe");
    world.trust();
    world.wt(&["add", "staging"]).ok();
    world
}

#[track_caller]
fn is_at_home(world: &World, place: &str) {
    let env = world.read(format!("{place}/.env"));
    let here = world.path(place).display().to_string();
    assert!(env.contains(&format!("HERE={here}\n")) || env.contains(&format!("HERE=\"{here}\"\n")), "{env}");
    assert!(env.contains("PORT=8001"), "{env}");
    world.wt(&["doctor"]).ok();
    world.wt(&["cd", "staging"]).ok().prints(&format!("[ROOT]/{place}\n"));
}

#[test]
fn a_value_that_the_user_has_edited_is_kept_and_named() {
    let world = with_staging();
    let env = world.read("myproject-staging/.env");
    let here = world.path("myproject-staging").display().to_string();
    world.write("myproject-staging/.env", &format!("{}MINE={here}/x\n", env.replace(&here, "/elsewhere")));
    world.wt(&["move", "staging", "../n"]).ok().says(&["MINE in '.env' still names the old place"]);
    let env = world.read("n/.env");
    assert!(env.contains("HERE=/elsewhere\n") && env.contains(&format!("MINE={here}/x\n")), "{env}");
}

#[test]
fn a_worktree_goes_where_git_would_move_it() {
    let world = with_staging();
    fs::create_dir_all(world.path("dest/deep")).unwrap();
    // into an existing directory, from a subdirectory, and with every way to name it
    for (from, target, destination, place) in [
        ("myproject", "staging", "../dest", "dest/myproject-staging"),
        ("dest", "myproject-staging", "n", "dest/n"),
        ("dest/n", ".", "../deep", "dest/deep/n"),
        ("myproject", "../dest/deep/n", "../back/", "back"),
    ] {
        let dir = if from == "dest" { "myproject" } else { from };
        let destination = if from == "dest" { "../dest/n" } else { destination };
        world.wt_in(dir, &["move", target, destination]).ok().prints("");
        is_at_home(&world, place);
    }
    for line in [
        &["move", "@", "../n"][..],
        &["move", "nothing", "../n"],
        &["move", "staging", ""],
        &["move", "staging"],
    ] {
        let seen = world.wt(line);
        assert!([128, 129].contains(&seen.code), "{line:?}: {seen:#?}");
    }
    is_at_home(&world, "back");
}

#[test]
fn locked_worktrees_need_force_twice() {
    let world = with_staging();
    world.wt(&["lock", "--reason", "a demo", "staging"]).ok();
    for force in [&[][..], &["-f"]] {
        let line = [&["move"], force, &["staging", "../n"]].concat();
        world.wt(&line).code(128).says(&["cannot move a locked working tree, lock reason: a demo"]);
    }
    world.wt(&["move", "-f", "-f", "staging", "../n"]).ok();
    world.wt(&["unlock", "staging"]).ok();
    is_at_home(&world, "n");
}

#[test]
fn moving_inside_hides_it_there_and_moving_out_shows_nothing() {
    let world = with_staging();
    let status = || world.git(&world.path("myproject"), &["status", "--porcelain"]);
    let exclude = || fs::read_to_string(world.path("myproject/.git/info/exclude")).unwrap_or_default();
    world.wt(&["move", "staging", "./[in] side"]).ok();
    assert_eq!((status(), exclude()), (String::new(), "/\\[in] side/\n".into()));
    world.wt(&["move", "staging", "./other"]).ok();
    assert_eq!((status(), exclude()), (String::new(), "/other/\n".into()));
    world.wt(&["move", "staging", "../out"]).ok();
    assert_eq!((status(), exclude()), (String::new(), String::new()));
    is_at_home(&world, "out");
}

#[test]
fn repair_brings_along_what_was_moved_by_hand() {
    let world = with_staging();
    fs::rename(world.path("myproject-staging"), world.path("n")).unwrap();
    world.wt(&["list"]).ok();
    world.wt(&["repair", "../n"]).ok().says(&["repair: gitdir incorrect"]);
    is_at_home(&world, "n");
    // from inside the worktree, and after the main worktree was moved
    fs::rename(world.path("n"), world.path("m")).unwrap();
    world.wt_in("m", &["repair"]).ok();
    is_at_home(&world, "m");
    fs::rename(world.path("myproject"), world.path("project")).unwrap();
    world.wt_in("project", &["repair"]).ok();
    world.wt_in("project", &["doctor"]).ok();
    world.wt_in("m", &["list"]).ok();
    world.wt_in("project", &["remove", "staging"]).ok();
    assert!(!world.path("state/git-wt/ports/8001").exists());
}

#[test]
fn what_git_itself_has_moved_is_named_and_brought_along() {
    let world = with_staging();
    let repo = world.path("myproject");
    world.git(&repo, &["worktree", "move", "../myproject-staging", "../n"]);
    world.wt(&["doctor"]).code(1).says(&["'staging' was moved to '[ROOT]/n' without git-wt"]);
    world.wt(&["doctor", "--fix"]).ok();
    is_at_home(&world, "n");
    // through git's own interface, its environment is updated at once, and nothing is printed about it
    let seen =
        world.see(world.command("git", &repo).args(["wt", "move", "n", "../m"]).env("GIT_WT_MODE", "git"));
    assert_eq!((seen.code, seen.stdout, seen.stderr), (0, String::new(), String::new()));
    is_at_home(&world, "m");
}

#[test]
fn doctor_waits_for_a_git_that_goes_on_moving_when_git_wt_was_killed() {
    let world = with_staging();
    let repo = world.path("myproject");
    world.see(world.command("mkfifo", &world.root()).arg("go")).ok();
    // this git reports when it is about to move the worktree, and waits for a signal before it does
    let git = World::hosts_git().display();
    world.program(
        "git",
        &format!(
            "#!/bin/sh\ncase \"$*\" in *'worktree move'*) echo >\"$HOME/../moving\"; read -r _ <\"$HOME/../go\" ;; esac\n\
             exec {git} \"$@\"\n"
        ),
    );
    let mut mover = world.command(env!("CARGO_BIN_EXE_git-wt"), &repo);
    let mover = mover.args(["move", "staging", "../n"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut mover = mover.spawn().unwrap();
    while !world.path("moving").exists() {
        assert!(mover.try_wait().unwrap().is_none(), "it has not called git");
    }
    mover.kill().unwrap();
    mover.wait().unwrap();
    let mut doctor = world.command(env!("CARGO_BIN_EXE_git-wt"), &repo);
    let doctor = doctor.args(["doctor", "--fix"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut doctor = doctor.spawn().unwrap();
    let mut said = BufReader::new(doctor.stderr.take().unwrap()).lines().map(Result::unwrap);
    let first = said.next();
    world.write("go", "now\n");
    let rest: Vec<String> = said.collect();
    assert!(doctor.wait().unwrap().success(), "{first:?} {rest:?}");
    assert_eq!(first.as_deref(), Some("waiting for what still works on 'staging'"), "{rest:?}");
    is_at_home(&world, "n");
    assert!(
        !fs::read_dir(world.path("myproject/.git/wt/records"))
            .unwrap()
            .flatten()
            .any(|file| file.path().extension().is_some_and(|end| end == "lock"))
    );
}

#[test]
fn a_plain_worktree_keeps_a_working_environment_of_its_own() {
    let world = World::with_repo();
    world.wt(&["add", "--no-env", "plain"]).ok();
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "../other"]);
    for tree in ["myproject-plain", "other"] {
        let venv = world
            .command("python3", &world.path(tree))
            .args(["-m", "venv", "--without-pip", "venv"])
            .status();
        assert!(venv.unwrap().success());
        world.wt(&["move", tree, &format!("../new-{tree}")]).ok();
        let (old, new) = (world.path(tree), world.path(format!("new-{tree}")));
        assert_eq!(files_with(&new.join("venv"), &format!("{}/", old.display())), Vec::<String>::new());
        assert!(fs::read_to_string(new.join("venv/bin/activate")).unwrap().contains(&*new.to_string_lossy()));
    }
}

#[test]
fn lock_and_unlock_take_names_and_refuse_what_git_refuses() {
    let world = with_staging();
    world.git(&world.path("myproject"), &["branch", "qa"]);
    world.wt(&["add", "qa"]).ok();
    world.wt(&["lock", "--reas", "why not", "staging"]).ok().prints("");
    assert!(world.wt(&["list"]).ok().stdout.contains("locked: why not"));
    world.wt(&["lock", "staging"]).code(128).says(&["is already locked, reason: why not"]);
    world.wt(&["prune"]).ok();
    world.wt(&["remove", "staging"]).code(128).says(&["'staging' is locked: why not", "git wt unlock"]);
    world.wt(&["unlock", "staging"]).ok().prints("");
    world.wt(&["unlock", "staging"]).code(128).says(&["is not locked"]);
    world.wt_in("myproject-qa", &["lock", "."]).ok();
    world.wt(&["unlock", "qa"]).ok();
    world.wt(&["lock", "@"]).code(128).says(&["The main working tree cannot be locked or unlocked"]);
    world.wt(&["lock"]).code(129);
    world.wt(&["lock", "nothing"]).code(128).says(&["'nothing' is not a worktree"]);
}
