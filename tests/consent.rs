//! What waits for the user's consent, and is done once it is given. What consent covers, and who can give it, is in
//! `trust`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::world::{SECRET, Seen, World};

/// Makes a repository with this recipe, committed along with all other files.
pub fn with_recipe(recipe: &str, files: &[(&str, &str)]) -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", recipe);
    for (name, text) in files {
        world.write(format!("myproject/{name}"), text);
    }
    world.commit(&world.path("myproject"), "recipe");
    world
}

/// Asserts that an agent is told who has to agree, but not how to agree in that person's place.
#[track_caller]
pub fn leaves_it_to_a_person(seen: &Seen) {
    assert_eq!(seen.stderr.matches("a person has to agree").count(), 1, "{seen:#?}");
    let hints: Vec<_> = seen.stderr.lines().filter(|line| line.starts_with("hint:")).collect();
    assert!(!hints.iter().any(|hint| hint.contains("trust") || hint.contains("setup")), "{seen:#?}");
    assert!(!seen.stderr.contains("--yes") && !seen.stderr.contains("wt.trusted"), "{seen:#?}");
}

/// One kind of action: the recipe that asks for it, how it is shown, and how to tell that it has been done.
struct Asked {
    recipe: &'static str,
    files: &'static [(&'static str, &'static str)],
    /// The user's own env file.
    env: &'static str,
    named: &'static str,
    is_done: fn(&World) -> bool,
}

const NOTHING: Asked = Asked { recipe: "", files: &[], env: "", named: "", is_done: |_| false };

/// Whether a variable is set in the worktree's environment.
pub fn sets(world: &World, name: &str) -> bool {
    world.wt(&["run", "x", "--", "printenv", name]).code == 0
}

#[test]
fn each_kind_of_action_waits_for_consent_and_is_done_with_it() {
    for asked in [
        Asked {
            recipe: "[hooks]\nsetup = ['touch done.sqlite3']\n",
            named: "run        touch done.sqlite3",
            is_done: |world| world.path("myproject-x/done.sqlite3").exists(),
            ..NOTHING
        },
        Asked {
            recipe: "[hooks]\nsetup = ['true']\nteardown = ['touch ../torn-down']\n",
            named: "run        true",
            is_done: |world| {
                world.wt(&["remove", "-y", "x"]).ok();
                let done = world.path("torn-down").exists();
                world.wt(&["add", "--no-hooks", "x"]).ok();
                done
            },
            ..NOTHING
        },
        Asked {
            recipe: "link = ['media']\n",
            named: "link       media",
            is_done: |world| fs::read_link(world.path("myproject-x/media")).is_ok(),
            ..NOTHING
        },
        Asked {
            recipe: "[database]\nshared = true\n",
            env: "DATABASE_URL=sqlite:///db.sqlite3\n",
            named: "share      the main worktree's database",
            // the existing worktree keeps its own database until it is made anew
            is_done: |world| {
                let plan = world.wt(&["add", "--dry-run", "y"]);
                !plan.stderr.contains("database '") && !plan.stdout.contains("database '")
            },
            ..NOTHING
        },
        Asked {
            recipe: "[venv]\npython = 'snake'\n",
            named: "venv by    snake",
            is_done: |world| world.path("myproject-x/.venv/pyvenv.cfg").exists(),
            ..NOTHING
        },
        Asked {
            recipe: "[database]\nname = '{{ name | dbname }}_own'\n",
            env: "DATABASE_URL=sqlite:///[ROOT]/data/shop.db\n",
            named: "database   {{ name | dbname }}_own beside",
            is_done: |world| world.path("data/x_own.db").exists() && sets(world, "DATABASE_URL"),
            ..NOTHING
        },
        Asked {
            recipe: "[env]\nGREETING = 'hello'\n",
            named: "set        GREETING in shells and hooks",
            is_done: |world| sets(world, "GREETING"),
            ..NOTHING
        },
        Asked {
            recipe: "[port]\nPORT = 8000\n",
            files: &[(".env.example", "PORT=8000\nGREETING=hello\n")],
            named: "set        GREETING in shells and hooks",
            is_done: |world| sets(world, "GREETING"),
            ..NOTHING
        },
        Asked {
            recipe: "[database]\n",
            files: &[(".env.example", "DATABASE_URL=sqlite:///[ROOT]/data/shop.db\n")],
            named: "beside '[ROOT]/data/shop.db'",
            is_done: |world| sets(world, "DATABASE_URL"),
            ..NOTHING
        },
    ] {
        let world = World::with_repo();
        let root = world.root().display().to_string();
        let here = |text: &str| text.replace("[ROOT]", &root);
        world.program("snake", "#!/bin/sh\nexec python3 \"$@\"\n");
        world.fake_uv("");
        world.write("myproject/.gitignore", ".env\n.venv/\n*.sqlite3\n/media\n");
        world.write("myproject/.wt.toml", asked.recipe);
        for (name, text) in asked.files {
            world.write(format!("myproject/{name}"), &here(text));
        }
        world.commit(&world.path("myproject"), "recipe");
        world.write("data/other", "");
        world.write("myproject/media/photo", "");
        if !asked.env.is_empty() {
            world.write("myproject/.env", &here(asked.env));
        }
        for verb in ["add", "setup", "setup"] {
            let seen = world.wt(&[verb, "x"]).code(3);
            leaves_it_to_a_person(&seen.says(&["without consent these are left out:", asked.named]));
            assert!(!(asked.is_done)(&world), "{}", asked.recipe);
        }
        world.wt(&["setup", "--dry-run", "x"]).ok();
        world.wt(&["trust"]).code(128).says(&[asked.named, "there is no terminal to ask on"]);
        assert!(!(asked.is_done)(&world), "{}", asked.recipe);
        world.trust();
        world.wt(&["setup", "x"]).ok();
        assert!((asked.is_done)(&world), "{}: {:#?}", asked.recipe, world.wt(&["env", "x"]));
        world.wt(&["trust"]).ok().says(&["nothing waits for your consent"]);
    }
}

