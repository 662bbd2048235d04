//! Compares git's own interface with git itself. Every command line of [`LINES`] is run in every repository of
//! [`STATES`], with `git worktree` and, in git mode, with `git wt`, on equal copies in one place. The output, the exit
//! status and everything on disk afterwards must be the same.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::world::{World, below};

/// The beginning of every state: branches, a tag, a remote, and a directory `out` with things that are in the way.
const BASE: &str = "
git init --quiet repo; cd repo
mkdir sub; echo 1 > a; echo 2 > sub/b; git add .; git commit --quiet -m first
git branch staging; git branch free/x; git tag v1
echo 3 >> a; git commit --quiet -a -m second
git clone --quiet --bare . ../origin.git 2>&1
git --git-dir=../origin.git branch far; git --git-dir=../origin.git branch free/far
git remote add origin ../origin.git; git fetch --quiet
mkdir ../out ../out/empty ../out/full; echo mine > ../out/full/file; echo mine > ../out/file; ln -s empty ../out/link
";

/// Two linked worktrees, one on a branch and one detached.
const LINKED: &str = "git worktree add --quiet ../x; git worktree add --quiet --detach ../y v1;";

/// A repository: its name, how to make it after [`BASE`] and [`LINKED`], and the directory to run in.
struct State {
    name: &'static str,
    linked: bool,
    script: &'static str,
    stand: &'static str,
}

const fn state(name: &'static str, script: &'static str) -> State {
    State { name, linked: true, script, stand: "repo" }
}

const fn alone(name: &'static str, script: &'static str) -> State {
    State { name, linked: false, script, stand: "repo" }
}

const fn standing(stand: &'static str, script: &'static str) -> State {
    State { name: stand, linked: true, script, stand }
}

const STATES: [State; 34] = [
    alone("no linked worktree", ""),
    state("two linked worktrees", ""),
    alone("no commit", "cd ..; rm -rf repo; git init --quiet repo"),
    state("locked", "git worktree lock --reason 'a reason' ../x; git worktree lock ../y"),
    state("changes", "echo 4 >> ../x/a; echo 5 > ../y/new"),
    state("staged", "cd ../x; echo 4 >> a; git add a; cd ../y; git rm --quiet a"),
    state("ignored files", "mkdir -p .git/info; echo '*.log' > .git/info/exclude; echo 4 > ../x/a.log"),
    state("vanished", "rm -rf ../x"),
    state("vanished and locked", "git worktree lock --reason away ../x; rm -rf ../x"),
    state(
        "vanished, and something in its place",
        "rm -rf ../x; mkdir ../x; echo mine > ../x/file; rm -rf ../y; mkdir ../y",
    ),
    state("moved by hand", "mv ../x ../z"),
    state(
        "main moved by hand",
        "mv ../repo ../r; git init --quiet ../repo; rm -rf ../repo; mv ../r ../repo; mv ../y ../q",
    ),
    state("main detached", "git checkout --quiet --detach"),
    state(
        "bare",
        "cd ..; git clone --quiet --bare repo bare.git 2>&1; rm -rf repo x y; mv bare.git repo; cd repo; \
          git worktree add --quiet ../x; git worktree add --quiet --detach ../y v1",
    ),
    standing("x", ""),
    standing("repo/sub", ""),
    standing("x/sub", ""),
    standing("repo/.git", ""),
    standing("repo/.git/worktrees/x", ""),
    standing("out", ""),
    state(
        "one basename twice",
        "mkdir ../a ../b; git worktree add --quiet -b ax ../a/x; git worktree add --quiet -b bx ../b/x",
    ),
    state("an entry without gitdir", "rm .git/worktrees/x/gitdir"),
    state("an entry with an empty gitdir", ": > .git/worktrees/x/gitdir"),
    state("an entry with an empty commondir", ": > .git/worktrees/x/commondir"),
    state("a worktree without its .git", "rm ../x/.git"),
    state(
        "a worktree with a submodule",
        "git init --quiet ../lib; (cd ../lib; git commit --quiet --allow-empty -m lib); \
          cd ../x; git -c protocol.file.allow=always submodule --quiet add ../lib lib; git commit --quiet -m lib",
    ),
    alone(
        "a separate git directory",
        "mv .git ../gitdir; echo \"gitdir: $PWD/../gitdir\" > .git; \
          git config core.worktree ../repo; git worktree add --quiet ../x",
    ),
    alone(
        "reftable",
        "cd ..; rm -rf repo; git init --quiet --ref-format=reftable repo; cd repo; echo 1 > a; git add a; \
          git commit --quiet -m first; git branch staging; git tag v1; git worktree add --quiet ../x",
    ),
    alone(
        "sha256",
        "cd ..; rm -rf repo; git init --quiet --object-format=sha256 repo; cd repo; echo 1 > a; git add a; \
          git commit --quiet -m first; git branch staging; git tag v1; git worktree add --quiet ../x",
    ),
    state(
        "worktree configuration and a sparse checkout",
        "git config extensions.worktreeConfig true; \
          git sparse-checkout set sub; git -C ../x config --worktree user.name Other",
    ),
    state(
        "guessing remotes",
        "git config worktree.guessRemote true; git remote add other ../origin.git; git fetch --quiet other; \
          git config checkout.defaultRemote other; git branch -D --quiet x 2>/dev/null || true",
    ),
    state(
        "two remotes",
        "git remote add other ../origin.git; git fetch --quiet other; git config branch.autoSetupMerge always",
    ),
    state(
        "a hook that fails",
        "mkdir -p .git/hooks; printf '#!/bin/sh\\necho out; echo \"$@\" >&2; exit 5\\n' > .git/hooks/post-checkout; \
          chmod +x .git/hooks/post-checkout",
    ),
    state(
        "a rebase and a bisection",
        "cd ../x; echo 4 > a; git commit --quiet -a -m x; git checkout --quiet -b clash HEAD~2; \
          echo 5 > a; git commit --quiet -a -m clash; git rebase x >/dev/null 2>&1 || true; cd ../y; git bisect start --quiet || true",
    ),
];

