//! What consent covers (what was shown and nothing else), and who can give it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::consent::{leaves_it_to_a_person, sets, with_recipe};
use crate::world::{Seen, World};

/// Makes a world whose `myproject` has committed a recipe, with a Makefile and a script that leave a trace.
fn asking(recipe: &str) -> World {
    let make = "%:\n\ttouch \"$$HOME/ran\"\n";
    with_recipe(recipe, &[("Makefile", make), ("tools/set-up.sh", "touch \"$HOME/ran\"\n")])
}

fn asks(world: &World, recipe: &str) {
    world.write("myproject/.wt.toml", recipe);
    world.commit(&world.path("myproject"), "what it asks for");
}

/// Whether anything of the repository's has run since this was last called.
fn ran(world: &World) -> bool {
    fs::remove_file(world.path("home/ran")).is_ok()
}

/// Returns the hash that trust shows.
fn hash(world: &World) -> String {
    let seen = world.wt(&["trust"]).code(128);
    let line = seen.stderr.lines().find_map(|line| line.strip_prefix("hash "));
    line.unwrap_or_else(|| panic!("{seen:#?}")).to_owned()
}

fn hints(seen: &Seen) -> Vec<&str> {
    seen.stderr.lines().filter(|line| line.starts_with("hint: ")).collect()
}

#[test]
fn a_file_that_a_command_names_is_a_part_of_it() {
    for (command, changed) in [
        ("sh x.sh", "x.sh"),
        ("cd d && ./x.sh", "d/x.sh"),
        ("make", "Makefile"),
        ("cd d && make", "d/Makefile"),
        ("cd a && cd d && make", "a/d/Makefile"),
        ("cd a/d/../d; make", "a/d/Makefile"),
        ("make -C a/d", "a/d/Makefile"),
        ("make -fbuild.mk", "build.mk"),
        ("npm run build", "package.json"),
        ("npm --prefix=d run build", "d/package.json"),
        ("python3 -m pkg.tool", "pkg/tool.py"),
        ("/usr/bin/python3 -m pkg.tool", "pkg/tool.py"),
        ("python3 -m pkg.tool", "pkg/__init__.py"),
        ("python3 -Im pkg.tool", "pkg/tool.py"),
        ("python3 -mpkg.tool", "pkg/tool.py"),
        ("cd a/d && python3 -m pkg.tool", "a/d/pkg/tool.py"),
        ("python3 pkg", "pkg/__main__.py"),
        ("sh linked.sh", "x.sh"),
        ("sh linked/x.sh", "d/x.sh"),
        ("cat <x.sh | sh", "x.sh"),
        ("pip install -rreqs.txt", "reqs.txt"),
    ] {
        let world = World::with_repo();
        let repo = world.path("myproject");
        for name in [
            "x.sh",
            "d/x.sh",
            "Makefile",
            "d/Makefile",
            "a/d/Makefile",
            "build.mk",
            "package.json",
            "d/package.json",
            "pkg/tool.py",
            "pkg/__init__.py",
            "pkg/__main__.py",
            "a/d/pkg/tool.py",
            "reqs.txt",
        ] {
            world.write(format!("myproject/{name}"), "# as it was\n");
            fs::set_permissions(repo.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        symlink("x.sh", repo.join("linked.sh")).unwrap();
        symlink("d", repo.join("linked")).unwrap();
        world.write(
            "myproject/.wt.toml",
            &format!("[hooks]\nsetup = [\"({command}) || true; touch ran.sqlite3\"]\n"),
        );
        world.commit(&repo, "recipe");
        world.trust();
        world.git(&repo, &["switch", "--quiet", "--create", "evil"]);
        world.write(format!("myproject/{changed}"), "# another\n");
        world.commit(&repo, "evil");
        world.git(&repo, &["switch", "--quiet", "main"]);
        world.wt(&["add", "evil"]).code(3).says(&["without consent", command]);
        assert!(!world.path("myproject-evil/ran.sqlite3").exists(), "{command}");
        // a link is listed under its own name
        let called = if command == "sh linked.sh" { "linked.sh" } else { changed };
        world.wt(&["trust", "evil"]).code(128).says(&[&format!("{called} (changed)")]);
        world.wt(&["add", "good"]).ok();
        assert!(world.path("myproject-good/ran.sqlite3").exists(), "{command}");
    }
}

#[test]
fn consent_covers_the_files_of_submodules() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    let part = world.repo("part");
    world.write("part/x.sh", "true\n");
    world.commit(&part, "script");
    world.git(
        &repo,
        &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", part.to_str().unwrap(), "part"],
    );
    world.write("myproject/.wt.toml", "[hooks]\nsetup = ['cd part && sh x.sh && touch ran.sqlite3']\n");
    world.commit(&repo, "recipe");
    world.trust();
    world.wt(&["add", "good"]).ok();
    assert!(world.path("myproject-good/part/ran.sqlite3").exists());
    world.git(&repo, &["switch", "--quiet", "--create", "evil"]);
    world.write("myproject/part/x.sh", "# another\n");
    world.commit(&repo.join("part"), "evil");
    world.commit(&repo, "evil");
    world.git(&repo, &["switch", "--quiet", "main"]);
    world.git(&repo, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "update"]);
    world.wt(&["add", "evil"]).code(3).says(&["without consent"]);
    assert!(!world.path("myproject-evil/part/ran.sqlite3").exists());
}