#[test]
fn nothing_is_sent_to_a_server_that_only_a_tracked_file_names() {
    let example = "DATABASE_URL=postgres://app@db.example.invalid/shop\n";
    let files = [(".gitignore", ".env\n"), (".env.example", example)];
    let world = with_recipe("[database]\nremote = true\n", &files);
    world.program("psql", "#!/bin/sh\ntouch \"$HOME/asked\"\nexit 2\n");
    let is_asked = || world.path("home/asked").exists();
    for verb in ["add", "setup"] {
        world.wt(&[verb, "x"]).code(3).says(&[" on 'db.example.invalid'\n"]);
    }
    for line in [&["setup", "--dry-run", "x"][..], &["env", "x"], &["list"], &["doctor"]] {
        world.wt(line).ok();
    }
    world.wt(&["trust"]).code(128).says(&[" on 'db.example.invalid'\n"]);
    assert!(!is_asked());
    world.trust();
    world.wt(&["setup", "x"]).code(128).says(&["cannot reach the database server"]);
    assert!(is_asked());
}

#[test]
fn a_place_waits_for_consent() {
    let world = with_recipe("path = '../elsewhere/{{ name }}'\n", &[]);
    let before = world.everything();
    world.wt(&["add", "x"]).code(128).says(&["needs your consent"]);
    before.is_still(&world.everything(), "refused");
    world.wt(&["add", "--path", "../mine", "y"]).ok();
    world.trust();
    world.wt(&["add", "x"]).ok().prints("[ROOT]/elsewhere/x\n");
}

#[test]
fn a_place_in_a_repository_beside_waits_for_consent() {
    for (place, made) in [
        ("../myproject-api/.git/hooks", "myproject-api/.git/hooks"),
        ("../myproject-api/.vscode", "myproject-api/.vscode"),
        ("sub/../../{{ repo }}-api/{{ name }}", "myproject-api/x"),
        ("../{{ repo }}-api/../{{ name }}", "x"),
    ] {
        let world = with_recipe(&format!("path = \"{place}\"\n"), &[]);
        world.repo("myproject-api");
        let before = world.everything();
        world.wt(&["add", "x"]).code(128).says(&["needs your consent", "hint: git wt trust\n"]);
        before.is_still(&world.everything(), place);
        world.trust();
        let seen = world.wt(&["add", "x"]).ok();
        assert!(seen.stdout.starts_with(&format!("[ROOT]/{made}")), "{place}: {seen:?}");
    }
}

