//! Which tracked files a command names, so that consent to the command covers their content.
//!
//! A command line can name a file in many ways: from another directory, through a variable, by a pattern, or as an
//! argument of a program that searches for it. So a file counts as named if a word of the command ends in its name,
//! wherever the file is. Covering a file too many only means asking once too often.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::matches;
use crate::error::Result;
use crate::git;

/// Files that programs read from their current directory although the command line does not name them.
const READ_UNNAMED: &[(&[&str], &[&str])] = &[
    (&["make", "gmake", "bmake"], &["GNUmakefile", "BSDmakefile", "makefile", "Makefile"]),
    (
        &["npm", "npx", "pnpm", "pnpx", "yarn", "bun", "bunx", "node"],
        &[
            "package.json",
            "package-lock.json",
            "npm-shrinkwrap.json",
            "pnpm-lock.yaml",
            "yarn.lock",
            "bun.lock",
            "bunfig.toml",
            ".npmrc",
            ".pnp.cjs",
            ".pnp.loader.mjs",
            ".pnpmfile.cjs",
            "pnpm-workspace.yaml",
            ".yarnrc",
            ".yarnrc.yml",
            "index.cjs",
            "index.js",
            "index.mjs",
            "index.ts",
        ],
    ),
    (
        &["pip", "uv", "poetry", "pdm", "hatch"],
        &[
            "pyproject.toml",
            "uv.lock",
            "poetry.lock",
            "pdm.lock",
            "setup.py",
            "setup.cfg",
            "uv.toml",
            "hatch.toml",
            "pdm.toml",
        ],
    ),
    (&["python", "pypy"], &["__main__.py"]),
    (
        &["pytest"],
        &[
            "conftest.py",
            "pytest.ini",
            ".pytest.ini",
            "pytest.toml",
            ".pytest.toml",
            "pyproject.toml",
            "tox.ini",
            "setup.cfg",
        ],
    ),
    (&["flask"], &[".flaskenv", "app.py", "wsgi.py"]),
    (&["alembic"], &["alembic.ini"]),
    (&["pre-commit"], &[".pre-commit-config.yaml"]),
    (&["deno"], &["deno.json", "deno.jsonc"]),
    (&["cmake"], &["CMakeLists.txt", "CMakePresets.json", "CMakeUserPresets.json"]),
    (
        &["mise"],
        &[
            "mise.toml",
            ".mise.toml",
            "mise.local.toml",
            ".mise.local.toml",
            ".tool-versions",
            ".config/mise.toml",
        ],
    ),
    (&["pipenv"], &["Pipfile", "Pipfile.lock"]),
    (&["just"], &["justfile", ".justfile"]),
    (&["task", "go-task"], &["Taskfile.yml", "Taskfile.yaml", "Taskfile.dist.yml", "Taskfile.dist.yaml"]),
    (&["rake"], &["Rakefile", "Rakefile.rb"]),
    (&["bundle", "bundler"], &["Gemfile", "Gemfile.lock", "gems.rb", "gems.locked", ".bundle/config"]),
    (&["composer"], &["composer.json", "composer.lock"]),
    (&["tox"], &["tox.ini", "tox.toml", "pyproject.toml", "setup.cfg"]),
    (&["nox"], &["noxfile.py"]),
    (&["inv", "invoke"], &["tasks.py"]),
    (
        &["cargo"],
        &[
            "Cargo.toml",
            "Cargo.lock",
            "build.rs",
            ".cargo/config.toml",
            ".cargo/config",
            "rust-toolchain.toml",
            "rust-toolchain",
        ],
    ),
    (
        &["docker", "docker-compose", "podman"],
        &[
            "compose.yaml",
            "compose.yml",
            "docker-compose.yaml",
            "docker-compose.yml",
            "compose.override.yaml",
            "compose.override.yml",
            "docker-compose.override.yaml",
            "docker-compose.override.yml",
            "Dockerfile",
            "Containerfile",
        ],
    ),
    (
        &["gradle", "gradlew"],
        &[
            "build.gradle",
            "build.gradle.kts",
            "settings.gradle",
            "settings.gradle.kts",
            "gradle.properties",
            "gradle/wrapper/gradle-wrapper.properties",
            "gradle/wrapper/gradle-wrapper.jar",
        ],
    ),
    (
        &["mvn", "mvnw"],
        &[
            "pom.xml",
            ".mvn/extensions.xml",
            ".mvn/maven.config",
            ".mvn/jvm.config",
            ".mvn/wrapper/maven-wrapper.properties",
        ],
    ),
    (&["mix"], &["mix.exs", "mix.lock"]),
    (&["ansible-playbook", "ansible"], &["ansible.cfg"]),
    (&["rails"], &["bin/rails"]),
];