/// Command lines of git-worktree(1): right, wrong and odd ones. `''` is an empty word, `_` a space.
const LINES: &str = "
add
add -h
add ../n
add ../n/m/o
add ../staging
add ../far
add ../n staging
add ../n origin/far
add ../n far
add ../n free/far
add ../n v1
add ../n HEAD~1
add ../n x
add ../n main
add ../n nowhere
add ../n -
add ../n @{-1}
add ../n staging more
add ../free/x
add ../x
add ../y
add ../z
add n
add ./n
add .
add ..
add /
add ../out/empty
add ../out/full
add ../out/file
add ../out/file/n
add ../out/link
add ../out/full/file
add ../n_m
add -- -n
add -- ../n
add --end-of-options ../n
add -b
add -b new
add -b new ../n
add -bnew ../n
add -b staging ../n
add -b new ../n staging
add -b new ../n origin/far
add -b new ../n v1
add -b new ../n nowhere
add -b new ../x
add -b -n ../n
add -b a..b ../n
add -b '' ../n
add -b free ../n
add -b staging/below ../n
add -B
add -B new ../n
add -B staging ../n
add -B staging ../n v1
add -B main ../n
add -B x ../n
add -b new -B new ../n
add -b new -d ../n
add -d ../n
add -d ../n staging
add -d ../n nowhere
add --detach ../n v1
add --det ../n v1
add --no-detach ../n
add -f ../n
add -f ../n main
add -f ../n x
add -f ../x
add -f -f ../x
add -ff ../x
add --force --force ../x
add -f -f --no-force ../x
add -fb new ../x
add -fbnew ../n
add -f ../out/full
add -qf ../x x
add -fq ../x x
add -f ../z
add --checkout ../n
add --no-checkout ../n
add --no-checkout --checkout ../n
add --checkout --no-checkout -d ../n v1
add --orphan
add --orphan ../n
add --orphan -b new ../n
add --orphan -b staging ../n
add --orphan -B staging ../n
add --orphan ../n staging
add --orphan -d ../n
add --orphan --no-checkout ../n
add --orphan ../x
add --guess-remote ../far
add --guess-remote ../n
add --no-guess-remote ../far
add --guess-remote ../nowhere
add --guess ../far
add --track ../n
add --track -b new ../n origin/far
add --no-track -b new ../n origin/far
add --track ../n staging
add --track -b new ../n staging
add -b new --track=direct ../n
add --lock ../n
add --lock --reason why ../n
add --lock --reason=a_reason ../n
add --reason why ../n
add --lock --reason
add --lock --no-lock ../n
add --lock --reason why --no-reason ../n
add --lo ../n
add --l ../n
add --re x --lo ../n
add -q ../n
add --quiet ../n
add --qui --lock -b new ../n v1
add -q -b staging ../n
add --no-quiet ../n
add --frobnicate ../n
add -x ../n
add --no ../n
add --no-f ../n
add --relative-paths ../n
add --no-relative-paths ../n
add ../n --detach
add ../n -b new v1
add ../n staging --
add ../n -- staging
add ../n --lock staging
list
list -h
list more
list -v
list --verbose
list --verb
list -vv
list --porcelain
list --porc
list --porcelain -z
list -z
list -v --porcelain
list --porcelain --no-porcelain
list --expire now
list --expire=never
list --expire
list --expire nonsense
list -v --expire 1.day.ago
list --frobnicate
list -q
lock
lock x
lock ../x
lock -h
lock --reason why x
lock --reason= x
lock --rea why ../y
lock --reason
lock .
lock @
lock main
lock ../repo
lock nothing
lock x y
lock a/x
lock ''
unlock
unlock x
unlock ../y
unlock .
unlock nothing
unlock x y
move
move x
move x ../n
move ../x ../n
move x ../out
move x ../out/empty
move x ../out/full
move x ../out/file
move x ../n/m
move x x
move x y
move x ../y
move -f x ../n
move -f -f x ../n
move --force x ../n
move y ../n
move . ../n
move main ../n
move ../repo ../n
move nothing ../n
move x ../n more
move a/x ../n
move -- x ../n
move x ''
move --relative-paths x ../n
prune
prune -n
prune -v
prune -nv
prune --dry-run
prune --dry --verb
prune --expire now
prune --expire=never -v
prune --expire 1.day.ago -n -v
prune --expire nonsense
prune --expire
prune more
prune -h
remove
remove x
remove ../x
remove -f x
remove -ff x
remove -f -f ../x
remove --force y
remove y
remove .
remove ..
remove main
remove ../repo
remove nothing
remove x y
remove a/x
remove ''
remove -h
remove --forc x
remove --frobnicate x
repair
repair ../x
repair ../z
repair ../x ../y
repair ../nothing
repair .
repair -h
repair --frobnicate
repair ../q ../z

