//! A real PostgreSQL server just for the tests: on a free port and a socket, gone when the test program ends.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::world::is_here;

/// A server with a user `app`, who may create databases, and a user `poor`, who may not.
pub struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    port: u16,
    /// Ends the server when our end of its pipe is closed, however our process ends.
    _keeper: Child,
}

/// The password of `app`: plain, and as written in a URL.
const PASSWORD: (&str, &str) = ("p@ss/w:rd#", "p%40ss%2Fw%3Ard%23");

/// Waits for the end of its input, then stops the server and deletes its files.
const KEEPER: &str = "\"$@\" & server=$!; cat >/dev/null; kill -INT $server; wait; rm -rf \"$DIR\"";

impl Cluster {
    /// Returns the server of this test program; `None` if PostgreSQL is not installed.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        let cluster = SHARED.get_or_init(|| find_bin().map(|bin| Self::start(&bin))).as_ref();
        is_here("PostgreSQL", cluster.is_some());
        cluster
    }

    fn start(bin: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("wtpg").tempdir().unwrap().keep();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let data = dir.join("data");
        fs::create_dir(&data).unwrap();
        fs::write(dir.join("password"), "admin").unwrap();
        if rustix::process::geteuid().is_root() {
            // PostgreSQL refuses to run as root
            let chown = Command::new("chown").args(["-R", "postgres"]).arg(&dir).status().unwrap();
            assert!(chown.success());
        }
        let mut initdb = as_nobody_special(&bin.join("initdb"));
        initdb.args([
            "--auth=scram-sha-256",
            "--username=admin",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        let made =
            initdb.arg("--pwfile").arg(dir.join("password")).arg("--pgdata").arg(&data).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = as_nobody_special(&bin.join("postgres"));
        let mut keeper = Command::new("sh");
        keeper
            .args(["-c", KEEPER, "sh"])
            .arg(server.get_program())
            .args(server.get_args())
            .arg("-D")
            .arg(&data);
        keeper.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"]);
        // shared memory in its own directory, because a server that is killed would leave it behind in /dev/shm
        keeper.args(["-c", "dynamic_shared_memory_type=mmap"]);
        keeper
            .arg("-c")
            .arg(format!("port={port}"))
            .arg("-c")
            .arg(format!("unix_socket_directories={}", dir.display()));
        let keeper =
            keeper.env("DIR", &dir).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let cluster = Self { bin: bin.to_owned(), dir, port, _keeper: keeper.unwrap() };
        let start = Instant::now();
        while !cluster.is_ready() {
            assert!(start.elapsed() < Duration::from_mins(1), "the server does not come up");
            std::thread::yield_now();
        }
        let password = PASSWORD.0;
        cluster.sql("postgres", &format!("CREATE ROLE app LOGIN CREATEDB PASSWORD '{password}'"));
        cluster.sql("postgres", "CREATE ROLE poor LOGIN PASSWORD 'poor'");
        cluster
    }

    fn is_ready(&self) -> bool {
        let mut ask = Command::new(self.bin.join("pg_isready"));
        ask.args(["--quiet", "--host=127.0.0.1", "--port", &self.port.to_string()])
            .status()
            .unwrap()
            .success()
    }

    /// Returns the URL of a database, for `app`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://app:{}@127.0.0.1:{}/{database}", PASSWORD.1, self.port)
    }

    /// Returns the directory of its socket.
    pub fn socket(&self) -> &Path {
        &self.dir
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn client(&self, program: &str, user: &str, password: &str) -> Command {
        let mut client = Command::new(self.bin.join(program));
        client.args([
            "--host=127.0.0.1",
            "--port",
            &self.port.to_string(),
            "--username",
            user,
            "--no-password",
        ]);
        client.env("PGPASSWORD", password).stdin(Stdio::null());
        client
    }

    /// Runs SQL as the administrator and returns the bare output.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = self.client("psql", "admin", "admin");
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--dbname",
            database,
            "--command",
            sql,
        ]);
        let output = psql.output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Makes a database of `app`'s, with a table of one row.
    pub fn make(&self, database: &str) {
        self.sql("postgres", &format!("CREATE DATABASE {database} OWNER app"));
        self.sql(
            database,
            "SET ROLE app; CREATE TABLE things (name text); INSERT INTO things VALUES ('of main')",
        );
    }

    /// Whether a database of that name exists.
    pub fn has(&self, database: &str) -> bool {
        !self.sql("postgres", &format!("SELECT 1 FROM pg_database WHERE datname = '{database}'")).is_empty()
    }

    /// Returns the names of all databases with this prefix.
    pub fn names(&self, beginning: &str) -> Vec<String> {
        let all = self.sql("postgres", "SELECT datname FROM pg_database ORDER BY 1");
        all.lines().filter(|name| name.starts_with(beginning)).map(str::to_owned).collect()
    }

    /// Opens a session of `app`'s in a database, which stays connected.
    pub fn session(&self, database: &str) -> Session {
        let mut psql = self.client("psql", "app", PASSWORD.0);
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--dbname", database]);
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut session =
            Session { input: child.stdin.take().unwrap(), output: child.stdout.take().unwrap(), child };
        assert_eq!(session.ask("SELECT 'here';"), "here");
        session
    }
}

/// A connection that is kept open.
pub struct Session {
    child: Child,
    input: std::process::ChildStdin,
    output: std::process::ChildStdout,
}

impl Session {
    /// Asks for one value.
    pub fn ask(&mut self, sql: &str) -> String {
        use std::io::Write;
        writeln!(self.input, "{sql}").unwrap();
        let mut line = Vec::new();
        let mut byte = [0];
        while self.output.read(&mut byte).is_ok_and(|read| read == 1) && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a program of the server, to be run as a user other than root.
fn as_nobody_special(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

/// Returns the directory of the server's programs: where Debian keeps it, or on PATH.
fn find_bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let on_path = which::which("initdb").ok().and_then(|initdb| initdb.parent().map(Path::to_owned));
    let dirs = versions.map(|version| version.path().join("bin")).chain(on_path);
    dirs.into_iter()
        .find(|dir| ["initdb", "postgres", "psql", "pg_isready"].iter().all(|name| dir.join(name).exists()))
}
