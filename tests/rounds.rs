//! Whatever a worktree has in it, by whatever door it goes, after whatever gc: `git wt undo` brings it back as it was.
//!
//! `GIT_WT_TEST_ROUNDS=5000` sets how many worktrees there are, and `GIT_WT_TEST_SEED` repeats the choices of a run.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::kill_process;

use crate::dice::{Dice, number, seed};
use crate::world::{Seen, World, below, ended_within};

const TREE: &str = "myproject-staging";

/// Makes a repository with a submodule and files of all kinds, whose worktrees get a port, an env file and a database.
fn project() -> World {
    let world = World::in_memory();
    world.repo("module");
    world.repo("myproject");
    let repo = world.path("myproject");
    world.write("myproject/.wt.toml", "[port]\nPORT = 8000\n[env]\nDEBUG = \"1\"\n[database]\n");
    world.write("myproject/.gitignore", ".env\n*.sqlite3\nmedia/\nvendor/\nbuild/\n");
    for name in ["kept", "gone", "both", "with space", "-dash", "dir/a", "dir/b", "old", "hidden", "assumed"]
    {
        world.write(repo.join(name), &format!("{name} as committed\n").repeat(20));
    }
    fs::set_permissions(repo.join("old"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("kept", repo.join("link")).unwrap();
    let url = world.path("module").display().to_string();
    world.git(&repo, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "sub"]);
    world.commit(&repo, "project");
    world.write("myproject/both", "of main\n");
    world.commit(&repo, "on main only");
    world.write("myproject/.env", "SECRET=x\nPORT=8000\nDATABASE_URL=sqlite:///db.sqlite3\n");
    rusqlite::Connection::open(repo.join("db.sqlite3")).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    world.trust();
    world
}

/// A worktree that is made, worked in, removed and brought back.
struct Round<'a> {
    world: &'a World,
    tree: PathBuf,
    dice: Dice,
    /// Connections that write into its database all the time.
    writers: Vec<rusqlite::Connection>,
}

/// Something that may have been done in a worktree.
type Work = fn(&mut Round);

