//! The environment: ports, env file, copies, hooks and the consent to them.

use crate::world::World;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn with_recipe(recipe: &str) -> World {
    let world = World::with_repo();
    world.write("myproject/.wt.toml", recipe);
    world.commit(&world.path("myproject"), "recipe");
    world
}

#[test]
fn each_worktree_gets_its_env_file_with_all_else_as_it_was() {
    let world = with_recipe(
        "[port]\nPORT = 8000\n[env]\nDJANGO_SETTINGS_MODULE = \"config.settings.{{ name }}\"\nSECRET_KEY = \"{{ secret }}\"\n",
    );
    let main = "# settings\r\nexport SECRET_KEY='old'\r\n\r\nPORT=8000 # web\r\n\
                TOKEN=s3cret\r\nOTHER=kept\r\n";
    world.write("myproject/.env", main);
    fs::set_permissions(world.path("myproject/.env"), fs::Permissions::from_mode(0o600)).unwrap();
    for (name, port) in [("staging", 8001), ("production", 8002)] {
        // without consent it is written all the same, but set in no shell
        world.wt(&["add", name]).code(3).says(&["set        DJANGO_SETTINGS_MODULE in shells and hooks"]);
        let path = world.path(format!("myproject-{name}/.env"));
        let env = world.read(&path);
        assert!(env.contains(&format!("PORT={port} # web\r\n")), "{env}");
        assert!(env.contains(&format!("DJANGO_SETTINGS_MODULE=config.settings.{name}")), "{env}");
        assert!(env.starts_with("# settings\r\nexport SECRET_KEY='") && !env.contains("old"), "{env}");
        assert!(env.contains("OTHER=kept\r\n"), "{env}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(world.read("myproject/.env"), main);
    let secret = |name: &str| world.read(format!("myproject-{name}/.env")).lines().nth(1).map(str::to_owned);
    assert_ne!(secret("staging"), secret("production"));
    // no secret is in the record
    for entry in fs::read_dir(world.path("myproject/.git/wt/records")).unwrap().flatten() {
        let record = fs::read_to_string(entry.path()).unwrap();
        assert!(!record.contains("s3cret"), "{record}");
    }
}

#[test]
fn an_example_serves_where_main_has_no_env_file() {
    let world = with_recipe("[port]\nPORT = 8000\n");
    world.write("myproject/.env.example", "# copy me\nPORT=8000\n");
    world.git(&world.path("myproject"), &["add", "-f", ".env.example"]);
    world.commit(&world.path("myproject"), "example");
    world.wt(&["add", "staging"]).ok();
    assert_eq!(world.read("myproject-staging/.env"), "# copy me\nPORT=8001\n");
}

#[test]
fn two_services_never_meet() {
    let world = with_recipe("[port]\nPORT = 8000\nAPI_PORT = 8001\n");
    let mut seen = vec![8000, 8001];
    for name in ["a", "b", "c"] {
        world.wt(&["add", name]).ok();
        for line in world.read(format!("myproject-{name}/.env")).lines().filter(|line| line.contains("PORT="))
        {
            seen.push(line.rsplit('=').next().unwrap().parse().unwrap());
        }
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), count), (8, 8), "{seen:?}");
}

#[test]
fn two_repositories_never_share_a_port() {
    let world = World::new();
    for repo in ["one", "two"] {
        world.repo(repo);
        world.write(format!("{repo}/.wt.toml"), "[port]\nPORT = 8000\n");
        world.commit(&world.path(repo), "recipe");
    }
    world.wt_in("one", &["add", "x"]).ok();
    world.wt_in("two", &["add", "x"]).ok();
    assert_eq!(world.read("one-x/.env").trim(), "# set by git-wt for this worktree\nPORT=8001");
    assert_eq!(world.read("two-x/.env").trim(), "# set by git-wt for this worktree\nPORT=8002");
}

#[test]
fn a_port_in_use_is_not_given_whatever_address_it_is_on() {
    for address in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
        // a machine without IPv6 has nobody listening there
        let Ok(_) = std::net::TcpListener::bind((address, 0)) else { continue };
        let listener =
            (18_101..18_999).find_map(|port| std::net::TcpListener::bind((address, port)).ok()).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let world = with_recipe(&format!("[port]\nPORT = {}\n", taken - 1));
        world.wt(&["add", "x"]).ok();
        let env = world.read("myproject-x/.env");
        assert!(env.contains("PORT=") && !env.contains(&format!("PORT={taken}\n")), "{address}: {env}");
    }
}

#[test]
fn the_ports_of_outgoing_connections_are_not_given() {
    let Ok(range) = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range") else { return };
    let mut ends = range.split_whitespace().map(|end| end.parse::<u32>().unwrap());
    let (first, last) = (ends.next().unwrap(), ends.next().unwrap());
    let world = with_recipe(&format!("[port]\nPORT = {}\n", first - 2));
    for name in ["a", "b", "c"] {
        world.wt(&["add", name]).ok();
        let env = world.read(format!("myproject-{name}/.env"));
        let port: u32 = env.rsplit_once("PORT=").unwrap().1.trim().parse().unwrap();
        assert!(port < first || port > last, "{port}");
    }
}

