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

/// Files that programs read from their current directory although the command line does not name them; `*` stands for
/// any text.
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
    (
        &["flask"],
        &[".flaskenv", "app.py", "wsgi.py", "app/__init__.py", "app/__main__.py", "wsgi/__init__.py"],
    ),
    (&["gunicorn"], &["gunicorn.conf.py"]),
    (&["hypercorn"], &["hypercorn.toml"]),
    (&["celery"], &["celeryconfig.py"]),
    (
        &["foreman", "honcho", "overmind", "hivemind", "forego", "goreman"],
        &["Procfile", "Procfile.dev", ".foreman", ".env", ".overmind.env"],
    ),
    (&["supervisord", "supervisorctl"], &["supervisord.conf", "etc/supervisord.conf"]),
    (&["alembic"], &["alembic.ini"]),
    (&["pre-commit"], &[".pre-commit-config.yaml"]),
    (&["deno"], &["deno.json", "deno.jsonc", "deno.lock", "import_map.json"]),
    (&["gulp"], &["package.json", ".gulp.*", "gulpfile.*"]),
    (&["grunt"], &["package.json", "Gruntfile.*"]),
    (
        &["vite", "vitest"],
        &[
            "package.json",
            "index.html",
            "tsconfig.json",
            "vite.config.*",
            "vitest.config.*",
            "postcss.config.*",
            "tailwind.config.*",
        ],
    ),
    (&["webpack", "webpack-dev-server"], &["package.json", "webpack.config.*"]),
    (&["next"], &["package.json", "next.config.*"]),
    (&["nodemon"], &["package.json", "nodemon.json", "index.js", "server.js"]),
    (&["ts-node", "ts-node-dev", "tsx"], &["package.json", "tsconfig.json"]),
    (&["pm2", "pm2-runtime"], &["package.json", "ecosystem.config.*"]),
    (&["go"], &["go.mod", "go.sum", "go.work", "main.go"]),
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
    (&["puma"], &["config.ru", ".puma.rb", "config/puma.rb", "config/puma/*", "Gemfile", "Gemfile.lock"]),
    (&["unicorn"], &["config.ru", "config/unicorn.rb", "Gemfile", "Gemfile.lock"]),
    (&["rackup", "thin", "falcon", "shotgun"], &["config.ru", "Gemfile", "Gemfile.lock"]),
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
    (&["mix", "iex"], &["mix.exs", "mix.lock", ".iex.exs", "config/*.exs"]),
    (&["ansible-playbook", "ansible"], &["ansible.cfg"]),
    (&["rails"], &["bin/rails"]),
];

/// Programs that are given a Python module without `-m`.
const PYTHON_SERVERS: &[&str] = &[
    "celery",
    "daphne",
    "dramatiq",
    "fastapi",
    "flask",
    "granian",
    "gunicorn",
    "hypercorn",
    "uvicorn",
    "waitress-serve",
];

/// Programs that read more than the command line and their own rule name.
const READ_MORE: &[&str] = &[
    "bun",
    "cargo",
    "celery",
    "daphne",
    "deno",
    "docker",
    "docker-compose",
    "dramatiq",
    "falcon",
    "fastapi",
    "flask",
    "foreman",
    "forego",
    "go",
    "go-task",
    "goreman",
    "gradle",
    "gradlew",
    "granian",
    "grunt",
    "gulp",
    "gunicorn",
    "hivemind",
    "honcho",
    "hypercorn",
    "iex",
    "just",
    "mix",
    "mvn",
    "mvnw",
    "next",
    "nodemon",
    "overmind",
    "pm2",
    "pm2-runtime",
    "podman",
    "puma",
    "rackup",
    "shotgun",
    "supervisorctl",
    "supervisord",
    "task",
    "thin",
    "ts-node",
    "ts-node-dev",
    "tsx",
    "unicorn",
    "uvicorn",
    "vite",
    "vitest",
    "waitress-serve",
    "webpack",
    "webpack-dev-server",
];

