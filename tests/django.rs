//! A real project: a Django project from PyPI, three worktrees, three servers, three databases.
//!
//! Only package downloads use the network, and only with `GIT_WT_TEST_NETWORK=1`.

use std::path::{Path, PathBuf};

use crate::cluster::Cluster;
use crate::project::{Project, Server, free_port, get};

const DJANGO: &str = "django==5.2.8";

/// A Django project in a world.
struct Shop {
    project: Project,
    tools: PathBuf,
}

impl Shop {
    fn new(project: Project) -> Self {
        let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("django-tools");
        if !tools.join("bin/django-admin").exists() {
            let python = tools.join("bin/python").to_string_lossy().into_owned();
            project.run("", &["uv", "venv", "--quiet", "--clear", &tools.to_string_lossy()]);
            project.run("", &["uv", "pip", "install", "--quiet", "--python", &python, DJANGO]);
        }
        Self { project, tools }
    }

    /// Writes a project that reads its environment, with a page that keeps notes in the database of `url`.
    fn lay_out(&self, port: u16, url: &str, packages: &[&str], database: &str) {
        let Self { project, tools } = self;
        let world = &project.world;
        world.git(&world.root(), &["init", "--quiet", "shop"]);
        project
            .run("shop", &[&tools.join("bin/django-admin").to_string_lossy(), "startproject", "shop", "."]);
        world.write("shop/requirements.txt", &format!("{DJANGO}\n{}\n", packages.join("\n")));
        world.write("shop/.gitignore", ".env\n.venv/\n*.sqlite3\n__pycache__/\ncollected/\n");
        let env = format!("SECRET_KEY=change-me\nDEBUG=1\nDATABASE_URL={url}\nPORT={port}\n");
        world.write("shop/.env.example", &env);
        world.write("shop/.env", &env);
        let settings = world.read("shop/shop/settings.py");
        world.write("shop/shop/settings.py", &format!("{settings}\n{SETTINGS}{database}\n"));
        world.write("shop/notes/tests.py", TESTS);
        world.write("shop/notes/__init__.py", "");
        world.write("shop/notes/models.py", MODELS);
        world.write("shop/notes/migrations/__init__.py", "");
        world.write("shop/notes/migrations/0001_initial.py", MIGRATION);
        world.write("shop/shop/urls.py", URLS);
        world.commit(&world.path("shop"), "a shop");
        // the main worktree is set up by hand
        project.run("shop", &["uv", "venv", "--quiet", ".venv"]);
        project.run(
            "shop",
            &["uv", "pip", "install", "--quiet", "--python", ".venv/bin/python", "-r", "requirements.txt"],
        );
        project.run("shop", &[".venv/bin/python", "manage.py", "migrate", "--verbosity", "0"]);
    }

    /// Starts the server of a worktree; git-wt supplies the port.
    fn serve(&self, name: &str) -> Server {
        // a single thread, so that its connection to the database stays open
        let line =
            ["git-wt", "run", name, "--", "python", "manage.py", "runserver", "--noreload", "--nothreading"];
        self.project.serve("shop", &line)
    }
}

const SETTINGS: &str = r##"
import os
for line in (BASE_DIR / ".env").read_text().splitlines():
    name, equals, value = line.partition("=")
    if equals and not line.startswith("#"):
        os.environ.setdefault(name, value)
SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = os.environ["DEBUG"] == "1"
ALLOWED_HOSTS = ["*"]
STATIC_ROOT = BASE_DIR / "collected"
INSTALLED_APPS += ["notes"]
"##;

const SQLITE: &str =
    r#"DATABASES["default"]["NAME"] = BASE_DIR / os.environ["DATABASE_URL"].removeprefix("sqlite:///")"#;

const POSTGRES: &str =
    "import dj_database_url\nDATABASES[\"default\"] = dj_database_url.config(conn_max_age=600)";

const TESTS: &str = "from django.test import TestCase\nfrom notes.models import Note\n\n\nclass Notes(TestCase):\n    \
                     def test_a_note_is_kept(self):\n        Note.objects.create(text=\"x\")\n        \
                     self.assertEqual(Note.objects.count(), 1)\n";

const MODELS: &str = "from django.db import models\n\n\nclass Note(models.Model):\n    text = models.CharField(max_length=100)\n";

