//! The manual pages are made from the command line's own words and some prose, and are committed for packagers.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use git_wt::cli::Cli;

/// What the main page says beyond the verbs.
const PROSE: &str = include_str!("../man/git-wt.prose");

/// The day of the release that the pages belong to.
const DATE: &str = "2026-11-21";

fn page(command: &clap::Command, name: &str, prose: &str) -> String {
    let man = clap_mangen::Man::new(command.clone());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let (title, name) = (name.to_uppercase(), name.replace('-', "\\-"));
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        ".TH {title} 1 {DATE} \"git-wt {version}\" \"Git Manual\"\n.ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n\
         .SH NAME\n{name} \\- {about}\n"
    )
    .into_bytes();
    man.render_synopsis_section(&mut text).unwrap();
    man.render_description_section(&mut text).unwrap();
    if command.has_subcommands() {
        verbs(command, &mut text);
    } else {
        man.render_options_section(&mut text).unwrap();
    }
    text.extend_from_slice(prose.as_bytes());
    // clap_mangen puts line breaks around the empty lines of value lists, which have no effect
    String::from_utf8(text).unwrap().replace(".br\n.sp\n.br\n", ".sp\n").replace("\n.br\n\n.br\n", "\n.sp\n")
}

/// The verbs with their own words; each has a page.
fn verbs(command: &clap::Command, text: &mut Vec<u8>) {
    text.extend_from_slice(b".SH VERBS\n");
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        text.extend_from_slice(
            format!(".TP\n\\fB{}\\fR\n{about}\n", verb.get_name().replace('-', "\\-")).as_bytes(),
        );
    }
}

#[test]
fn the_pages_are_what_the_command_line_says() {
    let man = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let mut command = Cli::command();
    command.build();
    let mut pages = vec![("git-wt".to_owned(), page(&command, "git-wt", PROSE))];
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let name = format!("git-wt-{}", verb.get_name());
        let see = ".SH \"SEE ALSO\"\n\\fBgit\\-wt\\fR(1), \\fBgit\\-worktree\\fR(1)\n";
        pages.push((name.clone(), page(verb, &name, see)));
    }
    let overwrite = std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite");
    for (name, text) in &pages {
        let path = man.join(format!("{name}.1"));
        if overwrite {
            fs::write(&path, text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == *text,
            "man/{name}.1 is not what the command line says: SNAPSHOTS=overwrite cargo test man"
        );
    }
    let count = fs::read_dir(&man)
        .unwrap()
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|x| x == "1"))
        .count();
    assert_eq!(count, pages.len(), "a page of a verb that is gone");
}
