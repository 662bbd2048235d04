//! Properties that hold for any text that is read or edited: env files, recipes, URLs, and files that contain a path.
//!
//! `cargo test` tries a few inputs, always the same ones. `GIT_WT_TEST_FUZZ=SECONDS` tries others, for that long for
//! each property.

use std::fmt::Debug;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::recipe::{Recipe, Words};
use crate::resource::relocation::Relocation;
use crate::text::dotenv::{EnvText, Value};
use crate::text::url::Url;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Tests a property, and shows the smallest input for which it fails.
#[track_caller]
fn for_any<S: Strategy<Value: Debug>>(inputs: &S, property: impl Fn(S::Value)) {
    let config = || Config { failure_persistence: None, ..Config::default() };
    let attempt = |mut runner: TestRunner| {
        let done = runner.run(inputs, |input| {
            property(input);
            Ok(())
        });
        done.unwrap_or_else(|failure| panic!("{failure}"));
    };
    attempt(TestRunner::new_with_rng(config(), TestRng::deterministic_rng(RngAlgorithm::default())));
    let seconds =
        crate::host::exec::variable("GIT_WT_TEST_FUZZ").and_then(|seconds| seconds.to_str()?.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    while Instant::now() < end {
        attempt(TestRunner::new(config()));
    }
}

/// Returns text made of these pieces, which mean something to its reader.
fn text_of(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    vec(select(pieces), 0..most).prop_map(|pieces| pieces.concat())
}

/// The variable that is set. No other piece of an env file contains this name.
const NAME: &str = "OURS";

/// Returns any env file, made of random bytes or of meaningful pieces.
fn env_file() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&str] = &[
        "OURS",
        "OURS=",
        "A",
        "B=",
        "=",
        "\n",
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "#",
        " # c",
        "'",
        "\"",
        "`",
        "\\",
        "$",
        "${A}",
        "export ",
        "x",
        "é",
        "\u{feff}",
        "# set by git-wt for this worktree\n",
    ];
    let piece = select(PIECES).prop_map(|piece| piece.as_bytes().to_vec());
    let byte = any::<u8>().prop_map(|byte| vec![byte]);
    vec(proptest::strategy::Union::new_weighted(vec![(20, piece.boxed()), (1, byte.boxed())]), 0..30)
        .prop_map(|pieces| pieces.concat())
}

/// Returns a value, in most cases one that can be written.
fn value() -> impl Strategy<Value = String> {
    let pieces = &["a", "8001", " ", "#", "'", "\"", "=", "/", "&", "é", "\t", "~", "OURS=x"];
    proptest::prop_oneof![8 => text_of(pieces, 6), 1 => any::<String>()]
}

fn others(env: &EnvText) -> Vec<(String, Value)> {
    env.variables().into_iter().filter(|(name, _)| name != NAME).collect()
}

#[test]
fn an_env_file_is_its_bytes() {
    for_any(&proptest::prop_oneof![env_file(), vec(any::<u8>(), 0..200)], |bytes| {
        let env = EnvText::parse(bytes.clone());
        let _ = env.variables();
        assert_eq!(env.as_bytes(), bytes);
    });
}

#[test]
fn a_variable_that_is_set_is_read_back_and_the_others_stay() {
    for_any(&(env_file(), value()), |(bytes, value)| {
        let before = EnvText::parse(bytes);
        let mut after = before.clone();
        if after.set_all(&[(NAME, &value)]).is_err() {
            assert_eq!(after, before, "refused, and yet changed");
            return;
        }
        assert_eq!(after.get(NAME), Some(Value::Text(value.clone())));
        assert_eq!(others(&after), others(&before));
        if before.get(NAME).is_none() {
            assert!(is_with_something_put_in(before.as_bytes(), after.as_bytes()), "{after:?}");
        }
        let once = after.clone();
        after.set_all(&[(NAME, &value)]).unwrap();
        assert_eq!(after, once, "twice");
    });
}

/// Whether the text is the other one with something inserted at one place.
fn is_with_something_put_in(before: &[u8], after: &[u8]) -> bool {
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    head + tail >= before.len()
}

