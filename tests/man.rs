//! The manual pages are generated from the command line's own texts and some prose, and are committed for packagers.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use git_wt::PAGES;

/// The date of the release that the pages belong to.
const DATE: &str = "2026-11-21";

/// The synopsis of the main page; clap's names no verb.
const SYNOPSIS: &str = ".SH SYNOPSIS\n\\fBgit wt\\fR [\\fIVERB\\fR [\\fIARGUMENTS\\fR]]\n.br\n\
                        \\fBgit wt\\fR [\\fB\\-h\\fR|\\fB\\-\\-help\\fR] [\\fB\\-V\\fR|\\fB\\-\\-version\\fR]\n";

/// Returns a page: clap's texts, with the prose from `man/NAME.prose`. Prose before the first heading is the
/// description; the rest comes after the options.
fn page(command: &clap::Command, name: &str, see: &str) -> String {
    let man = clap_mangen::Man::new(command.clone());
    let prose = fs::read_to_string(man_dir().join(format!("{name}.prose")))
        .unwrap_or_else(|cause| panic!("man/{name}.prose: {cause}"));
    let (description, rest) = prose.split_at(prose.find(".SH").unwrap_or(prose.len()));
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let about = about[..1].to_lowercase() + &about[1..];
    let (title, name) = (name.to_uppercase(), name.replace('-', "\\-"));
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        ".TH {title} 1 {DATE} \"git-wt {version}\" \"Git Manual\"\n.ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n\
         .SH NAME\n{name} \\- {about}\n"
    )
    .into_bytes();
    if command.has_subcommands() {
        text.extend_from_slice(SYNOPSIS.as_bytes());
    } else {
        // clap_mangen's synopsis leaves out the values of options
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").replace('-', "\\-");
        text.extend_from_slice(format!(".SH SYNOPSIS\n\\fB{usage}\\fR\n").as_bytes());
    }
    text.extend_from_slice(format!(".SH DESCRIPTION\n{description}").as_bytes());
    if command.has_subcommands() {
        verbs(command, &mut text);
    } else {
        man.render_options_section(&mut text).unwrap();
    }
    text.extend_from_slice(format!("{rest}.SH \"SEE ALSO\"\n{see}\\fBgit\\-worktree\\fR(1)\n").as_bytes());
    // clap_mangen puts line breaks without effect around the empty lines of value lists
    String::from_utf8(text).unwrap().replace(".br\n.sp\n.br\n", ".sp\n").replace("\n.br\n\n.br\n", "\n.sp\n")
}

fn man_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

/// Returns the names of the files in `man/` with this ending, without it.
fn stems(ending: &str) -> Vec<String> {
    let files = fs::read_dir(man_dir()).unwrap().flatten().map(|entry| entry.path());
    let mut stems: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    stems.sort();
    stems
}

/// Writes the verbs with their aliases and descriptions; each has a page.
fn verbs(command: &clap::Command, text: &mut Vec<u8>) {
    text.extend_from_slice(b".SH VERBS\n");
    for verb in shown(command) {
        let names: Vec<String> = std::iter::once(verb.get_name())
            .chain(verb.get_visible_aliases())
            .map(|name| format!("\\fB{}\\fR", name.replace('-', "\\-")))
            .collect();
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        text.extend_from_slice(format!(".TP\n{}\n{about}\n", names.join(", ")).as_bytes());
    }
}