/// What is done to files, in any number and order.
const FILES: [(&str, Work); 22] = [
    ("modified", |round| round.write("kept", "modified\n")),
    ("staged", |round| {
        round.write("dir/a", "staged\n");
        round.git(&["add", "dir/a"]);
        round.write("dir/a", "and modified since\n");
    }),
    ("staged and gone", |round| {
        round.write("only staged", "in the index alone\n");
        round.git(&["add", "only staged"]);
        fs::remove_file(round.tree.join("only staged")).unwrap();
    }),
    ("deleted", |round| drop(fs::remove_file(round.tree.join("gone")))),
    ("deletion staged", |round| {
        round.may(&["rm", "-q", "--cached", "dir/b"]);
    }),
    ("renamed", |round| {
        round.may(&["mv", "with space", "a new\nname"]);
    }),
    ("intent to add", |round| {
        round.write("intended", "not yet\n");
        round.git(&["add", "--intent-to-add", "intended"]);
    }),
    ("untracked", |round| {
        for name in ["new", "-rf", "line\nbreak", "a dir/with more", " ", "\u{fc}ml\u{e4}ut", "*.[a]"] {
            round.write(name, "untracked\n");
        }
        fs::write(round.tree.join(OsStr::from_bytes(b"no \xff text")), "odd").unwrap();
    }),
    ("ignored", |round| {
        round.write("media/photo", "data\n");
        round.write("build/a/b/c", "made by hand\n");
        fs::create_dir_all(round.tree.join("media/empty")).unwrap();
    }),
    ("repositories inside", |round| {
        for place in ["vendor/lib", "nested"] {
            round.git(&["init", "--quiet", place]);
            round.write(&format!("{place}/file"), "of another repository\n");
            let inside = round.tree.join(place);
            round.world.git(&inside, &["add", "file"]);
            round.world.git(&inside, &["commit", "--quiet", "-m", "unpushed"]);
            round.write(&format!("{place}/loose"), "in no commit\n");
        }
    }),
    ("submodule", |round| {
        round.write("sub/untracked", "in the submodule\n");
        let sub = round.tree.join("sub");
        round.world.git(&sub, &["commit", "--quiet", "--allow-empty", "-m", "of its own"]);
    }),
    ("links", |round| {
        for (name, target) in
            [("dangling", "nowhere"), ("up", "../myproject"), ("root", "/"), ("self", "self")]
        {
            let _ = symlink(target, round.tree.join(name));
        }
        let _ = fs::remove_file(round.tree.join("link"));
        let _ = symlink("somewhere else", round.tree.join("link"));
    }),
    ("pipe", |round| {
        let made = round.world.command("mkfifo", &round.tree).arg("pipe").stderr(Stdio::null()).status();
        assert!(made.is_ok());
    }),
    ("modes", |round| {
        for (name, mode) in [("run", 0o755), ("secret", 0o600), ("shut", 0o000), ("odd", 0o4751)] {
            if !round.tree.join(name).exists() {
                round.write(name, "x");
            }
            fs::set_permissions(round.tree.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir_all(round.tree.join("media/read only/inner")).unwrap();
        let shut = fs::Permissions::from_mode(0o555);
        fs::set_permissions(round.tree.join("media/read only"), shut).unwrap();
    }),
    ("hard links", |round| {
        let _ = fs::hard_link(round.tree.join("old"), round.tree.join("a second name"));
        let _ = fs::hard_link(round.tree.join("old"), round.world.path("a name outside"));
    }),
    ("times", |round| {
        let long_ago = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
        let file = fs::File::options().write(true).open(round.tree.join("old")).unwrap();
        file.set_modified(long_ago).unwrap();
    }),
    ("hidden edits", |round| {
        round.git(&["update-index", "--skip-worktree", "hidden"]);
        round.git(&["update-index", "--assume-unchanged", "assumed"]);
        round.write("hidden", "an edit that git does not see\n");
        round.write("assumed", "nor this one\n");
    }),
    ("rows", |round| round.database("CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (1)")),
    ("an open writer", |round| {
        let database = rusqlite::Connection::open(round.tree.join("db.sqlite3")).unwrap();
        database
            .execute_batch(
                "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (2)",
            )
            .unwrap();
        round.writers.push(database);
    }),
    ("env file", |round| round.write(".env", "SECRET=edited\nPORT=8123\nMINE=1\n")),
    ("own settings", |round| {
        round.git(&["config", "extensions.worktreeConfig", "true"]);
        round.git(&["config", "--worktree", "core.pager", "cat -v"]);
    }),
    ("own references", |round| {
        round.git(&["update-ref", "refs/worktree/mark", "HEAD"]);
        round.git(&["update-ref", "refs/bisect/good-one", "HEAD~1"]);
    }),
];

/// What HEAD is at, and which operation is in progress.
const HEADS: [(&str, Work); 9] = [
    ("at rest", |_| {}),
    ("own commits", |round| round.commit("on the branch")),
    ("detached", |round| {
        round.git(&["checkout", "--quiet", "--detach"]);
        round.commit("on no branch");
    }),
    ("commits in the reflog", |round| {
        round.commit("thrown away");
        round.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    }),
    ("merging", |round| {
        round.in_conflict();
        round.may(&["merge", "main"]);
    }),
    ("rebasing with autostash", |round| {
        round.in_conflict();
        round.write("kept", "put aside by git\n");
        round.may(&["rebase", "--autostash", "main"]);
    }),
    ("picking", |round| {
        round.in_conflict();
        round.may(&["cherry-pick", "main"]);
    }),
    ("reverting", |round| {
        round.in_conflict();
        round.may(&["revert", "--no-edit", "HEAD~1"]);
    }),
    ("bisecting", |round| {
        round.commit("bad");
        round.git(&["bisect", "start", "HEAD", "HEAD~2"]);
    }),
];

/// Command lines that remove it, each where they are run.
const DOORS: [(&str, &str); 7] = [
    ("myproject", "remove -f staging"),
    ("myproject", "remove -f --delete-branch -D staging"),
    ("myproject", "remove --all -f -y"),
    (TREE, "remove -f ."),
    ("myproject", "remove -ff ../myproject-staging"),
    ("myproject", "remove -f staging other"),
    ("myproject-other", "remove -f --no-hooks staging"),
];

impl Round<'_> {
    fn git(&self, args: &[&str]) -> String {
        self.world.git(&self.tree, args)
    }

    /// What git says without writing anything.
    fn told(&self, args: &[&str]) -> String {
        let mut git = self.world.command("git", &self.tree);
        self.world.see(git.args(args).env("GIT_OPTIONAL_LOCKS", "0")).ok().stdout
    }

    /// Runs git, which may fail: a merge ends in a conflict.
    fn may(&self, args: &[&str]) -> bool {
        let mut git = self.world.command("git", &self.tree);
        git.args(args).env("GIT_EDITOR", "true").output().unwrap().status.success()
    }

    fn write(&self, name: &str, text: &str) {
        self.world.write(self.tree.join(name), text);
    }

    fn commit(&self, message: &str) {
        self.write("both", &format!("{message}\n"));
        self.git(&["add", "both"]);
        self.git(&["commit", "--quiet", "-m", message]);
    }

    /// A commit that conflicts with main's.
    fn in_conflict(&self) {
        self.git(&["reset", "--quiet", "--hard", "main~1"]);
        self.commit("against main");
        self.commit("and once more");
    }

    fn database(&self, statement: &str) {
        let database = rusqlite::Connection::open(self.tree.join("db.sqlite3")).unwrap();
        database.busy_timeout(Duration::from_secs(5)).unwrap();
        database.execute_batch(statement).unwrap();
    }

    /// Runs a command that is killed on its way, and has doctor finish it or take it back.
    fn killed(&mut self, command: &mut Command) -> Seen {
        let time = Duration::from_micros(self.dice.below(120_000));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = ended_within(time, child, kill_process).unwrap_or_else(|killed| killed);
        self.world.wt(&["doctor", "--fix"]).ok();
        self.world.seen(&output)
    }

    /// Everything that file system, git and git-wt say of the worktree.
    fn seen(&self) -> Vec<String> {
        let mut seen: Vec<String> = below(&self.tree, &|_| true).iter().map(|path| file(path)).collect();
        let entry = PathBuf::from(self.git(&["rev-parse", "--absolute-git-dir"]));
        seen.extend(below(&entry, &|_| true).iter().map(|path| file(path)));
        for ask in [
            "status --porcelain=v2 --branch --ignored -z",
            "ls-files --stage -v -z",
            "reflog --format=%H%gs",
            "for-each-ref refs/heads refs/worktree refs/bisect refs/wt/trash/staging*",
            "config --list",
            "fsck --connectivity-only --no-dangling",
        ] {
            seen.push(format!("{ask}: {}", self.told(&ask.split(' ').collect::<Vec<_>>())));
        }
        seen.push(self.world.wt(&["env", "staging", "--json"]).ok().stdout);
        let list = self.world.wt(&["list", "--json", "--no-status"]).ok().stdout;
        let mut list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let mut rows = list["worktrees"].as_array_mut().unwrap().drain(..);
        let mut row = rows.find(|row| row["name"] == "staging").unwrap();
        // git-wt has written its record
        row["updated_at"].take();
        seen.push(row.to_string());
        seen
    }
}

/// What there is at a path: the file itself, by its number, with its mode, its time, and all that is in it.
fn file(path: &Path) -> String {
    let meta = fs::symlink_metadata(path).unwrap();
    let bytes = if meta.is_symlink() {
        fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
    } else if meta.is_file() {
        fs::read(path).unwrap_or_default()
    } else {
        Vec::new()
    };
    // a directory whose content is moved has the time of that
    let time = if meta.is_dir() { (0, 0) } else { (meta.mtime(), meta.mtime_nsec()) };
    let (inode, mode, links) = (meta.ino(), meta.mode(), meta.nlink());
    let links = if meta.is_dir() { 0 } else { links };
    format!("{} {inode} {mode:o} {links} {time:?} {}", path.display(), bytes.escape_ascii())
}

/// Makes a worktree, works in it, removes it, has git forget what it can, and brings it back.
fn round(world: &World, mut dice: Dice) {
    world.wt(&["add", "staging"]).ok();
    world.wt(&["add", "other", "--no-env"]).ok();
    let mut round =
        Round { world, tree: world.path(TREE), dice: Dice::of(dice.below(1 << 40), 1), writers: Vec::new() };
    let (head, work) = HEADS[usize::try_from(dice.below(HEADS.len() as u64)).unwrap()];
    work(&mut round);
    let mut done = vec![head];
    for (name, work) in FILES {
        if round.dice.below(2) == 0 {
            work(&mut round);
            done.push(name);
        }
    }
    let locked = dice.below(4) == 0;
    let (place, door) = DOORS[usize::try_from(dice.below(DOORS.len() as u64)).unwrap()];
    let door = if locked { door.replace("-f ", "-ff ").replace("-fff", "-ff") } else { door.to_owned() };
    if locked {
        world.wt(&["lock", TREE, "--reason", "a while"]).ok();
    }
    let before = round.seen();
    let mut command = world.command("git", &world.path(place));
    command.arg("wt").args(door.split(' '));
    let removed = if dice.below(4) == 0 { round.killed(&mut command) } else { world.see(&mut command).ok() };
    let when = format!("{door:?} of a worktree with {done:?}: {removed:#?}");
    let is_gone = !round.tree.exists();
    assert!(is_gone || removed.code == -1, "{when}");
    let repo = world.path("myproject");
    if is_gone {
        world.git(&repo, &["reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all"]);
        world.git(&repo, &["gc", "--quiet", "--prune=now"]);
        let back = world.wt(&["undo", "staging"]);
        assert_eq!(back.code, 0, "{when}\n{back:#?}");
    }
    let after = round.seen();
    // as much of it as a reader takes in
    let only_in = |these: &[String], those: &[String]| -> Vec<String> {
        let only = these.iter().filter(|line| !those.contains(line));
        only.map(|line| line.chars().take(400).collect()).collect()
    };
    let (missing, new) = (only_in(&before, &after), only_in(&after, &before));
    assert!(missing.is_empty() && new.is_empty(), "{when}\nmissing: {missing:#?}\nnew: {new:#?}");
    for writer in round.writers.drain(..) {
        writer.execute_batch("INSERT INTO t VALUES (3)").expect("the open database is the one that is back");
    }
    world.wt(&["doctor"]).ok();
    for name in ["staging", "other"] {
        let _ = world.wt(&["remove", "-ffy", "-D", "--purge", name]);
    }
    let _ = world.wt(&["undo", "--empty"]);
    let _ = fs::remove_file(world.path("a name outside"));
    let _ = world.see(world.command("git", &repo).args(["branch", "-D", "staging", "other"]));
}

#[test]
fn whatever_is_removed_comes_back_as_it_was() {
    const THREADS: u64 = 2;
    let seed = seed();
    let rounds = number("GIT_WT_TEST_ROUNDS").unwrap_or(200);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                let world = project();
                for at in (thread..rounds).step_by(usize::try_from(THREADS).unwrap()) {
                    round(&world, Dice::of(seed, at));
                }
            });
        }
    });
}
