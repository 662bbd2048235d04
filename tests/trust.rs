//! What a repository asks for waits for its user's consent, and consent is to what was shown and nothing else.

use std::fs;
use std::os::unix::fs::symlink;

use crate::world::{Seen, World};

/// A world whose `myproject` has committed a recipe, with a Makefile and scripts that leave a trace.
fn asking(recipe: &str) -> World {
    let world = World::with_repo();
    world.write("myproject/.gitignore", ".env\n*.sqlite3\n/media\n");
    world.write("myproject/Makefile", "%:\n\ttouch \"$$HOME/ran\"\n");
    world.write("myproject/tools/set-up.sh", "touch \"$HOME/ran\"\n");
    world.write("myproject/tasks.py", "import os; open(os.environ['HOME'] + '/ran', 'w')\n");
    asks(&world, recipe);
    world
}

fn asks(world: &World, recipe: &str) {
    world.write("myproject/.wt.toml", recipe);
    world.commit(&world.path("myproject"), "what it asks for");
}

/// Whether anything of the repository has run since this was last asked.
fn ran(world: &World) -> bool {
    fs::remove_file(world.path("home/ran")).is_ok()
}

/// The hash that trust shows.
fn hash(world: &World) -> String {
    let seen = world.wt(&["trust"]).code(128);
    let line = seen.stderr.lines().find_map(|line| line.strip_prefix("hash "));
    line.unwrap_or_else(|| panic!("{seen:#?}")).to_owned()
}

fn hints(seen: &Seen) -> Vec<&str> {
    seen.stderr.lines().filter(|line| line.starts_with("hint: ")).collect()
}

#[test]
fn what_reaches_outside_waits_for_consent() {
    let world = asking("");
    fs::create_dir_all(world.path("myproject/media")).unwrap();
    fs::create_dir(world.path("elsewhere")).unwrap();
    for program in ["psql", "createdb"] {
        world.program(program, "#!/bin/sh\ntouch \"$HOME/ran\"\nexit 1\n");
    }
    let lite = format!("DATABASE_URL=sqlite:///{}/elsewhere/db.sqlite3\n", world.root().display());
    let server = "DATABASE_URL=postgres://app@db.example.invalid/shop\n";
    for (name, recipe, example, waits) in [
        ("python", "[venv]\npython = \"make\"\n", "", "  venv by    make\n"),
        ("link", "link = [\"media\"]\n", "", "  link       media\n"),
        ("hook", "[hooks]\nsetup = [\"make all\"]\n", "", "  run        make all\n"),
        ("lite", "[database]\n", &lite, "/elsewhere/db.sqlite3'\n"),
        ("server", "[database]\nremote = true\n", server, " on 'db.example.invalid'\n"),
        ("share", "[database]\nshared = true\n", &lite, "  share      the main worktree's database\n"),
    ] {
        world.write("myproject/.env.example", example);
        asks(&world, recipe);
        world.wt(&["add", name]).code(3).says(&["warning: without consent these are left out:\n", waits]);
        assert!(!ran(&world), "{name}");
        world.wt(&["setup", "--dry-run", name]).ok();
        world.wt(&["setup", name]).code(3).says(&[waits]);
        world.wt(&["trust"]).code(128).says(&[waits.trim_end()]);
        assert!(!ran(&world), "{name}");
    }
    assert_eq!(fs::read_dir(world.path("elsewhere")).unwrap().count(), 0);
    assert!(!world.path("myproject-link/media").exists());
    asks(&world, "path = \"../../elsewhere/{{ name }}\"\n");
    world.wt(&["add", "place"]).code(128).says(&["which needs your consent"]);
    assert_eq!(world.git(&world.path("myproject"), &["branch", "--list", "place"]), "");
    // and with consent it is done
    asks(&world, "link = [\"media\"]\n[hooks]\nsetup = [\"make all\"]\n");
    world.trust();
    world.wt(&["setup", "link"]).ok();
    assert!(ran(&world) && world.path("myproject-link/media").is_symlink());
    asks(&world, "path = \"../elsewhere/{{ name }}\"\n");
    world.trust();
    world.wt(&["add", "place"]).ok().prints("[ROOT]/elsewhere/place\n");
}