#[test]
fn a_place_that_only_looks_usual_is_refused_without_a_way_to_consent() {
    let refused = |world: &World, place: &str| {
        let before = world.everything();
        let seen = world.wt(&["add", "x"]).code(128);
        assert_eq!(
            seen.stderr,
            format!(
                "error: the recipe wants the worktree at '{place}', in another repository or beyond a link\n\
                 hint: git wt add --path PLACE NAME\n"
            )
        );
        before.is_still(&world.everything(), place);
        world.wt(&["trust"]).ok().says(&["nothing waits"]);
    };
    let world = with_recipe("path = '../{{ repo }}-api/new/{{ name }}'\n", &[]);
    world.repo("myproject-api");
    refused(&world, "[ROOT]/myproject-api/new/x");
    let world = with_recipe("path = 'sub/{{ name }}'\n", &[]);
    symlink("../elsewhere", world.path("myproject/sub")).unwrap();
    fs::create_dir(world.path("elsewhere")).unwrap();
    refused(&world, "[ROOT]/myproject/sub/x");
    world.wt(&["add", "--path", "../mine", "x"]).ok();
}

#[test]
fn worktrees_of_a_submodule_are_expected_beside_the_project_around() {
    let world = World::with_repo();
    world.repo("library");
    world.write("library/.wt.toml", "path = '../{{ repo }}-{{ name }}'\n");
    world.commit(&world.path("library"), "recipe");
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../library", "lib"];
    world.git(&world.path("myproject"), &add);
    world.wt_in("myproject/lib", &["add", "x"]).ok().prints("[ROOT]/lib-x\n");
}

#[test]
fn values_of_tracked_files_wait_for_consent() {
    let recipe = "[port]\nPORT = 8000\n[env]\nAPI_BASE = 'https://api.example.com'\n";
    let example = "API_URL=https://api.example.com/v1\nPORT=8000\n";
    let world = with_recipe(recipe, &[(".gitignore", ".env\n"), (".env.example", example)]);
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
    // another value counts as another request
    world.write("myproject/.env.example", "API_URL=https://evil.example.com/v1\nPORT=8000\n");
    world.commit(&world.path("myproject"), "another example");
    world.wt(&["add", "y"]).code(3);
    world.wt(&["trust"]).code(128).says(&["  .env.example (changed)\n"]);
    world.wt(&["env", "y"]).ok().says(&["note: API_URL is not set: it waits for your consent"]);
}

#[test]
fn a_value_is_no_more_derived_than_its_parts() {
    for template in [
        "{{ 'http://evil.example/?' ~ name | slug }}",
        "{{ 'http://evil.example' or name | hash }}",
        "{{ ('http://evil.example/') ~ (name) | slug }}",
        "{{ 'http://evil.example' if true else name | dbname }}",
        "http://evil.example/{{ name | slug }}",
        "{{ ('3221225986') | slug }}",
        "{{ (48125) | slug }}",
        "{{ ('production' ~ name) | slug }}",
        "{{ path }}",
        "{{ path }}/bin",
    ] {
        let world = with_recipe(&format!("[env]\nAPI_URL = \"{template}\"\n"), &[]);
        world.wt(&["add", "x"]).code(3).says(&["set        API_URL in shells and hooks"]);
        assert!(!sets(&world, "API_URL"), "{template}");
    }
    let world = with_recipe("[env]\nA = '{{ name | slug }}'\nB = '{{ (repo ~ name) | dbname }}'\n", &[]);
    world.wt(&["add", "x"]).ok();
    assert!(sets(&world, "A") && sets(&world, "B"));
}

