//! `git wt shell-init --install` and `--uninstall`: the manual pages, and the line in the shell's start file.
//!
//! It first finds everything that has to be done, shows it, and does it once the user agrees.

mod made;
mod start_file;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use clap::ValueEnum;
use made::Made;
use rustix::fs::Access;
use start_file::StartFile;

use crate::error::{Error, Explain, Hint, Result};
use crate::host::{exec, file};
use crate::shell::functions::{FUNCTION, Shell, is_function_name, program};
use crate::text::manual::PAGES;
use crate::ui::Ui;

/// The mark that tells our line in a start file from one that the user wrote.
const MARK: &str = "# added by git-wt shell-init --install";

/// How to install or uninstall.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Only show what would be done.
    pub dry_run: bool,
    /// Do not ask.
    pub yes: bool,
}

impl Shell {
    /// Returns the file that an interactive shell reads when it starts.
    pub fn start_file(self) -> Option<PathBuf> {
        let home = exec::variable("HOME").map(PathBuf::from);
        let or_home = |name, below: &str| {
            let named = exec::variable(name).map(PathBuf::from);
            named.or_else(|| home.as_ref().map(|home| home.join(below)))
        };
        match self {
            Self::Bash => Some(home?.join(".bashrc")),
            Self::Zsh => Some(or_home("ZDOTDIR", "")?.join(".zshrc")),
            Self::Fish => Some(or_home("XDG_CONFIG_HOME", ".config")?.join("fish/config.fish")),
            // only the shell itself knows $nu.config-path and $PROFILE
            Self::Nu | Self::PowerShell => None,
        }
    }

    fn marked_line(self, function: Option<&str>) -> String {
        format!("{} {MARK}", self.line(function))
    }

    /// Whether a line is as we write it, whatever the function is called.
    fn has_written(self, line: &str) -> bool {
        let name = line.split_once("--cmd ").map(|(_, rest)| rest);
        let name = name.map(|rest| rest.split([')', ' ']).next().unwrap_or_default());
        let name = name.filter(|name| is_function_name(name)).unwrap_or(FUNCTION);
        [Some(name), None].into_iter().any(|function| self.marked_line(function) == line.trim_end())
    }
}

/// One thing to do.
enum Step {
    WritePages(PathBuf, Vec<(&'static str, &'static str)>),
    DeletePages(PathBuf, Vec<String>),
    AddLine(StartFile, String),
    TakeOutLine(StartFile, String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::WritePages(dir, pages) => {
                write!(f, "write manual pages into '{}':", dir.display())?;
                pages.iter().try_for_each(|(name, _)| write!(f, " {name}"))
            }
            Self::DeletePages(dir, names) => {
                write!(f, "delete the manual pages in '{}': {}", dir.display(), names.join(" "))
            }
            Self::AddLine(file, line) => {
                write!(f, "add to '{}': {line}", file.path().display())?;
                if !file.exists() {
                    return Ok(());
                }
                write!(f, "\nkeep it as it is now in '{}'", file.backup().display())
            }
            Self::TakeOutLine(file, line) => {
                write!(f, "take out of '{}': {line}", file.path().display())?;
                if !file.backup().exists() {
                    return Ok(());
                }
                write!(f, "\ndelete its backup '{}'", file.backup().display())
            }
        }
    }
}

impl Step {
    fn take(&self, made: &mut Made) -> Result<()> {
        match self {
            Self::WritePages(dir, pages) => {
                made.note(dir, pages)?;
                write_pages(dir, pages)
            }
            Self::DeletePages(dir, names) => delete_pages(dir, names),
            Self::AddLine(file, line) => {
                made.note(file.dir(), &[])?;
                file.add(line)
            }
            Self::TakeOutLine(file, line) => file.take_out(line),
        }
    }
}

/// Makes each new shell load git-wt, and lets `git wt --help` find its page.
pub fn install(shell: Shell, function: Option<&str>, options: Options, ui: Ui) -> Result<u8> {
    let mut steps = pages_to_write(ui)?;
    match shell.start_file() {
        Some(path) => steps.extend(line_to_add(shell, function, StartFile::at(path)?, ui)?),
        None => ui.say(&format!("add to the start file of your shell: {}", shell.line(function))),
    }
    let mut made = Made::read()?.unwrap_or_default();
    if carry_out(&steps, &mut made, "git wt shell-init --install --yes", options, ui)? {
        ui.say("installed: a new shell has it");
        ui.hint("exec $SHELL");
    }
    if shell == Shell::Bash {
        tell_of_login_shells(ui);
    }
    Ok(0)
}

/// Undoes the installation, for every shell.
pub fn uninstall(options: Options, ui: Ui) -> Result<u8> {
    let mut steps = Vec::new();
    for shell in Shell::value_variants() {
        if let Some(path) = shell.start_file() {
            steps.extend(line_to_take_out(*shell, StartFile::at(path)?, ui)?);
        }
    }
    let made = Made::read()?;
    steps.extend(pages_to_delete(made.as_ref())?);
    let mut made = made.unwrap_or_default();
    if carry_out(&steps, &mut made, "git wt shell-init --uninstall --yes", options, ui)? {
        made.take_back()?;
        ui.say("uninstalled: a new shell is without it");
    }
    Ok(0)
}

/// Shows the steps and, once the user agrees, carries them out; returns whether they were carried out.
fn carry_out(
    steps: &[Step],
    made: &mut Made,
    way_out: &'static str,
    options: Options,
    ui: Ui,
) -> Result<bool> {
    if steps.is_empty() {
        ui.say("nothing to do");
        return Ok(false);
    }
    let plan: Vec<String> = steps.iter().map(ToString::to_string).collect();
    if options.dry_run {
        ui.print_lines(plan.iter().flat_map(|step| step.lines()))?;
        return Ok(false);
    }
    plan.iter().flat_map(|step| step.lines()).for_each(|line| ui.say(line));
    let no_terminal = || Error::new("nothing was done: there is no terminal to ask on").hint(way_out);
    if !options.yes && !ui.ask("do this?", &|| false).ok_or_else(no_terminal)? {
        return Err(Error::new("nothing was done"));
    }
    steps.iter().try_for_each(|step| step.take(made))?;
    Ok(true)
}

