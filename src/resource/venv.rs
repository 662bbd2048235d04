//! A worktree's Python environment: made in its place, never copied.
//!
//! All programs run for it come from the system, never from the repository: an interpreter inside a worktree, or a
//! `venv.py` in the current directory, would be somebody else's code run without consent.

mod rehome;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::mark::{Before, Birthmark};
use super::relocation::Relocation;
use super::tree::{Kind, Tree};
use super::{Created, Destroyed, Reversible, Site, Unwind, in_trees, with_trees};
use crate::error::{Error, Explain, Result};
use crate::git::Repo;
use crate::host::claims::path_text;
use crate::host::exec::{Program, check_stopped};
use crate::host::file::{self, real};
use crate::recipe::consent::Granted;

pub use rehome::{other_places, rehome};

/// Prints the interpreter itself, rather than a pyenv shim or the venv it was found in.
const WHO_ARE_YOU: &str = "import sys; print(getattr(sys, '_base_executable', None) or sys.executable)";

/// A Python environment inside the worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Venv {
    /// Its path, in every worktree.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// The interpreter to use if main's environment does not name one: a name on PATH, or an absolute path.
    pub python: String,
    before: Before,
    made: Option<Birthmark>,
    /// Whether uv also installs pip, for hooks that call it.
    #[serde(skip)]
    pub seed_pip: bool,
}

impl Venv {
    /// Returns an environment at this path, to be made.
    pub fn new(path: impl Into<PathBuf>, python: Granted<String>) -> Self {
        Self {
            path: path.into(),
            python: python.into_inner(),
            before: Before::default(),
            made: None,
            seed_pip: false,
        }
    }

    /// Makes its directory where nothing is, so that the record knows it whatever happens to the program that fills it.
    pub fn look(&mut self, worktree: &Tree) -> Result<()> {
        self.before = Before::of(worktree, &self.path)?;
        if self.before.absent {
            worktree.make_dir(&self.path)?;
        }
        // an empty one may be left by a crash before the record knew it
        let is_empty =
            fs::read_dir(worktree.path().join(&self.path)).is_ok_and(|mut dir| dir.next().is_none());
        let dir = worktree.open_dir(&self.path)?.filter(|_| is_empty).and_then(|dir| dir.metadata().ok());
        self.made = dir.as_ref().map(Birthmark::of);
        Ok(())
    }

    /// Makes the environment: with uv if it is installed, or else with Python's own `venv`, which includes pip.
    pub fn create(&mut self, repo: &Repo, main: &Tree, worktree: &Tree) -> Result<Created> {
        let listing = repo.worktrees_at_a_glance()?;
        let all =
            listing.worktrees.iter().map(|tree| tree.path.as_path()).chain([main.path(), worktree.path()]);
        let foreign = Foreign { roots: all.map(real).collect() };
        // an environment that came with a branch names an interpreter that somebody else has chosen
        let is_mains_own = !repo.tracked(main.path())?.has(&self.path)?;
        let mains = is_mains_own.then(|| base_interpreter(&main.path().join(&self.path), &foreign)).flatten();
        let python = mains.map_or_else(|| find_interpreter(&self.python, worktree.path(), &foreign), Ok)?;
        let uv = foreign.on_path("uv").next();
        self.make(worktree, &maker(uv.as_deref(), python, self.seed_pip))
    }

    fn make(&mut self, worktree: &Tree, maker: &Maker) -> Result<Created> {
        if self.made.is_none() {
            self.look(worktree)?;
        }
        if self.made.is_none() {
            return Err(Error::new(format!("'{}' exists already", self.path.display())));
        }
        maker.run(&worktree.path().join(&self.path))?;
        Ok(Created::Made)
    }

    /// Removes the environment if it is the directory that we made.
    pub fn destroy(&self, worktree: &Tree) -> Result<Destroyed> {
        match worktree.kind(&self.path)? {
            None => {}
            Some(Kind::Directory) if self.is_ours(worktree)? => worktree.remove_dir_all(&self.path)?,
            Some(_) => {
                let why = "it is not the environment that was made";
                return Ok(Destroyed::Left(format!("'{}': {why}", self.path.display())));
            }
        }
        worktree.remove_empty_parents(&self.path, self.before.missing_parents)?;
        Ok(Destroyed::Gone)
    }

    /// Makes the environment name its new place.
    pub fn follow(&self, worktree: &Tree, moved: &Relocation) -> Result<()> {
        rehome(worktree, &self.path, moved)
    }

