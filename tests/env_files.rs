//! Several env files: each starts from its own source, and programs get a single environment.

use crate::world::World;

const RECIPE: &str = "[port]\nPORT = 8000\nWEB_PORT = 3000\nSPARE_PORT = 7000\n\
    [env.\"backend/.env\"]\nSECRET_KEY = \"{{ secret }}\"\n\
    [env.\"frontend/.env.local\"]\nfrom = \"frontend/.env.sample\"\nNAME = \"{{ name }}\"\nPORT = \"{{ ports.WEB_PORT }}\"\n\
    [database]\nname = \"own_{{ name | dbname }}\"\n";
const BACKEND: &str = "PORT=8000 # api\nCORS_ALLOWED_ORIGINS=http://localhost:3000\nSECRET_KEY=x\n\
    DATABASE_URL=sqlite:///ROOT/shop.sqlite3\n";
const FRONTEND: &str = "# web\nPORT=3000\nVITE_API_URL='http://localhost:8000/api'\n";

/// Makes a project of two parts, with an env file each.
fn two_parts(recipe: &str) -> World {
    let world = World::with_repo();
    if !recipe.is_empty() {
        world.write("myproject/.wt.toml", recipe);
    }
    world.write("myproject/backend/app.py", "");
    world.write("myproject/frontend/.env.sample", FRONTEND);
    world.git(&world.path("myproject"), &["add", "--force", "frontend/.env.sample"]);
    world.commit(&world.path("myproject"), "parts");
    world.write("myproject/backend/.env", &rooted(&world, BACKEND));
    world
}

/// Returns the text with the world's directory in place of `ROOT`.
fn rooted(world: &World, text: &str) -> String {
    text.replace("ROOT", &world.root().to_string_lossy())
}

fn value(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name}: {text}")).split(" #").next().unwrap().to_owned()
}

#[test]
fn each_has_its_source_its_values_and_the_others_ports() {
    let world = two_parts(RECIPE);
    world.trust();
    world.wt(&["add", "x"]).ok();
    let (backend, frontend) =
        (world.read("myproject-x/backend/.env"), world.read("myproject-x/frontend/.env.local"));
    let (port, web) = (value(&backend, "PORT"), value(&frontend, "PORT"));
    assert!(port != "8000" && web != "3000" && port != web, "{backend}{frontend}");
    assert!(
        backend.starts_with(&format!("PORT={port} # api\nCORS_ALLOWED_ORIGINS=http://localhost:{web}\n")),
        "{backend}"
    );
    assert_ne!(value(&backend, "SECRET_KEY"), "x");
    assert_eq!(value(&backend, "DATABASE_URL"), rooted(&world, "sqlite:///ROOT/own_x.sqlite3"));
    // what main has in no file goes into the first one
    assert!(backend.contains("SPARE_PORT=70") && !frontend.contains("SPARE_PORT"), "{backend}{frontend}");
    assert_eq!(
        frontend,
        format!(
            "# web\nPORT={web}\nVITE_API_URL='http://localhost:{port}/api'\n# set by git-wt for this worktree\nNAME=x\n"
        )
    );
    assert!(!world.path("myproject-x/.env").exists());
    assert_eq!(world.git(&world.path("myproject-x"), &["status", "--porcelain"]), "");
    // a single environment: if a variable is in several files, the first file's value counts
    let line = "echo $PORT $NAME $VITE_API_URL";
    let expected = format!("{port} x http://localhost:{port}/api\n");
    world.wt(&["run", "x", "--", "sh", "-c", line]).ok().prints(&expected);
    let seen = world.wt(&["env", "x"]).ok();
    assert!(
        seen.stdout.contains("# backend/.env\n") && seen.stdout.contains("# frontend/.env.local\n"),
        "{seen:?}"
    );
    world.wt(&["setup", "x"]).ok();
    assert_eq!(world.read("myproject-x/backend/.env"), backend, "a second time nothing changes");
    // if the user has chosen another port in one file, the other file follows
    world.write("myproject-x/backend/.env", &backend.replace(&format!("PORT={port} "), "PORT=9000 "));
    world.wt(&["setup", "x"]).ok().says(&["kept your own PORT in 'backend/.env'"]);
    assert_eq!(
        value(&world.read("myproject-x/frontend/.env.local"), "VITE_API_URL"),
        "'http://localhost:9000/api'"
    );
    world.write("myproject-x/backend/.env", &backend);
    world.wt(&["setup", "x"]).ok();
    world.wt(&["remove", "--quiet", "x"]).ok();
}