#[test]
fn a_hook_cannot_change_what_the_next_one_runs() {
    let world = asking("[hooks]\nsetup = [\"echo true >> tools/set-up.sh\", \"sh tools/set-up.sh\"]\n");
    world.trust();
    world.wt(&["add", "x"]).code(3).says(&["without consent", "  run        sh tools/set-up.sh\n"]);
    assert!(!ran(&world));
}

#[test]
fn what_is_not_covered_is_said() {
    let world = asking("[hooks]\nsetup = [\"sh $SCRIPT\", \"sh tools/set-up.sh\"]\nteardown = [\"true\"]\n");
    world.wt(&["trust"]).code(128).says(&[
        "this repository asks for, with the files that consent covers:\n  run        sh $SCRIPT\n",
        "               what $SCRIPT stands for is not covered\n",
        "  run        sh tools/set-up.sh  tools/set-up.sh\n  teardown   true\n",
        "what these files read or run in turn is not covered\n",
    ]);
    // a command is shown in full, whatever the width, and its files on a line of their own
    let long = format!("sh tools/set-up.sh {}", "word ".repeat(30));
    asks(&world, &format!("[hooks]\nsetup = [\"{long}\"]\n"));
    world
        .wt(&["trust"])
        .code(128)
        .says(&[&format!("  run        {long}\n               tools/set-up.sh\nwhat these files")]);
    asks(&world, "[hooks]\nsetup = [\"true\"]\n");
    assert!(!world.wt(&["trust"]).code(128).stderr.contains("these files"));
}

#[test]
fn an_agent_is_told_to_ask_a_person() {
    let world = asking("[hooks]\nsetup = [\"make all\"]\n");
    for args in [&["add", "x"][..], &["setup", "x"]] {
        let seen = world.wt(args).code(3).says(&[
            "a person has to agree to them once, by 'git wt trust x' on a terminal;\n",
            "'git wt setup x' then does what was left out\n",
        ]);
        assert!(!seen.stderr.contains("--yes") && !seen.stderr.contains("--hash"), "{seen:#?}");
        assert!(!hints(&seen).iter().any(|hint| hint.contains("trust")), "{seen:#?}");
    }
    let seen =
        world.wt(&["trust"]).code(128).says(&["there is no terminal to ask on", "a person has to agree"]);
    assert!(hints(&seen).is_empty(), "{seen:#?}");
    assert!(!ran(&world));
    // what waits is not reported as done
    let plan = world.wt(&["setup", "--dry-run", "x"]).ok().stdout;
    assert!(
        plan.ends_with("\n  wait for your consent: run make all\n") && plan.lines().count() == 2,
        "{plan}"
    );
}