#[test]
fn an_exhausted_range_names_the_owners() {
    let world = with_recipe("[port]\nPORT = 3000\nrange = \"3001-3002\"\n");
    world.wt(&["add", "a"]).ok();
    world.wt(&["add", "b"]).ok();
    let before = world.everything();
    world.wt(&["add", "c"]).code(128).says(&["3001", "3002", "'a'", "'b'"]);
    before.is_still(&world.everything(), "after a refusal");
}

#[test]
fn without_a_recipe_what_is_visibly_needed_is_made() {
    let world = World::with_repo();
    world.write("myproject/.env", "PORT=8000\nA=1\n");
    world.wt(&["add", "staging"]).ok();
    assert_eq!(world.read("myproject-staging/.env"), "PORT=8001\nA=1\n");
    world.wt(&["add", "--no-env", "plain"]).ok();
    assert!(!world.path("myproject-plain/.env").exists());
    world.git(&world.path("myproject"), &["config", "wt.env", "false"]);
    world.wt(&["add", "plain2"]).ok();
    assert!(!world.path("myproject-plain2/.env").exists());
}

#[test]
fn ignored_configuration_is_copied_and_nothing_else() {
    let world = World::with_repo();
    world.write("myproject/.gitignore", ".env*\n!.env.tracked.local\nnode_modules/\n");
    world.write("myproject/.env.tracked.local", "tracked\n");
    world.commit(&world.path("myproject"), "tracked");
    world.write("myproject/.env.tracked.local", "dirty\n");
    world.write("myproject/.env.local", "local\n");
    world.write("myproject/app/.env.dev.local", "nested\n");
    world.write("myproject/node_modules/.env.local", "never\n");
    world.write("outside", "secret\n");
    std::os::unix::fs::symlink(world.path("outside"), world.path("myproject/.env.link.local")).unwrap();
    fs::set_permissions(world.path("myproject/.env.local"), fs::Permissions::from_mode(0o600)).unwrap();
    world.wt(&["add", "x"]).ok();
    assert_eq!(world.read("myproject-x/.env.local"), "local\n");
    assert_eq!(world.read("myproject-x/app/.env.dev.local"), "nested\n");
    assert_eq!(world.read("myproject-x/.env.tracked.local"), "tracked\n");
    assert!(!world.path("myproject-x/node_modules").exists());
    assert!(fs::symlink_metadata(world.path("myproject-x/.env.link.local")).is_err());
    let mode = fs::metadata(world.path("myproject-x/.env.local")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(world.git(&world.path("myproject-x"), &["status", "--porcelain"]), "");
}

#[test]
fn patterns_of_the_recipe_replace_the_usual_ones() {
    let world = with_recipe("copy = [\".claude/**\", \".vscode/settings.json\", \"*.key\"]\n");
    world.write("myproject/.gitignore", ".env*\n.claude/\n.vscode/\n*.key\n");
    world.commit(&world.path("myproject"), "ignore");
    for file in
        [".claude/a/b.md", ".vscode/settings.json", ".vscode/other.json", "deep/er/x.key", ".env.local"]
    {
        world.write(format!("myproject/{file}"), file);
    }
    world.wt(&["add", "x"]).ok();
    for file in [".claude/a/b.md", ".vscode/settings.json", "deep/er/x.key"] {
        assert_eq!(world.read(format!("myproject-x/{file}")), file);
    }
    for file in [".vscode/other.json", ".env.local"] {
        assert!(!world.path(format!("myproject-x/{file}")).exists(), "{file}");
    }
}

#[test]
fn an_env_file_that_git_would_see_is_never_written() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.write("myproject/.gitignore", "nothing\n");
    world.write("myproject/.env", "PORT=8000\n");
    world.git(&repo, &["add", ".env"]);
    world.commit(&repo, "tracked env");
    world.wt(&["add", "guess"]).ok();
    assert_eq!(world.read("myproject-guess/.env"), "PORT=8000\n");
    assert_eq!(world.git(&world.path("myproject-guess"), &["status", "--porcelain"]), "");
    // if the recipe asks for it, it is an error, and everything is undone
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n");
    world.commit(&repo, "recipe");
    let before = world.everything();
    world.wt(&["add", "asked"]).code(128).says(&["cannot write '.env'", "is tracked by git", "undone: "]);
    before.is_still(&world.everything(), "after the undo");
}

