//! A hostile repository does no harm before its user has consented to something.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::terminal::{SHELLS, Setup, Terminal};
use crate::world::{Everything, SECRET, Seen, World, below, is_here};

/// Names that a shell, a terminal or a pattern would interpret.
const BRANCHES: [&str; 5] = [
    "$(touch${IFS}pwned)",
    "a;touch${IFS}pwned;#",
    "`touch${IFS}pwned`",
    "b\u{202e}\u{2066}c",
    "%n!!{x,y}'\"",
];

/// Paths outside the repository, which must stay as they are.
const OUTSIDE: [&str; 5] = ["home", "decoy", "bin", "state/another", "pwned"];
/// Files that the shells of tests write by themselves.
const OF_SHELLS: [&str; 9] = [
    ".bash_history",
    ".zsh_history",
    ".local",
    ".config",
    ".cache",
    ".zcompdump",
    ".bashrc",
    ".zshrc",
    ".inputrc",
];

/// Returns everything outside the repository.
fn outside(world: &World) -> Everything {
    world.everything_in(&OUTSIDE, &|path| !OF_SHELLS.iter().any(|name| path.ends_with(name)))
}

#[track_caller]
fn nothing_ran(world: &World, before: &Everything, when: &str) {
    before.is_still(&outside(world), when);
    assert_eq!(world.pwned(), [""; 0].map(PathBuf::from), "{when}");
}