#[test]
fn a_teammates_agent_gets_a_worktree_and_a_person_the_rest() {
    let world = World::new();
    world.repo("origin");
    world.write(
        "origin/.wt.toml",
        "[port]\nPORT = 8000\n[env]\nGREETING = 'hello'\n[hooks]\nsetup = ['sh install.sh', 'echo $GREETING >greeted.sqlite3']\n",
    );
    world.write("origin/.gitignore", ".env\n*.sqlite3\n");
    world.write("origin/install.sh", "touch installed.sqlite3\n");
    world.write("origin/.env.example", "PORT=8000\nDEBUG=1\n");
    world.commit(&world.path("origin"), "recipe");
    world.git(&world.root(), &["clone", "--quiet", "origin", "myproject"]);
    let seen = world.wt(&["add", "x"]).code(3).prints("[ROOT]/myproject-x\n");
    leaves_it_to_a_person(&seen);
    for action in ["run        sh install.sh", "run        echo $GREETING"] {
        assert_eq!(seen.stderr.matches(action).count(), 1, "{action}: {seen:#?}");
    }
    // the worktree is usable: its branch, its files and its port are there
    assert_eq!(world.git(&world.path("myproject-x"), &["branch", "--show-current"]), "x");
    assert_eq!(
        world.read("myproject-x/.env"),
        "PORT=8001\nDEBUG=1\n# set by git-wt for this worktree\nGREETING=hello\n"
    );
    world.wt(&["run", "x", "--", "printenv", "PORT"]).ok().prints("8001\n");
    assert!(!sets(&world, "GREETING") && !sets(&world, "DEBUG"));
    assert!(!world.path("myproject-x/installed.sqlite3").exists());
    world.trust();
    world.wt(&["setup", "x"]).ok();
    assert_eq!(world.read("myproject-x/greeted.sqlite3"), "hello\n");
    assert!(world.path("myproject-x/installed.sqlite3").exists() && sets(&world, "DEBUG"));
}

#[test]
fn consent_in_advance_is_to_exactly_that() {
    let world = with_recipe("[hooks]\nsetup = ['sh x.sh']\n", &[("x.sh", "touch ran.sqlite3\n")]);
    let known = hash(&world);
    world.wt(&["trust", "--hash", "0123"]).code(128).says(&["not what was consented to", &known]);
    world.write("myproject/x.sh", "touch ran.sqlite3 # another\n");
    world.wt(&["trust", "--hash", &known]).code(128);
    world.wt(&["add", "x"]).code(3);
    world.write("myproject/x.sh", "touch ran.sqlite3\n");
    world.wt(&["trust", "--hash", &known]).ok();
    // a user who has already consented is shown the same
    world.wt(&["trust"]).ok().says(&["nothing waits for your consent\n", &format!("hash {known}\n")]);
    world.wt(&["trust", "--hash", &known]).ok();
    world.wt(&["trust", "--hash", "0123"]).code(128);
    world.write("myproject/.wt.toml", "[hooks]\nsetup = ['sh x.sh', 'true']\n");
    let more = hash(&world);
    world.wt(&["trust", "--forget"]).ok();
    assert_eq!(hash(&world), more);
    world.write("myproject/.wt.toml", "[hooks]\nsetup = ['sh x.sh']\n");
    world.wt(&["trust", "--hash", &known]).ok();
    world.wt(&["setup", "x"]).ok();
    assert!(world.path("myproject-x/ran.sqlite3").exists());
    // consent to everything is asked for again
    world.wt(&["trust", "--forget"]).ok();
    world.wt(&["add", "y"]).code(3);
    assert!(!world.path("myproject-y/ran.sqlite3").exists());
}

