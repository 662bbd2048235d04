//! Which tracked files a command names, so that consent to the command covers what is in them.
//!
//! A command line can name a file in many ways: from another directory, by a variable, by a pattern, as the argument of
//! a program that looks for it. So a file counts as named if a word of the command ends in its name, wherever it lies; to
//! cover one too many means to be asked once too often.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::matches;
use crate::error::Result;
use crate::git;

/// What a program reads that its command line does not name, in the directory it runs in.
const READ_UNNAMED: [(&[&str], &[&str]); 25] = [
    (&["make", "gmake", "bmake"], &["GNUmakefile", "makefile", "Makefile"]),
    (
        &["npm", "npx", "pnpm", "pnpx", "yarn", "bun", "bunx", "node"],
        &[
            "package.json",
            "package-lock.json",
            "npm-shrinkwrap.json",
            "pnpm-lock.yaml",
            "yarn.lock",
            "bun.lock",
            ".npmrc",
            ".yarnrc.yml",
            "index.js",
        ],
    ),
    (
        &["pip", "uv", "poetry", "pdm", "hatch"],
        &["pyproject.toml", "uv.lock", "poetry.lock", "pdm.lock", "setup.py", "setup.cfg", "uv.toml"],
    ),
    (&["python", "pypy"], &["__main__.py"]),
    (&["pytest"], &["conftest.py", "pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"]),
    (&["flask"], &[".flaskenv", "app.py", "wsgi.py"]),
    (&["alembic"], &["alembic.ini"]),
    (&["pre-commit"], &[".pre-commit-config.yaml"]),
    (&["deno"], &["deno.json", "deno.jsonc"]),
    (&["cmake"], &["CMakeLists.txt", "CMakePresets.json"]),
    (&["mise"], &["mise.toml", ".mise.toml", ".tool-versions"]),
    (&["pipenv"], &["Pipfile", "Pipfile.lock"]),
    (&["just"], &["justfile", "Justfile", ".justfile"]),
    (&["task"], &["Taskfile.yml", "Taskfile.yaml"]),
    (&["rake"], &["Rakefile"]),
    (&["bundle", "bundler"], &["Gemfile", "Gemfile.lock"]),
    (&["composer"], &["composer.json", "composer.lock"]),
    (&["tox"], &["tox.ini", "pyproject.toml"]),
    (&["nox"], &["noxfile.py"]),
    (&["inv", "invoke"], &["tasks.py"]),
    (&["cargo"], &["Cargo.toml", "Cargo.lock", "build.rs", ".cargo/config.toml"]),
    (
        &["docker", "docker-compose", "podman"],
        &[
            "compose.yaml",
            "compose.yml",
            "docker-compose.yaml",
            "docker-compose.yml",
            "docker-compose.override.yml",
            "Dockerfile",
        ],
    ),
    (&["gradle", "gradlew"], &["build.gradle", "build.gradle.kts", "settings.gradle"]),
    (&["mvn", "mvnw"], &["pom.xml"]),
    (&["mix"], &["mix.exs", "mix.lock"]),
];

/// What consent to a command covers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    /// Tracked files, relative to the worktree.
    pub(super) files: BTreeSet<PathBuf>,
    /// Words of which nobody can tell what they stand for.
    pub(super) unknown: Option<String>,
}

/// The files that git tracks in the worktree at `root`, also those of its submodules.
pub(super) fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let listed = git::looking_at(root).args(["ls-files", "-z", "--recurse-submodules"]).stdout()?;
    Ok(git::paths(&listed))
}

/// What a command names among these files.
pub(super) fn among(command: &str, tracked: &[PathBuf]) -> Coverage {
    let words = words(command);
    let mut coverage = Coverage { unknown: unknown(command), ..Coverage::default() };
    let dirs = dirs(&words, tracked);
    let read: Vec<&str> = READ_UNNAMED
        .iter()
        .filter(|(programs, _)| words.iter().any(|word| programs.contains(&program(word))))
        .flat_map(|(_, files)| *files)
        .copied()
        .collect();
    let modules: Vec<PathBuf> = modules(&words).flat_map(module).collect();
    let read = read.iter().map(Path::new).chain(modules.iter().map(PathBuf::as_path));
    let unnamed: BTreeSet<PathBuf> =
        read.flat_map(|file| dirs.iter().map(move |dir| dir.join(file))).collect();
    for file in tracked {
        let name = file.file_name().unwrap_or_default();
        if words.iter().any(|word| names(word, name)) || unnamed.contains(file) {
            coverage.files.insert(file.clone());
        }
    }
    coverage
}

/// The directories that a program may be run in or told of: the root, and each whose name is a part of a word.
fn dirs<'a>(words: &[String], tracked: &'a [PathBuf]) -> Vec<&'a Path> {
    let all: BTreeSet<&Path> = tracked.iter().flat_map(|file| file.ancestors().skip(1)).collect();
    let parts: BTreeSet<&str> = words.iter().flat_map(|word| word.split('/')).collect();
    let is_named =
        |dir: &&Path| dir.file_name().is_none_or(|name| parts.iter().any(|part| names(part, name)));
    all.into_iter().filter(is_named).collect()
}