#[test]
fn of_a_directory_with_tracked_files_only_what_is_ignored_is_linked() {
    let world = with_recipe("link = [\"app/media\", \"uploads\"]\n");
    let repo = world.path("myproject");
    world.write("myproject/app/media/.gitignore", "*\n!.gitignore\n");
    world.write("myproject/.gitignore", "/*.tmp\n");
    world.commit(&repo, "media");
    world.write("myproject/app/media/photo", "of main's");
    world.write("myproject/app/media/more/photos", "of main's");
    world.write("myproject/uploads/file", "of main's");
    world.wt(&["add", "y"]).code(3).says(&["without consent", "link       app/media", "link       uploads"]);
    assert!(!world.path("myproject-y/app/media/photo").exists());
    world.wt(&["remove", "--delete-branch", "y"]).ok();
    world.swept();
    world.trust();
    let before = world.everything();
    world.wt(&["add", "x"]).ok().says(&["no link to 'uploads'", "a line 'uploads' in .gitignore"]);
    let tree = world.path("myproject-x");
    for (path, target) in
        [("photo", "../../../myproject/app/media/photo"), ("more", "../../../myproject/app/media/more")]
    {
        assert_eq!(fs::read_link(tree.join("app/media").join(path)).unwrap(), std::path::Path::new(target));
    }
    assert!(!tree.join("app/media/media").exists() && !repo.join("app/media/media").exists());
    assert!(tree.join("app/media/.gitignore").is_file() && !tree.join("uploads").exists());
    assert_eq!(world.git(&tree, &["status", "--porcelain"]), "");
    // setup links what is new, and leaves what exists
    world.write("myproject/app/media/later", "of main's");
    world.write("myproject-x/app/media/photo2", "its own");
    world.wt(&["setup", "x"]).ok();
    assert_eq!(world.read("myproject-x/app/media/later"), "of main's");
    assert_eq!(world.git(&tree, &["status", "--porcelain"]), "");
    fs::remove_file(world.path("myproject-x/app/media/photo2")).unwrap();
    fs::remove_file(world.path("myproject/app/media/later")).unwrap();
    world.wt(&["remove", "--purge", "--delete-branch", "x"]).ok();
    world.swept();
    before.is_still(&world.everything(), "after remove");
}

#[test]
fn a_link_is_hidden_where_git_ignores_directories_alone() {
    let world = with_recipe("link = [\"media\", \"app/up loads\"]\n");
    let repo = world.path("myproject");
    world.write("myproject/.gitignore", "media/\nup loads/\n");
    world.write("myproject/app/code", "");
    world.commit(&repo, "media");
    world.write("myproject/media/photo", "of main's");
    world.write("myproject/app/up loads/file", "of main's");
    world.write("myproject/.git/info/exclude", "# mine\n*.orig\n");
    world.trust();
    let before = world.everything();
    for name in ["x", "y"] {
        world.wt(&["add", name]).ok();
        let tree = world.path(format!("myproject-{name}"));
        assert_eq!(fs::read_link(tree.join("media")).unwrap(), std::path::Path::new("../myproject/media"));
        assert_eq!(world.read(tree.join("app/up loads/file")), "of main's");
        assert_eq!(world.git(&tree, &["status", "--porcelain"]), "");
        world.wt(&["setup", name]).ok();
    }
    let exclude = world.read("myproject/.git/info/exclude");
    assert_eq!(exclude.matches("# git-wt: link of 'x'\n/media\n").count(), 1, "{exclude}");

    // each worktree removes its own line, whichever is removed first, and a move keeps the line
    world.wt(&["move", "y", "../elsewhere"]).ok();
    world.wt(&["remove", "--purge", "--delete-branch", "x"]).ok();
    let tree = world.path("elsewhere");
    assert_eq!(world.git(&tree, &["status", "--porcelain"]), "");
    // a worktree made by git is no different, and has all that it needs to be removed
    world.git(&repo, &["worktree", "add", "--quiet", "-b", "z", "../z"]);
    world.wt(&["setup", "z"]).ok();
    assert_eq!(world.git(&world.path("z"), &["status", "--porcelain"]), "");
    for name in ["y", "z"] {
        world.wt(&["remove", "--purge", "--delete-branch", name]).ok();
    }
    world.swept();
    before.is_still(&world.everything(), "after remove");
}

#[test]
fn a_secret_is_not_copied_where_git_would_see_it() {
    let world = World::with_repo();
    world.git(&world.path("myproject"), &["branch", "before"]);
    world.write("myproject/.gitignore", ".envrc\n");
    world.commit(&world.path("myproject"), "ignore it");
    world.write("myproject/.envrc", "SECRET=x\n");
    world.wt(&["add", "before"]).ok().says(&["no copy of '.envrc': git does not ignore it there"]);
    world.wt(&["add", "after"]).ok();
    assert!(world.path("myproject-after/.envrc").exists());
    assert_eq!(world.git(&world.path("myproject-before"), &["status", "--porcelain"]), "");
}

#[test]
fn a_link_in_a_branch_leads_no_secret_outside() {
    let world = with_recipe("[env]\nA = \"1\"\n");
    let repo = world.path("myproject");
    world.write("victim", "untouched\n");
    world.git(&repo, &["switch", "--quiet", "--create", "evil"]);
    std::os::unix::fs::symlink(world.path("victim"), repo.join(".env")).unwrap();
    world.git(&repo, &["add", "-f", ".env"]);
    world.commit(&repo, "link");
    world.git(&repo, &["switch", "--quiet", "main"]);
    world.write("myproject/.env", "SECRET=1\n");
    world.wt(&["add", "evil"]).code(128);
    assert_eq!(world.read("victim"), "untouched\n");
}

#[test]
fn a_broken_recipe_is_named_with_its_line_and_nothing_is_made() {
    let world = World::with_repo();
    for (recipe, says) in [
        ("path = \n", "line 1"),
        ("[hook]\nsetup = []\n", "did you mean 'hooks'"),
        ("base = \"HEAD\"\npath = \"../{{ nmae }}\"\n", "unknown variable 'nmae'"),
        ("[port]\nPORT = \"x\"\n", "line 2"),
        ("copy = [\"../x\"]\n", "'../x'"),
    ] {
        world.write("myproject/.wt.toml", recipe);
        let before = world.everything();
        world.wt(&["add", "x"]).code(128).says(&[".wt.toml", says]);
        before.is_still(&world.everything(), recipe);
    }
}

