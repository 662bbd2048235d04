//! `git wt up`: start the servers of worktrees.

use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

use crate::error::{Error, Hint, Result};
use crate::git::worktrees::{Head, Worktree};
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::up::{self, Columns, How, Logs, Outcome, Started, entries, tmux};
use crate::recipe::consent::Action;
use crate::record::worktrees::Worktrees;
use crate::shell::complete;
use crate::text::name::{Name, escaped};

/// Start the servers of a worktree: the commands under [run] in .wt.toml
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Args {
    /// Worktree, the current one if absent; then servers, all if absent
    #[arg(value_name = "WORKTREE|SERVER", add = ArgValueCompleter::new(complete::servers))]
    pub targets: Vec<String>,
    /// Start them in the background, and come back when all are ready
    #[arg(short, long)]
    pub detach: bool,
    /// Start those of all linked worktrees that are not protected, in the background; with @ also those of the main one
    #[arg(long)]
    pub all: bool,
    /// Show what servers print that run in the background; Ctrl-C leaves them running
    #[arg(long, conflicts_with_all = ["detach", "all", "json"])]
    pub attach: bool,
    /// Open a tmux session with a window for each worktree, where its servers run in the background
    #[arg(long, conflicts_with_all = ["attach", "json"])]
    pub tmux: bool,
    /// Print JSON; implies --detach
    #[arg(long)]
    pub json: bool,
}

/// Starts servers; in the foreground it stays until they have ended.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let worktrees = Worktrees::read(&context.repo)?;
    up::sweep(&worktrees, &context.repo);
    if args.all {
        exec::watch_signals()?;
        let trees = all(args, &worktrees, context)?;
        return in_background(args, &trees, &worktrees, context);
    }
    let (tree, names) = entries::meant(&args.targets, &worktrees, context)?;
    if args.attach {
        let wanted = Logs { entries: names, lines: Some(20), follow: true };
        up::logs(tree, &wanted, &worktrees, context)?;
        return Ok(0);
    }
    if args.detach || args.json || args.tmux {
        exec::watch_signals()?;
        return in_background(args, &[(tree, names)], &worktrees, context);
    }
    match up::chosen(tree, &names, &worktrees, context)?.as_slice() {
        [only] => match up::become_server(tree, only, &worktrees, context)? {
            Outcome::Started(running) => tell_all(&running, context),
            Outcome::Waiting(waiting) => Ok(waits(&waiting, &worktrees.name(tree), context)),
        },
        several => in_foreground(tree, several, &worktrees, context),
    }
}

/// Returns all worktrees whose servers `--all` means.
fn all<'a>(
    args: &Args,
    worktrees: &'a Worktrees,
    context: &Context,
) -> Result<Vec<(&'a Worktree, Vec<String>)>> {
    let with_main = match args.targets.as_slice() {
        [] => false,
        [main] if main == "@" => true,
        _ => return Err(Error::usage("--all takes no names but '@', the main worktree")),
    };
    let mut wanted = Vec::new();
    for tree in &worktrees.listing.worktrees {
        let name = worktrees.name(tree);
        if tree.head == Head::Bare || (tree.is_main() && !with_main) {
            continue;
        }
        if tree.missing {
            context.ui.say(&format!("note: '{}' is missing", tree.path.display()));
        } else if up::is_protected(tree, worktrees, context)? {
            context.ui.say(&format!("note: '{}' is protected, and not started by --all", escaped(&name)));
        } else {
            wanted.push((tree, Vec::new()));
        }
    }
    Ok(wanted)
}

/// Starts servers in the background; with --tmux also shows them there.
fn in_background(
    args: &Args,
    wanted: &[(&Worktree, Vec<String>)],
    worktrees: &Worktrees,
    context: &Context,
) -> Result<u8> {
    let status = start(wanted, args.json, worktrees, context)?;
    if !args.tmux || status == Error::HOOK {
        return Ok(status);
    }
    let trees: Vec<&Worktree> = wanted.iter().map(|(tree, _)| *tree).collect();
    let session = tmux::open(&trees, worktrees, context)?;
    if context.ui.is_read_on_terminal() {
        return Err(tmux::attach(&session));
    }
    context.ui.say(&format!("the tmux session is '{session}'"));
    Ok(status)
}

/// Starts servers in the background, and waits until each is ready or has failed. Returns the worst status.
fn start(
    wanted: &[(&Worktree, Vec<String>)],
    json: bool,
    worktrees: &Worktrees,
    context: &Context,
) -> Result<u8> {
    let mut status = 0;
    let mut servers = Vec::new();
    for (tree, names) in wanted {
        match up::start(tree, names, How::Detached, worktrees, context) {
            Ok(Outcome::Started(started)) => servers.extend(started),
            Ok(Outcome::Waiting(waiting)) => {
                status = status.max(waits(&waiting, &worktrees.name(tree), context));
            }
            Err(error) if wanted.len() > 1 => {
                context.ui.error(&error);
                status = status.max(error.exit);
            }
            Err(error) => return Err(error),
        }
    }
    let columns = Columns::of(&servers);
    for server in &mut servers {
        match server.wait() {
            Ok(()) if json => {}
            Ok(()) => context.ui.print_lines([columns.line(server)])?,
            Err(error) => {
                if exec::check_stopped().is_err() {
                    return stop_again(&servers, worktrees, context).and(Err(error));
                }
                context.ui.error(&error);
                status = status.max(Error::FATAL);
            }
        }
    }
    if json {
        let all: Vec<_> = servers.iter().map(Started::as_json).collect();
        let text = serde_json::json!({"version": 1, "servers": all}).to_string();
        context.ui.answer(format!("{text}\n").as_bytes())?;
    }
    Ok(status)
}

/// Stops what was just started.
fn stop_again(servers: &[Started], worktrees: &Worktrees, context: &Context) -> Result<()> {
    let _undisturbed = exec::carry_on();
    for server in servers.iter().filter(|server| !server.ran_already) {
        let tree = worktrees.find(&server.worktree)?;
        up::stop(tree, std::slice::from_ref(&server.entry), None, worktrees, context)?;
    }
    Ok(())
}

/// Starts several servers, shows what they print, and stops them at the end.
fn in_foreground(tree: &Worktree, names: &[String], worktrees: &Worktrees, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let mut servers = match up::start(tree, names, How::WithUs, worktrees, context)? {
        Outcome::Started(servers) => servers,
        Outcome::Waiting(waiting) => return Ok(waits(&waiting, &worktrees.name(tree), context)),
    };
    let (running, mut started): (Vec<_>, Vec<_>) = servers.drain(..).partition(|server| server.ran_already);
    tell_all(&running, context)?;
    let ended = up::follow(&mut started, context);
    if ended.is_err() {
        stop_again(&started, worktrees, context)?;
    }
    match ended {
        // Ctrl-C is how it ends
        Err(error) if exec::check_stopped().is_err() => Ok(error.exit),
        ended => ended,
    }
}

/// Says what runs already.
fn tell_all(running: &[Started], context: &Context) -> Result<u8> {
    let columns = Columns::of(running);
    context.ui.print_lines(running.iter().map(|server| columns.line(server)))?;
    if let Some(server) = running.first() {
        context.ui.hint(Hint::of("git wt logs -f").name(&server.worktree));
    }
    Ok(0)
}

fn waits(waiting: &[Action], name: &str, context: &Context) -> u8 {
    context.tell_waiting_for("git wt up", &Name::of_place(name), waiting);
    Error::HOOK
}