    fn is_ours(&self, worktree: &Tree) -> Result<bool> {
        let failed = || format!("cannot look at '{}'", self.path.display());
        let Some(dir) = worktree.open_dir(&self.path)? else { return Ok(false) };
        let found = dir.metadata().explain(failed)?;
        Ok(self.made.as_ref().is_some_and(|made| made.is(&found)))
    }
}

/// Returns the variables that make programs use the environment; inherited ones would be another worktree's.
pub fn variables(root: &Path, rel: &Path) -> [(&'static str, PathBuf); 2] {
    ["VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"].map(|name| (name, root.join(rel)))
}

/// Returns the directory of the environment's programs, which comes first in PATH.
pub fn bin_dir(root: &Path, rel: &Path) -> PathBuf {
    root.join(rel).join("bin")
}

/// A program that makes environments, with its arguments before the environment's path.
struct Maker {
    program: PathBuf,
    arguments: Vec<PathBuf>,
    /// Whether it is the interpreter itself, which installs pip into the environment.
    ensures_pip: bool,
    /// Whether something will call pip.
    needs_pip: bool,
}

fn maker(uv: Option<&Path>, python: PathBuf, seed_pip: bool) -> Maker {
    match uv {
        Some(uv) => {
            let mut arguments: Vec<PathBuf> = ["venv", "--quiet", "--no-project"].map(PathBuf::from).into();
            if seed_pip {
                arguments.push("--seed".into());
            }
            arguments.extend(["--python".into(), python]);
            Maker { program: uv.to_owned(), arguments, ensures_pip: false, needs_pip: seed_pip }
        }
        // isolated, since otherwise a `venv.py` in the current directory would run instead of the standard module
        None => Maker {
            program: python,
            arguments: ["-I", "-m", "venv"].map(PathBuf::from).into(),
            ensures_pip: true,
            needs_pip: seed_pip,
        },
    }
}

impl Maker {
    /// Returns the same for an environment into which nothing is installed: Debian's Python makes that without extra
    /// packages.
    fn without_pip(&self) -> Option<Self> {
        let arguments = self.arguments.iter().cloned().chain(["--without-pip".into()]).collect();
        (self.ensures_pip && !self.needs_pip).then(|| Self {
            program: self.program.clone(),
            arguments,
            ensures_pip: false,
            needs_pip: false,
        })
    }

    fn run(&self, path: &Path) -> Result<()> {
        // not in the repository, since its uv.toml would affect it
        let output =
            Program::new(&self.program).args(&self.arguments).arg(path).dir(Path::new("/")).output()?;
        check_stopped()?;
        if output.code == 0 {
            return Ok(());
        }
        if let Some(without_pip) = self.without_pip().filter(|_| lacks_ensurepip(&self.program)) {
            return without_pip.run(path);
        }
        let error = Error::new(format!("cannot make the Python environment '{}'", path.display()))
            .because(format!("'{}' ended with status {}", self.program.display(), output.code))
            .quoting(&output.stderr)
            .quoting(&String::from_utf8_lossy(&output.stdout));
        Err(if self.ensures_pip && lacks_ensurepip(&self.program) {
            error
                .because(
                    "this Python has no 'ensurepip', which Debian and Ubuntu keep in a package of its own",
                )
                .because("uv needs none: https://docs.astral.sh/uv")
                .hint("sudo apt install python3-venv")
        } else {
            error
        })
    }
}

fn lacks_ensurepip(python: &Path) -> bool {
    let imported = Program::new(python).args(["-I", "-c", "import ensurepip"]).dir(Path::new("/")).output();
    imported.is_ok_and(|output| output.code != 0)
}

/// The worktrees, whose programs we must not run.
struct Foreign {
    roots: Vec<PathBuf>,
}

impl Foreign {
    /// Whether a program is in a worktree; if the program itself is a link, it is not followed.
    fn has(&self, program: &Path) -> bool {
        let dir = real(program.parent().unwrap_or(program));
        self.roots.iter().any(|root| dir.starts_with(root))
    }

    /// Returns the programs of this name on PATH that are in no worktree.
    fn on_path(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        which::which_all(name).into_iter().flatten().filter(|program| !self.has(program))
    }
}

/// Returns the interpreter that the environment at `venv` was made with, if it says so and the interpreter still
/// exists.
fn base_interpreter(venv: &Path, foreign: &Foreign) -> Option<PathBuf> {
    let config = file::read_text(&venv.join("pyvenv.cfg")).ok()??;
    let home = PathBuf::from(value(&config, "home")?);
    let version = value(&config, "version").or_else(|| value(&config, "version_info"));
    // where several versions are installed together, `python3` may be a different one by now
    let exact = version.and_then(minor).map(|minor| home.join(format!("python{minor}")));
    let candidates = exact.into_iter().chain([home.join("python3"), home.join("python")]);
    candidates.into_iter().find(|python| python.is_absolute() && is_program(python) && !foreign.has(python))
}

/// Reads `key = value` of a pyvenv.cfg.
fn value<'a>(config: &'a str, key: &str) -> Option<&'a str> {
    let pairs = config.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.trim(), value.trim()))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}