#[test]
fn what_a_link_of_the_repository_leads_to_is_the_repositorys() {
    let linked = |target: &str| {
        let world = World::with_repo();
        world.write(
            "myproject/real/.env.example",
            "API_URL=http://evil.example/\nDATABASE_URL=sqlite:///[HOME]/p.sqlite3\n"
                .replace("[HOME]", world.path("home").to_str().unwrap())
                .as_str(),
        );
        world.write("home/private/.env", "TOKEN=private\n");
        symlink(target.replace("[HOME]", world.path("home").to_str().unwrap()), world.path("myproject/conf"))
            .unwrap();
        symlink("conf", world.path("myproject/again")).unwrap();
        world
    };
    for from in ["conf/.env", "again/.env"] {
        let world = linked("real");
        world.write("myproject/.wt.toml", &format!("[env]\nfrom = '{from}'\n[database]\nfrom = 'main'\n"));
        world.commit(&world.path("myproject"), "recipe");
        world.write("home/p.sqlite3", "");
        let waiting = ["set        API_URL", "database   "];
        world.wt(&["add", "x"]).code(3).says(&waiting);
        assert!(!sets(&world, "API_URL") && !sets(&world, "DATABASE_URL"), "{from}");
        assert_eq!(
            fs::read_dir(world.path("home"))
                .unwrap()
                .filter(|found| found.as_ref().unwrap().path().extension().is_some_and(|e| e == "sqlite3"))
                .count(),
            1
        );
        let world = linked("[HOME]/private");
        world.write("myproject/.wt.toml", &format!("[env]\nfrom = '{from}'\n"));
        world.commit(&world.path("myproject"), "recipe");
        world
            .wt(&["add", "x"])
            .ok()
            .says(&["is not used: it is tracked, and a link that leads out of the repository"]);
        assert!(!sets(&world, "TOKEN"), "{from}");
    }
    // a link of the user's own is not the repository's concern
    let world = World::with_repo();
    world.write("home/private/.env", "TOKEN=private\n");
    symlink(world.path("home/private"), world.path("myproject/conf")).unwrap();
    world.write("myproject/.wt.toml", "[env]\nfrom = 'conf/.env'\n");
    world.wt(&["add", "x"]).ok();
    assert!(sets(&world, "TOKEN"));
}

#[test]
fn a_shared_database_that_waits_for_consent_is_still_another_worktrees() {
    let world = with_recipe("[database]\nshared = true\n", &[]);
    let mains = format!("DATABASE_URL=sqlite:///{}\n", world.path("myproject/db.sqlite3").display());
    world.write("myproject/.env", &mains);
    world.write("myproject/db.sqlite3", "");
    world.wt(&["add", "x"]).code(3);
    world.write("myproject-x/.env", &mains);
    world.wt(&["run", "x", "--", "true"]).code(128).says(&["leads into another worktree"]);
    world.trust();
    world.wt(&["run", "x", "--", "true"]).ok();
}

#[test]
fn a_file_is_asked_for_only_to_fill_a_database() {
    let world = with_recipe("[database]\nfrom = '../seed.sql'\n", &[]);
    world.write("myproject/.env", "DATABASE_URL=sqlite:///db.sqlite3\n");
    world.wt(&["add", "--no-env", "plain"]).ok();
    world.wt(&["add", "x"]).code(128).says(&["../seed.sql"]);
    world.write("seed.sql", "CREATE TABLE a (n);\n");
    world.trust();
    world.wt(&["add", "x"]).ok();
    world.write("seed.sql", "CREATE TABLE b (n);\n");
    world.wt(&["setup", "x"]).ok();
    fs::remove_file(world.path("seed.sql")).unwrap();
    world.wt(&["setup", "x"]).ok();
    world.git(&world.path("myproject"), &["config", "wt.database.shared", "true"]);
    world.wt(&["add", "y"]).ok();
}

#[test]
fn an_edit_of_what_the_repository_supplied_is_the_users() {
    let files = [(".gitignore", ".env\n"), (".env.example", "PORT=8000\nGREETING=theirs\n")];
    let world = with_recipe("[port]\nPORT = 8000\n", &files);
    world.wt(&["add", "x"]).code(3);
    let kept = world.read("myproject-x/.env").replace("theirs", "mine");
    assert!(kept.contains("mine"), "{kept}");
    world.write("myproject-x/.env", &kept);
    let greeting = ["run", "x", "--", "printenv", "GREETING"];
    world.wt(&greeting).ok().prints("mine\n");
    world.wt(&["setup", "x"]).code(3);
    world.wt(&greeting).ok().prints("mine\n");
}

