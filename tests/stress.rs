//! Many git-wt at once, and git-wt killed at any moment: what is left is complete, and nothing is left over.
//!
//! `GIT_WT_TEST_STRESS=200` sets how many operations each thread carries out, `GIT_WT_TEST_CRASHES=200` how many rounds
//! of kills there are, and `GIT_WT_TEST_SEED` repeats the choices of a run.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::kill_process;
use serde_json::Value;

use crate::dice::{Dice, number, seed};
use crate::world::{World, ended_within};

const REPOSITORIES: [&str; 3] = ["one", "two", "three"];
/// Only a few, so that they collide; two of them want the same place.
const NAMES: [&str; 4] = ["qa", "dev", "fix/1", "fix-1"];
/// Where worktrees may be beside a repository, after its name and a dash.
const PLACES: [&str; 4] = ["qa", "dev", "fix-1", "elsewhere"];
const THREADS: u64 = 8;
/// Anything that takes longer counts as hanging.
const PATIENCE: Duration = Duration::from_mins(1);
/// What no error may say, since it would show a race rather than a reason.
const RACES: [&str; 6] = ["config.lock", "index.lock", "Success", "No such file", "commondir", "panicked"];

/// Makes a world of repositories that share one state directory; their worktrees get two ports and a database.
fn world_of(repositories: &[&str]) -> World {
    let world = World::new();
    for name in repositories {
        let repository = world.repo(name);
        world.write(
            format!("{name}/.wt.toml"),
            "[port]\nPORT = 8000\nAPI_PORT = 8001\n[env]\nHERE = \"{{ path }}\"\n\
             [database]\nvariable = \"DATABASE_URL\"\n",
        );
        world.commit(&repository, "recipe");
        world.write(format!("{name}/.env"), "DATABASE_URL=sqlite:///db.sqlite3\n");
        world.wt_in(name, &["trust", "--yes"]).ok();
    }
    world
}

/// Chooses a command line of git-wt for a repository.
fn own_line(dice: &mut Dice, repository: &str) -> String {
    let name = dice.one_of(&NAMES);
    let place = format!("../{repository}-{}", dice.one_of(&PLACES));
    match dice.below(26) {
        0..=4 => format!("add {name}"),
        5 => format!("add -b {} {name}", dice.one_of(&NAMES)),
        6 => format!("add --detach {name}"),
        7 => format!("add --path {place} {name}"),
        8 => format!("add {} {name}", dice.one_of(&["--no-env", "--lock", "--force", "--dry-run"])),
        9..=11 => format!("remove -y {name}"),
        12 => format!("remove {name}"),
        13 => {
            format!("remove {} {name}", dice.one_of(&["-f", "-f -f -y", "-y --delete-branch", "--purge -y"]))
        }
        14 => "list".into(),
        15 => dice.one_of(&["list --json", "list --porcelain"]).into(),
        16 => format!("cd {name}"),
        17 => format!("move {place} {place}-{}", dice.below(1 << 32)),
        18 => format!("{} {place}", dice.one_of(&["lock", "unlock", "unlock"])),
        19 => format!("setup {name}"),
        20 => "prune --yes".into(),
        21 => dice.one_of(&["doctor", "doctor --fix"]).into(),
        22 => format!("run {name} -- true"),
        23 => dice.one_of(&["undo", "undo --list"]).into(),
        24 => format!("undo {name}"),
        _ => format!("env {name}"),
    }
}

/// Chooses a command line of plain git for a repository.
fn plain_line(dice: &mut Dice, repository: &str) -> String {
    let place = format!("../{repository}-{}", dice.one_of(&PLACES));
    match dice.below(5) {
        0 => format!("worktree add {place}"),
        1 => format!("worktree add --detach {place}"),
        2 => format!("worktree remove {place}"),
        3 => format!("worktree remove --force {place}"),
        _ => format!("worktree move {place} {place}-{}", dice.below(1 << 32)),
    }
}

/// How an operation ended.
struct Ended {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: String,
}

/// Runs a command to its end, or kills it when its time is up, and waits for its descendants.
fn end_of(command: &mut Command, time: Duration) -> Ended {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = ended_within(time, child, kill_process).unwrap_or_else(|killed| killed);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Ended { status: output.status, stdout: output.stdout, stderr }
}