/// Shortens a version such as `3.11.7` to `3.11`.
fn minor(version: &str) -> Option<String> {
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next()?, numbers.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(major) && is_number(minor)).then(|| format!("{major}.{minor}"))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Finds the configured interpreter, and asks it for its own path.
fn find_interpreter(python: &str, worktree: &Path, foreign: &Foreign) -> Result<PathBuf> {
    let missing = |why: &str| {
        Error::new(format!("no usable Python interpreter '{}'", crate::text::name::escaped(python)))
            .because(why)
            .hint("git config wt.venv.python /path/to/python3")
    };
    let candidates: Vec<PathBuf> = if Path::new(python).is_absolute() {
        vec![python.into()]
    } else if python.contains('/') {
        return Err(missing("it is neither a name nor an absolute path"));
    } else {
        foreign.on_path(python).collect()
    };
    let mut why = "it was not found on PATH".to_owned();
    for candidate in candidates.iter().filter(|candidate| !foreign.has(candidate)) {
        let answer = ask(candidate, worktree);
        check_stopped()?;
        match answer {
            Ok(itself) if is_program(&itself) && !foreign.has(&itself) => return Ok(itself),
            Ok(itself) => why = format!("'{}' is run by '{}'", candidate.display(), itself.display()),
            Err(fault) => why = fault,
        }
    }
    Err(missing(&why))
}

/// Asks an interpreter which one it really is; it may be pyenv's shim for a version that is not installed.
fn ask(python: &Path, worktree: &Path) -> Result<PathBuf, String> {
    // runs in the worktree, where pyenv looks for .python-version; isolated, so that no file there is imported
    let asked = Program::new(python).args(["-I", "-c", WHO_ARE_YOU]).dir(worktree).output();
    let output = asked.map_err(|error| error.what)?;
    if output.code == 0 {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().into());
    }
    Err(format!("'{}' ended with status {}: {}", python.display(), output.code, output.stderr.trim()))
}

impl Reversible for Venv {
    fn begins_anew(&self) -> bool {
        true
    }

    fn look(&mut self, site: &Site) -> Result<()> {
        self.look(&Tree::open(site.root)?)
    }

    fn create(&mut self, site: &Site) -> Result<Created> {
        with_trees(site, |main, own| self.create(site.repo, main, own))
    }

    fn destroy(&self, site: &Site, _: Unwind) -> Result<Destroyed> {
        in_trees(site, |_, own| self.destroy(own))
    }

    fn follow(&mut self, site: &Site, moved: &Relocation) -> Result<Vec<String>> {
        Venv::follow(self, &Tree::open(site.root)?, moved)?;
        Ok(Vec::new())
    }

