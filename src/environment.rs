//! The variables of a worktree, and where each came from.
//!
//! This is what programs started in the worktree get: its ports, its env file, its venv. It reads values and never
//! evaluates them.

pub mod drift;
pub mod guard;
pub mod stray_venv;

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::git::Repo;
use crate::git::tracked::Tracked;
use crate::host::exec::{self, Program};
use crate::host::file;
use crate::recipe::Recipe;
use crate::recipe::consent::Consent;
use crate::record::Record;
use crate::resource::{EnvFile, venv};
use crate::shell::state::{self, Change};
use crate::text::dotenv::{EnvText, Value};
use crate::text::hash::hash;
use crate::text::name::escaped;
use crate::text::reserved;

/// Where a variable's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableOrigin {
    Port,
    /// This env file, relative to the worktree.
    File(String),
    Venv,
}

impl VariableOrigin {
    /// Returns the origin, as shown to the user.
    pub fn describe(&self) -> &str {
        match self {
            Self::Port => "port claim",
            Self::File(path) => path,
            Self::Venv => "venv",
        }
    }
}

/// A variable of a worktree.
#[derive(Debug, Clone)]
pub struct Variable {
    pub name: String,
    pub value: String,
    /// Its bytes, if they are no UTF-8.
    pub bytes: Option<OsString>,
    /// Where it comes from.
    pub origin: VariableOrigin,
}

/// What programs in a worktree get.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The variables, each name once.
    pub variables: Vec<Variable>,
    /// The directory to put first on PATH.
    pub bin: Option<PathBuf>,
    /// Whether the venv was made with the worktree; a shell that enters activates no other.
    pub made_its_venv: bool,
    /// Variables that are not set, and why.
    pub left_out: Vec<(String, String)>,
    /// All names of variables, each with whether it comes from a file.
    known: HashMap<String, bool>,
}

impl Environment {
    /// Reads the environment of the worktree at `root`.
    pub fn of(
        repo: &Repo,
        root: &Path,
        record: Option<&Record>,
        recipe: &Recipe,
        consent: &Consent,
    ) -> Result<Self> {
        let mut environment = Self::default();
        let tracked = repo.tracked(root)?;
        let ports = record.map(Record::ports).unwrap_or_default();
        for (name, number) in ports.into_iter().filter(|(name, _)| reserved::may_be_set(name)) {
            environment.set(name, number.to_string(), VariableOrigin::Port);
        }
        let recorded: Vec<&str> = record
            .map(|record| record.env_files().map(|file| file.path.as_str()).collect())
            .unwrap_or_default();
        let configured = recipe.env_rules().map(|rule| rule.file.as_str()).filter(|_| recorded.is_empty());
        for path in recorded.iter().copied().chain(configured) {
            let ours = record.and_then(|record| record.env_files().find(|file| file.path == path));
            let supplied = ours.map(EnvFile::supplied_values).unwrap_or_default();
            let waits = |name: &str, value: &str| {
                let found = supplied.get(name);
                found.is_some_and(|(ours, key)| *ours == hash(value.as_bytes()) && !consent.has(key))
            };
            environment.read_file(root, path, &tracked, &waits)?;
        }
        environment.find_venv(root, record, recipe, &tracked)?;
        Ok(environment)
    }

    fn find_venv(
        &mut self,
        root: &Path,
        record: Option<&Record>,
        recipe: &Recipe,
        tracked: &Tracked,
    ) -> Result<()> {
        let configured = recipe.venv.as_ref().map(|rule| Path::new(&rule.path));
        let usual = [".venv", "venv"].map(Path::new).into_iter().filter(|path| Some(*path) != configured);
        for path in configured.into_iter().chain(usual) {
            if !root.join(path).join("pyvenv.cfg").exists() {
                continue;
            }
            let unfit = if leads_through_link(root, path) {
                "is a link"
            } else if tracked.has(path)? {
                "is tracked by git"
            } else {
                for (name, path) in venv::variables(root, path) {
                    self.set(name.into(), path.to_string_lossy().into_owned(), VariableOrigin::Venv);
                }
                self.bin = Some(venv::bin_dir(root, path));
                self.made_its_venv =
                    record.is_some_and(|record| record.venvs().any(|venv| venv.path == path));
                return Ok(());
            };
            self.left_out.push(("VIRTUAL_ENV".into(), format!("'{}' {unfit}", path.display())));
        }
        Ok(())
    }

