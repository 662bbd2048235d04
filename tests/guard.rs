//! The guard: nothing runs in one worktree with the port, the database or the venv of another.

use std::fs;

use crate::world::{Seen, World};

const RECIPE: &str = "[port]\nPORT = 18300\n[env]\nAPI_URL = \"http://localhost:{{ port }}\"\n[database]\n\
                      [hooks]\nsetup = [\"echo hooked\"]\nteardown = [\"echo torn down\"]\n";

/// Makes two worktrees, `a` and `b`, each with its own environment.
fn neighbours() -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", RECIPE);
    world.commit(&world.path("myproject"), "recipe");
    world.write(
        "myproject/.env",
        &format!("DATABASE_URL={}\nOTHER=1\nBASE_URL=http://localhost:18300/\n", database(&world)),
    );
    world.wt(&["trust", "--yes"]).ok();
    for name in ["a", "b"] {
        world.wt(&["add", name]).ok();
    }
    world
}

/// Returns the URL of main's database.
fn database(world: &World) -> String {
    format!("sqlite:///{}", world.path("shop.sqlite3").display())
}

fn run_in_a(world: &World) -> Seen {
    world.wt(&["run", "a", "--", "echo", "ran"])
}

fn value(world: &World, tree: &str, name: &str) -> String {
    let text = world.read(format!("{tree}/.env"));
    text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().to_owned()
}

fn put(world: &World, name: &str, value: &str) {
    let text = world.read("myproject-a/.env");
    let others = text.lines().filter(|line| !line.starts_with(&format!("{name}=")));
    let mut lines: Vec<String> = others.map(str::to_owned).collect();
    lines.push(format!("{name}={value}\n"));
    world.write("myproject-a/.env", &lines.join("\n"));
}

#[test]
fn mains_port_is_noticed_where_the_worktree_has_another() {
    let world = neighbours();
    let own = world.read("myproject-a/.env");
    put(&world, "PORT", "18300");
    put(&world, "BASE_URL", "http://localhost:18300/");
    let named = "PORT in '.env' is port 18300 of the main worktree 'myproject'";
    run_in_a(&world).code(128).prints("").says(&[named, "hint: git wt setup a\n"]);
    let shown = world.wt(&["setup", "--dry-run", "a"]).ok().stdout;
    assert!(shown.contains("change in '.env': ") && !shown.contains("keep yours"), "{shown}");
    world.wt(&["setup", "a"]).ok();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(lines(&world.read("myproject-a/.env")), lines(&own));
    run_in_a(&world).ok().prints("ran\n");
}

#[test]
fn the_neighbours_env_file_is_noticed_and_setup_is_the_way_out() {
    let world = neighbours();
    let own = world.read("myproject-a/.env");
    run_in_a(&world).ok().prints("ran\n");
    fs::copy(world.path("myproject-b/.env"), world.path("myproject-a/.env")).unwrap();
    let port = value(&world, "myproject-b", "PORT");
    run_in_a(&world).code(128).prints("").says(&[
        "error: the environment of 'a' leads into another worktree\n",
        &format!("PORT in '.env' is port {port} of 'b'"),
        "DATABASE_URL in '.env' is the database of 'b'",
        &format!("API_URL in '.env' is port {port} of 'b'"),
        "hint: git wt setup a\n",
    ]);
    world.wt(&["setup", "a"]).ok().says(&["PORT in '.env' is port", "set anew"]);
    assert_eq!(world.read("myproject-a/.env"), own);
    run_in_a(&world).ok().prints("ran\n");
}

#[test]
fn mains_database_is_not_a_worktrees_own() {
    let world = neighbours();
    put(&world, "DATABASE_URL", &format!("{}?timeout=5", database(&world)));
    run_in_a(&world)
        .code(128)
        .says(&["DATABASE_URL in '.env' is the database of the main worktree 'myproject'"]);
    // if it is shared on purpose, there is no complaint
    world.write("myproject/.wt.toml", &RECIPE.replace("[database]", "[database]\nshared = true"));
    world.trust();
    run_in_a(&world).ok();
}