/// What consent to a command covers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    /// Tracked files, relative to the worktree.
    pub(super) files: BTreeSet<PathBuf>,
    /// What cannot be determined about the command.
    pub(super) unknown: Option<String>,
}

/// Returns the files that git tracks in the worktree at `root`, including those of its submodules.
pub(super) fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let listed = git::looking_at(root).args(["ls-files", "-z", "--recurse-submodules"]).stdout()?;
    Ok(git::paths(&listed))
}

/// Returns what a command names among these files.
pub(super) fn among(command: &str, tracked: &[PathBuf]) -> Coverage {
    let words = words(command);
    let mut coverage = Coverage { unknown: unknown(command, &words, tracked), ..Coverage::default() };
    let dirs = dirs(&words, tracked);
    let read: Vec<&str> = READ_UNNAMED
        .iter()
        .filter(|(programs, _)| words.iter().any(|word| programs.contains(&program(word))))
        .flat_map(|(_, files)| *files)
        .copied()
        .collect();
    let modules: Vec<PathBuf> = modules(&words).flat_map(module).collect();
    let read = read.iter().map(Path::new).chain(modules.iter().map(PathBuf::as_path));
    // ignoring case, since only some file systems and some programs distinguish it
    let folded = |path: &Path| path.as_os_str().to_ascii_lowercase();
    let unnamed: BTreeSet<OsString> =
        read.flat_map(|file| dirs.iter().map(move |dir| folded(&dir.join(file)))).collect();
    for file in tracked {
        let name = file.file_name().unwrap_or_default();
        if words.iter().any(|word| names(word, name)) || unnamed.contains(&folded(file)) {
            coverage.files.insert(file.clone());
        }
    }
    coverage
}

/// Returns the directories where a program may run or that it may be given: the root, and each whose name is part of a
/// word.
fn dirs<'a>(words: &[String], tracked: &'a [PathBuf]) -> Vec<&'a Path> {
    let all: BTreeSet<&Path> = tracked.iter().flat_map(|file| file.ancestors().skip(1)).collect();
    let parts: BTreeSet<&str> = words.iter().flat_map(|word| word.split('/')).collect();
    let is_named =
        |dir: &&Path| dir.file_name().is_none_or(|name| parts.iter().any(|part| names(part, name)));
    all.into_iter().filter(is_named).collect()
}

/// Returns the words of a command line, both with quotes as separators (`sh -c "./x"`) and with quotes removed (`"my
/// script"`).
fn words(command: &str) -> Vec<String> {
    let apart = |c: char| c.is_whitespace() || ";&|()<>`$=,{}:@".contains(c);
    let unquoted: String = command.chars().filter(|c| !"'\"\\".contains(*c)).collect();
    let parted: String = command.chars().map(|c| if "'\"".contains(c) { ' ' } else { c }).collect();
    let parted = parted.replace('\\', "");
    let mut words: Vec<String> = Vec::new();
    for text in [&parted, &unquoted] {
        words.extend(text.split(apart).filter(|word| !word.is_empty()).map(str::to_owned));
    }
    // a pattern, which the shell expands to words
    let plain: String =
        command.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, rest)| rest)).collect();
    let patterns = plain.split(|c: char| c.is_whitespace() || ";&|()<>".contains(c)).map(pattern);
    words.extend(patterns.filter(|word| word.contains('*')));
    // a quoted name with blanks
    words.extend(command.split(['\'', '"']).skip(1).step_by(2).map(str::to_owned));
    words
}