#[test]
fn two_that_share_a_database_share_the_worktrees() {
    let world =
        two_parts("[env.\"backend/.env\"]\n[env.\"worker/.env\"]\n[env.\"other/.env\"]\n[database]\n");
    world.write(
        "myproject/worker/.env",
        &rooted(&world, "DATABASE_URL=\"sqlite:///ROOT/shop.sqlite3\" # the same\n"),
    );
    world.write("myproject/other/.env", "DATABASE_URL=sqlite:////elsewhere/other.sqlite3\n");
    world.wt(&["add", "x"]).ok();
    let url = rooted(&world, "sqlite:///ROOT/myproject_x.sqlite3");
    assert_eq!(value(&world.read("myproject-x/backend/.env"), "DATABASE_URL"), url);
    assert_eq!(world.read("myproject-x/worker/.env"), format!("DATABASE_URL=\"{url}\" # the same\n"));
    assert_eq!(world.read("myproject-x/other/.env"), "DATABASE_URL=sqlite:////elsewhere/other.sqlite3\n");
}

#[test]
fn the_one_at_the_root_comes_first_and_a_template_reaches_all() {
    let recipe = "[env]\nA = \"1\"\n[env.\"web/.env\"]\nB = \"1\"\n[template.x.env.\"web/.env\"]\nB = \"2\"\n[port]\nPORT = 8000\n";
    let world = two_parts(recipe);
    world.trust();
    world.wt(&["add", "x"]).ok();
    assert_eq!(world.read("myproject-x/.env"), "# set by git-wt for this worktree\nPORT=8001\nA=1\n");
    assert_eq!(world.read("myproject-x/web/.env"), "# set by git-wt for this worktree\nB=2\n");
}

#[test]
fn one_that_git_would_see_is_refused_and_all_is_undone() {
    let world = two_parts("[env.\"backend/.env\"]\nA = \"1\"\n[env.\"frontend/settings\"]\nA = \"1\"\n");
    let before = world.everything();
    world.wt(&["add", "x"]).code(128).says(&["cannot write 'frontend/settings'", "is not ignored by git"]);
    before.is_still(&world.everything(), "after the undo");
    for (recipe, says) in [
        ("[env.\"../x\"]\n", "it has '..'"),
        ("[env.\"a/.git/x\"]\n", "it has '.git'"),
        ("[env.SECRET_KEY]\n", "'env.SECRET_KEY' must be a text in quotes"),
        ("[env.\"a/.env\"]\nfile = \"x\"\nB-C = \"1\"\n", "cannot be the name of a variable"),
        ("[env.\"a/.env\"]\nB = \"{{ nmae }}\"\n", "unknown variable 'nmae'"),
    ] {
        world.write("myproject/.wt.toml", recipe);
        world.wt(&["add", "x"]).code(128).says(&[says]);
    }
}

#[test]
fn those_of_a_projects_parts_are_found() {
    let world = two_parts("");
    world.write("myproject/frontend/.env.local", FRONTEND);
    world.wt(&["add", "guess"]).ok();
    world
        .wt(&["init"])
        .ok()
        .says(&["env file (backend/.env): port PORT (8000)", "env file (frontend/.env.local)"]);
    world.commit(&world.path("myproject"), "recipe");
    world.trust();
    world.wt(&["add", "asked"]).ok();
    for tree in ["guess", "asked"] {
        let backend = world.read(format!("myproject-{tree}/backend/.env"));
        let frontend = world.read(format!("myproject-{tree}/frontend/.env.local"));
        let (port, web) = (value(&backend, "PORT"), value(&frontend, "PORT"));
        assert_ne!((port.as_str(), web.as_str()), ("8000", "3000"));
        assert_eq!(value(&backend, "CORS_ALLOWED_ORIGINS"), format!("http://localhost:{web}"), "{tree}");
        assert_eq!(value(&frontend, "VITE_API_URL"), format!("'http://localhost:{port}/api'"), "{tree}");
    }
}

#[test]
fn a_directory_that_is_a_link_leads_no_secret_outside() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[env.\"backend/.env\"]\nA = \"1\"\n");
    world.commit(&repo, "recipe");
    world.write("outside/.env", "untouched\n");
    world.git(&repo, &["switch", "--quiet", "--create", "evil"]);
    std::os::unix::fs::symlink(world.path("outside"), repo.join("backend")).unwrap();
    world.commit(&repo, "link");
    world.git(&repo, &["switch", "--quiet", "main"]);
    world.write("myproject/backend/.env", "SECRET=1\n");
    let before = world.everything();
    world.wt(&["add", "evil"]).code(128);
    before.is_still(&world.everything(), "after a refusal");
}

