//! Repositories of many parts: their env files are found, and what they name is where the part reads it.

use crate::world::World;

#[test]
fn env_files_of_packages_are_found_where_package_managers_are_told_of_them() {
    let world = World::with_repo();
    let npm = "{\"workspaces\": [\"packages/*\", \"./tools/cli\", \"../outside/*\", \"/outside/*\"]}\n";
    world.write("myproject/package.json", npm);
    world.write(
        "myproject/pnpm-workspace.yaml",
        "# parts\npackages:\n  - 'modules/*'\n\n  # more\n  - \"libs/**\"\nother:\n  - x/*\n",
    );
    world.commit(&world.path("myproject"), "parts");
    let found =
        ["packages/web", "tools/cli", "modules/a", "libs/b", "services/auth", "apps/admin", "backend"];
    let others = ["x/y", "packages/web/node_modules/z", "deep/er/part"];
    for (at, part) in found.iter().chain(&others).enumerate() {
        world.write(format!("myproject/{part}/.env"), &format!("PART_{at}=1\n"));
    }
    world.write("outside/a/.env", "OUT=1\n");
    world.wt(&["add", "a"]).ok();
    for part in found {
        let file = format!("{part}/.env");
        assert_eq!(world.read(format!("myproject-a/{file}")), world.read(format!("myproject/{file}")));
    }
    for part in others {
        assert!(!world.path(format!("myproject-a/{part}/.env")).exists(), "{part}");
    }
    let init = world.wt(&["init", "-y"]).ok();
    assert!((init.stdout + &init.stderr).contains("env file (services/auth/.env)"));
}

#[test]
fn each_part_has_a_port_of_its_own() {
    let world = World::with_repo();
    world.write("myproject/services/auth/.env", "PORT=8000\n");
    world.write("myproject/services/shop/.env", "PORT=8003\nAUTH_URL=http://localhost:8000\n");
    world.wt(&["add", "a"]).ok();
    let auth = world.read("myproject-a/services/auth/.env");
    let port = auth.lines().next().unwrap().strip_prefix("PORT=").unwrap().to_owned();
    assert_ne!(port, "8000");
    let shop = world.read("myproject-a/services/shop/.env");
    assert!(
        shop.ends_with(&format!("AUTH_URL=http://localhost:{port}\n")) && !shop.contains("8003"),
        "{shop}"
    );
}

#[test]
fn a_relative_database_is_where_its_part_reads_it() {
    for (project, main, place) in [
        // where the database is already, beside the env file or at the root
        ("", Some("backend/db.sqlite3"), "backend/db.sqlite3"),
        ("backend/manage.py", Some("db.sqlite3"), "db.sqlite3"),
        // and where there is none yet, beside what looks like a project
        ("backend/manage.py", None, "backend/db.sqlite3"),
        ("", None, "db.sqlite3"),
    ] {
        let world = World::with_repo();
        world.write("myproject/backend/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
        world.write(
            "myproject/.wt.toml",
            "[env]\nfile = \"backend/.env\"\n[database]\nvariable = \"DATABASE_URL\"\nfrom = \"empty\"\n",
        );
        world.write("myproject/backend/README", "");
        if !project.is_empty() {
            world.write(format!("myproject/{project}"), "");
        }
        if let Some(main) = main {
            world.write(format!("myproject/{main}"), "");
        }
        world.commit(&world.path("myproject"), "recipe");
        world.wt(&["add", "a"]).ok();
        let made = ["db.sqlite3", "backend/db.sqlite3"]
            .map(|file| world.path(format!("myproject-a/{file}")).exists());
        assert_eq!(made, [place == "db.sqlite3", place != "db.sqlite3"], "{project} {main:?}");
        assert_eq!(world.read("myproject-a/backend/.env"), "DATABASE_URL=sqlite:///db.sqlite3\n");
        world.wt(&["remove", "a"]).ok();
    }
}