#[test]
fn a_file_that_fills_a_database_waits_for_consent() {
    let recipe = "[database]\nfrom = 'seed.sql'\n";
    let world = with_recipe(recipe, &[("seed.sql", "select 1;\n")]);
    world.write("myproject/.env", "DATABASE_URL=postgres://localhost:1/shop\n");
    let seen = world.wt(&["add", "x"]).code(3).says(&["fill from  seed.sql"]);
    leaves_it_to_a_person(&seen);
    world.trust();
    let seen = world.wt(&["setup", "x"]);
    assert!(seen.code != 0 && !seen.stderr.contains("without consent"), "{seen:#?}");
    // another script counts as another action
    world.write("myproject/seed.sql", "select 2;\n");
    world.wt(&["trust"]).code(128).says(&["fill from  seed.sql", "seed.sql (changed)"]);
}

#[test]
fn a_value_that_waits_goes_on_waiting_when_its_worktree_moves() {
    let world = with_recipe("[env]\nGREETING = 'hello from {{ path }}, {{ name }}'\n", &[]);
    world.wt(&["add", "x"]).code(3);
    assert!(!sets(&world, "GREETING"));
    world.wt(&["move", "x", "../moved"]).ok();
    assert!(world.read("moved/.env").contains("/moved"));
    assert!(!sets(&world, "GREETING"));
    world.trust();
    assert!(sets(&world, "GREETING"));
}

#[test]
fn no_interpreter_is_taken_from_what_git_tracks() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.write("elsewhere/python3", "#!/bin/sh\ntouch \"$HOME/pwned\"\n");
    fs::set_permissions(world.path("elsewhere/python3"), fs::Permissions::from_mode(0o755)).unwrap();
    world.git(&repo, &["branch", "before"]);
    world.write("myproject/env/pyvenv.cfg", &format!("home = {}\n", world.path("elsewhere").display()));
    world.write("myproject/.wt.toml", "[venv]\npath = 'env'\n");
    world.commit(&repo, "venv");
    world.fake_uv("echo \"$@\" >>\"$HOME/uv\"");
    world.wt(&["add", "before"]).ok();
    let told = world.read("home/uv");
    assert!(told.contains("venv") && !told.contains("elsewhere"), "{told}");
    assert!(!world.path("home/pwned").exists());
}

#[test]
fn nothing_of_another_file_is_shown_or_taken_along() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.write("home/.netrc", &format!("machine x password {SECRET}\n{SECRET}/../x\n"));
    let cookies = rusqlite::Connection::open(world.path("home/cookies.db")).unwrap();
    cookies.execute_batch(&format!("CREATE TABLE t (a); INSERT INTO t VALUES ('{SECRET}');")).unwrap();
    drop(cookies);
    world.write("myproject/.gitignore", ".env\n*.db\n*.sqlite3\n");
    world.write("myproject/data/keep", "");
    world.commit(&repo, "data");
    world.git(&repo, &["branch", "before"]);
    fs::remove_dir_all(repo.join("data")).unwrap();
    symlink("../home", repo.join("data")).unwrap();
    let netrc = world.path("home/.netrc").display().to_string();
    for (recipe, url, waits) in [
        ("[database]\nfrom = 'main'\n", "sqlite:///data/cookies.db", "database"),
        (&format!("[database]\nfrom = '{netrc}'\n"), "sqlite:///db.sqlite3", "fill from"),
        ("[database]\nfrom = 'data/.netrc'\n", "sqlite:///db.sqlite3", "fill from"),
    ] {
        world.write("myproject/.wt.toml", recipe);
        world.write("myproject/.env.example", &format!("DATABASE_URL={url}\n"));
        world.git(&repo, &["add", "--all", "--force"]);
        world.git(&repo, &["commit", "--quiet", "--message", "recipe"]);
        let seen = world.wt(&["add", "before"]).code(3).says(&[waits]);
        assert!(!seen.stderr.contains(SECRET), "{seen:#?}");
        let files = fs::read_dir(world.path("myproject-before/data")).unwrap().count();
        assert_eq!(files, 1, "{recipe}");
        world.wt(&["remove", "-y", "before"]).ok();
    }
    // with consent, a script that fails is reported, but its text is not shown
    world.trust();
    let seen = world.wt(&["add", "before"]).code(128).says(&["syntax error"]);
    assert!(!seen.stderr.contains(SECRET), "{seen:#?}");
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    symlink("../home/.netrc", repo.join(".worktreeinclude")).unwrap();
    let seen = world.wt(&["add", "before"]).code(128).says(&["'.worktreeinclude' has a line"]);
    assert!(!seen.stderr.contains(SECRET), "{seen:#?}");
}