#[test]
fn hooks_need_consent_run_in_the_environment_and_resume() {
    let world = with_recipe(
        "[port]\nPORT = 8000\n[hooks]\nsetup = [\"echo one $PORT >> hooks.sqlite3\", \"./second.sh\", \"echo three >> hooks.sqlite3\"]\n",
    );
    world
        .write("myproject/second.sh", "#!/bin/sh\ntest -e go.sqlite3 || exit 5\necho two >> hooks.sqlite3\n");
    fs::set_permissions(world.path("myproject/second.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    world.commit(&world.path("myproject"), "script");
    // nobody to ask: the worktree is made, but the hooks are not run
    world.wt(&["add", "x"]).code(3).prints("[ROOT]/myproject-x\n").says(&[
        "without consent",
        "run        ./second.sh",
        "a person has to agree",
    ]);
    assert!(!world.path("myproject-x/hooks.sqlite3").exists());
    assert!(world.wt(&["list"]).ok().stdout.contains("setup unfinished"));
    world.wt(&["trust"]).code(128).says(&["./second.sh", "  second.sh\n", "there is no terminal to ask on"]);
    world.wt(&["trust", "--yes"]).ok();
    // if a hook fails, the worktree stays, and setup resumes there
    world.wt(&["setup", "x"]).code(3).says(&["'./second.sh' ended with status 5", "git wt setup x"]);
    assert_eq!(world.read("myproject-x/hooks.sqlite3"), "one 8001\n");
    world.write("myproject-x/go.sqlite3", "");
    world.wt(&["setup", "x"]).ok();
    assert_eq!(world.read("myproject-x/hooks.sqlite3"), "one 8001\ntwo\nthree\n");
    world.wt(&["setup", "x"]).ok();
    assert_eq!(world.read("myproject-x/hooks.sqlite3"), "one 8001\ntwo\nthree\n");
    // consent to a changed script is asked for again, in the worktree that has it
    world.wt(&["add", "y"]).code(3).says(&["status 5"]);
    world.write("myproject-y/second.sh", "#!/bin/sh\necho evil\n");
    world.wt(&["setup", "y"]).code(3).says(&["without consent"]);
}

#[test]
fn hooks_of_the_users_own_configuration_need_no_consent() {
    let world = World::with_repo();
    world.git(&world.path("myproject"), &["config", "wt.hooks.setup", "echo mine > x.sqlite3"]);
    world.wt(&["add", "x"]).ok();
    assert_eq!(world.read("myproject-x/x.sqlite3"), "mine\n");
}

#[test]
fn a_worktree_made_by_git_is_adopted() {
    let world = with_recipe("[port]\nPORT = 8000\n");
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "../plain"]);
    assert!(world.wt(&["list"]).ok().stdout.contains("plain"));
    world.wt(&["setup", "plain"]).ok();
    assert!(world.read("plain/.env").contains("PORT=8001"));
    // the second time nothing changes, and a manual edit is kept
    world.write("plain/.env", "PORT=9999\nMINE=1\n");
    world.wt(&["setup", "plain"]).ok().says(&["kept your own PORT in '.env'"]);
    assert_eq!(world.read("plain/.env"), "PORT=9999\nMINE=1\n");
}

#[test]
fn run_gives_the_environment_and_the_status() {
    let world = with_recipe("[port]\nPORT = 8000\n[env]\nGREETING = \"hello {{ name }}\"\n");
    world.trust();
    world.wt(&["add", "x"]).ok();
    let line = "echo $PORT $GREETING; pwd; exit 7";
    world.wt(&["run", "x", "--", "sh", "-c", line]).code(7).prints("8001 hello x\n[ROOT]/myproject-x\n");
    world.wt(&["run", "x", "--", "no-such-program"]).code(127).says(&["'no-such-program' was not found"]);
    let seen = world.wt(&["env", "x"]).ok();
    assert!(seen.stdout.contains("PORT=8001") && seen.stdout.contains("# .env"), "{seen:?}");
    // nothing leaks in from another worktree
    let repo = world.path("myproject");
    let mut command = world.command("git", &repo);
    command.args(["wt", "run", "x", "--", "sh", "-c", "echo ${VIRTUAL_ENV-none} ${GIT_DIR-none}"]);
    command.env("VIRTUAL_ENV", "/elsewhere").env("GIT_DIR", repo.join(".git"));
    world.see(&mut command).ok().prints("none none\n");
}

