//! Databases on a real MariaDB server: each worktree has its own, copied on request, and dropped only if it is ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::world::{World, is_here};

/// Waits for the end of its input, then stops the server and deletes its files.
const KEEPER: &str = "\"$@\" & server=$!; cat >/dev/null; kill -TERM $server; wait; rm -rf \"$DIR\"";

/// A server with a user `app`, who may do anything with databases that begin with `shop_` or `test_shop_`.
struct MariaDb {
    dir: PathBuf,
    port: u16,
    _keeper: Child,
}

impl MariaDb {
    /// Returns the server of this test program; `None` if MariaDB is not installed.
    fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<MariaDb>> = OnceLock::new();
        let server = SHARED.get_or_init(Self::start).as_ref();
        is_here("MariaDB", server.is_some());
        server
    }

    fn start() -> Option<Self> {
        let find = |name: &str| {
            let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
            places.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.exists())
        };
        let (daemon, install) = (find("mariadbd")?, find("mariadb-install-db")?);
        let dir = tempfile::Builder::new().prefix("wtmy").tempdir().unwrap().keep();
        let data = format!("--datadir={}", dir.join("data").display());
        let mut made = Command::new(install);
        made.args(["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"]);
        let mut user = Vec::new();
        if rustix::process::geteuid().is_root() {
            user.push("--user=mysql");
            assert!(Command::new("chown").arg("mysql").arg(&dir).status().unwrap().success());
        }
        let made = made.args(&user).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(daemon).args(["--no-defaults", &data]).args(&user);
        keeper.arg(format!("--socket={}/socket", dir.display())).arg(format!("--port={port}"));
        keeper.args(["--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0"]);
        let keeper =
            keeper.env("DIR", &dir).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self { dir, port, _keeper: keeper.unwrap() };
        let start = Instant::now();
        while server.admin("SELECT 1").is_none() {
            assert!(start.elapsed() < Duration::from_mins(1), "the server does not come up");
            std::thread::yield_now();
        }
        server.sql(
            "CREATE USER app@localhost IDENTIFIED BY 'p@ss/w:rd#';\n\
             GRANT ALL ON `shop\\_%`.* TO app@localhost; GRANT ALL ON `test\\_shop\\_%`.* TO app@localhost",
        );
        Some(server)
    }

    fn admin(&self, sql: &str) -> Option<String> {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"]);
        client.arg(format!("--socket={}/socket", self.dir.display())).args(["-e", sql]).stdin(Stdio::null());
        let output = client.output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
    }

    #[track_caller]
    fn sql(&self, sql: &str) -> String {
        self.admin(sql).unwrap_or_else(|| panic!("{sql}"))
    }

    fn url(&self, database: &str) -> String {
        format!("mysql://app:p%40ss%2Fw%3Ard%23@127.0.0.1:{}/{database}?charset=utf8mb4", self.port)
    }

    fn names(&self, beginning: &str) -> Vec<String> {
        self.sql("SHOW DATABASES")
            .lines()
            .filter(|name| name.starts_with(beginning))
            .map(str::to_owned)
            .collect()
    }

    /// Makes a repository with a database on the server, and a recipe that gives worktrees their own.
    fn shop(&self, test: &str, recipe: &str) -> (World, String) {
        let main = format!("shop_{test}");
        self.sql(&format!(
            "CREATE DATABASE {main} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;\n\
             CREATE TABLE {main}.things (name VARCHAR(20)); INSERT INTO {main}.things VALUES ('of main')"
        ));
        let world = World::new();
        world.repo(&main);
        world.write(format!("{main}/.wt.toml"), &format!("[database]\n{recipe}"));
        world.commit(&world.path(&main), "recipe");
        world.write(format!("{main}/.env"), &format!("DATABASE_URL=\"{}\"\n", self.url(&main)));
        (world, main)
    }
}

#[test]
fn each_worktree_has_its_own_and_it_goes_with_it() {
    let Some(server) = MariaDb::shared() else { return };
    let (world, main) = server.shop("own", "");
    let before = world.everything();
    world.wt_in(&main, &["add", "staging"]).ok().says(&[&format!("database {main}_staging (empty)")]);
    let env = world.read(format!("{main}-staging/.env"));
    assert_eq!(env, format!("DATABASE_URL=\"{}\"\n", server.url(&format!("{main}_staging"))));
    assert_eq!(server.names(&main), [main.clone(), format!("{main}_staging")]);
    server.sql(&format!("CREATE DATABASE test_{main}_staging; CREATE DATABASE test_{main}_other"));
    world.wt_in(&main, &["remove", "--purge", "staging"]).code(128).says(&["would lose data", "--keep-db"]);
    world.wt_in(&main, &["remove", "--purge", "-y", "-D", "staging"]).ok();
    assert_eq!(server.names(&main), [main.as_str()]);
    assert_eq!(server.names(&format!("test_{main}")), [format!("test_{main}_other")]);
    before.is_still(&world.everything(), "after remove");
}

