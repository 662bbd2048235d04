//! `git wt run`: a command in a worktree's directory and environment.

use std::ffi::OsString;

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCandidates;

use super::Context;
use crate::complete;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::exec::Program;
use crate::target::Worktrees;

/// Run a command in a worktree's directory and environment
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Worktree
    #[arg(value_name = "WORKTREE", add = ArgValueCandidates::new(complete::worktrees))]
    pub target: String,
    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required = true, num_args = 1.., value_hint = clap::ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}

/// Becomes the command; its exit status is ours.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    let tree = worktrees.find(&args.target)?;
    if tree.missing {
        return Err(Error::new(format!("'{}' is missing", tree.path.display())).hint("git wt prune"));
    }
    let record = worktrees.record(tree);
    let template = record.and_then(|record| record.template.as_deref());
    let recipe = context.recipe_for(&worktrees.name(tree), tree.head.branch(), template)?;
    let environment = Environment::of(&tree.path, record, &recipe)?;
    context.guard(&context.watch(tree, &worktrees, &recipe), &environment)?;
    let mut command = args.command.clone();
    if let Some(port) = environment.get("PORT")
        && wants_port(&command)
    {
        // runserver reads no variable: without an argument every worktree would bind 8000
        command.push(port.into());
    }
    let found = which::which_in(
        &command[0],
        environment.apply(Program::new("")).variable("PATH").or_else(|| crate::exec::variable("PATH")),
        &tree.path,
    );
    let program = found.map_err(|_| {
        let missing = Error::new(format!("'{}' was not found on PATH", command[0].to_string_lossy()));
        worktrees.unless_gone(tree, missing.exit(127))
    })?;
    let failed = environment.apply(Program::new(program).args(&command[1..]).dir(&tree.path)).replace();
    Err(worktrees.unless_gone(tree, failed))
}

/// Whether a command line is Django's `runserver` without an address of its own.
fn wants_port(command: &[OsString]) -> bool {
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    let Some(at) = words.iter().position(|word| word == "runserver") else { return false };
    let by_django = at > 0
        && (words[at - 1].ends_with("manage.py")
            || words[at - 1].ends_with("django-admin")
            || words[at - 1] == "django");
    by_django && words[at + 1..].iter().all(|word| word.starts_with('-'))
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