#[test]
fn run_in_all_names_each_line_and_waits_for_all() {
    let world = with_recipe("[port]\nPORT = 18400\n");
    world.write("myproject/.env", "PORT=18400\n");
    world.wt(&["add", "a"]).ok();
    world.wt(&["add", "longer"]).ok();
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "--detach", "../gone"]);
    fs::remove_dir_all(world.path("gone")).unwrap();
    let port = |name: &str| world.read(format!("myproject-{name}/.env")).trim().replace("PORT=", "");
    let line = "echo $PORT; pwd >&2; printf 'no end'; cat";
    let seen = world.wt(&["run", "--all", "--", "sh", "-c", line]).ok();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let mut stdout: Vec<String> = Vec::new();
    for (prefix, port) in
        [("a         | ", port("a")), ("longer    | ", port("longer")), ("myproject | ", "18400".into())]
    {
        stdout.extend([format!("{prefix}{port}"), format!("{prefix}no end")]);
    }
    assert_eq!(sorted(&seen.stdout), stdout);
    assert_eq!(
        sorted(&seen.stderr),
        [
            "a         | [ROOT]/myproject-a",
            "longer    | [ROOT]/myproject-longer",
            "myproject | [ROOT]/myproject",
            "warning: '[ROOT]/gone' is missing",
        ]
    );
    // if one fails, the others still run to the end
    world.write("myproject-longer/.env.bad", "");
    let line = "test ! -e .env.bad || exit 5; echo done > .env.done";
    world.wt(&["run", "--all", "--", "sh", "-c", line]).code(5).says(&["'longer' ended with status 5"]);
    assert!(world.path("myproject/.env.done").exists() && world.path("myproject-a/.env.done").exists());
    world.wt(&["run", "--all", "--", "no-such-program"]).code(127).says(&["'a' ended with status 127"]);
    world.wt(&["run", "--all", "a", "--", "true"]).code(129);
    world.wt(&["run", "--all"]).code(129);
}

#[test]
fn a_template_gives_an_environment_its_own_requirements_and_settings() {
    let world = with_recipe(
        "[env]\nDEBUG = \"1\"\nDJANGO_SETTINGS_MODULE = \"config.local\"\n[hooks]\nsetup = [\"echo local.txt > got.sqlite3\"]\n\
         [template.staging]\nhooks.setup = [\"echo production.txt > got.sqlite3\"]\n\
         [template.production]\nmatch = [\"release/*\"]\nprotected = true\nenv.DEBUG = \"0\"\n\
         env.DJANGO_SETTINGS_MODULE = \"config.production\"\nhooks.setup = [\"echo production.txt > got.sqlite3\"]\n",
    );
    world.wt(&["trust", "--yes"]).ok();
    for (name, requirements, settings) in [
        ("fix", "local.txt", "DEBUG=1\nDJANGO_SETTINGS_MODULE=config.local"),
        ("staging", "production.txt", "DEBUG=1\nDJANGO_SETTINGS_MODULE=config.local"),
        ("release/2", "production.txt", "DEBUG=0\nDJANGO_SETTINGS_MODULE=config.production"),
    ] {
        let tree = world.wt(&["add", name]).ok().stdout.trim().replace("[ROOT]/", "");
        assert_eq!(world.read(format!("{tree}/got.sqlite3")).trim(), requirements, "{name}");
        let env = world.read(format!("{tree}/.env"));
        assert!(env.contains(settings), "{name}: {env}");
    }
    assert!(world.wt(&["list", "--no-status"]).ok().stdout.contains("protected"));
}

#[test]
fn what_a_hook_prints_is_kept() {
    let world = with_recipe("[hooks]\nsetup = [\"echo loud; echo louder >&2; exit 1\"]\n");
    world.wt(&["trust", "--yes"]).ok();
    world
        .wt(&["add", "x"])
        .code(3)
        .prints("[ROOT]/myproject-x\n")
        .says(&["loud\nlouder\n", "its output is in "]);
    let records = fs::read_dir(world.path("myproject/.git/wt/records")).unwrap().flatten();
    let log = records.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "log"));
    let log = fs::read_to_string(log.unwrap()).unwrap();
    assert!(log.ends_with("loud\nlouder\n"), "{log}");
}

#[test]
fn addresses_with_a_managed_port_follow_it() {
    let world = with_recipe("[port]\nPORT = 8000\nVITE_PORT = 5173\n");
    let main = "\u{feff}# the site\r\nPORT=8000 # web\r\nWAGTAILADMIN_BASE_URL=\"http://localhost:8000/admin\" # admin\r\n\
                export VITE_API_URL = 'http://127.0.0.1:8000'\r\nMIXED=http://localhost:5173/${X},https://[::1]:8000\r\n\
                CSRF_TRUSTED_ORIGINS=http://localhost:8000,https://localhost:8000,https://example.com:8000\r\n\
                REDIS_URL=redis://:8000@localhost:6379/0\r\nOTHER=8000";
    world.write("myproject/.env", main);
    world.wt(&["add", "x"]).ok();
    let own = world.read("myproject-x/.env");
    let port = own.lines().find_map(|line| line.strip_prefix("PORT=")?.strip_suffix(" # web")).unwrap();
    let vite = own.lines().find_map(|line| line.strip_prefix("VITE_PORT=")).unwrap();
    let followed = main
        .replace("PORT=8000", &format!("PORT={port}"))
        .replace("localhost:8000", &format!("localhost:{port}"))
        .replace("127.0.0.1:8000", &format!("127.0.0.1:{port}"))
        .replace("[::1]:8000", &format!("[::1]:{port}"))
        .replace("localhost:5173", &format!("localhost:{vite}"));
    assert_eq!(own, format!("{followed}\r\n# set by git-wt for this worktree\r\nVITE_PORT={vite}\r\n"));
    assert_eq!(world.read("myproject/.env"), main);
    world.wt(&["setup", "x"]).ok();
    assert_eq!(world.read("myproject-x/.env"), own, "a second time nothing changes");
}