#[test]
fn values_of_tracked_files_wait_for_consent() {
    let world = asking("[port]\nPORT = 8000\n[env]\nAPI_BASE = \"https://api.example.com\"\n");
    world.write("myproject/.env.example", "API_URL=https://api.example.com/v1\nPORT=8000\n");
    world.commit(&world.path("myproject"), "an example");
    world.wt(&["add", "x"]).code(3);
    let shown = || {
        let line = ["run", "x", "--", "sh", "-c", "echo $PORT $API_URL $API_BASE"];
        (world.wt(&line).ok().stdout, world.wt(&["env", "x"]).ok())
    };
    let (run, env) = shown();
    assert_eq!((&*run, &*env.stdout), ("8001\n", "PORT=8001  # .env\n"));
    env.says(&[
        "note: API_URL is not set: it waits for your consent, by 'git wt trust'\n",
        "note: API_BASE is not set: it waits for your consent, by 'git wt trust'\n",
    ]);
    world.trust();
    assert_eq!(shown().0, "8001 https://api.example.com/v1 https://api.example.com\n");
    // another value is another request
    world.write("myproject/.env.example", "API_URL=https://evil.example.com/v1\nPORT=8000\n");
    world.commit(&world.path("myproject"), "another example");
    world.wt(&["add", "y"]).code(3);
    world.wt(&["trust"]).code(128).says(&["  .env.example (changed)\n"]);
    world.wt(&["env", "y"]).ok().says(&["note: API_URL is not set: it waits for your consent"]);
}

#[test]
fn a_file_that_a_command_names_is_a_part_of_it() {
    for (command, file) in [
        ("sh tools/set-up.sh", "tools/set-up.sh"),
        ("cd tools && sh ./set-up.sh", "tools/set-up.sh"),
        ("make all", "Makefile"),
        ("/usr/bin/python3 -m tasks", "tasks.py"),
        ("sh linked.sh", "linked.sh"),
    ] {
        let world = asking(&format!("[hooks]\nsetup = [\"{command}\"]\n"));
        symlink("tools/set-up.sh", world.path("myproject/linked.sh")).unwrap();
        world.commit(&world.path("myproject"), "a link");
        world.trust();
        world.wt(&["add", "before"]).ok();
        assert!(ran(&world), "{command}");
        let changed = world.read(format!("myproject/{file}")) + "\n";
        world.write(format!("myproject/{file}"), &changed);
        world.commit(&world.path("myproject"), "changed");
        world.wt(&["add", "after"]).code(3).says(&["without consent"]);
        world.wt(&["trust"]).code(128).says(&[command, &format!("{file} (changed)")]);
        assert!(!ran(&world), "{command}");
    }
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
    // a command is shown whole, whatever the width, and its files in a line of their own
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
    // what waits is not said to be done
    let plan = world.wt(&["setup", "--dry-run", "x"]).ok().stdout;
    assert!(
        plan.ends_with("\n  wait for your consent: run make all\n") && plan.lines().count() == 2,
        "{plan}"
    );
}

#[test]
fn consent_in_advance_is_to_exactly_that() {
    let world = asking("[hooks]\nsetup = [\"make all\"]\n");
    let known = hash(&world);
    world.write("myproject/Makefile", "%:\n\ttouch \"$$HOME/ran\" more\n");
    world.commit(&world.path("myproject"), "more");
    let seen = world.wt(&["trust", "--hash", &known]).code(128);
    let now = hash(&world);
    seen.says(&["error: this is not what was consented to in advance", &now]);
    world.wt(&["add", "x"]).code(3);
    assert!(!ran(&world));
    world.wt(&["trust", "--hash", &now]).ok();
    world.wt(&["setup", "x"]).ok();
    assert!(ran(&world));
    world.wt(&["trust"]).ok().says(&["nothing waits for your consent\n"]);
    world.wt(&["trust", "--forget"]).ok();
    assert_eq!(hash(&world), now);
}

#[test]
fn only_the_users_own_configuration_trusts_a_repository() {
    let world = asking("[hooks]\nsetup = [\"make all\"]\n");
    let repo = world.path("myproject");
    let pattern = format!("{}/*", world.root().display());
    // a repository may come with its .git, and a branch with a file that is included
    world.git(&repo, &["config", "wt.trusted", &pattern]);
    world.write("myproject/settings", &format!("[wt]\n\ttrusted = {pattern}\n"));
    world.git(&repo, &["config", "include.path", "../settings"]);
    world.git(
        &repo,
        &["config", "--global", "--add", "include.path", repo.join("settings").to_str().unwrap()],
    );
    world.commit(&repo, "settings");
    world.wt(&["add", "x"]).code(3).says(&["without consent"]);
    world.git(&repo, &["config", "--global", "wt.trusted", "~/code/*"]);
    world.wt(&["setup", "x"]).code(3).says(&["without consent"]);
    assert!(!ran(&world));
    world.git(&repo, &["config", "--global", "wt.trusted", &pattern]);
    world.wt(&["setup", "x"]).ok();
    assert!(ran(&world));
    world.wt(&["trust"]).ok().says(&["nothing waits for your consent\n"]);
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
        world.wt(&["add", "x"]).code(128).says(&["too many attached databases"]);
        assert!(!other.exists() && !world.path("myproject-x").exists(), "{statement}");
    }
}