/// Returns the verbs that have a page.
fn shown(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

#[test]
fn the_pages_are_what_the_command_line_says() {
    let mut command = git_wt::command();
    command.build();
    let verbs: Vec<String> = shown(&command).map(|verb| format!("git-wt-{}", verb.get_name())).collect();
    let see: String =
        verbs.iter().map(|name| format!("\\fB{}\\fR(1),\n", name.replace('-', "\\-"))).collect();
    let overview = format!("{see}\\fBgit\\-wt\\-security\\fR(7),\n");
    let mut pages = vec![("git-wt".to_owned(), page(&command, "git-wt", &overview))];
    for (verb, name) in shown(&command).zip(&verbs) {
        pages.push((name.clone(), page(verb, name, "\\fBgit\\-wt\\fR(1),\n")));
    }
    let overwrite = std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite");
    for (name, text) in &pages {
        let path = man_dir().join(format!("{name}.1"));
        if overwrite {
            fs::write(&path, text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == *text,
            "man/{name}.1 is not what the command line says: SNAPSHOTS=overwrite cargo test man"
        );
    }
    let mut names: Vec<String> = pages.into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(stems("1"), names, "a page of a verb that is gone");
    assert_eq!(stems("prose"), names, "prose of a verb that is gone");
}

#[test]
fn no_page_has_a_heading_twice() {
    for section in ["1", "7"] {
        for stem in stems(section) {
            let page = fs::read_to_string(man_dir().join(format!("{stem}.{section}"))).unwrap();
            let mut seen = HashSet::new();
            let twice = page.lines().find(|line| line.starts_with(".SH") && !seen.insert(*line));
            assert_eq!(twice, None, "man/{stem}.{section}");
        }
    }
}

#[test]
fn the_binary_has_every_page() {
    let mut names: Vec<String> = PAGES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let of_section = |section| stems(section).into_iter().map(move |stem| format!("{stem}.{section}"));
    let mut files: Vec<String> = of_section("1").chain(of_section("7")).collect();
    names.sort();
    files.sort();
    assert_eq!(names, files, "the table in src/text/manual.rs");
}

#[test]
fn the_security_page_names_tests_that_exist() {
    let page = fs::read_to_string(man_dir().join("git-wt-security.7")).unwrap();
    let title =
        format!(".TH GIT-WT-SECURITY 7 {DATE} \"git-wt {}\" \"Git Manual\"\n", env!("CARGO_PKG_VERSION"));
    assert!(page.starts_with(&title), "the first line is to be {title}");
    let (promises, _) = page.split_once(".SH \"WHAT IS NOT PROMISED\"").unwrap();
    let mut named = 0;
    for line in promises.lines().filter(|line| line.contains("::")) {
        let (file, test) = line.trim_start_matches("\\fI").trim_end_matches("\\fR").split_once("::").unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/{file}.rs"));
        let tests = fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
        assert!(tests.contains(&format!("#[test]\nfn {test}() {{")), "no test is called {file}::{test}");
        named += 1;
    }
    // under a heading, the first paragraph says what the promises are about, and each other paragraph is a promise
    let paragraphs = promises.split("\n.PP\n").skip(1);
    let bare: Vec<_> = paragraphs.filter(|paragraph| !paragraph.contains("::")).collect();
    assert!(named > 0 && bare.is_empty(), "promises without a test: {bare:#?}");
}

/// Returns the command lines of git-wt under EXAMPLES, without comments.
fn examples(text: &str) -> Vec<String> {
    let text = text.split_once(".SH EXAMPLES\n").map_or("", |(_, rest)| rest).replace("\\-", "-");
    let lines =
        text.lines().take_while(|line| !line.starts_with(".SH")).filter(|line| !line.starts_with('.'));
    let commands = lines.filter_map(|line| {
        let line = line.split(" #").next().unwrap_or_default();
        let at = line.find("git wt").or_else(|| line.find("git-wt "))?;
        Some(line[at..].split([')', '|', '&']).next().unwrap_or_default().trim().to_owned())
    });
    commands.collect()
}

#[test]
fn the_examples_are_command_lines() {
    // verbs that git has, or that everyone knows, need no prose
    let without = ["git-wt-help", "git-wt-unlock"];
    for name in stems("prose") {
        let examples = examples(&fs::read_to_string(man_dir().join(format!("{name}.prose"))).unwrap());
        assert_eq!(examples.is_empty(), without.contains(&&*name), "EXAMPLES in man/{name}.prose");
        for example in examples {
            let words = example.replacen("git wt", "git-wt", 1);
            let words: Vec<&str> = words.split_whitespace().collect();
            let parsed = git_wt::command().try_get_matches_from(&words);
            assert!(parsed.is_ok(), "{name}: {example}: {}", parsed.unwrap_err());
            let verb = name.strip_prefix("git-wt-");
            let about = verb.is_none() || words.get(1).copied() == verb;
            assert!(about || !example.starts_with("git wt"), "{name}: {example}");
        }
    }
}