impl Ended {
    /// Returns what is wrong with the way it ended: it must succeed, or fail for a proper reason.
    fn fault(&self) -> Option<String> {
        let reasons = ["error: ", "fatal: ", "problem: "];
        let reason = self.stderr.lines().any(|line| reasons.iter().any(|reason| line.starts_with(reason)));
        match self.status.code() {
            None => Some(format!("signal {:?}", self.status.signal())),
            Some(0 | 3) => None,
            Some(1 | 128 | 129) if reason => None,
            Some(code) => Some(format!("status {code} without a reason")),
        }
    }

    /// Returns what in its messages shows a race.
    fn race(&self) -> Option<String> {
        let told = RACES.iter().find(|race| self.stderr.contains(**race));
        told.map(|race| format!("tells of a race: {race}"))
    }
}

/// What happened in a run, and what went wrong.
#[derive(Default)]
struct Report {
    lines: Vec<String>,
    faults: Vec<String>,
}

impl Report {
    fn note(&mut self, line: &str, ended: &Ended, fault: Option<String>) {
        let end = format!("{} {}", ended.status, ended.stderr.trim_end().replace('\n', "\n    "));
        if let Some(fault) = fault {
            self.faults.push(format!("{line}: {fault}\n    {end}"));
        }
        self.lines.push(format!("{line} -> {end}"));
    }
}

/// What else is going on while git-wt works.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Company {
    Nothing,
    PlainGit,
    Kills,
}

/// Plain git takes turns in a repository, because it cannot run concurrently with itself.
type Turns = BTreeMap<&'static str, Mutex<()>>;

/// The state that threads share.
struct Wild<'a> {
    world: &'a World,
    company: Company,
    turns: &'a Turns,
    report: &'a Mutex<Report>,
}

impl Wild<'_> {
    /// Carries out operations in random repositories, and records how each ended.
    fn carry_out(&self, mut dice: Dice, thread: u64, count: u64) {
        for at in 0..count {
            let repository = dice.one_of(&REPOSITORIES);
            let is_plain = self.company == Company::PlainGit && dice.below(4) == 0;
            let line =
                if is_plain { plain_line(&mut dice, repository) } else { own_line(&mut dice, repository) };
            let is_killed = self.company == Company::Kills && dice.below(4) == 0;
            let time = if is_killed { Duration::from_micros(dice.below(80_000)) } else { PATIENCE };
            let ended = self.end_of(repository, &line, is_plain, time);
            let fault = if is_killed { None } else { self.fault(&line, is_plain, &ended) };
            self.report.lock().unwrap().note(&format!("{thread}.{at} {repository}: {line}"), &ended, fault);
        }
    }

    fn end_of(&self, repository: &str, line: &str, is_plain: bool, time: Duration) -> Ended {
        let program = if is_plain { "git" } else { env!("CARGO_BIN_EXE_git-wt") };
        let takes_turns = self.company == Company::PlainGit && (is_plain || line.starts_with("move "));
        let _turn = takes_turns.then(|| self.turns[repository].lock().unwrap());
        end_of(self.world.command(program, &self.world.path(repository)).args(line.split(' ')), time)
    }

    fn fault(&self, line: &str, is_plain: bool, ended: &Ended) -> Option<String> {
        match (is_plain, self.company) {
            // what git says about our worktrees does not count
            (true, _) => None,
            // nor does what a git that we run says about itself
            (_, Company::PlainGit | Company::Kills) => ended.fault(),
            (_, Company::Nothing) => {
                ended.fault().or_else(|| ended.race()).or_else(|| unreadable(line, ended))
            }
        }
    }
}

/// Returns what is wrong with an answer for programs.
fn unreadable(line: &str, ended: &Ended) -> Option<String> {
    let cause = (line == "list --json").then(|| serde_json::from_slice::<Value>(&ended.stdout).err())??;
    Some(format!("no JSON: {cause}"))
}

/// Lets threads work on the repositories of one world at random; returns the world with all that happened.
fn run_wild(company: Company, seed: u64) -> (World, Report) {
    let world = world_of(&REPOSITORIES);
    let report = Mutex::new(Report::default());
    let count = number("GIT_WT_TEST_STRESS").unwrap_or(50);
    let turns: Turns = REPOSITORIES.map(|name| (name, Mutex::new(()))).into();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let wild = Wild { world: &world, company, turns: &turns, report: &report };
            scope.spawn(move || wild.carry_out(Dice::of(seed, thread + 1), thread, count));
        }
    });
    let report = report.into_inner().unwrap();
    (world, report)
}

