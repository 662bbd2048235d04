//! Runs commands in worktrees, each with the worktree's environment.

use std::ffi::OsString;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::git::worktrees::{Head, Worktree};
use crate::host::exec::{self, Program, Stream};
use crate::ops::context::Context;
use crate::record::worktrees::Worktrees;
use crate::text::name::escaped;
use crate::ui::Ui;

/// Runs the command in every worktree at once, and waits for all. Returns the status of the first that failed, in the
/// order of the list.
pub fn run_in_all(command: &[OsString], worktrees: &Worktrees, context: &Context) -> u8 {
    let ui = context.ui;
    let all = worktrees.listing.worktrees.iter().filter(|tree| tree.head != Head::Bare);
    let (missing, trees): (Vec<_>, Vec<_>) = all.partition(|tree| tree.missing);
    for tree in missing {
        ui.warn(&format!("'{}' is missing", tree.path.display()));
    }
    let names: Vec<String> = trees.iter().map(|tree| escaped(&worktrees.name(tree))).collect();
    let programs = trees.iter().map(|tree| prepare(command, tree, worktrees, context)).collect();
    let mut status = 0;
    for (name, ended) in names.iter().zip(side_by_side(&names, programs, ui)) {
        let code = ended.unwrap_or_else(|error| {
            ui.error(&error);
            error.exit
        });
        if code != 0 {
            ui.warn(&format!("'{name}' ended with status {code}"));
            status = if status == 0 { code } else { status };
        }
    }
    status
}

/// Runs programs at once, printing each one's name before every line of its output.
fn side_by_side(names: &[String], programs: Vec<Result<Program>>, ui: Ui) -> Vec<Result<u8>> {
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let run = &|name: &str, program: Result<Program>| {
        program?.each_line(&|stream, line| {
            let line = [format!("{name:width$} | ").as_bytes(), line].concat();
            match stream {
                // commands keep running even if nobody reads stdout any more
                Stream::Stdout => drop(ui.answer(&line)),
                Stream::Stderr => ui.relay(&line),
            }
        })
    };
    std::thread::scope(|scope| {
        let started =
            names.iter().zip(programs).map(|(name, program)| scope.spawn(move || run(name, program)));
        let running: Vec<_> = started.collect();
        let lost = |_| Err(Error::new("a thread has ended before its command"));
        running.into_iter().map(|thread| thread.join().unwrap_or_else(lost)).collect()
    })
}

/// Returns the command as it runs in one worktree; refuses if that worktree's environment leads into another.
pub fn prepare(
    command: &[OsString],
    tree: &Worktree,
    worktrees: &Worktrees,
    context: &Context,
) -> Result<Program> {
    let record = worktrees.record(tree);
    let recipe = context.recipe_of(tree, worktrees)?;
    let consent = context.consent()?;
    let environment = Environment::of(&context.repo, &tree.path, record, &recipe, &consent)?;
    context.guard(&context.watch(tree, worktrees, &recipe, &consent), &environment)?;
    let mut command = command.to_vec();
    if let Some(port) = environment.get("PORT")
        && wants_port(&command)
    {
        // runserver reads no variable: without an argument, every worktree would bind port 8000
        command.push(port.into());
    }
    let found = which::which_in(
        &command[0],
        environment.apply(Program::new("")).variable("PATH").or_else(|| exec::variable("PATH")),
        &tree.path,
    );
    let program = found.map_err(|_| {
        let missing = Error::new(format!("'{}' was not found on PATH", command[0].to_string_lossy()));
        worktrees.unless_gone(tree, missing.exit(127))
    })?;
    Ok(environment.apply(Program::new(program).args(&command[1..]).dir(&tree.path)))
}

/// Whether a command line is Django's `runserver` without an address.
fn wants_port(command: &[OsString]) -> bool {
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    let Some(at) = words.iter().position(|word| word == "runserver") else { return false };
    let by_django = at > 0
        && (words[at - 1].ends_with("manage.py")
            || words[at - 1].ends_with("django-admin")
            || words[at - 1] == "django");
    by_django && !has_address(&words[at + 1..])
}

/// Whether the arguments of `runserver` have an address. A word that is none is the value of an option that the project
/// has added.
fn has_address<W: AsRef<str>>(arguments: &[W]) -> bool {
    const WITH_VALUE: [&str; 3] = ["--settings", "--pythonpath", "--verbosity"];
    // the beginning of an option means it too
    let takes_value = |word: &str| {
        word == "-v" || (word.len() > 3 && WITH_VALUE.iter().any(|option| option.starts_with(word)))
    };
    let mut arguments = arguments.iter().map(AsRef::as_ref);
    while let Some(word) = arguments.next() {
        if takes_value(word) {
            arguments.next();
        } else if is_address(word) {
            return true;
        }
    }
    false
}

/// Whether Django takes a word for a port, alone or behind a host.
fn is_address(word: &str) -> bool {
    let port = word.rsplit_once(':').map_or(word, |(_, port)| port);
    !word.starts_with('-') && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runserver_without_an_address_wants_the_port() {
        for (line, want) in [
            ("python manage.py runserver", true),
            ("python manage.py runserver --noreload", true),
            ("./manage.py runserver", true),
            ("python manage.py runserver --settings config.dev", true),
            ("python manage.py runserver --set config.dev -v 2 --pythonpath src", true),
            ("python manage.py runserver --verbosity=2 -v2 --noreload", true),
            ("python manage.py runserver --cert-file site.crt", true),
            ("python manage.py runserver -v 2 9000", false),
            ("python manage.py runserver 0.0.0.0:9000 --settings config.dev", false),
            ("python manage.py runserver --settings config.dev [::1]:9000", false),
            ("python manage.py runserver -- 9000", false),
            ("python -m django runserver", true),
            ("python manage.py runserver 9000", false),
            ("python manage.py migrate", false),
            ("echo runserver", false),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(wants_port(&words), want, "{line}");
        }
    }
}
