//! `setup` after add: what has gone is made anew, what is new in the main worktree arrives, and a dry run agrees.

use crate::terminal::{Setup, Terminal};
use crate::world::World;
use std::fs;

/// Returns what a dry run says will be done.
fn planned(world: &World, name: &str) -> String {
    world.wt(&["setup", "-n", name]).ok().stdout
}

#[test]
fn what_has_gone_from_a_worktree_is_made_anew() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.fake_uv("");
    world.write("myproject/.gitignore", ".env\n.venv\nmedia\n*.local\n");
    world
        .write("myproject/.wt.toml", "copy = [\"*.local\"]\n[venv]\npath = \".venv\"\n[port]\nPORT = 8000\n");
    world.commit(&repo, "recipe");
    world.git(&repo, &["config", "wt.link", "media"]);
    world.write("myproject/.env", "PORT=8000\nA=1\n");
    world.write("myproject/keys.local", "k\n");
    world.write("myproject/media/photo", "x");
    world.wt(&["add", "a"]).ok();
    world.wt(&["setup", "a"]).ok().says(&["nothing to do"]);

    let tree = world.path("myproject-a");
    fs::remove_dir_all(tree.join(".venv")).unwrap();
    for gone in ["keys.local", "media", ".env"] {
        fs::remove_file(tree.join(gone)).unwrap();
    }
    let planned = planned(&world, "a");
    for what in ["copy of 'keys.local'", "link to 'media'", "venv '.venv'", "env file '.env'"] {
        assert!(planned.contains(&format!("make {what}")), "{what}: {planned}");
    }
    world.wt(&["setup", "a"]).ok().says(&["a: .venv, .env, a copy of keys.local, a link to media\n"]);
    assert_eq!(world.read("myproject-a/keys.local"), "k\n");
    assert_eq!(world.read("myproject-a/media/photo"), "x");
    assert_eq!(world.read("myproject-a/.env"), "PORT=8001\nA=1\n");
    assert!(tree.join(".venv/pyvenv.cfg").exists());
    world.wt(&["setup", "a"]).ok().says(&["nothing to do"]);
    // they are ours again: a removal takes them along without a question
    world.wt(&["remove", "a"]).ok();
    assert_eq!(world.read("myproject/media/photo"), "x");
}

#[test]
fn what_the_user_has_put_in_the_place_of_ours_stays() {
    let world = World::with_repo();
    world.write("myproject/.env.local", "main's\n");
    world.wt(&["add", "a"]).ok();
    fs::remove_file(world.path("myproject-a/.env.local")).unwrap();
    world.write("myproject-a/.env.local", "mine\n");
    assert!(planned(&world, "a").contains("nothing to do"));
    world.wt(&["setup", "a"]).ok();
    assert_eq!(world.read("myproject-a/.env.local"), "mine\n");
}

#[test]
fn a_variable_that_main_gets_later_arrives_and_one_that_is_gone_is_named() {
    let world = World::with_repo();
    world.write("myproject/.env", "PORT=8000\nOLD=1\nDROPPED=1\n");
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[env]\nNAME = \"{{ name }}\"\n");
    world.commit(&world.path("myproject"), "recipe");
    world.trust();
    world.wt(&["add", "a"]).ok();
    let env = world.read("myproject-a/.env").replace("DROPPED=1\n", "");
    world.write("myproject-a/.env", &env);
    world.write(
        "myproject/.env",
        "PORT=8000\nDROPPED=2\nexport TOKEN='a b' # from the vault\nAPI=http://localhost:8000/v1\n",
    );

    assert!(planned(&world, "a").contains("add in '.env': TOKEN, API"), "{}", planned(&world, "a"));
    assert!(planned(&world, "a").contains("gone from the main worktree, and kept in '.env': OLD"));
    world
        .wt(&["setup", "a"])
        .ok()
        .says(&["added TOKEN, API in '.env'", "gone from the main worktree, and kept: OLD in '.env'"]);
    let env = world.read("myproject-a/.env");
    assert_eq!(
        env,
        "PORT=8001\nOLD=1\nexport TOKEN='a b' # from the vault\nAPI=http://localhost:8001/v1\n\
         # set by git-wt for this worktree\nNAME=a\n"
    );
    // said once, and then it is as it should be
    assert!(planned(&world, "a").contains("nothing to do"), "{}", planned(&world, "a"));
    world.wt(&["setup", "a"]).ok().says(&["nothing to do"]);
    // what the user has deleted is no news
    world.write("myproject-a/.env", &env.replace("export TOKEN='a b' # from the vault\n", ""));
    world.wt(&["setup", "a"]).ok();
    assert!(!world.read("myproject-a/.env").contains("TOKEN"));
}