#[test]
fn an_address_follows_a_port_that_changes_and_a_hand_edit_stays() {
    let world = with_recipe("[port]\nPORT = 8000\n");
    world.write(
        "myproject/.env",
        "PORT=8000\nBASE_URL=http://localhost:8000\nAPI_URL=http://localhost:8000/v1\n",
    );
    world.wt(&["add", "x"]).ok();
    world.write(
        "myproject-x/.env",
        "PORT=9000\nBASE_URL=http://localhost:8001\nAPI_URL=https://mine.example\n",
    );
    world
        .wt(&["setup", "x"])
        .ok()
        .says(&["changed BASE_URL in '.env'", "kept your own PORT, API_URL in '.env'"]);
    let own = "PORT=9000\nBASE_URL=http://localhost:9000\nAPI_URL=https://mine.example\n";
    assert_eq!(world.read("myproject-x/.env"), own);
    world.wt(&["setup", "x"]).ok();
    assert_eq!(world.read("myproject-x/.env"), own);
    // a value that we never wrote is updated if it contains main's port, and otherwise left alone
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "../plain"]);
    world.write("plain/.env", "API_URL=http://localhost:3000\nBASE_URL=http://localhost:8000/mine\n");
    world.wt(&["setup", "plain"]).ok();
    let own = world.read("plain/.env");
    assert!(own.starts_with("API_URL=http://localhost:3000\nBASE_URL=http://localhost:8002/mine\n"), "{own}");
}

#[test]
fn a_port_that_the_recipe_gets_later_leaves_the_others_as_they_are() {
    let world = with_recipe("[port]\nPORT = 8000\n");
    world.wt(&["add", "x"]).ok();
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\nAPI_PORT = 8010\n");
    world.wt(&["setup", "x"]).ok();
    let own = world.read("myproject-x/.env");
    assert!(own.contains("\nPORT=8001\n") && own.contains("\nAPI_PORT="), "{own}");
}

#[test]
fn a_secret_is_drawn_once() {
    let world = with_recipe("[env]\nSECRET_KEY = \"{{ secret }}\"\n");
    world.write("myproject/.env", "SECRET_KEY=main's\n");
    world.wt(&["add", "x"]).ok();
    let own = world.read("myproject-x/.env");
    world.wt(&["setup", "x"]).ok();
    assert_eq!(world.read("myproject-x/.env"), own);
    // a copied value is not the worktree's own
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "../plain"]);
    world.write("plain/.env", "SECRET_KEY=main's\n");
    world.wt(&["setup", "plain"]).ok();
    assert!(!world.read("plain/.env").contains("main's"));
}

#[test]
fn each_worktree_is_a_compose_project_of_its_own() {
    let world = World::with_repo();
    world.write("myproject/compose.yaml", "services: {}\n");
    world.write("myproject/.env", "PORT=8000\n");
    world.wt(&["init"]).ok().says(&["compose services (compose.yaml)"]);
    world.commit(&world.path("myproject"), "recipe");
    let mut projects = Vec::new();
    for name in ["staging", "Fix.1", "fix/1"] {
        let tree = world.wt(&["add", name]).ok().stdout.trim().replace("[ROOT]/", "");
        let env = world.read(format!("{tree}/.env"));
        let project = env.lines().find_map(|line| line.strip_prefix("COMPOSE_PROJECT_NAME=")).unwrap();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(project.starts_with("myproject_") && project.chars().all(fits), "{project}");
        projects.push(project.to_owned());
    }
    assert_eq!(projects[0], "myproject_staging");
    projects.sort();
    projects.dedup();
    assert_eq!(projects.len(), 3, "{projects:?}");
}

#[test]
fn a_dry_run_shows_the_drift_by_name_and_changes_nothing() {
    let world = with_recipe("[port]\nPORT = 8000\n[env]\nTOKEN = \"secret-{{ name }}\"\n");
    world.write("myproject/.env", "PORT=8000\nBASE_URL=http://localhost:8000\nMINE=1\n");
    world.trust();
    world.wt(&["add", "x"]).ok();
    world
        .wt(&["setup", "--dry-run", "x"])
        .ok()
        .prints("worktree 'x' at '[ROOT]/myproject-x'\n  nothing to do\n");
    // main's file, our recipe and the worktree's file have all changed since
    world.write("myproject/.env", "PORT=8000\nBASE_URL=http://localhost:8000/en\nMINE=1\n");
    world.write(
        "myproject/.wt.toml",
        "copy = [\".env.keys\"]\n[port]\nPORT = 8000\n[env]\nTOKEN = \"secret-{{ branch }}-2\"\nNEW = \"sesame\"\n[hooks]\nsetup = [\"true\"]\n",
    );
    world.write("myproject/.env.keys", "x\n");
    let own = world.read("myproject-x/.env").replace("PORT=8001", "PORT=9000").replace("MINE=1", "MINE=2");
    world.write("myproject-x/.env", &own);
    world.git(&world.path("myproject"), &["worktree", "add", "--quiet", "../plain"]);
    world.trust();
    let before = world.everything();
    world.wt(&["setup", "-n", "x"]).ok().prints(
        "worktree 'x' at '[ROOT]/myproject-x'\n  add in '.env': NEW\n  change in '.env': BASE_URL, TOKEN\n  \
         keep yours in '.env': PORT\n  make copy of '.env.keys'\n  run true\n",
    );
    let seen = world.wt(&["setup", "-n", "--all", "--no-hooks"]).ok();
    assert!(!format!("{seen:?}").contains("sesame") && !format!("{seen:?}").contains("secret-"), "{seen:?}");
    let plain = "worktree 'plain' at '[ROOT]/plain'\n  make port 8002 (PORT)\n  make copy of '.env.keys'\n  \
                 make env file '.env' with PORT, TOKEN, NEW, BASE_URL\n";
    assert!(seen.stdout.contains(plain), "{seen:?}");
    before.is_still(&world.everything(), "after a dry run");
    world.wt(&["setup", "--no-hooks", "x"]).ok();
    let now = "PORT=9000\nBASE_URL=http://localhost:9000/en\nMINE=2\n# set by git-wt for this worktree\nTOKEN=secret-x-2\nNEW=sesame\n";
    assert_eq!(world.read("myproject-x/.env"), now);
    assert_eq!(world.read("myproject-x/.env.keys"), "x\n");
}