fn executable(world: &World, rel: &str, text: &str) {
    world.write(rel, text);
    fs::set_permissions(world.path(rel), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Makes a home with a secret, and a clone of a repository that contains one of each attack.
fn cloned() -> World {
    let world = World::new();
    world.write("home/.ssh/id", &format!("{SECRET}\n"));
    world.write("home/.ssh/authorized_keys", "mine\n");
    world.write("decoy/notes", "mine\n");
    world.write("state/another/file", "mine\n");
    fs::create_dir(world.path("pwned")).unwrap();
    world.fake_uv("");
    let origin = world.repo("origin");
    let touch = |name: &str| format!("touch {}/{name}", world.path("pwned").display());
    let script = |name: &str| format!("#!/bin/sh\n{}\n", touch(name));
    let decoy = world.path("decoy").display().to_string();

    let values: String = [
        ("RANDOM", "psvar[1]".into()),
        ("PATH", "bin".into()),
        ("LD_PRELOAD", "./evil.so".into()),
        ("HTTP_PROXY", "http://127.0.0.1:1".into()),
        ("GIT_SSH_COMMAND", touch("ssh")),
        ("GIT_EXTERNAL_DIFF", touch("diff")),
        ("PROMPT_COMMAND", touch("prompt")),
        ("PS1", "hostile".into()),
        ("BASH_ENV", "hooks/post-checkout".into()),
        ("GREETING", touch("greeting")),
    ]
    .iter()
    .map(|(name, value)| format!("{name} = '''{value}'''\n"))
    .collect();
    world.write(
        "origin/.wt.toml",
        &format!(
            "copy = ['keys/*', '**/id', 'linked/**', '.env*']\nlink = ['media', 'README']\n\
             [port]\nPORT = 8000\n[env]\n{values}\
             [env.'conf/.env']\nOTHER = 'x'\n[venv]\npython = 'make'\n\
             [database]\nname = 'authorized_keys'\nfrom = 'seed.sql'\n\
             [hooks]\nsetup = ['{}', 'sh hooks/post-checkout', 'make']\nteardown = ['{}']\n\
             [run]\nserver = '{}'\n\
             [template.\"t\u{202e}\"]\nmatch = ['b*']\nhooks.setup = ['{} # \u{202e}\u{200b}']\n",
            touch("setup"),
            touch("teardown"),
            touch("run"),
            touch("template"),
        ),
    );
    world.write("origin/Makefile", &format!("x := $(shell {})\nall:\n\t{}\n", touch("make"), touch("make")));
    world.write("origin/seed.sql", &format!("ATTACH '{decoy}/pwned' AS x;\nCREATE TABLE x.t (a);\n"));
    world.write(
        "origin/conf/.env.example",
        &format!(
            "DATABASE_URL=sqlite:///{decoy}/shop.sqlite3\nRANDOM='a[$({0})]'\nAPI_URL=http://127.0.0.1:1\n\
             PROMPT_COMMAND='{0}'\nPIP_INDEX_URL=http://127.0.0.1:1\n",
            touch("example")
        ),
    );
    world.write(
        "origin/team.gitconfig",
        &format!(
            "[wt]\n\ttrusted = /*\n\tpath = {decoy}/x\n[wt \"hooks\"]\n\tsetup = {0}\n\tteardown = {0}\n\
             [wt \"env\"]\n\tset = LEAK=1\n",
            touch("config")
        ),
    );
    for place in ["hooks", ".githooks", ".husky", "bare.git/hooks"] {
        for hook in ["post-checkout", "pre-commit", "reference-transaction", "post-index-change"] {
            executable(&world, &format!("origin/{place}/{hook}"), &script("hook"));
        }
    }
    for program in ["ls", "git", "git-wt", "uv", "python3", "sh"] {
        executable(&world, &format!("origin/bin/{program}"), &script("program"));
    }
    for module in ["venv.py", "sitecustomize.py", "sys.py", "manage.py", "setup.py"] {
        world.write(
            format!("origin/{module}"),
            &format!("# django\nimport os\nos.system('{}')\n", touch("module")),
        );
    }
    world.write("origin/bare.git/HEAD", "ref: refs/heads/main\n");
    world.write("origin/bare.git/objects/info/packs", "");
    world.write("origin/bare.git/refs/heads/keep", "");
    world.write(
        "origin/bare.git/config",
        &format!(
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = ..\n\tfsmonitor = {0}\n\thooksPath = hooks\n\
             \tsshCommand = {0}\n\tpager = {0}\n[wt \"hooks\"]\n\tsetup = {0}\n",
            touch("bare")
        ),
    );
    for (to, at) in [
        ("../home/.ssh/id", ".env.example"),
        ("../home/.ssh", "keys"),
        ("../decoy", "linked"),
        ("../home/.ssh/id", "id"),
        ("../../home/.ssh/id", "conf/.envrc"),
    ] {
        symlink(to, origin.join(at)).unwrap();
    }
    world.git(&origin, &["add", "--all", "--force"]);
    world.git(&origin, &["commit", "--quiet", "--message", "main"]);
    world.git(&origin, &["tag", "v1"]);

    world.git(&origin, &["switch", "--quiet", "--create", "pr"]);
    world.write("origin/.venv/pyvenv.cfg", "home = /usr/bin\n");
    for program in ["ls", "python3", "git"] {
        executable(&world, &format!("origin/.venv/bin/{program}"), &script("venv"));
    }
    world.git(&origin, &["add", "--all", "--force"]);
    world.git(&origin, &["commit", "--quiet", "--message", "pr"]);
    world.git(&origin, &["switch", "--quiet", "--create", "env"]);
    world.write(
        "origin/.env",
        &format!("GREETING=1\nRANDOM='a[$({0})]'\nPROMPT_COMMAND='{0}'\n", touch("env")),
    );
    world.git(&origin, &["add", "--all", "--force"]);
    world.git(&origin, &["commit", "--quiet", "--message", "env"]);
    world.git(&origin, &["switch", "--quiet", "main"]);
    for branch in BRANCHES {
        world.git(&origin, &["branch", branch, "main"]);
    }
    world.git(&world.root(), &["clone", "--quiet", "origin", "myproject"]);
    let main = world.path("myproject");
    world.git(&main, &["config", "include.path", "../team.gitconfig"]);
    fs::create_dir(main.join("media")).unwrap();
    world
}

/// Returns the program that reports which programs run and which sockets are connected, if it is installed and may
/// trace.
fn tracer() -> Option<&'static Path> {
    let strace = Path::new("/usr/bin/strace");
    let traces = || {
        let probe = Command::new(strace).args(["-qq", "-o", "/dev/null", "true"]).output();
        probe.is_ok_and(|output| output.status.success())
    };
    (strace.exists() && traces()).then_some(strace)
}

/// The command that the user gives to `git wt run`.
const CHOSEN: &str = "true";

struct Attacked {
    world: World,
    before: Everything,
    tracer: Option<&'static Path>,
    /// The directory of git's own programs.
    git: PathBuf,
}

impl Attacked {
    fn new() -> Self {
        let world = cloned();
        let before = outside(&world);
        let tracer = tracer();
        is_here("strace", tracer.is_some());
        let git = world.git(&world.root(), &["--exec-path"]).into();
        Self { world, before, tracer, git }
    }

    /// Runs `git wt` as a careless user would, and checks that nothing came of it.
    #[track_caller]
    fn wt(&self, dir: &str, args: &[&str]) -> Seen {
        let world = &self.world;
        let dir = world.path(dir);
        let seen = world.see(self.traced("git", &dir).arg("wt").args(args));
        self.judge(&seen, &format!("{args:?}"));
        seen
    }

    /// Returns a command that writes one trace per process; in a single file, their lines would get mixed up.
    fn traced(&self, program: &str, dir: &Path) -> Command {
        let Some(tracer) = self.tracer else { return self.world.command(program, dir) };
        let mut command = self.world.command(tracer, dir);
        let calls = ["-ff", "-qq", "-e", "trace=execve,execveat,connect", "-o"];
        command.args(calls).arg(self.world.path("trace")).arg(program);
        command
    }

    #[track_caller]
    fn judge(&self, seen: &Seen, when: &str) {
        let ends = [0, 1, 3, 127, 128];
        assert!(ends.contains(&seen.code) && !seen.stderr.contains("panicked"), "{when}: {seen:#?}");
        assert!(!seen.stderr.contains(SECRET) && !seen.stdout.contains(SECRET), "{when}: {seen:#?}");
        nothing_ran(&self.world, &self.before, when);
        let is_trace = |path: &Path| path.file_stem().is_some_and(|name| name == "trace");
        let traces = below(&self.world.root(), &is_trace);
        assert_eq!(traces.is_empty(), self.tracer.is_none(), "{when}");
        for trace in traces {
            self.judge_trace(&fs::read_to_string(&trace).unwrap(), when);
            fs::remove_file(trace).unwrap();
        }
    }

    /// Asserts that nothing was run or connected to but git, its own programs, git-wt, and what the user has chosen.
    #[track_caller]
    fn judge_trace(&self, trace: &str, when: &str) {
        let world = &self.world;
        let known = [
            PathBuf::from(env!("CARGO_BIN_EXE_git-wt")),
            World::hosts_git().to_owned(),
            World::gits_dir().join("git"),
            Path::new("/usr/bin").join(CHOSEN),
            Path::new("/bin").join(CHOSEN),
        ];
        let is_nscd = |line: &str| line.starts_with("connect(") && line.contains("\"/var/run/nscd/socket\"");
        for line in trace.lines() {
            assert!(!line.contains("connect") || is_nscd(line), "{when}: {line}");
            if !line.contains("exec") {
                continue;
            }
            let program = line.strip_prefix("execve(\"").and_then(|rest| rest.split('"').next());
            let program = Path::new(program.unwrap_or_else(|| panic!("{when}: {line}")));
            let is_known = program.parent() == Some(&self.git) || known.iter().any(|known| known == program);
            // a program is looked for in each directory of PATH, and most do not have it
            let is_absent = line.ends_with(" = -1 ENOENT (No such file or directory)");
            let is_in_world = program.starts_with(world.root()) && !program.starts_with(world.path("bin"));
            assert!(is_known || is_absent && program.is_absolute() && !is_in_world, "{when}: {line}");
        }
    }
}

#[test]
fn a_hostile_repository_does_nothing_before_it_is_trusted() {
    let attacked = Attacked::new();
    let wt = |args: &[&str]| attacked.wt("myproject", args);
    wt(&["list"]);
    wt(&["add", "--dry-run", "pr"]);
    let mut places = Vec::new();
    for args in [
        &["add", "pr"][..],
        &["add", "new"],
        &["add", "--detach", "origin/pr"],
        &["add", "v1"],
        &["add", "--template", "t\u{202e}", "templated"],
    ] {
        places.push(wt(args).code(3).stdout.trim().replace("[ROOT]/", ""));
    }
    wt(&["add", "env"]).code(128);
    wt(&["add", "--no-env", "env"]).ok();
    places.push("myproject-env".into());
    for branch in BRANCHES {
        places.push(wt(&["add", branch]).code(3).stdout.trim().replace("[ROOT]/", ""));
    }
    for place in &places {
        let all =
            ["myproject-pr", "templated", &*places[places.len() - 1]].iter().any(|end| place.ends_with(end));
        for args in [
            &["setup"][..],
            &["env"],
            &["hook", "bash"],
            &["setup", "--again"],
            &["setup", "--dry-run"],
            &["env", "--json"],
            &["run", ".", "--", CHOSEN],
            &["run", ".", "--", "server"],
            &["list", "--json"],
            &["doctor"],
            &["doctor", "--fix"],
            &["cd", "@"],
        ]
        .into_iter()
        .take(if all { usize::MAX } else { 3 })
        {
            attacked.wt(place, args);
        }
    }
    for words in [
        &["cd", ""][..],
        &["add", ""],
        &["remove", "$("],
        &["add", "x", "--template", ""],
        &["run", "pr", ""],
    ] {
        let mut command = attacked.traced("git-wt", &attacked.world.path(&places[0]));
        command.env("GIT_WT_COMPLETE", "raw").env("GIT_WT_COMPLETE_INDEX", words.len().to_string());
        let seen = attacked.world.see(command.args(["--", "git-wt"]).args(words));
        attacked.judge(&seen, &format!("{words:?}"));
    }
    // git takes it for a repository, with the settings of whoever committed it
    for args in [&["list"][..], &["add", "from-bare"], &["doctor"]] {
        attacked.wt(&format!("{}/bare.git", places[0]), args);
        attacked.wt("myproject/bare.git", args);
    }
    attacked.wt("myproject", &["move", "pr", "../moved"]);
    for args in [
        &["list"][..],
        &["doctor", "--fix"],
        &["remove", "--dry-run", "--all"],
        &["remove", "-f", "-y", "--all"],
        &["prune"],
    ] {
        wt(args);
    }
    attacked.world.swept();
    nothing_ran(&attacked.world, &attacked.before, "at the end");
}

#[test]
fn a_shell_that_enters_a_hostile_worktree_runs_nothing_of_it() {
    let attacked = Attacked::new();
    let world = &attacked.world;
    attacked.wt("myproject", &["add", "--no-env", "env"]).ok();
    let mut places = vec!["myproject".to_owned(), "myproject-env".into()];
    for branch in ["pr", "new"].into_iter().chain(BRANCHES) {
        places.push(attacked.wt("myproject", &["add", branch]).code(3).stdout.trim().replace("[ROOT]/", ""));
    }
    for shell in SHELLS {
        let after = if shell == "bash" { "shopt -s promptvars" } else { "" };
        let setup = Setup { after, ..Setup::default() };
        let Some(mut terminal) = Terminal::open_with(world, shell, &setup) else { continue };
        for place in &places {
            let place = world.path(place);
            let shown = terminal.shows(&format!("cd -- '{}'", place.display()));
            assert!(!shown.contains(SECRET), "{shown}");
            terminal.shows("ls; true");
            for name in
                ["GREETING", "API_URL", "LD_PRELOAD", "HTTP_PROXY", "GIT_SSH_COMMAND", "DATABASE_URL", "LEAK"]
            {
                assert_eq!(terminal.shows(&format!("printenv {name}")), "", "{shell}: {}", place.display());
            }
            terminal.shows("cd bare.git; ls; cd ..");
            let path = terminal.shows("printenv PATH");
            assert!(!path.contains(&*place.file_name().unwrap().to_string_lossy()), "{shell}: {path}");
            nothing_ran(world, &attacked.before, &format!("{shell}: {}", place.display()));
        }
    }
}