fn last_part(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Returns the program that a word may stand for, without a version in its name.
fn program(word: &str) -> &str {
    last_part(word).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}

/// Whether a word of a command ends in the name of a file, or in a pattern that matches it.
fn names(word: &str, name: &OsStr) -> bool {
    let last = last_part(word);
    let (last, name) = (last.to_ascii_lowercase(), name.to_ascii_lowercase());
    // as in `make -fbuild.mk`
    let is_option_with_it = last.starts_with('-') && last.as_bytes().ends_with(name.as_bytes());
    // as in `node app`
    let is_module = || {
        let name = name.to_str().unwrap_or_default();
        let ending = name.strip_prefix(&last).and_then(|rest| rest.strip_prefix('.'));
        !last.is_empty() && ending.is_some_and(|ending| MODULES.contains(&ending))
    };
    last.as_bytes() == name.as_bytes()
        || is_option_with_it
        || is_module()
        || (last.contains('*') && matches(&last, &name.to_string_lossy()))
}

/// Extensions that interpreters supply when they look for a file.
const MODULES: [&str; 12] =
    ["js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx", "json", "node", "rb", "lua"];

/// Returns a word in which everything that may stand for several texts (`?`, `[…]`, `{…}`) is replaced by `*`.
fn pattern(word: &str) -> String {
    let mut out = String::new();
    let mut closing = None;
    for c in word.chars().filter(|c| !"'\"\\".contains(*c)) {
        match (closing, c) {
            (Some(end), c) if c == end => closing = None,
            (Some(_), _) => {}
            (None, '[' | '{') => {
                closing = Some(if c == '[' { ']' } else { '}' });
                out.push('*');
            }
            (None, '?') => out.push('*'),
            (None, c) => out.push(c),
        }
    }
    out
}

/// Returns the modules that a command makes Python run: `-m MODULE`, `-Im MODULE`, `-mMODULE`.
fn modules(words: &[String]) -> impl Iterator<Item = &str> {
    words.iter().enumerate().filter_map(|(at, word)| {
        let (_, rest) = word.strip_prefix('-')?.split_once('m')?;
        if rest.is_empty() { words.get(at + 1).map(String::as_str) } else { Some(rest) }
    })
}

/// Returns the files that Python runs for a module, including those of its parent packages.
fn module(module: &str) -> Vec<PathBuf> {
    let path = PathBuf::from(module.replace('.', "/"));
    let packages = path.ancestors().filter(|package| !package.as_os_str().is_empty());
    let inits = packages.map(|package| package.join("__init__.py"));
    inits.chain([path.with_extension("py"), path.join("__main__.py")]).collect()
}

/// Returns what cannot be determined about a command: what only the shell can expand, what is in a directory that a
/// program is given, and what else an interpreter is told to load.
fn unknown(command: &str, words: &[String], tracked: &[PathBuf]) -> Option<String> {
    let variables = variables(command);
    let mut parts = Vec::new();
    if !variables.is_empty() {
        parts.push(format!("what {} stands for", variables.join(", ")));
    }
    let plain: Vec<&str> = command.split(|c: char| c.is_whitespace() || ";&|()<>'\"".contains(c)).collect();
    for (at, word) in plain.iter().enumerate() {
        let word = word.trim_start_matches("./").trim_end_matches('/');
        let goes_there = at > 0 && GO_THERE.contains(&plain[at - 1]);
        let is_dir = |file: &PathBuf| !word.is_empty() && file != Path::new(word) && file.starts_with(word);
        let what = format!("what is in '{word}'");
        if !goes_there && at > 0 && tracked.iter().any(is_dir) && !parts.contains(&what) {
            parts.push(what);
        }
    }
    let loads = |word: &&String| {
        ["-r", "-R", "-I", "-M", "--require", "--import", "--loader", "--experimental-loader"]
            .iter()
            .any(|option| word.starts_with(option))
    };
    if words.iter().any(|word| LOADERS.contains(&program(word)))
        && let Some(option) = words.iter().find(loads)
    {
        parts.push(format!("what '{option}' loads"));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Commands and options that take a directory to go to, or to make, and run nothing in it.
const GO_THERE: [&str; 16] = [
    "cd",
    "pushd",
    "-C",
    "--cwd",
    "--dir",
    "--directory",
    "--prefix",
    "--project",
    "mkdir",
    "-p",
    "ls",
    "rm",
    "-rf",
    "cp",
    "mv",
    "chmod",
];
/// Interpreters that have an option to load modules.
const LOADERS: [&str; 9] = ["perl", "ruby", "node", "deno", "bun", "tsx", "ts-node", "php", "lua"];

/// Returns the variables and other expansions in a command line.
fn variables(command: &str) -> Vec<String> {
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
    found
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
            "app.js",
            "rakefile",
            "deploy/compose.override.yml",
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
            ("node app", &["app.js", "package.json"]),
            ("sh ./[rs]etup.sh", &["setup.sh", "tools/setup.sh"]),
            ("sh ./[!x]etup.sh", &["setup.sh", "tools/setup.sh"]),
            ("bash -c '. ./s{etup,}.sh'", &["setup.sh", "tools/setup.sh"]),
            ("sh SETUP.sh", &["setup.sh", "tools/setup.sh"]),
            ("rake db", &["rakefile"]),
            ("cd deploy && docker compose up -d", &["deploy/compose.override.yml"]),
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
            ("run-parts ./hooks.d/", Some("what is in 'hooks.d'")),
            ("cd hooks.d && sh a", None),
            ("perl -Ilib -MFoo -e 1", Some("what '-Ilib' loads")),
            ("perl -MFoo -e 1", Some("what '-MFoo' loads")),
            ("node --require ./hook app", Some("what '--require' loads")),
        ] {
            let tracked = ["hooks.d/a", "lib/Foo.pm"].map(PathBuf::from);
            let parts = unknown(command, &words(command), &tracked);
            assert_eq!(parts.as_deref(), want, "{command}");
        }
    }
}