#[test]
fn all_are_set_up_and_one_that_fails_stops_no_other() {
    let world = with_recipe("[port]\nPORT = 8000\n");
    let repo = world.path("myproject");
    world.wt(&["add", "--no-env", "a"]).ok();
    for name in ["b", "c", "gone"] {
        world.git(&repo, &["worktree", "add", "--quiet", &format!("../{name}")]);
    }
    fs::remove_dir_all(world.path("gone")).unwrap();
    world.write("b/.env", "PORT=1\n");
    world.git(&world.path("b"), &["add", "--force", ".env"]);
    let preview = world.wt(&["setup", "--dry-run", "b"]).ok();
    assert!(preview.stdout.contains("  fail to write '.env': '.env' is tracked by git\n"), "{preview:?}");
    let seen = world.wt(&["setup", "--all"]).code(128);
    let seen = seen.says(&["'b': cannot write '.env'", "is tracked by git", "gone' is missing"]);
    assert!(!seen.stderr.contains("'c': "), "{seen:?}");
    assert_eq!(world.read("b/.env"), "PORT=1\n");
    for tree in ["myproject-a", "c"] {
        assert!(world.read(format!("{tree}/.env")).contains("PORT=80"), "{tree}");
    }
    assert!(!world.path("myproject/.env").exists());
    world.git(&world.path("b"), &["rm", "--quiet", "--force", ".env"]);
    world.wt(&["setup", "--all"]).ok();
    assert!(world.read("b/.env").contains("PORT=80"));
    // without consent, no hooks are run
    world.write("myproject/.wt.toml", "[hooks]\nsetup = [\"true\"]\n");
    world.wt(&["setup", "--all"]).code(3);
}

#[test]
fn a_file_that_is_as_it_should_be_is_not_touched_and_a_line_of_the_users_is_named_before_it_goes() {
    let world = with_recipe("[port]\nPORT = 8000\n[env]\nA = \"1\"\n");
    world.write("myproject/.env", "PORT=8000\nURL=http://localhost:8000\n");
    world.trust();
    world.wt(&["add", "x"]).ok();
    let path = world.path("myproject-x/.env");
    let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap());
    let before = inode();
    let seen = world.wt(&["setup", "x"]).ok();
    assert!(!seen.stderr.contains(".env"), "{seen:?}");
    assert_eq!(inode(), before);
    let own = world.read("myproject-x/.env").replace("A=1\n", "") + "MINE=1\n";
    world.write("myproject-x/.env", &own);
    world.wt(&["setup", "x"]).ok().says(&["added A in '.env'"]);
    assert!(world.read("myproject-x/.env").contains("\nMINE=1\n"));
    world.wt(&["remove", "--purge", "x"]).code(128).says(&["'.env'"]);
    // a file that is entirely ours is removed as before
    world.wt(&["add", "y"]).ok();
    world.write("myproject/.env", "PORT=8000\nURL=http://localhost:8000/en\n");
    world.wt(&["setup", "y"]).ok().says(&["changed URL in '.env'"]);
    world.wt(&["remove", "--purge", "y"]).ok();
}

#[test]
fn what_was_cut_short_is_not_set_up() {
    let world = with_recipe("[port]\nPORT = 8000\n");
    world.wt(&["add", "x"]).ok();
    let records =
        fs::read_dir(world.path("myproject/.git/wt/records")).unwrap().flatten().map(|file| file.path());
    let record = records.into_iter().find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
    let whole = fs::read_to_string(&record).unwrap();
    for stage in ["adding", "removing"] {
        fs::write(&record, whole.replace("\"ready\"", &format!("\"{stage}\""))).unwrap();
        world.wt(&["setup", "x"]).code(128).says(&["'x' was cut short", "git wt doctor --fix"]);
    }
    // a removal whose directory has not moved is taken back
    world.wt(&["doctor", "--fix"]).ok();
    assert!(world.path("myproject-x").exists() && world.path("state/git-wt/ports/8001").exists());
    fs::write(&record, whole.replace("\"ready\"", "\"adding\"")).unwrap();
    world.wt(&["doctor", "--fix"]).ok();
    assert!(!world.path("myproject-x").exists() && !world.path("state/git-wt/ports/8001").exists());
}