const MIGRATION: &str = r#"from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True)), ("text", models.CharField(max_length=100))]),
    ]
"#;

const URLS: &str = r#"from django.http import HttpResponse
from django.urls import path
from notes.models import Note


def notes(request):
    if "add" in request.GET:
        Note.objects.create(text=request.GET["add"])
    return HttpResponse("notes: " + ",".join(Note.objects.values_list("text", flat=True)))


urlpatterns = [path("", notes)]
"#;

#[test]
fn three_environments_of_a_django_project() {
    let Some(project) = Project::new("uv") else { return };
    let shop = Shop::new(project);
    let project = &shop.project;
    let world = &project.world;
    let port = free_port(20_100);
    shop.lay_out(port, "sqlite:///db.sqlite3", &[], SQLITE);
    let main = world.path("shop");

    // what the project has is found, written down, and trusted
    project.see("shop", &["git", "wt", "init"]).ok().says(&[
        "django project (manage.py)",
        "requirements.txt",
        "port PORT",
        "database url DATABASE_URL",
    ]);
    let recipe = world.read("shop/.wt.toml");
    assert!(
        recipe.contains("uv pip install -r requirements.txt") && recipe.contains("manage.py migrate"),
        "{recipe}"
    );
    world.commit(&main, "what a worktree gets");
    project.see("shop", &["git", "wt", "trust", "--yes"]).ok();

    // each one has its venv, env file, port and database, with migrations run
    for (name, port) in [("staging", port + 1), ("production", port + 2)] {
        project.see("shop", &["git", "wt", "add", name]).ok().prints(&format!("[ROOT]/shop-{name}\n"));
        let tree = world.path(format!("shop-{name}"));
        let env = world.read(format!("shop-{name}/.env"));
        assert!(env.contains(&format!("PORT={port}\n")) && !env.contains("change-me"), "{env}");
        let line = ["git-wt", "run", name, "--", "python", "-c", "import sys, django; print(sys.prefix)"];
        assert_eq!(project.see("shop", &line).ok().stdout, format!("[ROOT]/shop-{name}/.venv\n"));
        let plain = ". .venv/bin/activate && python manage.py migrate --check && python manage.py check";
        world.see(world.command("sh", &tree).args(["-c", plain])).ok();
        assert_eq!(world.git(&tree, &["status", "--porcelain"]), "");
    }

    // one command for all, each in its own venv and with its own .env: one runs collectstatic, the others do not
    let manage = ["git-wt", "run", "--all", "--", "python", "manage.py"];
    project.see("shop", &[&manage[..], &["migrate", "--verbosity", "0"]].concat()).ok();
    let staging = ["git-wt", "run", "staging", "--", "python", "manage.py", "collectstatic", "--noinput"];
    project.see("shop", &staging).ok();
    let collected = |tree: &str| world.path(tree).join("collected/admin").is_dir();
    assert_eq!(["shop", "shop-staging", "shop-production"].map(collected), [false, true, false]);
    project.see("shop", &[&manage[..], &["collectstatic", "--noinput"]].concat()).ok();
    assert_eq!(["shop", "shop-staging", "shop-production"].map(collected), [true; 3]);
    let which = ["git-wt", "run", "--all", "--", "sh", "-c", "echo $VIRTUAL_ENV $PORT"];
    let seen = project.see("shop", &which).ok().stdout;
    for (tree, port) in [("shop-staging", port + 1), ("shop-production", port + 2)] {
        assert!(seen.contains(&format!("/{tree}/.venv {port}\n")), "{seen}");
    }

    // three servers at once, each with its own rows
    let servers = ["@", "staging", "production"].map(|name| shop.serve(name));
    assert_eq!(get(port + 1, "/?add=from-staging"), "notes: from-staging");
    assert_eq!(get(port + 2, "/?add=from-production"), "notes: from-production");
    assert_eq!(get(port, "/"), "notes: ");
    assert_eq!(get(port + 1, "/"), "notes: from-staging");
    let list = project.see("shop", &["git", "wt", "list"]).ok().stdout;
    assert_eq!(list.matches(" ●").count(), 3, "{list}");

    // one is removed without a trace, and the others keep running
    let [_main, staging, _production] = servers;
    drop(staging);
    project
        .see("shop", &["git", "wt", "remove", "staging"])
        .ok()
        .says(&["db.sqlite3", "git wt undo staging"]);
    project.see("shop", &["git", "wt", "undo"]).ok();
    let staging = shop.serve("staging");
    assert_eq!(get(port + 1, "/"), "notes: from-staging");
    drop(staging);
    project.see("shop", &["git", "wt", "remove", "-y", "--purge", "staging"]).ok();
    assert!(!world.path("shop-staging").exists());
    assert!(!world.path(format!("state/git-wt/ports/{}", port + 1)).exists());
    assert_eq!(std::fs::read_dir(main.join(".git/worktrees")).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(main.join(".git/wt/records")).unwrap().count(), 2, "a record and its log");
    assert_eq!(world.git(&main, &["branch", "--list", "staging"]).trim(), "staging");
    assert_eq!(get(port + 2, "/"), "notes: from-production");
    assert_eq!(get(port, "/"), "notes: ");
}