#[test]
fn a_new_variable_in_mains_file_is_drift() {
    let world = World::with_repo();
    world.write("myproject/.env", "A=1\n");
    world.wt(&["add", "a"]).ok();
    let Some(mut terminal) = Terminal::open(&world, "bash") else { return };
    assert_eq!(terminal.prompts("cd ../myproject-a"), "(a)");
    world.write("myproject/.env", "A=1\nNEW=1\n");
    terminal.shows("cd ..");
    assert_eq!(terminal.prompts("cd myproject-a"), "(a *)");
    assert_eq!(terminal.prompts("wt setup"), "(a)");
}

#[test]
fn a_database_that_has_gone_is_made_again_only_after_a_question() {
    let world = World::with_repo();
    world.write("myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
    world.write("myproject/.wt.toml", "[database]\nvariable = \"DATABASE_URL\"\nfrom = \"empty\"\n");
    world.commit(&world.path("myproject"), "recipe");
    world.wt(&["add", "a"]).ok();
    let file = world.path("myproject-a/db.sqlite3");
    fs::remove_file(&file).unwrap();
    assert!(planned(&world, "a").contains("ask whether to make database"));
    world.wt(&["setup", "a"]).ok().says(&["has gone; it is made again only after a question"]);
    assert!(!file.exists());
    let Some(mut terminal) = Terminal::open_with(&world, "bash", &Setup::default()) else { return };
    terminal.type_in("git wt setup a\r");
    terminal.until(|shown| shown.ends_with("make it again? [y/N] "));
    terminal.type_in("y\r");
    terminal.until(|shown| {
        shown.contains("a: database db.sqlite3 (empty)") && shown.ends_with(crate::terminal::PROMPT)
    });
    assert!(file.exists());
}

#[test]
fn what_is_left_out_each_time_is_not_planned_each_time() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.write("myproject/.gitignore", ".env*\ncache/\n");
    world.commit(&repo, "ignore");
    world.git(&repo, &["branch", "shows"]);
    world.write("myproject/db.sqlite3", "");
    world.write("myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
    for link in ["missing", "seen", "cache"] {
        world.git(&repo, &["config", "--add", "wt.link", link]);
    }
    world.git(&repo, &["config", "wt.database.from", "main"]);
    world.write("myproject/seen/file", "x");
    world.write("myproject/cache/file", "x");
    world.wt(&["add", "--no-env", "a"]).ok();
    let first = planned(&world, "a");
    assert!(first.contains("make link to 'cache'"), "{first}");
    for left_out in ["'missing'", "'seen'", "database"] {
        assert!(!first.contains(left_out), "{left_out}: {first}");
    }
    world.wt(&["setup", "a"]).ok();
    assert!(planned(&world, "a").contains("nothing to do"), "{}", planned(&world, "a"));
    world.wt(&["setup", "a"]).ok().says(&["nothing to do"]);
}

#[test]
fn a_venv_made_by_hand_after_a_failure_stays() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[venv]\n");
    world.commit(&world.path("myproject"), "recipe");
    world.git(&world.path("myproject"), &["worktree", "add", "-q", "../x"]);
    world.fake_uv("rm -r \"$venv\"/*\nexit 1");
    world.wt(&["setup", "x"]).code(128).says(&["cannot make the Python environment"]);
    assert!(!world.path("x/.venv").exists());
    world.write("x/.venv/pyvenv.cfg", "home = /usr/bin\n");
    world.write("x/.venv/mine", "precious");
    world.fake_uv("");
    let _ = world.wt(&["setup", "x"]);
    assert_eq!(world.read("x/.venv/mine"), "precious");
}

#[test]
fn a_value_with_the_branch_follows_a_switch() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[env]\nBRANCH = \"{{ branch }}\"\n");
    world.write("myproject/.env", "A=1\n");
    world.commit(&world.path("myproject"), "recipe");
    world.trust();
    world.wt(&["add", "staging"]).ok();
    let drifted = || world.wt(&["list", "--json"]).ok().stdout.contains("\"drifted\":true");
    assert!(!drifted());
    world.git(&world.path("myproject-staging"), &["switch", "-q", "-c", "other"]);
    assert!(drifted());
    world.wt(&["setup", "staging"]).ok().says(&["changed BRANCH in '.env'"]);
    assert!(world.read("myproject-staging/.env").contains("BRANCH=other\n"));
    assert!(!drifted());
}