/// Programs that run what they are given, and read nothing else of a repository: they are known only with a file.
const INTERPRETERS: &[&str] = &[
    ".", "bash", "dash", "deno", "fish", "ksh", "lua", "node", "perl", "php", "pypy", "python", "ruby", "sh",
    "source", "ts-node", "tsx", "zsh",
];

/// Interpreters that take a script after `-c`.
const SHELLS: &[&str] = &["bash", "dash", "fish", "ksh", "sh", "zsh"];

/// Programs, and words of the shell, that read nothing but what the command line names.
const PLAIN: &[&str] = &[
    ":",
    "[",
    "[[",
    "]",
    "apt",
    "apt-get",
    "awk",
    "basename",
    "break",
    "brew",
    "case",
    "cat",
    "cd",
    "chgrp",
    "chmod",
    "chown",
    "clear",
    "cmp",
    "comm",
    "continue",
    "cp",
    "createdb",
    "createuser",
    "curl",
    "cut",
    "date",
    "declare",
    "df",
    "diff",
    "dirname",
    "done",
    "dropdb",
    "dropuser",
    "du",
    "echo",
    "egrep",
    "esac",
    "exit",
    "export",
    "false",
    "fgrep",
    "fi",
    "for",
    "git",
    "grep",
    "gunzip",
    "gzip",
    "head",
    "hostname",
    "id",
    "install",
    "jq",
    "kill",
    "ln",
    "local",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "mysql",
    "mysqladmin",
    "mysqldump",
    "nc",
    "openssl",
    "pg_ctl",
    "pg_dump",
    "pg_isready",
    "pg_restore",
    "popd",
    "printenv",
    "printf",
    "psql",
    "pushd",
    "pwd",
    "read",
    "readlink",
    "readonly",
    "realpath",
    "redis-cli",
    "redis-server",
    "return",
    "rm",
    "rmdir",
    "rsync",
    "sed",
    "seq",
    "set",
    "sha256sum",
    "shift",
    "sleep",
    "sort",
    "sqlite3",
    "stat",
    "tail",
    "tar",
    "tee",
    "test",
    "touch",
    "tr",
    "trap",
    "true",
    "type",
    "ulimit",
    "umask",
    "uname",
    "uniq",
    "unset",
    "unzip",
    "wait",
    "wc",
    "wget",
    "which",
    "yes",
    "zip",
    "}",
];

/// Words that the name of a program follows.
const BEFORE_PROGRAMS: &[&str] = &[
    "!", "bunx", "builtin", "command", "do", "doas", "elif", "else", "env", "exec", "if", "ionice", "nice",
    "nohup", "npx", "pnpx", "setsid", "stdbuf", "sudo", "then", "time", "timeout", "until", "uvx", "while",
    "xargs", "{",
];

/// Programs that run another one after this word.
const RUN_ANOTHER: &[(&str, &[&str])] = &[
    ("bundle", &["exec"]),
    ("hatch", &["run"]),
    ("mise", &["exec", "x"]),
    ("npm", &["exec", "x"]),
    ("pdm", &["run"]),
    ("pipenv", &["run"]),
    ("pnpm", &["exec", "dlx"]),
    ("poetry", &["run"]),
    ("uv", &["run"]),
    ("yarn", &["exec", "dlx"]),
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
    let odd = OddNames::of(command);
    let dirs = dirs(&words, &odd, tracked);
    let read = READ_UNNAMED
        .iter()
        .filter(|(programs, _)| words.iter().any(|word| is_one_of(word, programs)))
        .flat_map(|(_, files)| *files);
    let modules = modules(&words);
    let read = read.map(Path::new).chain(modules.iter().map(PathBuf::as_path));
    // ignoring case, since only some file systems and some programs distinguish it
    let folded = |path: &Path| path.as_os_str().to_ascii_lowercase();
    let unnamed: BTreeSet<OsString> =
        read.flat_map(|file| dirs.iter().map(move |dir| folded(&dir.join(file)))).collect();
    let patterns: Vec<_> =
        unnamed.iter().filter_map(|file| file.to_str()).filter(|file| file.contains('*')).collect();
    for file in tracked {
        let name = file.file_name().unwrap_or_default();
        let is_read = || {
            let file = folded(file);
            unnamed.contains(&file)
                || patterns.iter().any(|pattern| matches(pattern, &file.to_string_lossy()))
        };
        if words.iter().any(|word| names(word, name)) || odd.has(name) || is_read() {
            coverage.files.insert(file.clone());
        }
    }
    coverage
}