#[test]
fn a_django_project_on_postgresql_copies_a_database_in_use() {
    let Some(project) = Project::new("uv") else { return };
    let Some(cluster) = Cluster::shared() else { return };
    cluster.sql("postgres", "CREATE DATABASE django_shop OWNER app");
    let shop = Shop::new(project);
    let project = &shop.project;
    let world = &project.world;
    let port = free_port(26_100);
    let packages = ["dj-database-url==3.0.1", "psycopg[binary]==3.2.12"];
    shop.lay_out(port, &cluster.url("django_shop"), &packages, POSTGRES);
    let repo = world.path("shop");
    project.see("shop", &["git", "wt", "init"]).ok().says(&["database url DATABASE_URL"]);
    world.git(&repo, &["config", "wt.database.from", "main"]);
    world.commit(&repo, "what a worktree gets");
    project.see("shop", &["git", "wt", "trust", "--yes"]).ok();

    // main's server stays connected to its database all the while
    let main = shop.serve("@");
    assert_eq!(get(port, "/?add=of-main"), "notes: of-main");
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'django_shop'";
    assert_eq!(cluster.sql("postgres", sessions), "1");
    for name in ["staging", "production"] {
        project.see("shop", &["git", "wt", "add", name]).ok();
    }
    assert_eq!(cluster.sql("postgres", sessions), "1", "it still is");
    let [staging, production] = ["staging", "production"].map(|name| shop.serve(name));
    assert_eq!(get(port + 1, "/?add=from-staging"), "notes: of-main,from-staging");
    assert_eq!(get(port + 2, "/"), "notes: of-main");
    assert_eq!(get(port, "/"), "notes: of-main");

    // both run their tests at the same time
    let test = |name: &str| {
        project.see("shop", &["git-wt", "run", name, "--", "python", "manage.py", "test", "--keepdb"])
    };
    std::thread::scope(|scope| {
        let runs = ["staging", "production"].map(|name| scope.spawn(move || test(name).ok()));
        for run in runs {
            run.join().unwrap().says(&["OK"]);
        }
    });
    assert_eq!(cluster.names("test_shop"), ["test_shop_production", "test_shop_staging"]);

    // a migration in one leaves the schema of the others alone
    cluster.sql("shop_staging", "ALTER TABLE notes_note ADD COLUMN more int");
    let more = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'notes_note' AND column_name = 'more'";
    assert_eq!([cluster.sql("shop_staging", more), cluster.sql("django_shop", more)], ["1", "0"]);

    project
        .see("shop", &["git", "wt", "remove", "-y", "--purge", "staging"])
        .code(128)
        .says(&["'shop_staging' is in use"]);
    drop(staging);
    project.see("shop", &["git", "wt", "remove", "-y", "--purge", "staging"]).ok();
    assert_eq!(cluster.names("shop"), ["shop_production"]);
    assert_eq!(cluster.names("test_shop"), ["test_shop_production"]);
    assert_eq!(get(port + 2, "/"), "notes: of-main");
    drop((main, production));
    project.see("shop", &["git", "wt", "remove", "-y", "--purge", "production"]).ok();
    assert_eq!(cluster.names("shop"), Vec::<String>::new());
    assert_eq!(cluster.sql("django_shop", "SELECT text FROM notes_note"), "of-main");
}
