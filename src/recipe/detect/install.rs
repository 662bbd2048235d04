//! Which installer a project uses, judging by its lock file. It knows commands, and runs none.

use std::path::Path;

use serde_json::Value;

use super::Root;
use crate::text::quote;

/// How one ecosystem installs the project's dependencies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Install {
    ecosystem: Ecosystem,
    pub(super) what: &'static str,
    pub(super) file: String,
    /// The command, if one is needed.
    pub(super) command: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ecosystem {
    Python,
    Node,
    Ruby,
    Php,
    Elixir,
    Go,
    Rust,
}

/// What a lock file means.
struct Lock {
    ecosystem: Ecosystem,
    file: &'static str,
    what: &'static str,
    /// Empty if nothing has to be installed in advance.
    command: &'static str,
}

impl Lock {
    fn is_of(&self, program: &str) -> bool {
        self.command.split(' ').next() == Some(program)
    }
}

const fn lock(ecosystem: Ecosystem, file: &'static str, what: &'static str, command: &'static str) -> Lock {
    Lock { ecosystem, file, what, command }
}

/// The lock files; in each ecosystem, the first one found counts.
const LOCKS: [Lock; 16] = [
    lock(Ecosystem::Python, "uv.lock", "python packages by uv", "uv sync --frozen"),
    lock(
        Ecosystem::Python,
        "poetry.lock",
        "python packages by poetry",
        "POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --sync",
    ),
    lock(Ecosystem::Python, "pdm.lock", "python packages by pdm", "pdm sync"),
    lock(
        Ecosystem::Python,
        "Pipfile.lock",
        "python packages by pipenv",
        "PIPENV_VENV_IN_PROJECT=1 pipenv sync",
    ),
    lock(
        Ecosystem::Node,
        "pnpm-lock.yaml",
        "node packages by pnpm",
        "pnpm install --frozen-lockfile --prefer-offline",
    ),
    lock(Ecosystem::Node, "package-lock.json", "node packages by npm", "npm ci --prefer-offline"),
    lock(Ecosystem::Node, "npm-shrinkwrap.json", "node packages by npm", "npm ci --prefer-offline"),
    lock(Ecosystem::Node, "yarn.lock", "node packages by yarn", "yarn install --frozen-lockfile"),
    lock(Ecosystem::Node, "bun.lock", "node packages by bun", "bun install --frozen-lockfile"),
    lock(Ecosystem::Node, "bun.lockb", "node packages by bun", "bun install --frozen-lockfile"),
    lock(Ecosystem::Ruby, "Gemfile.lock", "ruby gems", "bundle install --local || bundle install"),
    lock(Ecosystem::Php, "composer.lock", "php packages", "composer install"),
    lock(Ecosystem::Elixir, "mix.exs", "elixir project", "mix deps.get"),
    // these two fetch what they need when they build, into caches that worktrees share
    lock(Ecosystem::Go, "go.mod", "go module", ""),
    lock(Ecosystem::Rust, "Cargo.toml", "rust package", ""),
    lock(Ecosystem::Node, "package.json", "node package without a lock file", ""),
];

/// The usual requirements files for a developer, best first.
const REQUIREMENTS: [&str; 7] = [
    "requirements.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "requirements/local.txt",
    "requirements/dev.txt",
    "requirements/development.txt",
    "requirements/base.txt",
];

/// How requirements files are described; if there are several, only the developer knows which one to use.
const PIP: &str = "python requirements";
const PIP_UNDECIDED: &str = "python requirements, yours to choose from";

impl Install {
    /// Returns whether it installs into a Python environment.
    pub(super) fn is_python(&self) -> bool {
        self.ecosystem == Ecosystem::Python
    }

    /// Returns whether it installs, or might install, from a requirements file.
    pub(super) fn is_requirements(&self) -> bool {
        [PIP, PIP_UNDECIDED].contains(&self.what)
    }

    /// Returns the installation from this requirements file.
    pub(super) fn requirements(file: &str, uv: bool) -> Self {
        let command = format!("{} install -r {}", pip(uv), quote::posix(file));
        Self { ecosystem: Ecosystem::Python, what: PIP, file: file.to_owned(), command: Some(command) }
    }

    /// Returns an installation from none of these requirements files, until one is chosen.
    pub(super) fn undecided(files: &[String]) -> Self {
        let file = files.join(", ");
        Self { ecosystem: Ecosystem::Python, what: PIP_UNDECIDED, file, command: None }
    }
}