#[test]
fn a_database_on_the_users_server_has_the_worktrees_name() {
    let asks = |name: &str| {
        let world = with_recipe(&format!("[database]\nname = \"{name}\"\n"), &[]);
        world.write("myproject/.env", "DATABASE_URL=postgres://localhost:1/shop\n");
        let plan = world.wt(&["add", "--dry-run", "x"]).ok().stdout;
        plan.contains("  wait for your consent: database ")
    };
    for name in [
        "shop",
        "billing",
        "{{ 'billing' | dbname }}",
        "{{ ('name') | dbname }}",
        "{{ ('billing' if true else name) | dbname }}",
        "{% if true %}billing{% else %}{{ name | dbname }}{% endif %}",
    ] {
        assert!(asks(name), "{name}");
    }
    for name in ["{{ (repo ~ '_' ~ name) | dbname }}", "shop_{{ name | dbname }}"] {
        assert!(!asks(name), "{name}");
    }
}

#[test]
fn the_url_of_a_shared_database_is_a_value_like_any_other() {
    let files = [(".gitignore", ".env\n"), (".env.example", "DATABASE_URL=postgres://u@evil.example/x\n")];
    let world = with_recipe("[database]\nshared = true\n", &files);
    world.git(&world.path("myproject"), &["config", "wt.database.shared", "true"]);
    world.wt(&["add", "x"]).code(3).says(&["set        DATABASE_URL"]);
    assert!(!sets(&world, "DATABASE_URL"));
    world.trust();
    assert!(sets(&world, "DATABASE_URL"));
}

#[test]
fn a_copy_of_what_a_tracked_file_calls_mains_waits_for_consent() {
    let files = [
        (".gitignore", ".env\n"),
        (".env.example", "DATABASE_URL=postgres://localhost:1/of_another_project\n"),
    ];
    let world = with_recipe("[database]\nfrom = 'main'\n", &files);
    world.wt(&["add", "x"]).code(3).says(&["fill from  database 'of_another_project' on 'localhost:1'"]);
}

#[test]
fn no_server_is_local_by_how_its_address_ends() {
    for url in [
        "postgres://app@/shop?host=192.0.2.2%2Cx.localhost",
        "postgres://app@localhost/shop?host=192.0.2.2",
        "postgres://app@localhost/shop?%68ost=192.0.2.2",
        "postgres://app@localhost/shop?%68ostaddr=192.0.2.2",
        "postgres://localhost/shop#x?host=192.0.2.2",
        "postgres://localhost/shop?application_name=1#&host=192.0.2.2",
        "postgres:///shop?service=prod",
        "postgres://localhost,192.0.2.2/shop",
    ] {
        let files = [(".gitignore", ".env\n"), (".env.example", &*format!("DATABASE_URL={url}\n"))];
        let world = with_recipe("[database]\nremote = true\n", &files);
        world.wt(&["add", "x"]).code(3).says(&["database   "]);
        assert!(!sets(&world, "DATABASE_URL"), "{url}");
    }
}

#[test]
fn what_the_environment_has_is_in_no_committed_name() {
    for recipe in
        ["path = '../{{ repo }}-{{ env.TOKEN }}'\n", "[database]\nname = \"{{ env.TOKEN | dbname }}\"\n"]
    {
        let world = with_recipe(recipe, &[]);
        let before = world.everything();
        world.wt(&["add", "x"]).code(128).says(&["'env.TOKEN' cannot stand in"]);
        before.is_still(&world.everything(), recipe);
    }
    let world = World::with_repo();
    world.git(&world.path("myproject"), &["config", "wt.path", "../{{ env.USER_DIR or 'mine' }}/{{ name }}"]);
    world.wt(&["add", "x"]).ok();
    assert!(world.path("mine/x").is_dir());
}