#[test]
fn a_file_that_was_deleted_is_made_anew_and_not_as_mains() {
    let world = with_recipe("[port]\nPORT = 8000\n[env]\nSECRET_KEY = \"{{ secret }}\"\n");
    world.write("myproject/.env", "PORT=8000\nSECRET_KEY=of-main\nURL=http://localhost:8000/\n");
    world.trust();
    world.wt(&["add", "x"]).ok();
    for _ in 0..2 {
        fs::remove_file(world.path("myproject-x/.env")).unwrap();
        world.wt(&["setup", "x"]).ok();
        let made = world.read("myproject-x/.env");
        assert!(made.starts_with("PORT=8001\nSECRET_KEY="), "{made}");
        assert!(!made.contains("of-main") && made.ends_with("\nURL=http://localhost:8001/\n"), "{made}");
    }
}

#[test]
fn a_secret_that_stands_in_a_worktree_of_gits_stays() {
    let world = with_recipe("[port]\nPORT = 8000\n[env]\nSECRET_KEY = \"{{ secret }}\"\n");
    world.write("myproject/.env", "SECRET_KEY=of-main\nPORT=8000\n");
    world.trust();
    world.git(&world.path("myproject"), &["worktree", "add", "-q", "../myproject-s"]);
    world.write("myproject-s/.env", "SECRET_KEY=typed by hand\nPORT=8000\n");
    world.wt(&["setup", "myproject-s"]).ok().says(&["kept your own SECRET_KEY"]);
    assert_eq!(world.read("myproject-s/.env"), "SECRET_KEY=typed by hand\nPORT=8001\n");
    // a copy of main's is nobody's own
    world.git(&world.path("myproject"), &["worktree", "add", "-q", "../myproject-t"]);
    world.write("myproject-t/.env", "SECRET_KEY=of-main\nPORT=8000\n");
    world.wt(&["setup", "myproject-t"]).ok();
    assert!(!world.read("myproject-t/.env").contains("of-main"));
}

#[test]
fn a_port_that_another_has_taken_meanwhile_is_planned_anew() {
    let world = with_recipe("[port]\nPORT = 8000\n");
    world.trust();
    world.git(&world.path("myproject"), &["worktree", "add", "-q", "../x"]);
    world.wt(&["setup", "x"]).ok();
    // as if another repository had claimed it between the planning and the claim
    let records = world.path("myproject/.git/wt/records");
    let record = fs::read_dir(records).unwrap().map(|file| file.unwrap().path());
    let record = record.into_iter().find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
    let begun = fs::read_to_string(&record).unwrap().replacen("\"made\"", "\"begun\"", 1);
    assert!(begun.contains("\"begun\",\n      \"kind\": \"port\""), "{begun}");
    fs::write(&record, begun).unwrap();
    let claim = world.read("state/git-wt/ports/8001").replacen("\"ino\":", "\"ino\":1", 1);
    world.write("state/git-wt/ports/8001", &claim);
    world.wt(&["setup", "x"]).ok();
    assert!(world.wt(&["list", "--json", "--no-status"]).ok().stdout.contains("\"port\":8002"));
    assert_eq!(world.read("state/git-wt/ports/8001"), claim);
}

#[test]
fn a_setting_of_the_users_lies_over_what_is_detected() {
    for (key, value) in [
        ("wt.link", "node_modules"),
        ("wt.copy", "x.local"),
        ("wt.port.range", "8000-8099"),
        ("wt.hooks.setup", "true"),
        ("wt.template.prod.copy", "x"),
        ("wt.database.from", "main"),
        ("wt.env.set", "NAME={{ name }}"),
    ] {
        let world = World::with_repo();
        world.write("myproject/.env", "PORT=8000\nDATABASE_URL=sqlite:////srv/app.sqlite3\n");
        world.git(&world.path("myproject"), &["config", key, value]);
        let said = world.wt(&["add", "-n", "x"]).ok().stdout;
        assert!(said.contains(" (PORT)\n") && said.contains("database '/srv/"), "{key}: {said}");
        world.git(&world.path("myproject"), &["config", "wt.detect", "false"]);
        let said = world.wt(&["add", "-n", "x"]).ok().stdout;
        assert!(!said.contains(" (PORT)\n"), "{key}: {said}");
    }
}

#[test]
fn a_setting_of_the_users_makes_nothing_a_must_that_was_only_detected() {
    let world = World::with_repo();
    let repo = world.path("myproject");
    world.git(&repo, &["switch", "--quiet", "-c", "open"]);
    world.write("myproject/.gitignore", "nothing\n");
    world.commit(&repo, "nothing is ignored");
    world.git(&repo, &["switch", "--quiet", "main"]);
    world.write("myproject/.env", "PORT=8000\n");
    world.git(&repo, &["config", "wt.link", "media"]);
    world.wt(&["add", "open"]).ok().says(&["'.env' is not ignored by git"]);
    // settings beside a .wt.toml lie over that, which says all that it wants
    world.write("myproject/.wt.toml", "[venv]\npath = \"env\"\n");
    assert!(!world.wt(&["add", "-n", "x"]).ok().stdout.contains("port"));
    world.git(&repo, &["config", "wt.detect", "perhaps"]);
    world.wt(&["add", "x"]).code(128).says(&["wt.detect", "true or false"]);
}
