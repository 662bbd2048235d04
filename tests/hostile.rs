//! A repository that means harm does none before its user has agreed to something.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::terminal::{SHELLS, Setup, Terminal};
use crate::world::{Everything, SECRET, Seen, World, is_here};

/// Names that a shell, a terminal or a pattern would make something of.
const BRANCHES: [&str; 5] = [
    "$(touch${IFS}pwned)",
    "a;touch${IFS}pwned;#",
    "`touch${IFS}pwned`",
    "b\u{202e}\u{2066}c",
    "%n!!{x,y}'\"",
];

/// What is not the repository's: it must stay as it is.
const OUTSIDE: [&str; 5] = ["home", "decoy", "bin", "state/another", "pwned"];
/// What the shells of tests write by themselves.
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

/// Everything that lies outside of the repository.
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

/// A home with a secret, and a clone of a repository that has one of each attack.
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
        "origin/shared.gitconfig",
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
    world.git(&main, &["config", "include.path", "../shared.gitconfig"]);
    fs::create_dir(main.join("media")).unwrap();
    world
}

/// Where it is there and may look, the program that tells which programs are run and which sockets are connected.
fn tracer() -> Option<&'static Path> {
    let strace = Path::new("/usr/bin/strace");
    let traces = || {
        let probe = std::process::Command::new(strace).args(["-qq", "-o", "/dev/null", "true"]).output();
        probe.is_ok_and(|output| output.status.success())
    };
    (strace.exists() && traces()).then_some(strace)
}

/// Asserts what was run and connected: git and what belongs to it, git-wt, and nothing else.
#[track_caller]
fn judge(world: &World, trace: &str, when: &str) {
    let git = world.git(&world.root(), &["--exec-path"]);
    let ours = [env!("CARGO_BIN_EXE_git-wt").to_owned(), World::hosts_git().display().to_string()];
    for line in trace.lines() {
        if line.contains("connect(") {
            assert!(line.contains("/nscd/socket"), "{when}: {line}");
        }
        let Some(program) = line.split("execve(\"").nth(1).filter(|_| line.ends_with("= 0")) else {
            continue;
        };
        let program = program.split('"').next().unwrap_or_default();
        let of_git = program.starts_with(&*git) || program.ends_with("/git") && !program.contains("/bin/git");
        let is_git =
            of_git || (!program.starts_with(&*world.root().to_string_lossy()) && program.ends_with("/git"));
        assert!(is_git || ours.iter().any(|known| known == program), "{when}: {line}");
    }
}

struct Attacked {
    world: World,
    before: Everything,
    tracer: Option<&'static Path>,
}

impl Attacked {
    fn new() -> Self {
        let world = cloned();
        let before = outside(&world);
        let tracer = tracer();
        is_here("strace", tracer.is_some());
        Self { world, before, tracer }
    }

    /// Runs `git wt` as a careless user would, and looks whether anything came of it.
    #[track_caller]
    fn wt(&self, dir: &str, args: &[&str]) -> Seen {
        let world = &self.world;
        let dir = world.path(dir);
        let trace = world.path("trace");
        let mut command = match self.tracer {
            None => world.command("git", &dir),
            Some(tracer) => {
                let mut command = world.command(tracer, &dir);
                command.args(["-f", "-qq", "-e", "trace=execve,connect", "-o"]).arg(&trace).arg("git");
                command
            }
        };
        let seen = world.see(command.arg("wt").args(args));
        self.judge(&seen, &format!("{args:?}"));
        seen
    }

    #[track_caller]
    fn judge(&self, seen: &Seen, when: &str) {
        let ends = [0, 1, 3, 128, 129];
        assert!(ends.contains(&seen.code) && !seen.stderr.contains("panicked"), "{when}: {seen:#?}");
        assert!(!seen.stderr.contains(SECRET) && !seen.stdout.contains(SECRET), "{when}: {seen:#?}");
        nothing_ran(&self.world, &self.before, when);
        let trace = self.world.path("trace");
        if self.tracer.is_some() && trace.exists() {
            judge(&self.world, &fs::read_to_string(&trace).unwrap(), when);
            fs::remove_file(trace).unwrap();
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
            &["run", "--", "true"],
            &["run", "server"],
            &["list", "--json"],
            &["doctor"],
            &["doctor", "--fix"],
            &["cd", "@"],
        ]
        .into_iter()
        .take(if all { usize::MAX } else { 3 })
        {
            // a program of the user's choice is run, and finds what it finds
            if args[0] == "run" && attacked.tracer.is_some() && args.contains(&"true") {
                let seen = attacked.world.wt_in(place, args);
                attacked.judge(&seen, &format!("{place}: {args:?}"));
            } else {
                attacked.wt(place, args);
            }
        }
    }
    for words in [
        &["cd", ""][..],
        &["add", ""],
        &["remove", "$("],
        &["add", "x", "--template", ""],
        &["run", "pr", ""],
    ] {
        let mut command = attacked.world.command("git-wt", &attacked.world.path(&places[0]));
        command.env("GIT_WT_COMPLETE", "raw").env("GIT_WT_COMPLETE_INDEX", words.len().to_string());
        let seen = attacked.world.see(command.args(["--", "git-wt"]).args(words));
        attacked.judge(&seen, &format!("{words:?}"));
    }
    // git takes it for a repository, whose settings are those of whoever committed it
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