#[test]
fn a_place_has_no_line_of_its_own_in_info_exclude() {
    let world = with_recipe("path = \"wt\\n!/secret.txt\\n/{{ name }}\"\n", &[]);
    let before = world.everything();
    world.wt(&["add", "x"]).code(128).says(&["has a line break or the like in it"]);
    before.is_still(&world.everything(), "nothing is made");
}

#[test]
fn data_of_mains_database_comes_to_no_place_that_git_would_see() {
    let world = with_recipe("[database]\nfrom = 'main'\n", &[(".gitignore", ".env\n")]);
    world.write("myproject/.env", "DATABASE_URL=sqlite:///shop.db\n");
    world.write("myproject/shop.db", "");
    world
        .wt(&["add", "x"])
        .ok()
        .says(&["warning: no database '[ROOT]/myproject-x/shop.db': git does not ignore it there"]);
    assert!(!world.path("myproject-x/shop.db").exists());
}

#[test]
fn a_file_is_covered_whatever_characters_its_name_has() {
    for (file, command) in [
        ("a,b.sh", "sh a,b.sh"),
        ("a=b.sh", "sh a=b.sh"),
        ("a@b:c.sh", "sh a@b:c.sh"),
        ("{a}.sh", "sh '{a}.sh'"),
        ("my dir/x y.sh", r"cd my\ dir; . ./x\ y.sh"),
        ("my dir/x y.sh", r"sh my\ dir/x\ y.*"),
    ] {
        asks_again_when_it_changes(file, command);
    }
}

#[test]
fn a_file_that_a_program_reads_by_its_own_rule_is_covered() {
    for (file, command, program) in [
        ("Procfile", "foreman start", "foreman"),
        ("Procfile", "honcho start", "honcho"),
        ("wsgi.py", "uvicorn wsgi:app", "uvicorn"),
        ("pkg/wsgi.py", "gunicorn pkg.wsgi", "gunicorn"),
        ("x/__init__.py", "flask --app x run", "flask"),
        ("gulpfile.mjs", "npx gulp", "gulp"),
        ("vite.config.ts", "vite", "vite"),
        ("config.ru", "rackup", "rackup"),
        ("Taskfile.yml", "task dev", "task"),
        ("compose.yaml", "docker compose up", "docker"),
    ] {
        let seen = asks_again_when_it_changes(file, command);
        seen.says(&[&format!("what '{program}' reads besides is not covered\n")]);
    }
    asks_again_when_it_changes("app.py", "python3 -c 'import app'")
        .says(&["what 'python3' imports is not covered\n"]);
}

/// Asserts that consent to a command ends when this file changes; returns what trust then shows.
#[track_caller]
fn asks_again_when_it_changes(file: &str, command: &str) -> Seen {
    let recipe = format!(
        "[hooks]\nsetup = [\"\"\"({}) || true; touch ran.sqlite3\"\"\"]\n",
        command.replace('\\', r"\\")
    );
    let world = with_recipe(&recipe, &[(file, "true\n")]);
    world.trust();
    world.write(format!("myproject/{file}"), "false\n");
    world.commit(&world.path("myproject"), "another");
    assert_eq!(world.wt(&["add", "x"]).code, 3, "{command}");
    assert!(!world.path("myproject-x/ran.sqlite3").exists(), "{command}");
    world.wt(&["trust"]).code(128).says(&[&format!("{file} (changed)")])
}

#[test]
fn what_an_unknown_program_reads_is_said_not_to_be_covered() {
    let trust = |command: &str| {
        let world = with_recipe(&format!("[run]\nweb = \"{command}\"\n"), &[("x.sh", "true\n")]);
        world.wt(&["trust"]).code(128).stderr
    };
    for command in ["mytool serve", "cd /; exec ../bin/mytool", "sh -c 'mytool'"] {
        let shown = trust(command);
        assert!(
            shown.contains("\n               what 'mytool' reads is not covered\n"),
            "{command}: {shown}"
        );
    }
    for command in
        ["echo done; sleep 1", "mkdir -p tmp && cp a tmp && touch b", "createdb x; psql x", "sh x.sh"]
    {
        let shown = trust(command);
        assert!(!shown.contains("' reads "), "{command}: {shown}");
    }
}