#[test]
fn only_the_value_of_a_variable_changes() {
    let head = text_of(&["\n", "\r\n", "A=1\n", "# c\n", "B = x # y\r\n", "export C=\n", "not a line\n"], 5);
    let front = select(&["OURS=", "  OURS=", "export OURS=", "OURS = ", "\texport  OURS\t="][..]);
    let old = select(&["", "1", "has#hash", "'x # y'", "\"say \\\"x\\\"\"", "'one\ntwo'", "`x`", "$A"][..]);
    let back = select(&["", "\n", "\r\n", " # c\n", "\t#c\r\n", "   \n"][..]);
    let tail = text_of(&["\n", "A=1\n", "B='", "'\n", "C=\"x\ny\"\r\n", "# OURS=1\n", "`"], 5);
    for_any(&(head, front, old, back, tail, value()), |(head, front, old, back, tail, value)| {
        let tail = if back.ends_with('\n') { tail } else { String::new() };
        // an empty value is right after its equals sign
        let place = if old.is_empty() { front.trim_end().len() } else { front.len() };
        let (front, blank) = front.split_at(place);
        let (front, back) = (format!("{head}{front}"), format!("{blank}{back}{tail}"));
        let mut env = EnvText::parse(format!("{front}{old}{back}").into_bytes());
        if env.set_all(&[(NAME, &value)]).is_ok() {
            let text = std::str::from_utf8(env.as_bytes()).unwrap();
            let new = text.strip_prefix(&front).and_then(|rest| rest.strip_suffix(&back));
            let new = new.unwrap_or_else(|| panic!("more than the value has changed: {text:?}"));
            assert!(!new.contains('\n') || new == old, "{text:?}");
        }
    });
}

/// A recipe that has every key.
const RECIPE: &str = include_str!("../examples/wt.toml");

/// Returns that recipe with pieces removed, inserted and doubled.
fn mutated_recipe() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "\n",
        "[",
        "]",
        "[[",
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "'",
        "\"",
        "\"\"\"",
        "\\",
        "= ",
        ".",
        ",",
        "#",
        "-",
        "9",
        "99999999999999999999",
        "true",
        "é",
        "\u{1b}",
        "\u{0}",
        "*",
        "..",
        "/",
        "{ a = 1 }",
        "env",
        "port",
        "name",
        " | ",
        "hash",
        "ports.PORT",
        "[template.x]\n",
        "match",
        "1979-05-27T07:32:00Z",
        "inf",
    ];
    let change = (any::<Index>(), any::<Index>(), select(PIECES), 0..3_u8);
    vec(change, 0..8).prop_map(|changes| {
        let mut text: Vec<char> = RECIPE.chars().collect();
        for (from, length, piece, kind) in changes {
            let start = from.index(text.len() + 1);
            let end = text.len().min(start + length.index(20));
            let taken = text[start..end].to_vec();
            let new = match kind {
                0 => piece.chars().collect(),
                1 => taken.iter().copied().chain(piece.chars()).collect(),
                _ => taken.repeat(2),
            };
            text.splice(start..end, new);
        }
        text.into_iter().collect()
    })
}

/// Reads a recipe and renders its templates, as far as it is valid.
fn read_recipe(text: &str, settings: &[(String, String)]) {
    let Ok(source) = Recipe::read(Some((Path::new(".wt.toml"), text)), settings) else { return };
    let words = Words { name: "a b".into(), ports: vec![("PORT".into(), 8001)], ..Words::default() };
    for recipe in source.all().unwrap() {
        let _ = words.render(recipe.path.wanted());
        let commands = [recipe.hooks.setup, recipe.hooks.teardown].concat();
        for command in commands.iter().chain(recipe.run.iter().map(|(_, rule)| &rule.command)) {
            let _ = words.render_command(command.wanted());
        }
    }
}

#[test]
fn the_example_is_read() {
    Recipe::read(Some((Path::new(".wt.toml"), RECIPE)), &[]).unwrap();
}

#[test]
fn no_text_of_a_recipe_panics() {
    let recipe = proptest::prop_oneof![8 => mutated_recipe(), 1 => any::<String>()];
    for_any(&recipe, |text| read_recipe(&text, &[]));
}

#[test]
fn no_setting_panics() {
    const KEYS: &[&str] = &[
        "wt.path",
        "wt.copy",
        "wt.link",
        "wt.env",
        "wt.env.set",
        "wt.port.set",
        "wt.port.range",
        "wt.run.set",
        "wt.database.name",
        "wt.venv.path",
        "wt.protected",
        "wt.hooks.setup",
        "wt.template.x.match",
    ];
    let key = proptest::prop_oneof![4 => select(KEYS).prop_map(str::to_owned), 1 => "wt\\.[a-z.]{0,12}"];
    let pieces =
        &["A=", "1", "-", "9999999", "{{ ", " }}", "name", "*", "?", "../", "é", "\u{0}", " ", "true"];
    let setting = (key, proptest::prop_oneof![text_of(pieces, 5), any::<String>()]);
    for_any(&vec(setting, 0..4), |settings| read_recipe("", &settings));
}