fn line_to_add(shell: Shell, function: Option<&str>, file: StartFile, ui: Ui) -> Result<Option<Step>> {
    let line = shell.marked_line(function);
    let there = file.loading()?;
    if let Some(there) = there.first() {
        if there.trim_end() != line {
            ui.say(&format!("left as it is in '{}': {}", file.path().display(), there.trim()));
        }
        return Ok(None);
    }
    file.check_writable()
        .map_err(|error| error.advise(format!("the line to add to it is: {}", shell.line(function))))?;
    Ok(Some(Step::AddLine(file, line)))
}

fn line_to_take_out(shell: Shell, file: StartFile, ui: Ui) -> Result<Option<Step>> {
    let (ours, others): (Vec<String>, Vec<String>) =
        file.loading()?.into_iter().partition(|line| shell.has_written(line));
    for line in others {
        ui.say(&format!("left as it is in '{}': {}", file.path().display(), line.trim()));
    }
    let Some(line) = ours.into_iter().next() else { return Ok(None) };
    file.check_writable()
        .map_err(|error| error.advise(format!("the line to take out of it is: {}", line.trim_end())))?;
    Ok(Some(Step::TakeOutLine(file, line.trim_end().to_owned())))
}

/// The manual sections in which we have pages.
const SECTIONS: [&str; 2] = ["1", "7"];

/// Returns where man-db and others look for the pages of a program on PATH if MANPATH is not set.
fn man_dir(section: &str) -> Result<PathBuf> {
    let program = program()?;
    let prefix = program.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    Ok(prefix.join(format!("share/man/man{section}")))
}

fn pages_to_write(ui: Ui) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for section in SECTIONS {
        let dir = man_dir(section)?;
        let pages = outdated_pages(section, &dir, ui);
        if pages.is_empty() {
            continue;
        }
        let there = dir.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
        if rustix::fs::access(there, Access::WRITE_OK).is_err() {
            ui.warn(&format!("no manual pages: '{}' is not yours to write to", there.display()));
            ui.hint("git wt help");
            break;
        }
        steps.push(Step::WritePages(dir, pages));
    }
    Ok(steps)
}

/// Returns the pages of a section that are missing or outdated in its directory.
fn outdated_pages(section: &str, dir: &Path, ui: Ui) -> Vec<(&'static str, &'static str)> {
    let mut pages = Vec::new();
    for (name, text) in PAGES.iter().filter(|(name, _)| is_of_section(name, section)) {
        let page = dir.join(name);
        match file::read_text(&page) {
            Ok(Some(there)) if there == *text => {}
            Ok(Some(there)) if !is_ours(&there) => {
                ui.warn(&format!("'{}' is another program's, and is left as it is", page.display()));
            }
            _ => pages.push((*name, *text)),
        }
    }
    pages
}

fn is_of_section(page: &str, section: &str) -> bool {
    page.rsplit_once('.').is_some_and(|(_, ending)| ending == section)
}

/// Returns the pages that an installation has written; those that were there before, as from a package, stay.
fn pages_to_delete(made: Option<&Made>) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for section in SECTIONS {
        let dir = man_dir(section)?;
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.starts_with("git-wt") && is_of_section(name, section))
            .filter(|name| made.is_none_or(|made| made.has_page(&dir.join(name))))
            .filter(|name| matches!(file::read_text(&dir.join(name)), Ok(Some(text)) if is_ours(&text)))
            .collect();
        names.sort();
        if !names.is_empty() {
            steps.push(Step::DeletePages(dir, names));
        }
    }
    Ok(steps)
}

/// Whether a page belongs to git-wt, of any version: other programs have a page of that name.
fn is_ours(page: &str) -> bool {
    let title = page.lines().next().unwrap_or_default();
    title.contains("\"git-wt ") && title.ends_with("\"Git Manual\"")
}

fn write_pages(dir: &Path, pages: &[(&str, &str)]) -> Result<()> {
    file::make_shared_dir(dir).explain(|| format!("cannot make '{}'", dir.display()))?;
    for (name, text) in pages {
        let page = dir.join(name);
        file::replace(&page, text.as_bytes()).explain(|| format!("cannot write '{}'", page.display()))?;
    }
    Ok(())
}

fn delete_pages(dir: &Path, names: &[String]) -> Result<()> {
    for name in names {
        let page = dir.join(name);
        match fs::remove_file(&page) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => {
                return Err(Error::new(format!("cannot delete '{}'", page.display())).because(cause));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Hints that a login shell of bash, which every terminal on macOS starts, does not read `.bashrc` by itself.
fn tell_of_login_shells(ui: Ui) {
    let Some(home) = exec::variable("HOME").map(PathBuf::from) else { return };
    let files = [".bash_profile", ".bash_login", ".profile"].map(|name| home.join(name));
    let file = match files.iter().find(|file| file.exists()) {
        None if cfg!(target_os = "macos") => &files[0],
        Some(file) if !matches!(file::read(file), Ok(Some(text)) if String::from_utf8_lossy(&text).contains("bashrc")) => {
            file
        }
        _ => return,
    };
    ui.say(&format!("a login shell reads '{}', which does not read '.bashrc'", file.display()));
    ui.hint(Hint::of("echo '. ~/.bashrc' >>").name(file));
}
