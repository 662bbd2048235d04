//! Whatever is in the files of a repository, and whatever its branches are called, each verb ends, and changes nothing
//! outside.
//!
//! `cargo test` tries a few inputs, always the same ones. `GIT_WT_TEST_FUZZ=SECONDS` tries others for that long.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rustix::process::kill_process_group;

use crate::world::{Everything, SECRET, World, ended_within};

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Lines of a recipe, any of which may be wrong; some reach outside.
const RECIPE: &[&str] = &[
    "path = '../outside/{{ name }}'\n",
    "path = '{{ home }}/.ssh/{{ name }}'\n",
    "path = '{{ name }}'\n",
    "path = '.git/hooks'\n",
    "path = '../{{ repo }}-{{ branch }}'\n",
    "path = '/proc/self/cwd/../outside'\n",
    "base = '--upload-pack=touch pwned'\n",
    "base = 'HEAD~0'\n",
    "prefix = '-x'\n",
    "copy = ['**', 'keys/*', '!x', '[']\n",
    "link = ['media', 'keys', '.git', '.git/hooks']\n",
    "sparse = ['--stdin', 'd']\n",
    "[port]\nPORT = 8000\n",
    "[port]\nPATH = 8000\nrange = '8000-8001'\n",
    "[env]\nA = '{{ home }}'\nRANDOM = 'x[1]'\nPATH = '.'\n",
    "[env]\nfile = 'keys/.env'\n",
    "[env]\nfrom = 'keys/id'\n",
    "[env]\nfile = '.git/config'\n",
    "[env.'d/.env']\nA = '{{ name }}{{ branch }}'\n",
    "[env.'linked/notes']\nA = 'x'\n",
    "[venv]\npath = 'keys'\n",
    "[venv]\npath = 'd/../..'\n",
    "[venv]\npython = './evil'\n",
    "[venv]\npython = 'evil'\n",
    "[database]\nname = '{{ name }}'\n",
    "[database]\nname = '../{{ name }}'\nfrom = 'evil.sql'\n",
    "[database]\nfrom = 'main'\n",
    "[database]\nfrom = '/proc/self/environ'\n",
    "[database]\nshared = true\n",
    "[hooks]\nsetup = ['touch pwned', 'sh evil', '{{ branch }}']\nteardown = ['touch pwned']\n",
    "[hooks]\ntimeout = '0s'\n",
    "[run]\nx = 'touch pwned'\n",
    "[template.'*']\nmatch = ['*']\nhooks.setup = ['touch pwned']\n",
    "{% for a in range(99999) %}{% endfor %}",
    "[env]\nX = '{% for a in range(9999) %}{{ a }}{% endfor %}'\n",
    "[",
    "\u{202e}",
    "\u{0}",
];
/// Lines of env files.
const ENV: &[&str] = &[
    "PORT=8000\n",
    "A=1\n",
    "RANDOM='a[$(touch pwned)]'\n",
    "A=$(touch pwned)\n",
    "A=`touch pwned`\n",
    "export PROMPT_COMMAND='touch pwned'\n",
    "DATABASE_URL=sqlite:///db.sqlite3\n",
    "DATABASE_URL=sqlite:///../outside/notes\n",
    "DATABASE_URL=sqlite:///linked/notes\n",
    "DATABASE_URL=sqlite:////proc/self/cwd/../outside/x\n",
    "DATABASE_URL=postgres://localhost:1/x?host=/\n",
    "DATABASE_URL=mysql://u:p@[::1]:1/x\n",
    "B='\n",
    "\"\n",
    "=\n",
    "\u{0}",
    "\r",
];
/// Lines of `.worktreeinclude`.
const INCLUDE: &[&str] = &[
    "*\n",
    "**/id\n",
    "keys/\n",
    "../outside/*\n",
    "/etc/passwd\n",
    "!*\n",
    "[\n",
    "\\\n",
    "linked/**\n",
    ".git/**\n",
];
/// Pieces of branch and tag names; git refuses some of them.
const NAME: &[&str] = &[
    "a",
    "b",
    "-",
    "/",
    ".",
    "..",
    "$(touch${IFS}pwned)",
    "`touch${IFS}pwned`",
    ";touch${IFS}pwned;",
    "'",
    "\"",
    "%n",
    "!!",
    "{x,y}",
    "\u{202e}",
    "\u{200b}",
    "é",
    "@",
    "#",
    "=",
    "&",
    "|",
    "(",
    "home",
];

#[derive(Debug)]
struct Case {
    recipe: String,
    env: Option<String>,
    example: Option<String>,
    include: String,
    branch: String,
    tag: String,
}

fn text_of(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    vec(select(pieces), 1..most).prop_map(|pieces| pieces.concat())
}

fn case() -> impl Strategy<Value = Case> {
    // most of them can be parsed, since a table appears at most once
    let recipe = vec(select(RECIPE), 1..6).prop_map(|lines| {
        let mut tables = BTreeMap::new();
        for line in lines {
            let table = line.split('\n').next().filter(|first| first.starts_with('[')).unwrap_or(line);
            tables.insert((table.starts_with('['), table), line);
        }
        tables.into_values().collect::<String>()
    });
    let env = || proptest::option::of(text_of(ENV, 5));
    (recipe, env(), env(), text_of(INCLUDE, 4), text_of(NAME, 5), text_of(NAME, 4)).prop_map(
        |(recipe, env, example, include, branch, tag)| Case { recipe, env, example, include, branch, tag },
    )
}