    fn is_inside(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("venv '{}'", self.path.display())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use super::*;
    use crate::recipe::consent::{Consent, Requested};
    use crate::sandbox::{Sandbox, reread};
    use std::os::unix::fs::symlink;

    fn foreign(sandbox: &Sandbox) -> Foreign {
        Foreign { roots: vec![real(sandbox.main.path()), real(sandbox.worktree.path())] }
    }

    fn destroy(sandbox: &Sandbox, venv: &Venv) -> Destroyed {
        reread(venv).destroy(&sandbox.worktree).unwrap()
    }

    fn venv() -> Venv {
        Venv::new("env/.venv", Consent::default().python(&Requested::by_user("python3".into())).unwrap())
    }

    #[test]
    fn the_interpreter_is_the_one_of_mains_environment() {
        let sandbox = Sandbox::new();
        let home = sandbox.at("system");
        let cases: [(&str, &[&str], Option<&str>); 6] = [
            ("home = HOME\nversion = 3.11.7\n", &["python3", "python3.11"], Some("python3.11")),
            (
                "home = HOME\nversion_info = 3.12.3.final.0\r\n",
                &["python3", "python3.12"],
                Some("python3.12"),
            ),
            ("home=HOME\nversion = ../../x.y\n", &["python3"], Some("python3")),
            ("home = HOME\n", &["python"], Some("python")),
            ("home = HOME\n", &[], None),
            ("version = 3.11\n", &["python3"], None),
        ];
        for (config, programs, expected) in cases {
            let _ = fs::remove_dir_all(sandbox.at("system"));
            for program in programs {
                sandbox.script(&format!("system/{program}"), "exit 1");
            }
            sandbox.write("main/.venv/pyvenv.cfg", &config.replace("HOME", home.to_str().unwrap()));
            let found = base_interpreter(&sandbox.at("main/.venv"), &foreign(&sandbox));
            assert_eq!(found, expected.map(|name| home.join(name)), "{config:?}");
        }
    }

    #[test]
    fn no_program_of_the_repository_is_run() {
        let sandbox = Sandbox::new();
        let evil = sandbox.script("main/tools/python3", "touch \"$0.ran\"");
        symlink(sandbox.at("main/tools"), sandbox.at("alias")).unwrap();
        for home in [sandbox.at("main/tools"), sandbox.at("alias"), "tools".into()] {
            sandbox.write("main/.venv/pyvenv.cfg", &format!("home = {}\n", home.display()));
            assert_eq!(base_interpreter(&sandbox.at("main/.venv"), &foreign(&sandbox)), None, "{home:?}");
        }
        for python in [evil.to_str().unwrap(), "./tools/python3", "tools/python3", ""] {
            assert!(find_interpreter(python, sandbox.main.path(), &foreign(&sandbox)).is_err(), "{python}");
        }
        assert!(!sandbox.names("main/tools").contains(&"python3.ran".to_owned()));
    }

    #[test]
    fn an_interpreter_is_taken_at_its_word() {
        let sandbox = Sandbox::new();
        let real = sandbox.script("system/real", "exit 0");
        let shim = sandbox.script("shims/python3", &format!("echo '{}'", real.display()));
        let find = |python: &Path| {
            find_interpreter(python.to_str().unwrap(), sandbox.worktree.path(), &foreign(&sandbox))
        };
        assert_eq!(find(&shim).unwrap(), real);
        let broken = sandbox.script("shims/broken", "echo 'pyenv: 3.12: command not found' >&2; exit 127");
        let error = find(&broken).unwrap_err();
        assert!(error.why[0].contains("127: pyenv"), "{:?}", error.why);
        assert!(!error.hints.is_empty());
        assert!(find(&sandbox.script("shims/liar", "echo nowhere")).is_err());
        assert!(find_interpreter("no-such-python", sandbox.worktree.path(), &foreign(&sandbox)).is_err());
    }

    #[test]
    fn uv_is_told_everything_by_absolute_path() {
        for (seed, expected) in [
            (false, "venv --quiet --no-project --python /usr/bin/python3 "),
            (true, "venv --quiet --no-project --seed --python /usr/bin/python3 "),
        ] {
            let sandbox = Sandbox::new();
            let log = sandbox.at("log");
            let uv = sandbox.script(
                "uv",
                &format!(
                    "echo \"$@\" > '{}'; pwd >> '{0}'; for p; do :; done; touch \"$p/pyvenv.cfg\"",
                    log.display()
                ),
            );
            let mut venv = venv();
            let made =
                venv.make(&sandbox.worktree, &maker(Some(&uv), "/usr/bin/python3".into(), seed)).unwrap();
            assert_eq!(made, Created::Made);
            let path = sandbox.worktree.path().join("env/.venv");
            assert_eq!(fs::read_to_string(log).unwrap(), format!("{expected}{}\n/\n", path.display()));
            assert_eq!(destroy(&sandbox, &venv), Destroyed::Gone);
            assert_eq!(destroy(&sandbox, &venv), Destroyed::Gone);
            assert!(sandbox.names("wt").is_empty());
        }
    }

    #[test]
    fn what_is_there_is_neither_used_nor_removed() {
        let sandbox = Sandbox::new();
        sandbox.write("wt/env/.venv/pyvenv.cfg", "");
        let mut venv = venv();
        let python = maker(None, "/bin/false".into(), false);
        assert_eq!(venv.make(&sandbox.worktree, &python).unwrap_err().what, "'env/.venv' exists already");
        assert!(matches!(destroy(&sandbox, &venv), Destroyed::Left(_)));
        assert_eq!(sandbox.names("wt/env/.venv"), ["pyvenv.cfg"]);
    }

    #[test]
    fn a_failure_is_explained_and_can_be_undone() {
        let sandbox = Sandbox::new();
        let debian = sandbox.script(
            "python3",
            "[ \"$2\" = -c ] && exit 1; for p; do [ \"$p\" = --without-pip ] && exit 0; done; \
             echo 'ensurepip is not available'; mkdir \"$p/bin\"; exit 1",
        );
        let mut venv = venv();
        let error = venv.make(&sandbox.worktree, &maker(None, debian.clone(), true)).unwrap_err();
        assert!(error.why.iter().any(|why| why == "ensurepip is not available"), "{:?}", error.why);
        assert_eq!(error.hints, ["sudo apt install python3-venv".into()]);
        assert_eq!(destroy(&sandbox, &venv), Destroyed::Gone);
        assert!(sandbox.names("wt").is_empty());

        // if nothing calls pip, an environment without it will do
        assert_eq!(venv.make(&sandbox.worktree, &maker(None, debian, false)).unwrap(), Created::Made);
        assert_eq!(destroy(&sandbox, &venv), Destroyed::Gone);

        let other = sandbox.script("uv", "echo 'no space left' >&2; exit 2");
        let error = venv.make(&sandbox.worktree, &maker(Some(&other), "/x".into(), false)).unwrap_err();
        assert_eq!(error.why[1], "no space left");
        assert!(error.hints.is_empty());
    }

    #[test]
    fn what_a_crash_left_is_removed() {
        let sandbox = Sandbox::new();
        let mut begun = venv();
        begun.look(&sandbox.worktree).unwrap();
        sandbox.write("wt/env/.venv/bin/python", "");
        assert_eq!(destroy(&sandbox, &begun), Destroyed::Gone);
        assert!(!sandbox.at("wt/env").exists());
        sandbox.write("wt/env/.venv/pyvenv.cfg", "theirs");
        begun.look(&sandbox.worktree).unwrap();
        let error =
            begun.make(&sandbox.worktree, &maker(Some(Path::new("true")), "/x".into(), false)).unwrap_err();
        assert_eq!(error.what, "'env/.venv' exists already");
        assert!(matches!(destroy(&sandbox, &begun), Destroyed::Left(_)));
    }

    #[test]
    fn another_directory_in_its_place_stays() {
        let sandbox = Sandbox::new();
        let mut venv = venv();
        venv.make(&sandbox.worktree, &maker(Some(Path::new("true")), "/x".into(), false)).unwrap();
        fs::rename(sandbox.at("wt/env/.venv"), sandbox.at("wt/env/old")).unwrap();
        sandbox.write("wt/env/.venv/pyvenv.cfg", "theirs");
        assert!(matches!(destroy(&sandbox, &venv), Destroyed::Left(_)));
        symlink("old", sandbox.at("wt/env/link")).unwrap();
        fs::rename(sandbox.at("wt/env/.venv"), sandbox.at("wt/env/theirs")).unwrap();
        fs::rename(sandbox.at("wt/env/link"), sandbox.at("wt/env/.venv")).unwrap();
        assert!(matches!(destroy(&sandbox, &venv), Destroyed::Left(_)));
    }

    #[test]
    fn pythons_own_venv_works_and_runs_no_file_of_the_worktree() {
        let sandbox = Sandbox::new();
        let foreign = foreign(&sandbox);
        let Ok(python) = find_interpreter("python3", sandbox.worktree.path(), &foreign) else {
            assert!(crate::host::exec::variable("CI").is_none(), "python3 is missing");
            return;
        };
        sandbox.write("wt/venv.py", "raise SystemExit('ran the code of the worktree')");
        let mut maker = maker(None, python, false);
        maker.arguments.push("--without-pip".into());
        let mut venv = venv();
        assert_eq!(venv.make(&sandbox.worktree, &maker).unwrap(), Created::Made);
        let own = bin_dir(sandbox.worktree.path(), &venv.path).join("python");
        let prefix = Program::new(own).args(["-c", "import sys; print(sys.prefix)"]).stdout().unwrap();
        let expected = variables(sandbox.worktree.path(), &venv.path)[0].1.clone();
        assert_eq!(real(Path::new(String::from_utf8(prefix).unwrap().trim())), real(&expected));
        assert!(base_interpreter(&expected, &foreign).is_some());
        assert_eq!(destroy(&sandbox, &venv), Destroyed::Gone);
    }
}