/// Asserts that nothing was wrong; otherwise prints all that happened.
#[track_caller]
fn assert_faultless(report: &Report, seed: u64) {
    for line in report.lines.iter().filter(|_| !report.faults.is_empty()) {
        eprintln!("{line}");
    }
    assert!(report.faults.is_empty(), "GIT_WT_TEST_SEED={seed}\n{}", report.faults.join("\n"));
}

/// One entry of `.git/worktrees`.
struct Entry {
    dir: PathBuf,
    path: PathBuf,
    record: Option<String>,
}

/// What is on disk in some repositories, and what is wrong with it.
struct Inspection<'a> {
    world: &'a World,
    repositories: &'a [&'a str],
    /// The records of all repositories, by id.
    records: BTreeMap<String, Value>,
    /// All worktrees' directories, each with the entry that has it.
    places: BTreeMap<PathBuf, PathBuf>,
    faults: Vec<String>,
}

/// Examines everything; returns what is wrong.
fn faults_of(world: &World, repositories: &[&str]) -> Vec<String> {
    let mut look = Inspection {
        world,
        repositories,
        records: BTreeMap::new(),
        places: BTreeMap::new(),
        faults: Vec::new(),
    };
    for repository in repositories {
        world.swept_in(repository);
        look.repository(repository);
    }
    look.ports();
    look.claims("ports");
    look.claims("databases");
    look.directories();
    look.leftovers();
    look.faults
}

