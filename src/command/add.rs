//! `git wt add`: make a worktree and print its path.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use crate::error::Result;
use crate::git::{Repo, version};
use crate::host::random;
use crate::ops::add;
use crate::ops::context::Context;
use crate::plan::Request;
use crate::shell::complete;
use crate::text::name::BranchName;
use crate::ui::Ui;

/// Make a worktree with its own environment
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(mut_arg("verbose", |verbose| verbose.help("Say each step, and how long it took")))]
pub struct Args {
    /// Name (branch, remote branch, tag, commit, or a new branch) or, beginning with / ./ ../ or ~, a path
    #[arg(value_name = "NAME|PATH", add = ArgValueCompleter::new(complete::to_check_out))]
    pub what: Option<OsString>,
    /// Commit, branch or tag to check out
    #[arg(value_name = "COMMIT-ISH", add = ArgValueCompleter::new(complete::commits))]
    pub commit_ish: Option<String>,
    /// Create a new branch
    #[arg(short = 'b', value_name = "BRANCH", conflicts_with = "reset_branch", allow_hyphen_values = true)]
    pub branch: Option<String>,
    /// Create or reset a branch
    #[arg(short = 'B', value_name = "BRANCH", allow_hyphen_values = true)]
    pub reset_branch: Option<String>,
    /// Start the new branch here: a commit, or `default` for the remote's default branch
    #[arg(long, value_name = "COMMIT-ISH", add = ArgValueCompleter::new(complete::commits))]
    pub base: Option<String>,
    /// Fetch first, and start the new branch from what is fetched
    #[arg(long)]
    pub fetch: bool,
    /// Push the new branch at last, and have it track what is pushed
    #[arg(long, overrides_with = "no_push", conflicts_with = "track")]
    pub push: bool,
    /// Do not push, whatever wt.push says
    #[arg(long, overrides_with = "push")]
    pub no_push: bool,
    /// Put the worktree here, whatever its name
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    pub path: Option<PathBuf>,
    /// Use this template of the recipe
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::templates))]
    pub template: Option<String>,
    /// Put this before the new branch's name, with a slash
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// Append a short random suffix to the name
    #[arg(long)]
    pub unique: bool,
    /// Make a plain worktree, without an environment
    #[arg(long)]
    pub no_env: bool,
    /// Do not run the recipe's hooks
    #[arg(long)]
    pub no_hooks: bool,
    /// Remember a note, shown by list
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Print the plan and stop
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Check out a commit without a branch
    #[arg(short = 'd', long, conflicts_with_all = ["branch", "reset_branch", "orphan"])]
    pub detach: bool,
    /// Make a branch without a commit
    #[arg(long, conflicts_with_all = ["commit_ish", "no_checkout"])]
    pub orphan: bool,
    /// Allow a branch that is in use and a place that is registered but missing; twice: a locked one
    #[arg(short = 'f', long, action = clap::ArgAction::Count)]
    pub force: u8,
    /// Check out the files (the default)
    #[arg(long, overrides_with = "no_checkout")]
    pub checkout: bool,
    /// Leave the files out
    #[arg(long, overrides_with = "checkout")]
    pub no_checkout: bool,
    /// Keep the worktree locked
    #[arg(long)]
    pub lock: bool,
    /// Reason of the lock
    #[arg(long, value_name = "TEXT", requires = "lock")]
    pub reason: Option<String>,
    /// Track the branch that the new one starts from
    #[arg(long, overrides_with = "no_track")]
    pub track: bool,
    /// Do not track the branch that the new one starts from (the default)
    #[arg(long, overrides_with = "track")]
    pub no_track: bool,
    /// Derive the branch of a path from a remote's of that name
    #[arg(long, overrides_with = "no_guess_remote")]
    pub guess_remote: bool,
    /// Do not look for a remote's branch of that name
    #[arg(long, overrides_with = "guess_remote")]
    pub no_guess_remote: bool,
    /// How to speak
    #[command(flatten)]
    pub ui: Ui,
    /// Take --detach back
    #[arg(long, hide = true, overrides_with = "detach")]
    pub no_detach: bool,
    /// Take --force back
    #[arg(long, hide = true, overrides_with = "force")]
    pub no_force: bool,
    /// Take --lock back
    #[arg(long, hide = true, overrides_with = "lock")]
    pub no_lock: bool,
    /// Take --orphan back
    #[arg(long, hide = true, overrides_with = "orphan")]
    pub no_orphan: bool,
    /// Take --quiet back
    #[arg(long, hide = true, overrides_with = "quiet")]
    pub no_quiet: bool,
    /// Take --reason back
    #[arg(long, hide = true, overrides_with = "reason")]
    pub no_reason: bool,
    /// Options that only git knows, handed on to it
    #[arg(skip)]
    pub passed_on: Vec<OsString>,
}

/// Makes a worktree and its environment, or nothing; prints its directory.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let request = request(args, &context.repo)?;
    if args.dry_run {
        context.ui.print_lines(add::preview(&request, context)?.lines())?;
        return Ok(0);
    }
    let (path, status) = add::add(&request, context)?;
    context.arrive(&path)?;
    Ok(status)
}

/// Reads the command line as a request; every word is checked before anything is looked up.
fn request(args: &Args, repo: &Repo) -> Result<Request> {
    if args.orphan {
        version::require_for("--orphan", version::ORPHAN)?;
    }
    let new_branch = args.branch.as_ref().or(args.reset_branch.as_ref());
    let usual = add::request_for(args.what.as_deref(), repo)?;
    Ok(Request {
        commit_ish: args.commit_ish.as_deref().map(|word| add::previous(word, repo)).transpose()?,
        path: args.path.clone(),
        new_branch: new_branch.map(|name| BranchName::parse(name)).transpose()?,
        reset: args.reset_branch.is_some(),
        detach: args.detach,
        orphan: args.orphan,
        force: args.force,
        no_checkout: args.no_checkout,
        track: (args.track || args.no_track).then_some(args.track),
        guess_remote: (args.guess_remote || args.no_guess_remote).then_some(args.guess_remote),
        lock: args.lock.then(|| args.reason.clone().unwrap_or_default()),
        base: args.base.clone(),
        fetch: args.fetch,
        unique: if args.unique { Some(random::hex(4)?) } else { None },
        prefix: args.prefix.clone(),
        env: !args.no_env,
        hooks: !args.no_hooks,
        note: args.note.clone(),
        push: args.push || (!args.no_push && !args.track && usual.push),
        template: args.template.clone(),
        passed_on: args.passed_on.clone(),
        what: usual.what,
    })
}