/// Returns the directories where a program may run or that it may be given: the root, and each whose name is part of a
/// word.
fn dirs<'a>(words: &[String], odd: &OddNames, tracked: &'a [PathBuf]) -> Vec<&'a Path> {
    let all: BTreeSet<&Path> = tracked.iter().flat_map(|file| file.ancestors().skip(1)).collect();
    let parts: BTreeSet<&str> = words.iter().flat_map(|word| word.split('/')).collect();
    let is_named = |dir: &&Path| {
        dir.file_name().is_none_or(|name| parts.iter().any(|part| names(part, name)) || odd.has(name))
    };
    all.into_iter().filter(is_named).collect()
}

/// Whether a character may end a name within a word, as in `--file=x` or `-d @x`.
fn is_apart(c: char) -> bool {
    c.is_whitespace() || ";&|()<>`$=,{}:@".contains(c)
}

/// Returns the words of a command line: their parts, both with quotes as separators (`sh -c "./x"`) and with quotes
/// removed (`"my script"`), and the whole words as the shell reads them.
fn words(command: &str) -> Vec<String> {
    let unquoted: String = command.chars().filter(|c| !"'\"\\".contains(*c)).collect();
    let parted: String = command.chars().map(|c| if "'\"".contains(c) { ' ' } else { c }).collect();
    let parted = parted.replace('\\', "");
    let mut words: Vec<String> = Vec::new();
    for text in [&parted, &unquoted] {
        words.extend(text.split(is_apart).filter(|word| !word.is_empty()).map(str::to_owned));
    }
    // a pattern, which the shell expands to words
    let plain = without_templates(command);
    let raw = plain.split(|c: char| c.is_whitespace() || ";&|()<>".contains(c));
    let unquoted = raw.map(|word| word.replace(['\'', '"', '\\'], ""));
    let whole = shell_words(&plain);
    let patterns: Vec<String> = unquoted.chain(whole.iter().cloned()).map(|word| pattern(&word)).collect();
    words.extend(patterns.into_iter().filter(|word| word.contains('*')));
    words.extend(whole);
    // a quoted name with blanks
    words.extend(command.split(['\'', '"']).skip(1).step_by(2).map(str::to_owned));
    words
}

/// Returns a command without what a recipe fills in.
fn without_templates(command: &str) -> String {
    command.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, rest)| rest)).collect()
}

/// Returns the commands of a text, each as its words, as the shell reads them.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    // whether the character before belongs to a word, since `''` is one
    let mut is_inside = false;
    let (mut quote, mut before, mut rest) = (None, ' ', text.chars());
    while let Some(c) = rest.next() {
        let is_redirection = c == '&' && ("<>".contains(before) || rest.clone().next() == Some('>'));
        before = c;
        let mut add = |c: Option<char>| {
            let Some(words) = commands.last_mut() else { return };
            if !is_inside {
                words.push(String::new());
            }
            is_inside = true;
            if let Some(word) = words.last_mut() {
                word.extend(c);
            }
        };
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (Some('\''), c) => add(Some(c)),
            (_, '\\') => match rest.next() {
                None | Some('\n') => {}
                Some(next) => {
                    if quote.is_some() && !"$`\"\\".contains(next) {
                        add(Some('\\'));
                    }
                    add(Some(next));
                }
            },
            (None, '\'' | '"') => {
                quote = Some(c);
                add(None);
            }
            (None, _) if is_redirection => is_inside = false,
            (None, ';' | '&' | '|' | '(' | ')' | '`' | '\n') => {
                commands.push(Vec::new());
                is_inside = false;
            }
            (None, c) if c.is_whitespace() || c == '<' || c == '>' => is_inside = false,
            (_, c) => add(Some(c)),
        }
    }
    commands
}