/// Something a repository may try: its name, and how, given a pattern that fits everything.
type Attempt = (&'static str, fn(&World, &str));

#[test]
fn only_the_users_own_configuration_trusts_a_repository() {
    let attempts: [Attempt; 5] = [
        ("the repository's own settings", |world, all| {
            world.git(&world.path("myproject"), &["config", "wt.trusted", all]);
        }),
        ("those of the worktree", |world, all| {
            let repo = world.path("myproject");
            world.git(&repo, &["config", "extensions.worktreeConfig", "true"]);
            world.git(&repo, &["config", "--worktree", "wt.trusted", all]);
        }),
        ("a tracked file that they include", |world, _| {
            world.git(&world.path("myproject"), &["config", "include.path", "../team"]);
        }),
        ("a tracked file that the user's settings include", |world, _| {
            let file = world.path("myproject/team");
            world.git(&world.root(), &["config", "--global", "include.path", file.to_str().unwrap()]);
        }),
        ("a pattern that is another's", |world, _| {
            let other = world.path("another/*");
            world.git(&world.root(), &["config", "--global", "wt.trusted", other.to_str().unwrap()]);
        }),
    ];
    for (attempt, make) in attempts {
        let world = World::with_repo();
        let all = format!("{}/*", world.root().display());
        world.write("myproject/team", &format!("[wt]\n\ttrusted = {all}\n"));
        world.write("myproject/.wt.toml", "[hooks]\nsetup = ['touch ran.sqlite3']\n");
        world.commit(&world.path("myproject"), "recipe");
        make(&world, &all);
        assert_eq!(world.wt(&["add", "x"]).code, 3, "{attempt}");
        assert!(!world.path("myproject-x/ran.sqlite3").exists(), "{attempt}");
        world.git(&world.root(), &["config", "--global", "--replace-all", "wt.trusted", &all]);
        world.wt(&["add", "y"]).ok();
        assert!(world.path("myproject-y/ran.sqlite3").exists(), "{attempt}");
    }
}

#[test]
fn a_damaged_file_of_consents_is_forgotten() {
    let world = with_recipe("[hooks]\nsetup = ['touch ran.sqlite3']\n", &[]);
    world.trust();
    let dir = fs::read_dir(world.path("state/git-wt/trust")).unwrap();
    for file in dir.map(|found| found.unwrap().path()) {
        fs::write(file, "{").unwrap();
    }
    world.wt(&["add", "x"]).code(128).says(&["hint: git wt trust --forget\n"]);
    world.wt(&["trust", "--forget"]).ok();
    world.wt(&["add", "x"]).code(3);
    assert!(!world.path("myproject-x/ran.sqlite3").exists());
}

#[test]
fn the_recipe_of_a_branch_is_not_read() {
    let world = asking("");
    let repo = world.path("myproject");
    world.git(&repo, &["switch", "--quiet", "--create", "theirs"]);
    asks(
        &world,
        "path = \"/\"\nlink = [\"README\"]\n[venv]\npython = \"make\"\n[hooks]\nsetup = [\"make all\"]\n",
    );
    world.git(&repo, &["switch", "--quiet", "main"]);
    world.wt(&["add", "theirs"]).ok().prints("[ROOT]/myproject-theirs\n");
    let there = ["remove", "theirs"];
    for args in [&["setup", "theirs"][..], &["env", "theirs"], &["run", "theirs", "--", "true"], &there] {
        world.wt(args).ok();
    }
    assert!(!ran(&world));
}

#[test]
fn a_dump_opens_no_other_file() {
    let world = asking("[database]\nfrom = \"seed.sql\"\n");
    world.write("myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
    let other = world.path("other.sqlite3");
    for statement in ["ATTACH '{}' AS other; CREATE TABLE other.t (n)", "VACUUM INTO '{}'"] {
        let statement = statement.replace("{}", other.to_str().unwrap());
        world.write("myproject/seed.sql", &format!("CREATE TABLE a (n);\n{statement};\n"));
        world.commit(&world.path("myproject"), "a dump");
        world.trust();
        world.wt(&["add", "x"]).code(128).says(&["too many attached databases"]);
        assert!(!other.exists() && !world.path("myproject-x").exists(), "{statement}");
    }
}