/// Finds what has to be installed, at most one for each ecosystem.
pub(super) fn find(root: &Root<'_>, uv: bool) -> Vec<Install> {
    let mut installs: Vec<Install> = Vec::new();
    let locks: Vec<&Lock> = LOCKS.iter().filter(|lock| root.has(lock.file)).collect();
    let manager = package_manager(root).filter(|name| locks.iter().any(|lock| lock.is_of(name)));
    let is_meant = |lock: &&&Lock| {
        lock.ecosystem != Ecosystem::Node || manager.as_ref().is_none_or(|manager| lock.is_of(manager))
    };
    for lock in locks.iter().filter(is_meant) {
        if installs.iter().all(|known| known.ecosystem != lock.ecosystem) {
            installs.push(locked(root, lock));
        }
    }
    if !installs.iter().any(Install::is_python)
        && let Some(python) = from_requirements(root, uv).or_else(|| python_project(root, uv))
    {
        installs.insert(0, python);
    }
    installs
}

fn locked(root: &Root<'_>, lock: &Lock) -> Install {
    // yarn 2 and later reject yarn 1's option
    let command = match lock.file {
        "yarn.lock" if is_of_modern_yarn(root) => "yarn install --immutable",
        _ => lock.command,
    };
    Install {
        ecosystem: lock.ecosystem,
        what: lock.what,
        file: lock.file.to_owned(),
        command: (!command.is_empty()).then(|| command.to_owned()),
    }
}

/// Recognises a lock file of yarn 2 and later, which has no comment that names its version.
fn is_of_modern_yarn(root: &Root<'_>) -> bool {
    root.has(".yarnrc.yml") || root.beginning("yarn.lock").is_some_and(|text| text.contains("__metadata:"))
}

/// Returns the package manager that `package.json` names, which decides if there are several lock files.
fn package_manager(root: &Root<'_>) -> Option<String> {
    let package = package(root)?;
    let (name, _version) = package.get("packageManager")?.as_str()?.split_once('@')?;
    Some(name.to_owned())
}

pub(super) fn package(root: &Root<'_>) -> Option<Value> {
    serde_json::from_str(&root.text("package.json")?).ok()
}

/// Returns all requirements files; those that a developer usually installs come first.
pub(super) fn requirements(root: &Root<'_>) -> Vec<String> {
    let usual = REQUIREMENTS.into_iter().filter(|file| root.path.join(file).is_file()).map(str::to_owned);
    let mut files: Vec<String> = usual.collect();
    let directory = root.path.join("requirements");
    let in_directory = Root::read(&directory).map(|directory| directory.names).unwrap_or_default();
    let in_directory =
        in_directory.iter().filter(|name| is_text(name)).map(|name| format!("requirements/{name}"));
    let named = root.names.iter().filter(|name| name.starts_with("requirements") && is_text(name));
    let others: Vec<String> =
        named.cloned().chain(in_directory).filter(|file| !files.contains(file)).collect();
    files.extend(others);
    files
}

fn from_requirements(root: &Root<'_>, uv: bool) -> Option<Install> {
    let files = requirements(root);
    let first = files.first()?;
    let is_clear = files.len() == 1 || REQUIREMENTS.contains(&first.as_str());
    Some(if is_clear { Install::requirements(first, uv) } else { Install::undecided(&files) })
}

fn is_text(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|kind| kind == "txt") && !name.contains(char::is_control)
}

/// Recognises a `pyproject.toml` that can be installed; many contain only the settings of tools.
fn python_project(root: &Root<'_>, uv: bool) -> Option<Install> {
    let text = root.text("pyproject.toml")?;
    let installable = |line: &str| {
        ["[project]", "[build-system]", "[tool.poetry]"]
            .iter()
            .any(|table| line.trim_start().starts_with(table))
    };
    text.lines().any(installable).then(|| Install {
        ecosystem: Ecosystem::Python,
        what: "python project",
        file: "pyproject.toml".into(),
        command: Some(format!("{} install -e .", pip(uv))),
    })
}

fn pip(uv: bool) -> &'static str {
    if uv { "uv pip" } else { "python -m pip" }
}

/// Returns the command for the script of a `package.json` that starts a server: `dev`, or else `start`.
pub(super) fn dev_server(root: &Root<'_>, installs: &[Install], has_port: bool) -> Option<String> {
    let package = package(root)?;
    let scripts = package.get("scripts")?;
    let script =
        ["dev", "start"].into_iter().find(|script| scripts.get(script).is_some_and(Value::is_string))?;
    let node = installs.iter().find(|install| install.ecosystem == Ecosystem::Node);
    let manager = node.and_then(|install| install.command.as_deref()?.split(' ').next()).unwrap_or("npm");
    // the others pass on all that comes after the script's name
    let separator = if manager == "npm" { "-- " } else { "" };
    let reads_no_variable = scripts.get(script).and_then(Value::as_str).is_some_and(is_vite);
    let port = if has_port && reads_no_variable {
        format!(" {separator}--port {{{{ port }}}}")
    } else {
        String::new()
    };
    Some(format!("{manager} run {script}{port}"))
}

/// Whether a script starts vite's server and nothing else; it takes its port from the command line alone.
fn is_vite(script: &str) -> bool {
    let mut words = script.split_whitespace();
    words.next() == Some("vite") && words.all(|word| ["dev", "serve", "--host", "--open"].contains(&word))
}
