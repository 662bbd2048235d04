//! A secret goes where it is needed and is visible nowhere else: not in arguments, logs, records, claims or messages.

use std::fs;
use std::path::Path;

use crate::world::{Seen, World, below};

/// Whether a word is in a file, or in the content or name of a file below a directory.
fn is_in(place: &Path, word: &str) -> bool {
    let has = |path: &Path| {
        let content = fs::read(path).unwrap_or_default();
        path.to_string_lossy().contains(word) || String::from_utf8_lossy(&content).contains(word)
    };
    has(place) || below(place, &|_| true).iter().any(|path| has(path))
}

#[track_caller]
fn is_nowhere(world: &World, shown: &Seen, secret: &str) {
    assert!(!shown.stderr.contains(secret) && !shown.stdout.contains(secret), "{shown:#?}");
    for place in ["myproject/.git/wt", "state", "arguments"] {
        let place = world.path(place);
        assert!(!is_in(&place, secret), "{secret} is in {}", place.display());
    }
}

/// Makes a project whose database is reached through programs that report their arguments and everything else they are
/// given, repeat all they know, and fail.
fn with_talkative_programs() -> World {
    let world = World::with_repo();
    let script = "#!/bin/sh\nprintf '%s\\n' \"$@\" >>[ROOT]/arguments\n\
                  printf '%s\\n' \"$PGPASSWORD$MYSQL_PWD\" \"$PGOPTIONS\" >>[ROOT]/given\n\
                  echo \"FATAL: no $PGPASSWORD$MYSQL_PWD with $PGOPTIONS\" >&2\nexit 2\n";
    let script = script.replace("[ROOT]", &world.root().to_string_lossy());
    for program in ["psql", "pg_dump", "pg_restore", "mysql", "mariadb", "mysqldump", "mariadb-dump"] {
        world.program(program, &script);
    }
    world.write("myproject/.wt.toml", "[database]\n");
    world.commit(&world.path("myproject"), "recipe");
    world
}

#[test]
fn programs_get_the_secrets_of_a_url_and_nobody_sees_them() {
    let world = with_talkative_programs();
    for (url, given) in [
        ("postgres://app:HIDDEN@127.0.0.1:1/shop", "HIDDEN"),
        ("postgres://app:HID%40DEN@127.0.0.1:1/shop", "HID@DEN"),
        ("postgres://app:HIDDEN:x@127.0.0.1:1/shop", "HIDDEN:x"),
        ("postgres://app:HID@DEN@127.0.0.1:1/shop", "HID@DEN"),
        ("postgres://app:HID/DEN#x@127.0.0.1:1/shop", "HID/DEN#x"),
        ("postgres://app@127.0.0.1:1/shop?password=HIDDEN&user=x", "HIDDEN"),
        ("postgres://127.0.0.1:1/shop?options=-csearch_path%3DHIDDEN", "-csearch_path=HIDDEN"),
        ("mysql://app:HIDDEN@127.0.0.1:1/shop", "HIDDEN"),
        ("mysql://app:HIDDEN@127.0.0.1:1/shop?ssl_key=HIDDENkey", "HIDDEN"),
    ] {
        world.write("myproject/.env", &format!("DATABASE_URL={url}\n"));
        world.write("arguments", "");
        world.write("given", "");
        let seen = world
            .wt(&["add", "x"])
            .code(128)
            .says(&["cannot reach the database server (127.0.0.1:1)", "***"]);
        for part in ["HID", "DEN"] {
            is_nowhere(&world, &seen, part);
        }
        assert!(world.read("given").lines().any(|line| line == given), "{url}: {}", world.read("given"));
        assert!(!world.read("arguments").is_empty());
    }
}

#[test]
fn the_password_of_a_key_is_left_out_and_that_is_said() {
    let world = with_talkative_programs();
    world.write(
        "myproject/.env",
        "DATABASE_URL=postgres://app@127.0.0.1:1/shop?sslkey=/k&sslpassword=HIDDEN\n",
    );
    world.write("arguments", "");
    let seen = world.wt(&["add", "x"]).code(128).says(&["'sslpassword' is not passed on"]);
    is_nowhere(&world, &seen, "HIDDEN");
    assert!(world.read("arguments").contains("sslkey=/k"));
}

#[test]
fn what_may_be_a_part_of_a_password_is_no_host_and_no_database() {
    let world = with_talkative_programs();
    for url in [
        "postgres://app:HIDDEN@pw/x#y@127.0.0.1:1/shop",
        "postgres://app:HID@pw/HIDDEN#y@127.0.0.1:1/shop",
        "postgres://app:1/HIDDEN@127.0.0.1:1/shop",
        "postgres://app:1?HIDDEN@127.0.0.1:1/shop",
        "postgres://app:HIDDEN/shop",
        "postgres://app:HIDDEN",
        "postgres:app:HIDDEN@127.0.0.1/shop",
        "postgres:///shop?host=a:HIDDEN",
        "mysql://app:1#HIDDEN@127.0.0.1:1/shop",
        "mysql://app:1/x@HIDDEN@db.example.com/shop",
    ] {
        world.write("myproject/.env", &format!("DATABASE_URL={url}\n"));
        world.write("arguments", "");
        let seen = world
            .wt(&["add", "x"])
            .code(128)
            .says(&["error: DATABASE_URL is no URL of a database\ncaused by: "]);
        is_nowhere(&world, &seen, "HID");
        assert_eq!(world.read("arguments"), "", "{url}");
        // nor when other verbs read the URL
        is_nowhere(&world, &world.wt(&["doctor"]), "HID");
        is_nowhere(&world, &world.wt(&["run", "@", "--", "true"]), "HID");
    }
}

#[test]
fn a_command_says_no_secret() {
    let world = World::with_repo();
    world.write("arguments", "");
    for (recipe, at, says) in [
        ("[hooks]\nsetup = [\"echo {{ env.TOKEN }}\"]\n", "in '.wt.toml', line 2; ", "write \"$TOKEN\""),
        ("[run]\nweb = \"serve {{ secret }}\"\n", "in '.wt.toml', line 2; ", "\"$SECRET_KEY\""),
        (
            "[template.x]\nhooks.teardown = [\n\"a\",\n\"b {{ env['TOKEN'] }}\"]\n",
            "in '.wt.toml', line 4; ",
            "$",
        ),
    ] {
        world.write("myproject/.wt.toml", recipe);
        for line in [&["add", "x"][..], &["trust", "--yes"], &["env", "@"]] {
            let mut command = world.command("git", &world.path("myproject"));
            let seen = world.see(command.arg("wt").args(line).env("TOKEN", "HIDDEN"));
            let seen = seen.code(128).says(&[" cannot stand in the command '", at, says]);
            is_nowhere(&world, &seen, "HIDDEN");
        }
        assert!(!world.path("myproject-x").exists());
    }
    // what the advice says is true
    world.write(
        "myproject/.wt.toml",
        "[env]\nSECRET_KEY = \"{{ secret }}\"\n[hooks]\nsetup = [\"test \\\"$TOKEN\\\" = HIDDEN && test -n \\\"$SECRET_KEY\\\"\"]\n",
    );
    world.wt(&["trust", "--yes"]).ok();
    let mut add = world.command("git", &world.path("myproject"));
    world.see(add.args(["wt", "add", "x"]).env("TOKEN", "HIDDEN")).ok();
}