/// Returns everything outside the repository and its worktrees.
fn outside(world: &World) -> Everything {
    world.everything_in(&["home", "outside", "bin"], &|_| true)
}

fn laid_out(case: &Case) -> World {
    let world = World::in_memory();
    let repo = world.repo("myproject");
    world.write("home/.ssh/id", &format!("{SECRET}\n"));
    world.write("outside/notes", "mine\n");
    world.write("myproject/.wt.toml", &case.recipe);
    world.write("myproject/.worktreeinclude", &case.include);
    if let Some(example) = &case.example {
        world.write("myproject/.env.example", example);
    }
    // leaves its mark where no removal of a worktree deletes it
    let mark = format!("#!/bin/sh\n: >{}\n", world.path("pwned").display());
    world.program("touch", &mark);
    for name in ["evil", "d/evil"] {
        world.write(format!("myproject/{name}"), &mark);
        fs::set_permissions(repo.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    world.write("myproject/evil.sql", "ATTACH '../outside/pwned' AS x; CREATE TABLE x.t (a);\n");
    symlink("../home/.ssh", repo.join("keys")).unwrap();
    symlink("../outside", repo.join("linked")).unwrap();
    world.git(&repo, &["add", "--all", "--force"]);
    world.git(&repo, &["commit", "--quiet", "--message", "all"]);
    for (kind, name) in [("branch", &case.branch), ("tag", &case.tag)] {
        // names that git refuses are left out
        world.command("git", &repo).args([kind, "--", name]).output().unwrap();
    }
    if let Some(env) = &case.env {
        world.write("myproject/.env", env);
    }
    world.write("myproject/media/photo", "x");
    world
}

/// Runs git-wt, which must end in time without a panic, and must not run anything of the repository's.
fn run(world: &World, dir: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = world.command("git-wt", dir);
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let ended = ended_within(LIMIT, command.spawn().unwrap(), kill_process_group);
    let output = ended.map_err(|killed| format!("{args:?}: no answer: {killed:?}"))?;
    let pwned = world.pwned();
    if !pwned.is_empty() {
        return Err(format!("{args:?} has run a command of the repository: {pwned:?}"));
    }
    let text = [&*output.stdout, &*output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    if output.status.code().is_none_or(|code| code == 101) || text[1].contains("panicked") {
        return Err(format!("{args:?}: {output:?}"));
    }
    if text.iter().any(|text| text.contains(SECRET)) {
        return Err(format!("{args:?} shows a secret: {text:?}"));
    }
    let [stdout, _] = text;
    Ok(stdout.lines().next_back().unwrap_or_default().to_owned())
}

fn try_out(case: &Case) -> Result<(), String> {
    let world = laid_out(case);
    let repo = world.path("myproject");
    let before = outside(&world);
    assert_eq!(world.pwned(), [""; 0].map(PathBuf::from));
    let mut places = Vec::new();
    for args in [
        &["add", "--dry-run", &case.branch][..],
        &["add", "new"],
        &["add", &case.branch],
        &["add", "--detach", &case.tag],
    ] {
        let place = PathBuf::from(run(&world, &repo, args)?);
        if place.is_dir() && place.is_absolute() {
            places.push(place);
        }
    }
    for place in &places {
        let root = place.to_str().unwrap();
        for args in
            [&["setup"][..], &["env"], &["list", "--json"], &["hook", "1", root], &["doctor", "--fix"]]
        {
            run(&world, place, args)?;
        }
    }
    for args in
        [&["list"][..], &["env", &case.branch], &["doctor"], &["trust"], &["remove", "-f", "-y", "--all"]]
    {
        run(&world, &repo, args)?;
    }
    if let Some(difference) = before.difference(&outside(&world)) {
        return Err(format!("outside: {difference}"));
    }
    Ok(())
}

#[test]
fn a_command_that_runs_is_noticed_where_it_goes_with_its_worktree() {
    for hook in ["setup", "teardown"] {
        let recipe = format!("[hooks]\n{hook} = ['touch pwned']\n");
        let none = String::new;
        let case = Case { recipe, env: None, example: None, include: none(), branch: none(), tag: none() };
        let world = laid_out(&case);
        world.trust();
        let add = run(&world, &world.path("myproject"), &["add", "x"]);
        let told = add.and_then(|_| run(&world, &world.path("myproject"), &["remove", "-f", "-y", "x"]));
        assert!(told.as_ref().is_err_and(|told| told.contains("has run a command")), "{hook}: {told:?}");
    }
}

#[test]
fn whatever_a_repository_holds_nothing_outside_changes() {
    let config =
        |cases| Config { cases, failure_persistence: None, max_shrink_iters: 20, ..Config::default() };
    let attempt = |mut runner: TestRunner| {
        let done =
            runner.run(&case(), |case| try_out(&case).map_err(proptest::test_runner::TestCaseError::fail));
        done.unwrap_or_else(|failure| panic!("{failure}"));
    };
    attempt(TestRunner::new_with_rng(config(8), TestRng::deterministic_rng(RngAlgorithm::default())));
    let seconds = std::env::var_os("GIT_WT_TEST_FUZZ").and_then(|seconds| seconds.to_str()?.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    while Instant::now() < end {
        attempt(TestRunner::new(config(8)));
    }
}