#[test]
fn what_a_recipe_does_not_give_is_the_users_to_change() {
    let world = neighbours();
    let port = value(&world, "myproject-b", "PORT");
    put(&world, "SOCKET_URL", &format!("ws://127.0.0.1:{port}/live"));
    run_in_a(&world).code(128).says(&["; change SOCKET_URL in '.env'\n", "SOCKET_URL in '.env' is port"]);
    // intended by the recipe, or a number that is not a port
    put(&world, "SOCKET_URL", "ws://example.org");
    put(&world, "TIMEOUT", &port);
    put(&world, "SUPPORT", &port);
    run_in_a(&world).ok();
    put(&world, "UPSTREAM", &format!("http://localhost:{port}"));
    let recipe = RECIPE.replace("[env]\n", &format!("[env]\nUPSTREAM = \"http://localhost:{port}\"\n"));
    world.write("myproject/.wt.toml", &recipe);
    run_in_a(&world).ok();
}

#[test]
fn the_user_has_the_last_word() {
    let world = neighbours();
    put(&world, "PORT", &value(&world, "myproject-b", "PORT"));
    let set = |word: &str| world.git(&world.path("myproject"), &["config", "wt.guard", word]);
    set("warn");
    run_in_a(&world).ok().prints("ran\n").says(&["warning: the environment of 'a'", "hint: git wt setup a"]);
    set("off");
    assert_eq!(run_in_a(&world).ok().prints("ran\n").stderr, "");
    set("never");
    run_in_a(&world).code(128).says(&["wt.guard is 'never'; it may be refuse, warn or off"]);
    set("refuse");
    run_in_a(&world).code(128);
}

#[test]
fn hooks_are_not_run_next_door() {
    let world = neighbours();
    let port = value(&world, "myproject-b", "PORT");
    put(&world, "SOCKET_URL", &format!("ws://localhost:{port}"));
    let seen = world.wt(&["setup", "--again", "a"]).code(3).says(&["SOCKET_URL in '.env' is port"]);
    assert!(!seen.stderr.contains("hooked"), "{seen:?}");
    let seen = world.wt(&["remove", "--yes", "a"]).ok().says(&["SOCKET_URL in '.env' is port"]);
    assert!(!seen.stderr.contains("torn down") && !world.path("myproject-a").exists(), "{seen:?}");
}

#[test]
fn what_the_shell_would_bring_along_is_noticed() {
    let world = neighbours();
    let port = value(&world, "myproject-b", "PORT");
    let in_shell = |target: &str, variables: &[(&str, &str)]| {
        let mut command = world.command("git", &world.path("myproject"));
        command.args(["wt", "run", target, "--", "sh", "-c", "echo ${PORT-none}"]);
        command.envs(variables.iter().copied());
        world.see(&mut command)
    };
    // the worktree's own value wins
    let own = format!("{}\n", value(&world, "myproject-a", "PORT"));
    let venv = world.path("myproject-b/.venv");
    in_shell("a", &[("PORT", &port)]).ok().prints(&own);
    // an active venv is on PATH too, unless the worktree has its own; main's may be used if there is none
    let venvs = [(venv, 128), (world.path("myproject/.venv"), 0), (world.path("elsewhere"), 0)];
    for (venv, code) in venvs {
        let seen = in_shell("a", &[("VIRTUAL_ENV", venv.to_str().unwrap())]).code(code);
        let told = "VIRTUAL_ENV of the shell is in 'b'\nhint: deactivate\n";
        assert_eq!(seen.stderr.contains(told), code == 128, "{seen:?}");
        world.write("myproject-a/.venv/pyvenv.cfg", "");
        in_shell("a", &[("VIRTUAL_ENV", venv.to_str().unwrap())]).ok();
        fs::remove_dir_all(world.path("myproject-a/.venv")).unwrap();
    }
    in_shell("@", &[("PORT", &port)]).code(128).says(&["PORT of the shell is port", "hint: unset PORT\n"]);
}

#[test]
fn a_command_leaves_the_worktree_of_the_shell() {
    let world = neighbours();
    let entered = world.see(
        world
            .command("git-wt", &world.path("myproject-b"))
            .args(["hook", "1"])
            .arg(world.path("myproject-b")),
    );
    let stdout = entered.ok().stdout.replace("[ROOT]", &world.root().to_string_lossy());
    let mut fields = stdout.split('\0');
    let mut command = world.command("git", &world.path("myproject-b"));
    command.args(["wt", "run", "@", "--", "sh", "-c", "echo ${PORT-none} ${GIT_WT_NAME-none}"]);
    while fields.next() == Some("set") {
        command.env(fields.next().unwrap(), fields.next().unwrap());
    }
    world.see(&mut command).ok().prints("none none\n");
}
