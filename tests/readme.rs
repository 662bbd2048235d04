//! The README is true: its console blocks are run, its recipe is read, its example works.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::world::{Seen, World, is_here, steady_ages, steady_times};

/// A console block after `<!-- test: NAME -->`.
struct Block<'a> {
    /// The project that it is run in.
    project: &'a str,
    text: &'a str,
}

impl Block<'_> {
    /// Runs the lines after `$ ` in one shell and returns the block as it should be written.
    fn run(&self, world: &World, dir: &str) -> String {
        let commands: Vec<&str> = self.text.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
        // a terminal shows stdout and stderr in the order in which they are printed
        let mut script = "exec 2>&1\n".to_owned();
        for command in &commands {
            script.push_str(&format!("{command}\nprintf '\\036'\n"));
        }
        let mut shell = world.command("sh", &world.path(dir));
        let seen = world.see(shell.args(["-c", &script]).stdin(Stdio::null()));
        let outputs: Vec<&str> = seen.stdout.split_terminator('\u{1e}').collect();
        assert_eq!(outputs.len(), commands.len(), "{seen:#?}");
        let shown = commands.iter().zip(outputs).map(|(command, output)| format!("$ {command}\n{output}"));
        steady(&shown.collect::<String>())
    }
}

/// Puts words in place of what differs between runs: the world's path, secrets, and abbreviated object ids.
fn steady(text: &str) -> String {
    let mut lines = Vec::new();
    for line in steady_times(&steady_ages(text)).lines() {
        let mut line = line.replace("[ROOT]", "/home/you");
        if let Some(rest) = line.strip_prefix("SECRET_KEY=") {
            let end = rest.find(' ').unwrap_or(rest.len());
            line = format!("SECRET_KEY=…{}", &rest[end..]);
        }
        // the width of columns depends on the secret, or on the world's path
        if let Some((value, source)) = line.rsplit_once(" # ").filter(|(value, _)| value.ends_with(' ')) {
            line = format!("{}  # {source}", value.trim_end());
        }
        let is_id = |word: &str| word.len() == 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
        let words = line.split(' ').map(|word| {
            let id = word.trim_matches(['(', ')']);
            if is_id(id) { word.replace(id, "1a2b3c4") } else { word.to_owned() }
        });
        lines.push(words.collect::<Vec<_>>().join(" "));
    }
    lines.join("\n") + "\n"
}

fn readme_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn readme() -> String {
    fs::read_to_string(readme_path()).unwrap()
}

/// Returns the blocks of the README that are to be run.
fn blocks(readme: &str) -> Vec<Block<'_>> {
    let marked = readme.split("<!-- test: ").skip(1).map(|rest| {
        let (project, rest) = rest.split_once(" -->\n").unwrap();
        let (before, rest) = rest.split_once("```console\n").unwrap();
        assert!(before.trim().is_empty(), "what is to be tested stands right after its mark: {before}");
        Block { project, text: rest.split_once("```").unwrap().0 }
    });
    marked.collect()
}

/// Makes the project `shop`, which looks like a Django project, with programs that only pretend to install anything.
pub fn django(world: &World) {
    world.repo("shop");
    world.write("shop/.gitignore", ".env\n.venv/\n*.sqlite3\nuploads/\n");
    world.write("shop/requirements.txt", "django\n");
    world.write("shop/shop/settings.py", "");
    world.write(
        "shop/manage.py",
        "\"\"\"Stands in for django's.\"\"\"\nimport http.server, os, sqlite3, sys\n\
         os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"shop.settings\")\n\
         if sys.argv[1] == \"runserver\":\n    \
         address = (\"127.0.0.1\", int(sys.argv[2]))\n    \
         http.server.HTTPServer(address, http.server.BaseHTTPRequestHandler).serve_forever()\n\
         assert sys.argv[1] == \"migrate\" and os.environ[\"PORT\"]\n\
         sqlite3.connect(os.environ[\"DATABASE_URL\"].removeprefix(\"sqlite:///\")).execute(\"CREATE TABLE shop (id)\")\n",
    );
    world.commit(&world.path("shop"), "A shop");
    world.write(
        "shop/.env",
        "SECRET_KEY=change-me\nDEBUG=1\nDATABASE_URL=sqlite:///db.sqlite3\nPORT=8000 # the server's\n",
    );
    world.program(
        "uv",
        "#!/bin/sh\ncase $1 in\nvenv) for path; do :; done; exec /usr/bin/python3 -m venv --without-pip \"$path\" ;;\n\
         pip) test -n \"$VIRTUAL_ENV\" ;;\n*) exit 2 ;;\nesac\n",
    );
}

/// Whether there is a Python that can make environments; CI must have one.
pub fn has_python() -> bool {
    is_here("/usr/bin/python3", Path::new("/usr/bin/python3").exists())
}

#[test]
fn what_the_readme_shows_is_what_is_seen() {
    if !has_python() {
        return;
    }
    let written = readme();
    let mut right = written.clone();
    let blocks = blocks(&written);
    assert!(!blocks.is_empty(), "no block of the README is marked");
    for block in blocks {
        let world = World::new();
        match block.project {
            "django" => django(&world),
            other => panic!("there is no project '{other}'"),
        }
        right = right.replace(block.text, &block.run(&world, "shop"));
    }
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(readme_path(), &right).unwrap();
    }
    let now = readme();
    let differ: Vec<_> = right.lines().filter(|line| !now.contains(line)).collect();
    assert!(
        right == now,
        "the README is not what is seen: SNAPSHOTS=overwrite cargo test readme\n{differ:#?}"
    );
}