#[test]
fn any_url_keeps_all_but_its_path() {
    let pieces = &[
        "postgres", "sqlite", ":", "/", "//", "://", "@", "?", "#", "%", "%2F", "u", "p", "h", ":5432",
        "[::1]", "db", "é", " ", ",", "\u{0}", "+x", "=", "&", ":memory:",
    ];
    let url = proptest::prop_oneof![8 => text_of(pieces, 12), 1 => any::<String>()];
    for_any(&(url, any::<String>()), |(text, name)| {
        let Some(url) = Url::parse(&text) else { return };
        assert!(text.starts_with(url.scheme()) && text.contains(url.server()));
        let _ = (url.sqlite_place(), url.with_path(&name));
        let changed = url.with_database("new");
        let rest = text.find(['?', '#']).map_or("", |at| &text[at..]);
        assert!(changed.contains("new") && changed.starts_with(&text[..=url.scheme().len()]), "{changed}");
        // a password that should have been encoded may contain what elsewhere begins the rest
        assert!(text.contains('@') || changed.ends_with(rest), "{changed}");
        let again = Url::parse(&changed).unwrap();
        assert_eq!((again.scheme(), again.server()), (url.scheme(), url.server()), "{changed}");
        assert_eq!(again.with_database("new"), changed, "twice");
    });
}

#[test]
fn a_url_keeps_every_byte_around_its_database() {
    let user = select(&["", "u@", "u:@", "u:p@", "u:p%40ss@", "u:p#s@", "u:p/s?s@", "u:p@ss@"][..]);
    let server = select(&["", "h", "h:5432", "[::1]:5432", "a:1,b:2", "%2Fvar%2Frun"][..]);
    let rest = select(&["", "?", "?sslmode=require", "?host=/var/run", "#x/y", "?a=b@c"][..]);
    let parts = ("[a-z][a-z0-9+.-]{0,8}", user, server, "[a-z0-9_.%-]{0,8}", rest, "[ -~é]{1,8}");
    for_any(&parts, |(scheme, user, server, old, rest, new)| {
        let text = format!("{scheme}://{user}{server}/{old}{rest}");
        let url = Url::parse(&text).unwrap();
        assert_eq!((url.scheme(), url.server()), (&*scheme, server));
        let changed = url.with_database(&new);
        let front = format!("{scheme}://{user}{server}/");
        let name = changed.strip_prefix(&front).and_then(|changed| changed.strip_suffix(rest));
        assert!(name.is_some_and(|name| !name.contains(['?', '#', ' '])), "{changed}");
        let again = Url::parse(&changed).unwrap();
        assert_eq!((again.scheme(), again.server()), (&*scheme, server), "{changed}");
    });
}

/// Returns an absolute path, made of few names so that some paths contain others.
fn place() -> impl Strategy<Value = String> {
    vec(select(&["/a", "/b", "/a b", "/a%20b", "/é", "/a-b", "/.a"][..]), 1..4)
        .prop_map(|names| names.concat())
}

#[test]
fn a_place_is_rewritten_once_and_for_all() {
    let around =
        || text_of(&["\n", " ", "\"", "'", ":", "/", "/a", "b", "://", "file://", "#!", "%20", "x"], 5);
    let parts = (place(), place(), around(), around(), any::<bool>());
    for_any(&parts, |(from, to, before, after, is_named)| {
        let moved = Relocation::new(Path::new(&from), Path::new(&to));
        let text = if is_named { format!("{before}{from}{after}") } else { format!("{before}{after}") };
        let done = moved.rewrite(text.as_bytes()).unwrap_or_else(|| text.clone().into_bytes());
        let decoded = |path: &str| path.replace("%20", " ");
        if !decoded(&from).starts_with(&decoded(&to)) {
            assert_eq!(moved.rewrite(&done), None, "twice: {}", String::from_utf8_lossy(&done));
        }
        if !text.contains(&from) && !text.contains('%') {
            assert_eq!(done, text.as_bytes());
        }
    });
}

#[test]
fn bytes_that_name_no_place_stay() {
    let from = "/a/b c";
    let inputs = (vec(any::<u8>(), 0..100), Just(Relocation::new(Path::new(from), Path::new("/d"))));
    for_any(&inputs, |(text, moved)| assert_eq!(moved.rewrite(&text), None));
}
