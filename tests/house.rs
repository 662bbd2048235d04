//! The structure of the source: imports go down only, and no test file is forgotten.

use std::fs;
use std::path::{Path, PathBuf};

use crate::hints::PROGRAMS;
use crate::world::below;

/// The folders of `src`, lowest layer first. Each imports only from those before it.
const FLOORS: [&str; 15] = [
    "error",
    "text",
    "host",
    "ui",
    "git",
    "recipe",
    "resource",
    "record",
    "trash",
    "shell",
    "environment",
    "plan",
    "ops",
    "command",
    "cli",
];

fn sources(dir: &Path) -> Vec<PathBuf> {
    below(dir, &|_| true).into_iter().filter(|path| path.is_file()).collect()
}

fn floor(folder: &str) -> usize {
    FLOORS.iter().position(|floor| *floor == folder).unwrap_or_else(|| panic!("'{folder}' has no floor"))
}

/// Returns the paths below `crate::` that a file names, except in its tests and comments.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let is_path = |c: char| c.is_alphanumeric() || "_:#".contains(c);
    let code = code.join("\n");
    let paths = code.split("crate::").skip(1);
    paths.map(|path| path.chars().take_while(|c| is_path(*c)).collect()).collect()
}

#[test]
fn imports_go_down_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&src) {
        let rel = file.strip_prefix(&src).unwrap().with_extension("");
        let folder = rel.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        if ["lib", "main", "properties", "sandbox"].contains(&&*folder) {
            continue;
        }
        for path in imports(&fs::read_to_string(&file).unwrap()) {
            let used = path.split("::").next().unwrap();
            // the verb that shows the manual needs the help of all the others
            let is_help = rel == Path::new("command/help") && used == "cli";
            let is_below = used == folder || floor(used) < floor(&folder);
            assert!(is_help || is_below, "{} imports {used}", rel.display());
        }
    }
}

#[test]
fn no_verb_calls_another() {
    let verbs = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/command");
    for file in sources(&verbs) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_own = file.parent() != Some(&verbs);
        assert!(is_own || !code.contains("use super::"), "{}", file.display());
        let verb = imports(&text).into_iter().find(|path| path.starts_with("command::"));
        assert_eq!(verb, None, "{}", file.display());
    }
}

#[test]
fn planning_looks_at_nothing_and_facts_are_plain_data() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&src.join("plan")).into_iter().chain([src.join("plan.rs")]) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in [
            ": fn(",
            "Box<dyn",
            "std::fs",
            "std::env",
            "std::net",
            "host::exec",
            "host::file",
            ".exists()",
            "canonicalize",
            "is_symlink",
        ] {
            assert!(!code.contains(word), "{} has '{word}'", file.display());
        }
    }
}

#[test]
fn one_door_each() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&src) {
        let rel = file.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
        let code = fs::read_to_string(&file).unwrap();
        for (word, door) in [("gix::", "git"), ("Command::new(", "host/exec"), ("anstream::", "ui")] {
            let at_door = rel.starts_with(door);
            assert!(at_door || !code.contains(word) || rel == "cli.rs", "{rel} uses {word} past its door");
        }
    }
}

#[test]
fn a_hint_begins_with_a_program() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&src) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in [".hint(\"", "Hint::of(\""] {
            for written in code.split(call).skip(1) {
                let command = written.split('"').next().unwrap_or_default();
                let program = command.split(' ').next().unwrap_or_default();
                assert!(
                    PROGRAMS.contains(&program) && !command.contains("  "),
                    "{}: {command}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn no_test_file_is_forgotten() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = fs::read_to_string(tests.join("main.rs")).unwrap();
    for entry in fs::read_dir(&tests).unwrap().flatten().filter(|entry| entry.path().extension().is_some()) {
        let name = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            name == "main"
                || main.contains(&format!("mod {name};"))
                || main.contains(&format!("mod r#{name};")),
            "tests/{name}.rs is not in tests/main.rs"
        );
    }
}