-h
--help-all
frobnicate
-q add ../n
--porcelain
";

/// What is on disk: the mode of each path, with its content or the target of the link.
type Tree = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// What one run printed and left on disk.
#[derive(PartialEq, Eq)]
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
    tree: Tree,
}

/// A place where one state after another is laid out.
struct Bench {
    world: World,
    place: PathBuf,
    template: PathBuf,
    whole: Tree,
}

impl Bench {
    fn lay_out(state: &State) -> Self {
        let world = World::in_memory();
        let (place, template) = (world.path("w"), world.path("template"));
        fs::create_dir(&place).unwrap();
        let linked = if state.linked { LINKED } else { "" };
        let script = format!("set -e\n{BASE}\n{linked}\n{}", state.script);
        let made = world.see(world.command("sh", &place).arg("-c").arg(script));
        assert_eq!(made.code, 0, "{}: {made:#?}", state.name);
        fs::rename(&place, &template).unwrap();
        copy(&template, &place);
        let whole = tree(&place);
        Self { world, place, template, whole }
    }

    fn run(&self, state: &State, line: &str, ours: bool) -> Outcome {
        let words = line.split_whitespace().map(|word| if word == "''" { "" } else { word });
        let words = words.map(|word| word.replace('_', " "));
        let mut command = self.world.command("git", &self.place.join(state.stand));
        command.arg(if ours { "wt" } else { "worktree" }).args(words).env("GIT_WT_MODE", "git");
        let seen = self.world.see(&mut command);
        let mut tree = tree(&self.place);
        if state.name == "reftable" {
            // its files have random names
            let refs = self.world.git(&self.place.join("repo"), &["for-each-ref", "--include-root-refs"]);
            tree.retain(|path, _| !path.components().any(|part| part.as_os_str() == "reftable"));
            tree.insert("refs".into(), (0, refs.into_bytes()));
        }
        if tree != self.whole {
            fs::remove_dir_all(&self.place).unwrap();
            copy(&self.template, &self.place);
        }
        Outcome { code: seen.code, stdout: seen.stdout, stderr: seen.stderr, tree }
    }
}