/// Returns the lines in which the example says what its project has seen.
pub fn visits(seen: &Seen) -> Vec<&str> {
    seen.stdout.lines().filter(|line| line.starts_with("port ")).collect()
}

#[test]
fn the_example_of_the_readme_works_and_leaves_nothing() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo");
    assert!(readme().contains("cargo install --locked --path . && examples/demo\n"));
    assert_ne!(fs::metadata(&example).unwrap().permissions().mode() & 0o111, 0, "it cannot be run");
    if !has_python() {
        return;
    }
    let world = World::new();
    fs::create_dir(world.path("tmp")).unwrap();
    let seen = world.see(world.command(&example, &world.root()).env("TMPDIR", world.path("tmp"))).ok();
    let [first, second, other] = visits(&seen)[..] else { panic!("{seen:#?}") };
    // each environment belongs to its worktree, and what is done in one is not visible in the other
    for (visit, count) in [(first, 1), (second, 2), (other, 1)] {
        assert!(visit.ends_with(&format!(", {count} visit(s), own venv: True")), "{seen:#?}");
    }
    let port = |visit: &str| visit.split(',').next().map(str::to_owned);
    assert_eq!(port(first), port(second));
    assert_ne!(port(first), port(other));
    let (_, last) = seen.stdout.rsplit_once("$ git wt list --no-status\n").unwrap();
    assert!(last.contains("production") && !last.contains("staging"), "{seen:#?}");
    assert_eq!(fs::read_dir(world.path("tmp")).unwrap().count(), 0, "{seen:#?}");
}

/// Returns the recipes of the README in a section.
fn recipes(section: &str) -> Vec<String> {
    let readme = readme();
    let (_, rest) = readme.split_once(&format!("\n## {section}\n")).unwrap();
    let text = rest.split("\n## ").next().unwrap();
    text.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

/// Makes a repository with a recipe, and consents to it.
fn with_recipe(recipe: &str, env: &str) -> World {
    let world = World::with_repo();
    world.fake_uv("");
    world.write("myproject/.wt.toml", recipe);
    world.write("myproject/frontend/package.json", "{}");
    world.commit(&world.path("myproject"), "recipe");
    world.write("myproject/.env", env);
    world.write("myproject/db.sqlite3", "");
    world.trust();
    world
}

#[test]
fn the_templates_of_the_readme_do_what_it_says() {
    let [recipe] = &recipes("Templates")[..] else { panic!("one recipe") };
    let world = with_recipe(recipe, "DEBUG=1\n");
    let repo = world.path("myproject");
    world.git(&repo, &["branch", "develop"]);
    world.git(&repo, &["commit", "--quiet", "--allow-empty", "--message", "not in develop"]);
    let env = |name: &str| {
        world.wt(&["add", "--no-hooks", name]).ok();
        world.read(format!("myproject-{}/.env", name.replace(['/', '.'], "-")))
    };
    let settings = |module: &str| format!("DJANGO_SETTINGS_MODULE=shop.settings.{module}\n");
    assert!(env("feature").ends_with(&settings("dev")));
    assert!(env("staging").ends_with(&settings("staging")));
    let release = env("release/2.4");
    assert!(release.starts_with("DEBUG=false\n") && release.contains(&settings("production")), "{release}");
    assert_eq!(world.git(&repo, &["rev-parse", "staging"]), world.git(&repo, &["rev-parse", "develop"]));
    assert_ne!(world.git(&repo, &["rev-parse", "feature"]), world.git(&repo, &["rev-parse", "develop"]));
    world.wt(&["remove", "release/2.4"]).code(128).says(&["'release/2.4' is protected"]);
    world.wt(&["trust", "--forget"]).ok();
    let setup = world.wt(&["trust", "--yes"]).ok().stderr;
    for file in ["dev", "staging", "production"] {
        assert!(setup.contains(&format!("requirements/{file}.txt")), "{file}: {setup}");
    }
}

#[test]
fn the_recipes_of_the_readme_make_worktrees() {
    let recipes = recipes("Recipes");
    assert!(recipes.len() >= 7, "{recipes:#?}");
    for recipe in recipes {
        let url = if recipe.contains("DB_PORT") {
            "postgres://shop@localhost:5432/shop"
        } else {
            "sqlite:///db.sqlite3"
        };
        let world = with_recipe(&recipe, &format!("DATABASE_URL={url}\nPORT=1\n"));
        world.wt(&["add", "--no-hooks", "one"]).ok();
        let servers = world.wt(&["run", "one"]).ok();
        assert!(servers.stdout.contains("web"), "{recipe}: {servers:#?}");
        assert_eq!(world.git(&world.path("myproject-one"), &["status", "--short"]), "", "{recipe}");
        world.wt(&["remove", "--no-hooks", "one"]).ok();
    }
}

#[test]
fn the_commands_of_the_readme_are_command_lines() {
    let readme = readme();
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let lines: Vec<&str> = blocks.flat_map(str::lines).filter(|line| line.starts_with("git wt ")).collect();
    assert!(lines.len() > 10, "{lines:#?}");
    for line in lines {
        let words = line.split("  #").next().unwrap().replacen("git wt", "git-wt", 1);
        let parsed = git_wt::command().try_get_matches_from(words.split_whitespace());
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
}

#[test]
fn the_readme_knows_every_verb() {
    let readme = readme();
    for verb in git_wt::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let name = verb.get_name();
        let known = [format!("`{name}`"), format!("`{name} ")].iter().any(|word| readme.contains(word));
        assert!(known, "the README does not say what '{name}' does");
    }
}
