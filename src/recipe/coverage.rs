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
const READ_UNNAMED: [(&[&str], &[&str]); 17] = [
    (&["make", "gmake"], &["GNUmakefile", "makefile", "Makefile"]),
    (
        &["npm", "npx", "pnpm", "pnpx", "yarn", "bun", "bunx", "node"],
        &["package.json", ".npmrc", ".yarnrc.yml"],
    ),
    (
        &["pip", "pip3", "uv", "poetry", "pdm", "hatch"],
        &["pyproject.toml", "setup.py", "setup.cfg", "uv.toml"],
    ),
    (&["pipenv"], &["Pipfile"]),
    (&["just"], &["justfile", "Justfile", ".justfile"]),
    (&["task"], &["Taskfile.yml", "Taskfile.yaml"]),
    (&["rake"], &["Rakefile"]),
    (&["bundle", "bundler"], &["Gemfile"]),
    (&["composer"], &["composer.json"]),
    (&["tox"], &["tox.ini", "pyproject.toml"]),
    (&["nox"], &["noxfile.py"]),
    (&["inv", "invoke"], &["tasks.py"]),
    (&["cargo"], &["Cargo.toml", "build.rs", ".cargo/config.toml"]),
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
    (&["mix"], &["mix.exs"]),
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
    let mut dirs: Vec<&Path> = vec![Path::new("")];
    dirs.extend(tracked.iter().filter_map(|file| {
        let dir = file.parent()?;
        words.iter().any(|word| trimmed(word) == dir.as_os_str()).then_some(dir)
    }));
    let unnamed: Vec<PathBuf> = READ_UNNAMED
        .iter()
        .filter(|(programs, _)| words.iter().any(|word| programs.contains(&last_part(word))))
        .flat_map(|(_, files)| *files)
        .flat_map(|file| dirs.iter().map(move |dir| dir.join(file)))
        .chain(words.windows(2).filter(|pair| pair[0] == "-m").flat_map(|pair| module(&pair[1], &dirs)))
        .collect();
    for file in tracked {
        let name = file.file_name().unwrap_or_default();
        if words.iter().any(|word| names(word, name)) || unnamed.contains(file) {
            coverage.files.insert(file.clone());
        }
    }
    coverage
}

/// The words of a command line, with quotes as ends of words and without them: `sh -c "./x"`, and `"my script"`.
fn words(command: &str) -> Vec<String> {
    let apart = |c: char| c.is_whitespace() || ";&|()<>`$=,{}".contains(c);
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

fn trimmed(word: &str) -> &OsStr {
    OsStr::new(word.trim_start_matches("./").trim_end_matches('/'))
}

fn last_part(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether a word of a command ends in the name of a file, or in a pattern that fits it.
fn names(word: &str, name: &OsStr) -> bool {
    let last = last_part(word);
    if last.as_bytes() == name.as_bytes() {
        return true;
    }
    // `?` and `[…]` fit one character each, and here any
    let pattern: String = last.chars().map(|c| if "?[]".contains(c) { '*' } else { c }).collect();
    pattern.contains('*') && name.to_str().is_some_and(|name| matches(&pattern, name))
}

/// The files that `python -m MODULE` runs.
fn module(module: &str, dirs: &[&Path]) -> Vec<PathBuf> {
    let path = module.replace('.', "/");
    let files = [format!("{path}.py"), format!("{path}/__main__.py"), format!("{path}/__init__.py")];
    dirs.iter().flat_map(|dir| files.iter().map(|file| dir.join(file)).collect::<Vec<_>>()).collect()
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