/// Copies a directory with modes and links, but without times: git must not rely on those.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&from, &to);
        } else if kind.is_symlink() {
            symlink(fs::read_link(&from).unwrap(), to).unwrap();
        } else {
            fs::copy(&from, to).unwrap();
        }
    }
}

fn tree(root: &Path) -> Tree {
    // our own files: the records, and the token that ties an entry to one
    let is_ours = |path: &Path| path.ends_with("wt-record") || path.ends_with("wt") && path.is_dir();
    // git leaves an empty directory when it has failed, and we do not
    let is_empty = |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let is_left_out = |path: &Path| is_ours(path) || path.ends_with("worktrees") && is_empty(path);
    let all = below(root, &|path| !is_left_out(path));
    let told = all.into_iter().map(|path| {
        let meta = fs::symlink_metadata(&path).unwrap();
        let content = if meta.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_vec()
        } else if meta.is_dir() || path.ends_with("index") {
            // an index contains the times and inodes of files
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        (path.strip_prefix(root).unwrap().to_owned(), (meta.mode(), content))
    });
    told.collect()
}

/// Describes how two outcomes differ; `None` if they do not.
fn difference(git: &Outcome, us: &Outcome) -> Option<String> {
    let mut parts = Vec::new();
    if us.code != git.code {
        parts.push(format!("status {}, not {}", us.code, git.code));
    }
    for (what, us, git) in [("stdout", &us.stdout, &git.stdout), ("stderr", &us.stderr, &git.stderr)] {
        if us != git {
            parts.push(format!("{what} {us:?}, not {git:?}"));
        }
    }
    for (path, there) in &git.tree {
        match us.tree.get(path) {
            None => parts.push(format!("no {}", path.display())),
            Some(here) if here != there => {
                let text =
                    |(mode, bytes): &(u32, Vec<u8>)| format!("{mode:o} {}", String::from_utf8_lossy(bytes));
                parts.push(format!("{}: {:?}, not {:?}", path.display(), text(here), text(there)));
            }
            Some(_) => {}
        }
    }
    let added = us.tree.keys().filter(|path| !git.tree.contains_key(*path));
    parts.extend(added.map(|path| format!("{} is there too", path.display())));
    (!parts.is_empty()).then(|| parts.join("\n    "))
}

#[test]
fn every_command_line_does_what_git_does_in_every_repository() {
    // outside CI, each line is run in every fourth state, and neighbouring states get different lines
    let every = if std::env::var_os("CI").is_some() { 1 } else { 4 };
    let lines: Vec<&str> = LINES.trim().lines().collect();
    let next = AtomicUsize::new(0);
    let differences = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            // the thread's name tells a world which test it belongs to
            let thread = std::thread::Builder::new()
                .name(std::thread::current().name().unwrap_or_default().to_owned());
            thread
                .spawn_scoped(scope, || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(state) = STATES.get(at) else { break };
                        if state.name == "reftable" && !World::git_is(2, 45, state.name) {
                            continue;
                        }
                        let bench = Bench::lay_out(state);
                        for line in lines.iter().skip(at % every).step_by(every) {
                            let [git, us] = [false, true].map(|ours| bench.run(state, line, ours));
                            if let Some(found) = difference(&git, &us) {
                                let what = format!("git worktree {line}  [{}]\n    {found}", state.name);
                                differences.lock().unwrap().push(what);
                            }
                        }
                    }
                })
                .unwrap();
        }
    });
    let differences = differences.into_inner().unwrap();
    let shown: Vec<&str> = differences.iter().take(12).map(String::as_str).collect();
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), shown.join("\n"));
}