#[test]
fn they_move_with_the_worktree_and_a_hand_edit_in_one_is_named_before_it_goes() {
    let world = two_parts(RECIPE);
    world.trust();
    world.wt(&["add", "x"]).ok();
    let both = |tree: &str| {
        [world.read(format!("{tree}/backend/.env")), world.read(format!("{tree}/frontend/.env.local"))]
    };
    let before = both("myproject-x");
    world.wt(&["move", "x", "../y"]).ok();
    assert_eq!(both("y"), before);
    let seen = world.wt_in("y", &["setup", "--dry-run"]).ok();
    assert!(seen.stdout.ends_with("\n  nothing to do\n"), "{seen:?}");
    world.write("y/frontend/.env.local", &before[1].replace("# web", "# mine"));
    let seen = world.wt(&["remove", "--purge", "x"]).code(128).says(&["frontend/.env.local"]);
    assert!(!seen.stderr.contains("backend/.env"), "{seen:?}");
}

#[test]
fn a_server_on_a_port_of_the_worktrees_own_is_its_own() {
    let world = World::with_repo();
    for database in ["", "[database]\n", "[database]\nfrom = \"main\"\n"] {
        world.write("myproject/.wt.toml", &format!("[port]\nPORT = 8000\nDB_PORT = 15432\n{database}"));
        world.write(
            "myproject/.env",
            "PORT=8000\nDB_PORT=15432\nDATABASE_URL=postgres://app:p@localhost:15432/shop\nOTHER=redis://cache:15432\n",
        );
        // nobody listens there yet, and nothing is asked
        let seen = world.wt(&["add", "staging"]).ok();
        let env = world.read("myproject-staging/.env");
        let port = env.lines().find_map(|line| line.strip_prefix("DB_PORT=")).unwrap();
        assert_ne!(port, "15432");
        assert!(env.contains(&format!("DATABASE_URL=postgres://app:p@localhost:{port}/shop\n")), "{env}");
        assert!(env.contains("OTHER=redis://cache:15432\n"), "{env}");
        assert_eq!(seen.stderr.contains("DATABASE_URL follows DB_PORT"), !database.is_empty(), "{seen:#?}");
        assert!(!seen.stderr.contains("shares main's database"), "{seen:#?}");
        world.wt(&["setup", "staging"]).ok();
        assert_eq!(world.read("myproject-staging/.env"), env);
        world.wt(&["run", "staging", "--", "true"]).ok();
        world.wt(&["remove", "-D", "staging"]).ok();
        world.swept();
    }
}

#[test]
fn what_overrides_the_others_is_managed_too() {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[database]\n");
    world.commit(&world.path("myproject"), "recipe");
    std::fs::create_dir(world.path("data")).unwrap();
    let default = rooted(&world, "PORT=8000\nDATABASE_URL=sqlite:///ROOT/data/x.sqlite3\nNAME=default\n");
    world.write("myproject/.env", &default);
    let own = rooted(&world, "sqlite:///ROOT/mine.sqlite3");
    world.write("myproject/.env.local", &format!("# mine\nPORT=3000\nDATABASE_URL={own}\nNAME=mine\n"));
    world.wt(&["add", "x"]).ok();
    let local = world.read("myproject-x/.env.local");
    let port = value(&local, "PORT");
    assert!(
        local.starts_with(&format!("# mine\nPORT={port}\n")) && local.ends_with("\nNAME=mine\n"),
        "{local}"
    );
    assert!(port != "3000" && port != "8000", "{local}");
    assert_eq!(value(&world.read("myproject-x/.env"), "PORT"), port);
    assert_eq!(value(&local, "DATABASE_URL"), rooted(&world, "sqlite:///ROOT/myproject_x.sqlite3"));
    assert!(world.path("myproject_x.sqlite3").exists());
    let env = world.wt(&["env", "x"]).ok().stdout;
    assert!(env.contains(&port) && env.contains("mine") && !env.contains("default"), "{env}");
    world.wt(&["setup", "x"]).ok();
    assert_eq!(world.read("myproject-x/.env.local"), local);
    world.wt(&["remove", "--purge", "-y", "x"]).ok();
    assert!(!world.path("myproject_x.sqlite3").exists());

    // a file with nothing to manage is copied as it is, and one that must not be copied is left alone
    world.write("myproject/.env.local", "NAME=mine\n");
    world.wt(&["add", "y"]).ok();
    assert_eq!(world.read("myproject-y/.env.local"), "NAME=mine\n");
    assert!(world.path("data/myproject_y.sqlite3").exists());
    world.write("myproject/.wt.toml", "copy = []\n[port]\nPORT = 8000\n");
    world.write("myproject/.env.local", "PORT=8000\n");
    world.wt(&["add", "z"]).ok();
    assert!(!world.path("myproject-z/.env.local").exists());
}