/// Returns the words of a text as the shell reads them, and after each the words in it, in case it is run in turn.
fn shell_words(text: &str) -> Vec<String> {
    let split = |text: &str| commands(text).concat().into_iter().rev();
    let (mut words, mut waiting) = (Vec::new(), split(text).collect::<Vec<String>>());
    while let Some(word) = waiting.pop() {
        let inner: Vec<String> = split(&word).collect();
        // each time the text is shorter, so this ends
        if inner != [word.as_str()] {
            waiting.extend(inner);
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

/// The texts in which names are looked for that the rules for words could split.
struct OddNames(Vec<String>);

impl OddNames {
    fn of(command: &str) -> Self {
        let mut texts = shell_words(command);
        texts.extend([command.to_owned(), command.replace(['\'', '"', '\\'], "")]);
        Self(texts.iter().map(|text| text.to_ascii_lowercase()).collect())
    }

    /// Whether the command has this name anywhere, if the name has a character that could split it.
    fn has(&self, name: &OsStr) -> bool {
        let Some(name) = name.to_str().filter(|name| name.contains(|c| is_apart(c) || "'\"\\".contains(c)))
        else {
            return false;
        };
        let name = name.to_ascii_lowercase();
        let stem = name.rsplit_once('.').filter(|(_, ending)| MODULES.contains(ending)).map(|(stem, _)| stem);
        let stem = stem.filter(|stem| stem.contains(is_apart));
        self.0.iter().any(|text| text.contains(&name) || stem.is_some_and(|stem| text.contains(stem)))
    }
}

fn last_part(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Returns the program that a word may stand for, without a version in its name.
fn program(word: &str) -> &str {
    last_part(word).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}

/// Whether a word may stand for one of these programs, with or without a version in its name.
fn is_one_of(word: &str, programs: &[&str]) -> bool {
    programs.contains(&last_part(word)) || programs.contains(&program(word))
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
    for c in word.chars() {
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

/// Returns the files of the modules that a command makes Python run: `-m MODULE`, `-Im MODULE`, `-mMODULE`; any word of
/// `python -c` and of servers that take a module.
fn modules(words: &[String]) -> Vec<PathBuf> {
    let has = |programs: &[&str]| words.iter().any(|word| is_one_of(word, programs));
    let is_code = |word: &String| is_option(word, 'c');
    let is_any = has(PYTHON_SERVERS) || (has(&["python", "pypy"]) && words.iter().any(is_code));
    let asked = words.iter().enumerate().filter_map(|(at, word)| {
        let (_, rest) = word.strip_prefix('-')?.split_once('m')?;
        if rest.is_empty() { words.get(at + 1).map(String::as_str) } else { Some(rest) }
    });
    let any = words.iter().filter(|_| is_any).map(String::as_str);
    // as in `import('x')`, and `x` of `x.y()`
    let any = any.flat_map(|word| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
        [Some(word), word.rsplit_once('.').map(|(parent, _)| parent)].into_iter().flatten()
    });
    asked.chain(any).filter(|name| !name.is_empty()).flat_map(module).collect()
}

/// Whether a word is an option with this letter at its end or before its value, as `-Ic`.
fn is_option(word: &str, letter: char) -> bool {
    let letters = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
    letters.is_some_and(|letters| letters.contains(letter))
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
    let plain = shell_words(&without_templates(command));
    let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
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
    for part in commands(&without_templates(command)).iter().flat_map(|words| reads(words, tracked)) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Returns what the program of a command reads that cannot be told from the command.
fn reads(words: &[String], tracked: &[PathBuf]) -> Vec<String> {
    let words = from_program(words);
    let Some((word, given)) = words.split_first() else { return Vec::new() };
    let is = |programs: &[&str]| is_one_of(word, programs);
    let shown = last_part(word);
    if word.starts_with(['$', '#']) || is(PLAIN) {
        return Vec::new();
    }
    if let Some(texts) = scripts(word, given) {
        let inner = texts.iter().flat_map(|text| commands(text));
        return inner.flat_map(|words| reads(&words, tracked)).collect();
    }
    if let Some(more) = words.iter().find(|word| is_one_of(word, READ_MORE)) {
        return vec![format!("what '{}' reads besides", last_part(more))];
    }
    if is(&["python", "pypy"]) && given.first().is_some_and(|word| is_option(word, 'c')) {
        return vec![format!("what '{shown}' imports")];
    }
    let is_known = READ_UNNAMED.iter().any(|(programs, _)| is(programs));
    let is_said = || given.iter().any(|word| !variables(word).is_empty());
    let is_clear = if is(INTERPRETERS) { is_said() || is_activation(given) } else { is_known };
    if is_clear || has_file(words, tracked) {
        return Vec::new();
    }
    vec![format!("what '{shown}' reads")]
}

/// Returns the texts that a program is given to run as commands.
fn scripts<'a>(word: &str, given: &'a [String]) -> Option<&'a [String]> {
    if is_one_of(word, &["eval", "concurrently"]) {
        return Some(given);
    }
    if !is_one_of(word, SHELLS) {
        return None;
    }
    // as in `bash -o pipefail -c`
    let is_before = |at: usize| at > 0 && is_option(&given[at - 1], 'o');
    let options =
        given.iter().enumerate().take_while(|(at, word)| word.starts_with(['-', '+']) || is_before(*at));
    let (at, _) = options.into_iter().find(|(_, word)| is_option(word, 'c'))?;
    given.get(at + 1..at + 2)
}

/// Returns the words of a command from its program on, without what runs that.
fn from_program(mut words: &[String]) -> &[String] {
    while let Some((first, rest)) = words.split_first() {
        let next = rest.first().map_or("", String::as_str);
        let is_assignment = first.split_once('=').is_some_and(|(name, _)| super::is_variable(name));
        let is_another =
            RUN_ANOTHER.iter().any(|(runs, after)| is_one_of(first, &[*runs]) && after.contains(&next));
        let is_module = is_one_of(first, &["python", "pypy"]) && next.starts_with('-') && next.ends_with('m');
        words = if is_another || is_module {
            past_options(&rest[1..])
        } else if is_assignment {
            rest
        } else if BEFORE_PROGRAMS.contains(&last_part(first)) {
            past_options(rest)
        } else {
            return words;
        };
    }
    words
}

/// Returns the words after options and numbers, as in `nice -n 10` and `timeout 5s`.
fn past_options(words: &[String]) -> &[String] {
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let count = words.iter().take_while(|word| word.starts_with('-') || is_number(word)).count();
    &words[count..]
}

/// Whether this only enters a virtual environment, which git does not track.
fn is_activation(given: &[String]) -> bool {
    let word = given.first().map_or("", |word| word.trim_start_matches("./"));
    [".venv/bin/activate", "venv/bin/activate"].contains(&word)
}

/// Whether words name a file or directory of the repository.
fn has_file(given: &[String], tracked: &[PathBuf]) -> bool {
    let text = given.join(" ");
    let (all, odd) = (words(&text), OddNames::of(&text));
    let modules: Vec<PathBuf> = given.iter().flat_map(|word| module(word)).collect();
    tracked.iter().any(|file| {
        let name = file.file_name().unwrap_or_default();
        let is_in = |word: &String| {
            let word = word.trim_start_matches("./").trim_end_matches('/');
            !word.is_empty() && file.starts_with(word)
        };
        all.iter().chain(given).any(|word| names(word, name) || is_in(word))
            || odd.has(name)
            || modules.contains(file)
    })
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
            "a,b.sh",
            "a=b.sh",
            "a@b:c.sh",
            "my dir/x y.sh",
            "my dir/Makefile",
            "it's.sh",
            "Procfile",
            "deploy/Procfile",
            "wsgi.py",
            "db/web/__init__.py",
            "gulpfile.babel.js",
            "config.ru",
            "config/puma/staging.rb",
            "ecosystem.config.cjs",
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
            ("sh a,b.sh", &["a,b.sh"]),
            ("sh ./a=b.sh", &["a=b.sh"]),
            ("sh a@b:c.sh", &["a@b:c.sh"]),
            ("X=a@b:c.sh; sh \"$X\"", &["a@b:c.sh"]),
            ("tool --file=a,b.sh", &["a,b.sh"]),
            ("cd my\\ dir; . ./x\\ y.sh", &["my dir/x y.sh"]),
            ("sh my\\ dir/x\\ y.*", &["my dir/x y.sh"]),
            ("sh -c 'sh \"my dir/x y.sh\"'", &["my dir/x y.sh"]),
            ("sh -c \"sh my\\\\ dir/x\\\\ y.sh\"", &["my dir/x y.sh"]),
            ("sh it\\'s.sh", &["it's.sh"]),
            ("sh \"it's.sh\"", &["it's.sh"]),
            ("sh setup.\\\nsh", &["setup.sh", "tools/setup.sh"]),
            ("make -C my\\ dir", &["Makefile", "my dir/Makefile"]),
            ("foreman start", &["Procfile"]),
            ("cd deploy && overmind start", &["Procfile", "deploy/Procfile"]),
            ("uvicorn wsgi:application", &["wsgi.py"]),
            ("gunicorn 'db.web:create()'", &["db/web/__init__.py"]),
            ("python -m hypercorn wsgi:main", &["wsgi.py"]),
            ("flask --app db.web run", &["db/web/__init__.py", "wsgi.py"]),
            ("python3 -c 'import manage, wsgi'", &["manage.py", "wsgi.py"]),
            ("python3 -c 'from db import seed'", &["db/seed.py"]),
            ("npx gulp build", &["gulpfile.babel.js", "package.json"]),
            ("rackup -p 8000", &["config.ru"]),
            ("bundle exec puma", &["config.ru", "config/puma/staging.rb"]),
            ("pm2 start", &["ecosystem.config.cjs", "package.json"]),
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
            ("echo $PORT ${PWD}", None),
            ("sh $SCRIPT `id` $(cat x)", Some("what $SCRIPT, `id, $(cat stands for")),
            ("run-parts ./hooks.d/", Some("what is in 'hooks.d'")),
            ("run-parts 'my hooks'", Some("what is in 'my hooks'")),
            ("cd hooks.d && sh a", None),
            ("cd my\\ hooks && sh a", None),
            ("perl -Ilib -MFoo lib/Foo.pm", Some("what '-Ilib' loads")),
            ("perl -MFoo -e 1", Some("what '-MFoo' loads, what 'perl' reads")),
            ("node --require ./hook a", Some("what '--require' loads")),
            ("foreman start", Some("what 'foreman' reads besides")),
            ("exec npx vite --port $PORT >log 2>&1", Some("what 'vite' reads besides")),
            ("python3 -m flask --app a run", Some("what 'flask' reads besides")),
            ("env A=1 uv run --with x gunicorn a", Some("what 'gunicorn' reads besides")),
            ("python3 -c 'import a'", Some("what 'python3' imports")),
            ("mytool", Some("what 'mytool' reads")),
            ("X=1 nice -n 10 ./bin/mytool -v a 2>/dev/null &", None),
            ("sh -euc 'mytool; other'", Some("what 'mytool' reads, what 'other' reads")),
            ("bash -o pipefail -c 'mytool | cat'", Some("what 'mytool' reads")),
            ("eval 'mytool'", Some("what 'mytool' reads")),
            ("sh /srv/x -c true", Some("what 'sh' reads")),
            ("curl https://example.com/x | sh", Some("what 'sh' reads")),
            (". .venv/bin/activate && make all", None),
            (". ./elsewhere", Some("what '.' reads")),
            ("if [ -e x ]; then createdb x; else sleep 1; fi &>log", None),
            ("mkdir -p tmp && cp x tmp; touch tmp/y; psql -c 'select 1' x", None),
            ("npm ci && pip install -r x && uv sync", None),
        ] {
            let tracked = ["hooks.d/a", "my hooks/a", "lib/Foo.pm"].map(PathBuf::from);
            let parts = unknown(command, &words(command), &tracked);
            assert_eq!(parts.as_deref(), want, "{command}");
        }
    }
}