#[test]
fn a_copy_of_mains_is_like_it() {
    let Some(server) = MariaDb::shared() else { return };
    let (world, main) = server.shop("copy", "from = \"main\"\n");
    for name in ["staging", "qa"] {
        world.wt_in(&main, &["add", name]).ok();
        assert_eq!(server.sql(&format!("SELECT name FROM {main}_{name}.things")), "of main");
        let collation = format!(
            "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = '{main}_{name}'"
        );
        assert_eq!(server.sql(&collation), "utf8mb4_unicode_ci");
    }
    server.sql(&format!("DELETE FROM {main}_staging.things"));
    assert_eq!(server.sql(&format!("SELECT count(*) FROM {main}.things")), "1");
    let record = fs::read_dir(world.path(&main).join(".git/wt/records")).unwrap().flatten();
    let records: String = record.map(|file| fs::read_to_string(file.path()).unwrap()).collect();
    assert!(!records.contains("p%40ss") && !records.contains("p@ss"), "{records}");
    world.wt_in(&main, &["remove", "--purge", "--all", "-y"]).ok();
    assert_eq!(server.names(&main), [main.as_str()]);
}

#[test]
fn a_script_fills_it_after_consent_or_leaves_none() {
    let Some(server) = MariaDb::shared() else { return };
    let (world, main) = server.shop("script", "from = \"seed.sql\"\n");
    let seed = format!("{main}/seed.sql");
    // as in a dump of another worktree's database
    let script = "DROP TABLE IF EXISTS `git_wt`;\nCREATE TABLE `git_wt` (here INT) COMMENT='git-wt:other';\n\
                  CREATE TABLE seeds (name VARCHAR(20));\nINSERT INTO seeds VALUES ('of the seed; \\! x');\n";
    world.write(&seed, script);
    world.wt_in(&main, &["add", "staging"]).code(3).says(&["without consent", "fill from  seed.sql"]);
    assert_eq!(server.names(&main), [main.as_str()], "without consent");
    assert!(world.read(format!("{main}-staging/.env")).contains(&format!("/{main}_staging?")));
    world.wt_in(&main, &["trust", "--yes"]).ok().says(&["fill from  seed.sql  seed.sql\n"]);
    world.wt_in(&main, &["setup", "staging"]).ok();
    assert_eq!(server.sql(&format!("SELECT name FROM {main}_staging.seeds")), "of the seed; ! x");
    world.wt_in(&main, &["remove", "--purge", "-y", "-D", "staging"]).ok();
    assert_eq!(server.names(&main), [main.as_str()]);
    for (script, says) in [
        ("CREATE TABLE a (n INT);\nnonsense;\n".to_owned(), &["cannot load", "seed.sql'", "at line 2: "][..]),
        (
            format!("CREATE TABLE a (n INT);\nUSE `{main}`;\nDROP TABLE things;\n"),
            &["chooses a database itself", "line 2: USE `shop_script`;", "without --databases"],
        ),
    ] {
        world.write(&seed, &script);
        world.wt_in(&main, &["trust", "--yes"]).ok();
        let before = world.everything();
        world.wt_in(&main, &["add", "staging"]).code(128).says(says).says(&["undone: "]);
        assert_eq!(server.names(&main), [main.as_str()], "{script}");
        before.is_still(&world.everything(), &script);
    }
    assert_eq!(server.sql(&format!("SELECT name FROM {main}.things")), "of main");
    world.git(&world.path(&main), &["config", "wt.database.from", "seed.dump"]);
    world.wt_in(&main, &["add", "staging"]).code(128).says(&["seed.dump' is no script of SQL"]);
}

#[test]
fn a_database_that_is_there_is_used_and_never_ours() {
    let Some(server) = MariaDb::shared() else { return };
    let (world, main) = server.shop("there", "");
    server.sql(&format!("CREATE DATABASE {main}_staging"));
    world.wt_in(&main, &["add", "staging"]).ok().says(&["there already, used as it is"]);
    world.wt_in(&main, &["remove", "--purge", "-y", "staging"]).ok();
    world.wt_in(&main, &["add", "qa"]).ok();
    server.sql(&format!(
        "DROP DATABASE {main}_qa; CREATE DATABASE {main}_qa; CREATE TABLE {main}_qa.mine (a INT)"
    ));
    world
        .wt_in(&main, &["remove", "--purge", "-y", "qa"])
        .ok()
        .says(&["left: ", "it is not the one that was made"]);
    assert_eq!(server.names(&main), [main.clone(), format!("{main}_qa"), format!("{main}_staging")]);
}

#[test]
fn what_the_server_refuses_leaves_nothing() {
    let Some(server) = MariaDb::shared() else { return };
    let (world, main) = server.shop("refused", "");
    let port = server.port;
    for (url, why) in [
        (format!("mysql://app:wrong@127.0.0.1:{port}/{main}"), "Access denied"),
        ("mysql://app:x@127.0.0.1:1/x".to_owned(), "cannot reach the database server (127.0.0.1:1)"),
    ] {
        world.write(format!("{main}/.env"), &format!("DATABASE_URL={url}\n"));
        let before = world.everything();
        world.wt_in(&main, &["add", "staging"]).code(128).says(&[why]);
        before.is_still(&world.everything(), why);
    }
    // a name that the user has no rights to
    world.write(format!("{main}/.env"), &format!("DATABASE_URL=\"{}\"\n", server.url(&main)));
    world.git(&world.path(&main), &["config", "wt.database.name", "elsewhere_{{ name }}"]);
    let before = world.everything();
    world.wt_in(&main, &["add", "staging"]).code(128).says(&["cannot make the database 'elsewhere_staging'"]);
    before.is_still(&world.everything(), "without the right");
}