/// The words of a command line, with quotes as ends of words and without them: `sh -c "./x"`, and `"my script"`.
fn words(command: &str) -> Vec<String> {
    let apart = |c: char| c.is_whitespace() || ";&|()<>`$=,{}:@".contains(c);
    let unquoted: String = command.chars().filter(|c| !"'\"\\".contains(*c)).collect();
    let parted: String = command.chars().map(|c| if "'\"".contains(c) { ' ' } else { c }).collect();
    let parted = parted.replace('\\', "");
    let mut words: Vec<String> = Vec::new();
    for text in [&parted, &unquoted] {
        words.extend(text.split(apart).filter(|word| !word.is_empty()).map(str::to_owned));
    }
    // a name with blanks in quotes
    words.extend(command.split(['\'', '"']).skip(1).step_by(2).map(str::to_owned));
    words
}

fn last_part(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// The program that a word may stand for, without the version in its name.
fn program(word: &str) -> &str {
    last_part(word).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}

/// Whether a word of a command ends in the name of a file, or in a pattern that fits it.
fn names(word: &str, name: &OsStr) -> bool {
    let last = last_part(word);
    // as in `make -fbuild.mk`
    let is_option_with_it = last.starts_with('-') && last.as_bytes().ends_with(name.as_bytes());
    if last.as_bytes() == name.as_bytes() || is_option_with_it {
        return true;
    }
    // `?` and `[…]` fit one character each, and here any
    let pattern: String = last.chars().map(|c| if "?[]".contains(c) { '*' } else { c }).collect();
    pattern.contains('*') && name.to_str().is_some_and(|name| matches(&pattern, name))
}

/// The modules that a command has Python run: `-m MODULE`, `-Im MODULE`, `-mMODULE`.
fn modules(words: &[String]) -> impl Iterator<Item = &str> {
    words.iter().enumerate().filter_map(|(at, word)| {
        let (_, rest) = word.strip_prefix('-')?.split_once('m')?;
        if rest.is_empty() { words.get(at + 1).map(String::as_str) } else { Some(rest) }
    })
}

/// The files that Python runs for a module, with those of the packages around it.
fn module(module: &str) -> Vec<PathBuf> {
    let path = PathBuf::from(module.replace('.', "/"));
    let packages = path.ancestors().filter(|package| !package.as_os_str().is_empty());
    let inits = packages.map(|package| package.join("__init__.py"));
    inits.chain([path.with_extension("py"), path.join("__main__.py")]).collect()
}

/// The words that stand for something only the shell knows.
fn unknown(command: &str) -> Option<String> {
    let mut found = Vec::new();
    let mut rest = command;
    while let Some(at) = rest.find(['$', '`']) {
        let word: String = rest[at..]
            .chars()
            .enumerate()
            .take_while(|(at, c)| *at == 0 || c.is_ascii_alphanumeric() || "_{(".contains(*c))
            .map(|(_, c)| c)
            .collect();
        rest = &rest[at + word.len()..];
        if word == "`" {
            continue;
        }
        let known = ["$PWD", "${PWD", "$PORT", "${PORT"];
        if !known.contains(&&*word) && !found.contains(&word) {
            found.push(word);
        }
    }
    (!found.is_empty()).then(|| format!("what {} stands for", found.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_however_the_command_comes_to_it() {
        let tracked = [
            "setup.sh",
            "tools/setup.sh",
            "my script",
            "Makefile",
            "web/package.json",
            "package.json",
            "db/seed.py",
            "tasks/__main__.py",
            "README",
            "manage.py",
        ]
        .map(PathBuf::from);
        for (command, want) in [
            ("sh setup.sh", &["setup.sh", "tools/setup.sh"][..]),
            ("cd tools && ./setup.sh", &["setup.sh", "tools/setup.sh"]),
            ("sh x/../setup.sh, || true", &["setup.sh", "tools/setup.sh"]),
            ("sh \"{{ path }}/setup.sh\"", &["setup.sh", "tools/setup.sh"]),
            ("sh ${PWD}/set\\up.sh", &["setup.sh", "tools/setup.sh"]),
            ("sh se'tu'p.sh", &["setup.sh", "tools/setup.sh"]),
            ("sh ./set*.s?", &["setup.sh", "tools/setup.sh"]),
            ("sh -c 'cat setup.sh|sh'", &["setup.sh", "tools/setup.sh"]),
            ("sh -e <setup.sh", &["setup.sh", "tools/setup.sh"]),
            ("sh 'my script'", &["my script"]),
            ("make all", &["Makefile"]),
            ("/usr/bin/make", &["Makefile"]),
            ("cd web && npm ci", &["package.json", "web/package.json"]),
            ("python -m db.seed", &["db/seed.py"]),
            ("python -m tasks build", &["tasks/__main__.py"]),
            ("python -Im db.seed", &["db/seed.py"]),
            ("python3.12 -mdb.seed", &["db/seed.py"]),
            ("python3 tasks", &["tasks/__main__.py"]),
            ("cd a && cd web && npm ci", &["package.json", "web/package.json"]),
            ("cd x/../web; npm ci", &["package.json", "web/package.json"]),
            ("sh -e -xsetup.sh", &["setup.sh", "tools/setup.sh"]),
            ("curl -d @setup.sh host:8000", &["setup.sh", "tools/setup.sh"]),
            ("python manage.py migrate", &["manage.py"]),
            ("echo done", &[]),
        ] {
            let want: BTreeSet<PathBuf> = want.iter().map(PathBuf::from).collect();
            assert_eq!(among(command, &tracked).files, want, "{command}");
        }
    }

    #[test]
    fn what_only_the_shell_knows_is_named() {
        for (command, want) in [
            ("echo done", None),
            ("./x $PORT ${PWD}", None),
            ("sh $SCRIPT `id` $(cat x)", Some("what $SCRIPT, `id, $(cat stands for")),
        ] {
            assert_eq!(unknown(command).as_deref(), want, "{command}");
        }
    }
}