    fn read_file(
        &mut self,
        root: &Path,
        path: &str,
        tracked: &Tracked,
        waits: &dyn Fn(&str, &str) -> bool,
    ) -> Result<()> {
        let Some(bytes) = file::read(&root.join(path))? else { return Ok(()) };
        let is_tracked = tracked.has(Path::new(path))?;
        let text = EnvText::parse(bytes);
        for (name, value) in text.variables() {
            match value {
                _ if is_tracked => {
                    self.left_out.push((name, format!("'{}' is tracked by git", escaped(path))));
                }
                _ if !reserved::may_be_set(&name) => {
                    self.left_out.push((name, "this name is never taken from a file".into()));
                }
                // the first file is the project's own, and wins
                Value::Text(_) if self.is_from_a_file(&name) => {}
                Value::Text(value) if waits(&name, &value) => {
                    self.left_out.push((name, "it waits for your consent, by 'git wt trust'".into()));
                }
                Value::Text(value) => {
                    let bytes = text.bytes_of(&name).map(OsString::from_vec);
                    self.set(name, value, VariableOrigin::File(path.to_owned()));
                    self.variables.last_mut().expect("just set").bytes = bytes;
                }
                // programs expand it by their own rules, and our partial value would override theirs
                Value::Dynamic(_) => {
                    let why = "its value has an expansion, which programs read differently";
                    self.left_out.push((name, why.into()));
                }
            }
        }
        Ok(())
    }

    fn is_from_a_file(&self, name: &str) -> bool {
        self.known.get(name) == Some(&true)
    }

    fn set(&mut self, name: String, value: String, origin: VariableOrigin) {
        if self.known.insert(name.clone(), matches!(origin, VariableOrigin::File(_))).is_some() {
            self.variables.retain(|known| known.name != name);
        }
        self.variables.push(Variable { name, value, bytes: None, origin });
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|variable| variable.name == name).map(|variable| variable.value.as_str())
    }

    /// Makes a program run in this environment.
    #[must_use]
    pub fn apply(&self, program: Program) -> Program {
        let inherited = Inherited::now();
        let mut program = inherited.apply(program);
        for variable in &self.variables {
            match &variable.bytes {
                Some(bytes) => program = program.env(&variable.name, bytes),
                None => program = program.env(&variable.name, &variable.value),
            }
        }
        if let Some(bin) = &self.bin {
            program = program.env("PATH", inherited.path_after(bin));
        }
        program
    }
}

/// Our own environment, without what the shell functions have set for the shell's current worktree: that does not
/// belong to another worktree.
#[derive(Debug)]
pub struct Inherited {
    changes: Vec<Change>,
}

impl Inherited {
    /// Takes the environment as it would be after the shell left its worktree.
    pub fn now() -> Self {
        let state = text_of(state::STATE);
        Self { changes: state::changes(state.as_deref(), None, None, &text_of) }
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<String> {
        let change = self.changes.iter().find(|change| change.name() == name);
        match change {
            Some(Change::Set(_, value)) => Some(value.clone()),
            Some(Change::Unset(_)) => None,
            None => text_of(name),
        }
    }

    /// Returns the value of a variable as passed on to a child.
    pub fn passed_on(&self, name: &str) -> Option<String> {
        self.get(name).filter(|_| !exec::is_scrubbed(name))
    }

    fn apply(&self, program: Program) -> Program {
        self.changes.iter().fold(program, |program, change| match change {
            Change::Set(name, value) if !exec::is_scrubbed(name) => program.env(name, value),
            Change::Set(name, _) | Change::Unset(name) => program.env_remove(name),
        })
    }

    /// Returns PATH with `bin` in front, and without the venv that is active in the shell.
    fn path_after(&self, bin: &Path) -> OsString {
        let active = self.get("VIRTUAL_ENV").map(|venv| Path::new(&venv).join("bin"));
        let path =
            self.get("PATH").map(OsString::from).or_else(|| exec::variable("PATH")).unwrap_or_default();
        let others = std::env::split_paths(&path).filter(|dir| Some(dir) != active.as_ref());
        std::env::join_paths(std::iter::once(bin.to_owned()).chain(others)).unwrap_or(path)
    }
}

fn text_of(name: &str) -> Option<String> {
    exec::variable(name).and_then(|value| value.into_string().ok())
}

/// Whether there is a link on the way from `root` to `path`, or at `path` itself.
fn leads_through_link(root: &Path, path: &Path) -> bool {
    let prefixes = path.ancestors().filter(|prefix| !prefix.as_os_str().is_empty());
    prefixes.map(|prefix| root.join(prefix)).any(|prefix| prefix.is_symlink())
}