/// Returns the paths in a directory that may not exist.
fn paths_in(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn text_of(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned()).filter(|text| !text.is_empty())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn text_in(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// Returns the variables and numbers of a record's ports.
fn ports_of(record: &Value) -> Vec<(String, u64)> {
    let steps = record["steps"].as_array().into_iter().flatten();
    let ports = steps.filter(|step| step["kind"] == "port");
    ports.map(|port| (text_in(port, "variable"), port["number"].as_u64().unwrap_or(0))).collect()
}

impl Inspection<'_> {
    fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    fn repository(&mut self, name: &str) {
        let repository = self.world.path(name);
        let fsck = self.world.see(self.world.command("git", &repository).args(["fsck", "--no-progress"]));
        if fsck.code != 0 || !fsck.stderr.is_empty() {
            self.fault(format!("{name}: git fsck: {fsck:#?}"));
        }
        let entries: Vec<Entry> =
            paths_in(&repository.join(".git/worktrees")).iter().filter_map(|dir| self.entry(dir)).collect();
        for file in paths_in(&repository.join(".git/wt/records")) {
            self.record(name, &file, &entries);
        }
    }

    /// Checks that an entry and its directory name each other, and that git can work there.
    fn entry(&mut self, dir: &Path) -> Option<Entry> {
        let (Some(gitdir), Some(_), Some(_)) =
            (text_of(dir.join("gitdir")), text_of(dir.join("commondir")), text_of(dir.join("HEAD")))
        else {
            self.fault(format!("{} is not whole", dir.display()));
            return None;
        };
        let path = Path::new(&gitdir).parent().unwrap().to_owned();
        let pointer = text_of(path.join(".git"));
        if pointer != Some(format!("gitdir: {}", dir.display())) {
            self.fault(format!("{gitdir} of {} says {pointer:?}", dir.display()));
            return None;
        }
        let status = self.world.see(self.world.command("git", &path).args(["status", "--porcelain"]));
        if status.code != 0 || status.stdout.contains(" D ") {
            self.fault(format!("git status in {}: {status:#?}", path.display()));
        }
        if let Some(other) = self.places.insert(path.clone(), dir.to_owned()) {
            self.fault(format!("{} belongs to {} and {}", path.display(), dir.display(), other.display()));
        }
        Some(Entry { dir: dir.to_owned(), path, record: text_of(dir.join("wt-record")) })
    }

    /// Checks that a record has one worktree, with its ports in the env file and claimed.
    fn record(&mut self, repository: &str, file: &Path, entries: &[Entry]) {
        let name = name_of(file);
        let Some(id) = name.strip_suffix(".json").filter(|id| !id.starts_with('.')) else {
            return self.fault(format!("left over: {}", file.display()));
        };
        let record: Value = serde_json::from_str(&text_of(file).unwrap_or_default()).unwrap_or_default();
        if record["id"] != id || record["stage"] != "ready" {
            self.fault(format!("{repository}: record {id} is {record:#}"));
        }
        let bound: Vec<&Entry> = entries.iter().filter(|entry| entry.record.as_deref() == Some(id)).collect();
        match bound.as_slice() {
            [entry] => self.environment(id, &record, entry),
            others => self.fault(format!("{repository}: record {id} has {} worktrees", others.len())),
        }
        self.records.insert(id.to_owned(), record);
    }

    /// Checks the ports in the env file. If setup failed there is no env file yet, and the ports are kept for the next
    /// setup.
    fn environment(&mut self, id: &str, record: &Value, entry: &Entry) {
        let env = text_of(entry.path.join(".env")).unwrap_or_default();
        let mut steps = record["steps"].as_array().into_iter().flatten();
        let made = steps.any(|step| step["kind"] == "env_file" && step["state"] == "made");
        let here = format!("HERE={}", entry.path.display());
        if made && !env.lines().any(|line| line == here) {
            self.fault(format!("{id}: no {here} in .env:\n{env}"));
        }
        for (variable, number) in ports_of(record) {
            if made && !env.lines().any(|line| line == format!("{variable}={number}")) {
                let dir = entry.dir.display();
                self.fault(format!("{id} ({dir}): no {variable}={number} in .env:\n{env}"));
            }
            let claim = self.world.path(format!("state/git-wt/ports/{number}"));
            let claim: Value = serde_json::from_str(&text_of(claim).unwrap_or_default()).unwrap_or_default();
            if claim["owner"]["record"] != id {
                self.fault(format!("{id}: port {number} is claimed by {claim}"));
            }
        }
    }

    /// Checks that no port is given twice.
    fn ports(&mut self) {
        let mut holders: BTreeMap<u64, String> = BTreeMap::new();
        for (id, record) in self.records.clone() {
            for (variable, number) in ports_of(&record) {
                if let Some(other) = holders.insert(number, id.clone()) {
                    self.fault(format!("port {number} is {variable} of {id} and of {other}"));
                }
            }
        }
    }

    /// Checks that every claim belongs to a record that exists.
    fn claims(&mut self, kind: &str) {
        for file in paths_in(&self.world.path("state/git-wt").join(kind)) {
            let claim: Value = serde_json::from_str(&text_of(&file).unwrap_or_default()).unwrap_or_default();
            if !self.records.contains_key(&text_in(&claim["owner"], "record")) {
                self.fault(format!("{} has no record: {claim}", file.display()));
            }
        }
    }

    /// Checks that there is nothing but worktrees beside the repositories.
    fn directories(&mut self) {
        let known = ["home", "state", "run", "bin"];
        for path in paths_in(&self.world.root()) {
            let name = name_of(&path);
            let expected = known.iter().chain(self.repositories).any(|known| *known == name);
            if !expected && !self.places.contains_key(&path) {
                let content: Vec<String> = paths_in(&path).iter().map(|path| name_of(path)).collect();
                self.fault(format!("{} is no worktree: {content:?}", path.display()));
            }
        }
    }

    /// No lock and no temporary file stays but in what can be brought back, and nothing that is to be deleted.
    fn leftovers(&mut self) {
        let mut dirs: Vec<PathBuf> =
            self.repositories.iter().map(|name| self.world.path(name).join(".git")).collect();
        dirs.push(self.world.path("state"));
        while let Some(dir) = dirs.pop() {
            for path in paths_in(&dir) {
                let name = name_of(&path);
                let lasting = path.ends_with("wt/lock") || path.ends_with("wt/entries.lock");
                let temporary = name.ends_with(".lock") || name.starts_with('.') || name.ends_with(".new");
                let waits = path.ends_with(".git/wt/trash") || name == "damaged";
                if (temporary && !lasting) || waits {
                    self.fault(format!("left over: {}", path.display()));
                }
                if path.symlink_metadata().is_ok_and(|found| found.is_dir())
                    && !["objects", "removed"].contains(&name.as_str())
                {
                    dirs.push(path);
                }
            }
        }
    }
}

/// Runs `doctor` in each repository and returns those in which it finds problems.
fn ill(world: &World, line: &[&str]) -> Vec<String> {
    for repository in REPOSITORIES {
        world.swept_in(repository);
    }
    let seen = REPOSITORIES.map(|name| (name, world.wt_in(name, line)));
    seen.iter().filter(|(_, seen)| seen.code != 0).map(|(name, seen)| format!("{name}: {seen:#?}")).collect()
}

/// What a round of killing does: the verb that is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verb {
    Add,
    Remove,
    Undo,
    Move,
}

