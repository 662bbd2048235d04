//! Checks that what the README, the example and the manual say about the recipe is true.

use std::path::Path;

use super::{DatabaseRule, Recipe, VenvRule};

const README: &str = include_str!("../../README.md");
const EXAMPLE: &str = include_str!("../../examples/wt.toml");
const PAGE: &str = include_str!("../../man/git-wt.1");

#[test]
fn the_recipes_of_the_readme_can_be_read() {
    let recipes = README.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    for recipe in recipes {
        let read = Recipe::read(Some((Path::new("README.md"), recipe)), &[]);
        assert!(read.is_ok(), "{recipe}\n{:?}", read.err());
    }
}

#[test]
fn the_example_can_be_read_and_says_what_is_the_default() {
    let source = Recipe::read(Some((Path::new("wt.toml"), EXAMPLE)), &[]).unwrap();
    assert_eq!(source.template_names().collect::<Vec<_>>(), ["production"]);
    // what it says is the default is the default
    let (written, default) =
        (source.for_worktree(Recipe::default(), "x", None, None).unwrap(), Recipe::default());
    assert_eq!(
        (
            written.path.wanted(),
            written.base,
            written.prefix,
            written.copy,
            written.link.wanted(),
            written.sparse
        ),
        (
            default.path.wanted(),
            default.base,
            default.prefix,
            default.copy,
            default.link.wanted(),
            default.sparse
        )
    );
    assert_eq!((written.env.file, written.env.from), (default.env.file, default.env.from));
    let (venv, database) = (written.venv.unwrap(), written.database.unwrap());
    let (usual_venv, usual) = (VenvRule::default(), DatabaseRule::default());
    assert_eq!((venv.path, venv.python.wanted()), (usual_venv.path, usual_venv.python.wanted()));
    assert_eq!(
        (
            database.variable,
            database.name.wanted(),
            database.from.wanted(),
            database.shared.wanted(),
            database.remote,
            database.timeout
        ),
        (
            usual.variable,
            usual.name.wanted(),
            usual.from.wanted(),
            usual.shared.wanted(),
            usual.remote,
            usual.timeout
        )
    );
    assert_eq!(written.hooks.timeout, default.hooks.timeout);
}

#[test]
fn the_settings_that_the_readme_names_have_a_meaning() {
    // checks each setting as it is written, with a suitable value
    let named = README.split('`').filter(|word| word.starts_with("wt.") && !word.contains(['…', '|']));
    let set = README.lines().filter_map(|line| {
        let line = line.trim_matches('`').strip_prefix("git config ")?;
        Some(line.strip_prefix("--global ").unwrap_or(line))
    });
    // names of another program
    let foreign = ["wt.basedir", "wt.hook", "wt.remover"];
    for setting in named.chain(set).filter(|setting| !foreign.contains(setting)) {
        let (key, value) = setting.split_once(' ').unwrap_or((setting, ""));
        let value = match (key, value) {
            ("wt.port.range", "") => "3000-3010",
            ("wt.database.variable" | "wt.database.name" | "wt.database.from", "") => "X",
            (key, "") if key.ends_with("file") || key.ends_with("from") || key.ends_with("venv.path") => "x",
            (_, value) => value,
        };
        let read = Recipe::read(None, &[(key.to_owned(), value.to_owned())]);
        let unknown = read.unwrap_or_else(|fault| panic!("{setting}: {}", fault.what));
        assert!(unknown.unknown_settings().is_empty(), "the README names '{setting}', which means nothing");
    }
}

#[test]
fn the_manual_says_how_long_a_server_has_by_default() {
    let usual = DatabaseRule::default().timeout.unwrap().as_secs();
    assert!(PAGE.contains(&format!("has for an answer, \\fB{usual}s\\fR if absent")), "it is {usual} s");
}