#[test]
fn init_knows_the_file_that_overrides() {
    let world = World::with_repo();
    world.write("myproject/package.json", r#"{"scripts": {"dev": "next dev"}}"#);
    world.write("myproject/.env.local", "PORT=3001\nSITE=http://localhost:3001/\n");
    world.wt(&["init"]).ok().says(&["env file (.env.local): port PORT (3001)"]);
    assert!(world.read("myproject/.wt.toml").contains("[env.\".env.local\"]"));
    world.wt(&["add", "x"]).ok();
    let local = world.read("myproject-x/.env.local");
    assert_eq!(local, "PORT=3002\nSITE=http://localhost:3002/\n");
    assert!(!world.path("myproject-x/.env").exists());
}

#[test]
fn an_example_that_leads_out_of_the_repository_is_not_used_and_a_link_of_the_users_own_is_not() {
    let world = World::with_repo();
    world.write("home/.ssh/id", "KEY=private\n");
    let (key, main) = (world.path("home/.ssh/id"), world.path("myproject"));
    std::os::unix::fs::symlink(&key, main.join(".env.example")).unwrap();
    world.git(&main, &["add", "--force", ".env.example"]);
    world.git(&main, &["commit", "--quiet", "--message", "example"]);
    world.wt(&["add", "y"]).ok().says(&["'[ROOT]/myproject/.env.example' is not used", "leads out"]);
    assert!(!world.path("myproject-y/.env").exists());
    // a file that git ignores is the user's
    std::os::unix::fs::symlink(&key, main.join(".env")).unwrap();
    world.wt(&["add", "x"]).ok();
    assert_eq!(world.read("myproject-x/.env"), "KEY=private\n");
}

#[test]
fn an_env_file_of_a_submodule_is_the_repositorys() {
    let world = World::with_repo();
    world.repo("library");
    world.write("library/.env", "API_URL=theirs\n");
    world.git(&world.path("library"), &["add", "--force", ".env"]);
    world.commit(&world.path("library"), "settings");
    let main = world.path("myproject");
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../library", "sub"];
    world.git(&main, &add);
    world.write("myproject/.wt.toml", "[env]\nfrom = \"sub/.env\"\n");
    world.commit(&main, "recipe");
    world.wt(&["add", "x"]).code(3).says(&["set        API_URL in shells and hooks"]);
    assert_eq!(world.read("myproject-x/.env"), "API_URL=theirs\n");
    let shown = ["run", "x", "--", "sh", "-c", "echo ${API_URL-unset}"];
    world.wt(&shown).ok().prints("unset\n");
    world.trust();
    world.wt(&shown).ok().prints("theirs\n");
}

#[test]
fn an_env_file_may_be_read_by_those_who_may_read_mains() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::with_repo();
    let mode = |rel: &str| std::fs::metadata(world.path(rel)).unwrap().permissions().mode() & 0o777;
    for (at, (theirs, ours)) in
        [(0o644, 0o644), (0o640, 0o640), (0o600, 0o600), (0o400, 0o600), (0o666, 0o644)]
            .into_iter()
            .enumerate()
    {
        world.write("myproject/.env", "PORT=8000\n");
        let main = world.path("myproject/.env");
        std::fs::set_permissions(&main, PermissionsExt::from_mode(theirs)).unwrap();
        let name = format!("a{at}");
        world.wt(&["add", &name]).ok();
        assert_eq!(mode(&format!("myproject-{name}/.env")), ours, "{theirs:o}");
        // and setup leaves it so
        let own = world.path(format!("myproject-{name}/.env"));
        std::fs::set_permissions(&own, PermissionsExt::from_mode(0o640)).unwrap();
        std::fs::remove_file(&main).unwrap();
        world.write("myproject/.env", "PORT=8000\nNEW=1\n");
        world.wt(&["setup", &name]).ok();
        assert_eq!(mode(&format!("myproject-{name}/.env")), 0o640, "{theirs:o}");
        std::fs::remove_file(&main).unwrap();
    }
    // the record stays the owner's alone, and what an example begins may hold secrets
    for record in std::fs::read_dir(world.path("myproject/.git/wt/records")).unwrap().flatten() {
        assert_eq!(record.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    world.write("myproject/.env.example", "PORT=8000\n");
    world.git(&world.path("myproject"), &["add", "--force", ".env.example"]);
    world.commit(&world.path("myproject"), "example");
    world.wt(&["add", "b"]).ok();
    assert_eq!(mode("myproject-b/.env"), 0o600);
}

#[test]
fn a_directory_of_that_name_is_told_and_add_goes_on() {
    let world = World::with_repo();
    std::fs::create_dir_all(world.path("myproject/.env/bin")).unwrap();
    world.wt(&["add", "a"]).ok().says(&["note: '[ROOT]/myproject/.env' is not used: it is a directory"]);
    assert!(!world.path("myproject-a/.env").exists());
    // one in the worktree is not written over
    std::fs::create_dir_all(world.path("myproject-a/.env/bin")).unwrap();
    std::fs::remove_dir_all(world.path("myproject/.env")).unwrap();
    world.write("myproject/.env", "PORT=8000\n");
    world.wt(&["setup", "a"]).code(128).says(&["it is no regular file"]);
    assert!(world.path("myproject-a/.env/bin").is_dir());
}

#[test]
fn a_file_that_cannot_be_understood_is_told_and_nothing_is_mixed_into_it() {
    let world = World::with_repo();
    let utf16: Vec<u8> = "\u{feff}PORT=8000\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(world.path("myproject/.env"), &utf16).unwrap();
    world.wt(&["add", "a"]).ok().says(&["is not used: it is UTF-16"]);
    assert!(!world.path("myproject-a/.env").exists());
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    world.wt(&["add", "b"]).code(128).says(&["it is UTF-16", "hint: iconv --from-code UTF-16"]);
    if !rustix::process::geteuid().is_root() {
        world.write("myproject/.env", "PORT=8000\n");
        std::fs::remove_file(world.path("myproject/.wt.toml")).unwrap();
        let forbidden = std::os::unix::fs::PermissionsExt::from_mode(0o000);
        std::fs::set_permissions(world.path("myproject/.env"), forbidden).unwrap();
        world.wt(&["add", "c"]).ok().says(&["is not used: Permission denied"]);
    }
}

#[test]
fn bytes_that_are_no_text_reach_programs_as_they_are() {
    let world = World::with_repo();
    let main = b"PORT=8000\nBARE=caf\xe9\nSINGLE='a \xe9'\nDOUBLE=\"\\\"\xe9\"\n";
    std::fs::write(world.path("myproject/.env"), main).unwrap();
    world.wt(&["add", "a"]).ok();
    let mut run = world.command("git", &world.path("myproject"));
    let script = "printf '%s|%s|%s' \"$BARE\" \"$SINGLE\" \"$DOUBLE\"";
    let output = run.args(["wt", "run", "a", "--", "sh", "-c", script]).output().unwrap();
    assert_eq!(output.stdout, b"caf\xe9|a \xe9|\"\xe9");
    world.wt(&["env", "a", "--export"]).ok().says(&["BARE is left out: its bytes are no UTF-8"]);
    let file = std::fs::read(world.path("myproject-a/.env")).unwrap();
    assert_eq!(file[b"PORT=8000\n".len()..], main[b"PORT=8000\n".len()..]);
}

#[test]
fn what_programs_put_together_is_told_where_it_is_mains() {
    let world = World::with_repo();
    let told = |env: &str, name: &str| {
        world.write("myproject/.env", env);
        let note = format!("note: {name} in '[ROOT]/myproject/.env' has an expansion: its ");
        world.wt(&["add", "-n", "x"]).ok().stdout.contains(&note)
    };
    for url in [
        "postgres://u:p@localhost/${DB_NAME}",
        "\"sqlite:////srv/$DB_NAME.db\"",
        "${DB_URL:-mysql://localhost/x}",
    ] {
        assert!(told(&format!("DB_NAME=app\nDATABASE_URL={url}\n"), "DATABASE_URL"), "{url}");
    }
    assert!(told("OTHER_DSN=postgres://localhost/$X\n", "OTHER_DSN"));
    assert!(told("WEB_PORT=${WEB:-3000}\n", "WEB_PORT"));
    // what is put together from the worktree's own is its own, and other things are nobody's
    for env in
        ["PORT=8000\nAPI_PORT=$PORT\n", "DB_PORT=${X}\n", "GREETING=\"hello $USER\"\n", "URL=http://$HOST/\n"]
    {
        let names = ["API_PORT", "DB_PORT", "GREETING", "URL"];
        assert!(!names.iter().any(|name| told(env, name)), "{env}");
    }
    world.write("myproject/.env", "DATABASE_URL=postgres://localhost/${DB}\n");
    world.write("myproject/.wt.toml", "[database]\nvariable = \"DATABASE_URL\"\n");
    world.wt(&["add", "x"]).code(128).says(&["caused by: it has an expansion there"]);
}