const VERBS: [Verb; 4] = [Verb::Add, Verb::Remove, Verb::Undo, Verb::Move];
/// The two places of the worktree that is acted on, and a worktree that nobody touches.
const HERE: &str = "one-qa";
const THERE: &str = "one-there";
const BYSTANDER: &str = "one-bystander";
/// The user's files in a worktree: an untracked one, and one that git ignores.
const NOTES: [&str; 2] = ["notes", "own.sqlite3"];

impl Verb {
    fn line(self) -> &'static str {
        match self {
            Self::Add => "add qa",
            Self::Remove => "remove -f qa",
            Self::Undo => "undo qa",
            Self::Move => "move ../one-qa ../one-there",
        }
    }

    /// Puts the repository in the state in which this verb begins.
    fn prepare(self, world: &World) {
        let _ = world.wt_in("one", &["remove", "-f", "-f", "-y", "qa"]);
        let branch = world.command("git", &world.path("one")).args(["branch", "-q", "-D", "qa"]).output();
        branch.unwrap();
        if self != Self::Add {
            world.wt_in("one", &["add", "-q", "qa"]).ok();
            leave_notes(world, HERE);
        }
        if self == Self::Undo {
            world.wt_in("one", &["remove", "-f", "qa"]).ok();
        }
    }

    /// Returns how long the verb takes if nobody kills it: the median of some runs.
    fn duration(self, world: &World) -> Duration {
        let timed = |_| {
            self.prepare(world);
            let start = Instant::now();
            assert!(self.start(world).wait().unwrap().success());
            start.elapsed()
        };
        let mut durations: Vec<Duration> = (0..5).map(timed).collect();
        durations.sort();
        durations[2]
    }

    fn start(self, world: &World) -> Child {
        let mut command = world.command(env!("CARGO_BIN_EXE_git-wt"), &world.path("one"));
        command.args(self.line().split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Starts it and kills it after a while, but not its children. Returns whether it was still running.
    fn kill(self, world: &World, after: Duration) -> bool {
        let mut child = self.start(world);
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap().code().is_none()
    }

    /// What is wrong with the worktree afterwards: it is in one place with what the user had in it, or comes back with
    /// that, or was never made.
    fn fault(self, world: &World) -> Option<String> {
        if !world.path(HERE).exists() && matches!(self, Self::Remove | Self::Undo) {
            let undone = world.wt_in("one", &["undo", "qa"]);
            if undone.code != 0 {
                return Some(format!("{undone:#?}"));
            }
        }
        let branch =
            world.command("git", &world.path("one")).args(["rev-parse", "-q", "--verify", "qa"]).output();
        let branch = branch.unwrap().status.success();
        let (here, there) = (world.path(HERE).exists(), world.path(THERE).exists());
        let notes = |place: &str| NOTES.iter().all(|name| world.path(place).join(name).exists());
        match (self, here, there) {
            (Self::Add, _, false) if here == branch => None,
            (Self::Remove | Self::Undo | Self::Move, true, false) if notes(HERE) => None,
            (Self::Move, false, true) if notes(THERE) => None,
            _ => Some(format!("here: {here}, there: {there}, branch: {branch}")),
        }
    }
}

fn leave_notes(world: &World, place: &str) {
    for name in NOTES {
        world.write(format!("{place}/{name}"), "mine\n");
    }
}

/// Kills a verb once, lets doctor repair what is left, and returns what is still wrong.
fn crash(world: &World, verb: Verb, after: Duration) -> (bool, Vec<String>) {
    verb.prepare(world);
    let killed = verb.kill(world, after);
    let fixed = world.wt_in("one", &["doctor", "--fix"]);
    let mut faults: Vec<String> = verb.fault(world).into_iter().collect();
    faults.extend((fixed.code != 0).then(|| format!("{fixed:#?}")));
    faults.extend(faults_of(world, &["one"]));
    let again = world.wt_in("one", &["doctor"]);
    faults.extend((again.code != 0).then(|| format!("{again:#?}")));
    let kept = NOTES.iter().all(|name| world.read(format!("{BYSTANDER}/{name}")) == "mine\n");
    faults.extend((!kept).then(|| "the bystander has lost its notes".to_owned()));
    if !faults.is_empty() {
        faults.push(format!("doctor --fix said: {}", fixed.stderr));
    }
    (killed, faults)
}

#[test]
fn a_kill_at_any_moment_leaves_what_doctor_repairs() {
    let seed = seed();
    let mut dice = Dice::of(seed, 0);
    let world = world_of(&["one"]);
    world.wt_in("one", &["add", "-q", "bystander"]).ok();
    leave_notes(&world, BYSTANDER);
    let durations = VERBS.map(|verb| u64::try_from(verb.duration(&world).as_micros()).unwrap());
    let rounds = number("GIT_WT_TEST_CRASHES").unwrap_or(20);
    let mut kills = 0;
    for round in 0..rounds {
        for (verb, duration) in VERBS.into_iter().zip(durations) {
            let after = dice.below(duration * 6 / 5);
            let (killed, faults) = crash(&world, verb, Duration::from_micros(after));
            kills += u64::from(killed);
            let when =
                format!("GIT_WT_TEST_SEED={seed}, round {round}, {verb:?} after {after} of {duration} us");
            assert!(faults.is_empty(), "{when}\n{}", faults.join("\n"));
        }
    }
    assert!(kills > 0, "each came to its end before it was killed");
}

#[test]
fn many_at_once_get_along() {
    let seed = seed();
    let (world, mut report) = run_wild(Company::Nothing, seed);
    report.faults.extend(ill(&world, &["doctor"]));
    report.faults.extend(faults_of(&world, &REPOSITORIES));
    report.faults.extend(ill(&world, &["doctor", "--fix"]));
    assert_faultless(&report, seed);
}

#[test]
fn what_plain_git_does_among_them_is_put_right_by_doctor() {
    repaired_after(Company::PlainGit);
}

#[test]
fn what_is_killed_among_them_is_put_right_by_doctor() {
    repaired_after(Company::Kills);
}

#[track_caller]
fn repaired_after(company: Company) {
    let seed = seed();
    let (world, mut report) = run_wild(company, seed);
    report.faults.extend(ill(&world, &["doctor", "--fix"]));
    let faults = faults_of(&world, &REPOSITORIES);
    let is_plain_gits = |fault: &String| {
        company == Company::PlainGit
            && (is_left_by_git(fault, &report.lines) || is_shared_by_gits(fault, &faults))
    };
    let ours: Vec<String> = faults.iter().filter(|fault| !is_plain_gits(fault)).cloned().collect();
    report.faults.extend(ours);
    report.faults.extend(ill(&world, &["doctor"]));
    assert_faultless(&report, seed);
}

/// Whether two gits made a worktree in the same place at the same time, so that the directory of one entry names the
/// other; the first one's record then has no worktree.
fn is_shared_by_gits(fault: &str, faults: &[String]) -> bool {
    let is_shared = |fault: &str| fault.contains("/.git of ") && fault.contains(" says Some(\"gitdir: ");
    is_shared(fault) || (fault.ends_with(" has 0 worktrees") && faults.iter().any(|fault| is_shared(fault)))
}

/// Whether a fault is plain git's: a directory left by two gits that made a worktree in the same place at the same
/// time, and reported as such; or a branch deleted while it was about to be checked out.
fn is_left_by_git(fault: &str, lines: &[String]) -> bool {
    if fault.contains("unborn branch") && lines.iter().any(|line| line.contains(": worktree add ")) {
        return true;
    }
    let Some((path, _)) = fault.split_once(" is no worktree: ") else { return false };
    lines.iter().any(|line| line.contains(&format!("left: '{path}' has files that git-wt did not make")))
}
