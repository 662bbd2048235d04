//! `git wt add`: plan, make, hooks, print the path.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args as ClapArgs;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use super::{remove, setup};
use crate::error::{Error, Hint, Result};
use crate::git::worktrees::{Broken, Worktree};
use crate::git::{self, Repo, version};
use crate::host::exec;
use crate::ops::context::Context;
use crate::ops::facts;
use crate::ops::hooks;
use crate::plan::{Facts, Pending, Plan, Start, What, Wish};
use crate::recipe::Recipe;
use crate::record::{Held, Record, Stage, State};
use crate::resource::{Care, Created, Destroyed, Resource};
use crate::shell::complete;
use crate::text::name::{Branch, random_hex};

/// How often a port may be snatched away by another repository before we give up.
const TRIES: usize = 8;

/// Make a worktree with its own environment
#[derive(Debug, Clone, Default, ClapArgs)]
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
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
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
    /// Say each step, and how long it took
    #[arg(short, long)]
    pub verbose: bool,
    /// Options that only git knows, handed on to it
    #[arg(skip)]
    pub passed_on: Vec<OsString>,
}

/// Makes a worktree and its environment, or nothing.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    exec::watch_signals()?;
    let wish = wish(args, &context.repo)?;
    if args.dry_run {
        let (recipe, start) = recipe_and_start(&wish, context)?;
        let (plan, _) = plan(&wish, &recipe, &start, context)?;
        context.ui.print_lines(plan.lines())?;
        return Ok(0);
    }
    if wish.fetch {
        fetch(&wish, context)?;
    }
    let mut tries = 0;
    let (held, made) = loop {
        tries += 1;
        let (plan, mut held) = begin(&wish, context)?;
        match make(&plan.path, &plan.pending, &mut held, context) {
            Ok(made) => break (held, made),
            Err(failure) => {
                let retry = failure.port_taken && tries < TRIES;
                let error = undo(held, failure.error, context);
                if !retry {
                    return Err(error);
                }
            }
        }
    };
    finish(held, &made, &wish, context)
}

/// Fetches from the remote that the base is on. Without it the worktree is made all the same, from what is known here.
fn fetch(wish: &Wish, context: &Context) -> Result<()> {
    let repo = &context.repo;
    let name = match &wish.what {
        Some(What::Name(name)) => name,
        _ => "",
    };
    let recipe = context.plain_recipe_for(name, None, wish.template.as_deref())?;
    let base = facts::fetched_base(repo, facts::asked_base(wish, &recipe))?;
    let Some(remote) = base.as_ref().map(|base| base.remote.clone()).or_else(|| repo.default_remote()) else {
        context.ui.say("note: there is no remote to fetch from");
        return Ok(());
    };
    context.ui.say(&format!("fetching from '{remote}'"));
    let fetched = repo.git().args(["fetch", "--quiet", "--", &remote]).output()?;
    exec::check_stopped()?;
    if fetched.code == 0 {
        return Ok(());
    }
    let known = match &base {
        Some(base) => {
            format!("; '{}' is taken as it is here: {}", base.short(), repo.describe_commit(&base.oid)?)
        }
        None => String::new(),
    };
    let reason = fetched.stderr.trim().lines().next_back().unwrap_or_default().to_owned();
    context.ui.warn(&format!("cannot fetch from '{remote}' ({reason}){known}"));
    Ok(())
}

/// Reads the command line as a wish; every word is judged before anything is looked at.
fn wish(args: &Args, repo: &Repo) -> Result<Wish> {
    if args.orphan {
        version::require_for("--orphan", version::ORPHAN)?;
    }
    let new_branch = args.branch.as_ref().or(args.reset_branch.as_ref());
    let what = args.what.as_deref().map(|word| what(word, repo)).transpose()?;
    let push = args.push || (!args.no_push && !args.track && repo.flag("wt.push") == Some(true));
    let prefix = args.prefix.clone().or_else(|| repo.setting("wt.prefix")).unwrap_or_default();
    Ok(Wish {
        what,
        commit_ish: args.commit_ish.as_deref().map(|word| previous(word, repo)).transpose()?,
        path: args.path.clone(),
        new_branch: new_branch.map(|name| Branch::parse(name)).transpose()?,
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
        unique: if args.unique { Some(random_hex(4)?) } else { None },
        prefix,
        env: !args.no_env,
        hooks: !args.no_hooks,
        note: args.note.clone(),
        push,
        template: args.template.clone(),
        passed_on: args.passed_on.clone(),
    })
}

/// Tells a path from a name, as git's users write paths: `/x`, `./x`, `../x`, `~/x`.
fn what(word: &std::ffi::OsStr, repo: &Repo) -> Result<What> {
    let text = word.to_string_lossy();
    if text.is_empty() {
        return Err(Error::new("the name is empty").hint("git wt add NAME"));
    }
    let is_path =
        text.starts_with(['/', '~']) || text.starts_with("./") || text.starts_with("../") || text == "..";
    if is_path {
        return Ok(What::Path(word.into()));
    }
    let text = word.to_str().ok_or_else(|| Error::new(format!("'{text}' is not valid UTF-8")))?;
    previous(text, repo).map(What::Name)
}

/// Reads `-` as the branch that was checked out before, `@{-1}`.
fn previous(word: &str, repo: &Repo) -> Result<String> {
    if word != "-" {
        return Ok(word.to_owned());
    }
    let name = repo.git().args(["rev-parse", "--abbrev-ref", "@{-1}"]).output()?;
    let name = String::from_utf8_lossy(&name.stdout).trim().to_owned();
    if name.is_empty() || name == "@{-1}" {
        let error = Error::new("there is no previously checked out branch ('-' is @{-1})");
        return Err(error.hint("git wt add NAME"));
    }
    Ok(name)
}

/// What the words of a wish mean, and the recipe for it. It may ask git, and needs no lock: it is what the words meant
/// when they were typed.
fn recipe_and_start(wish: &Wish, context: &Context) -> Result<(Recipe, Start)> {
    let start = Start::of(wish, &facts::refs(&context.repo, wish))?;
    let (name, branch, template) = (start.name.as_str(), start.head.branch(), wish.template.as_deref());
    let recipe = if wish.env {
        context.recipe_for(name, branch, template)?
    } else {
        context.plain_recipe_for(name, branch, template)?
    };
    Ok((recipe, start))
}

/// Looks and plans, under the repository lock that is handed back with the plan.
fn plan(
    wish: &Wish,
    recipe: &Recipe,
    start: &Start,
    context: &Context,
) -> Result<(Plan, crate::record::Lock)> {
    let Context { repo, records, claims, .. } = context;
    let lock = records.lock()?;
    let facts = Facts::gather(repo, wish, recipe, records, claims, None)?;
    Ok((Plan::of(wish, start, recipe, &facts)?, lock))
}

/// Plans and writes the record, so that from here on whatever is made can be unmade.
fn begin<'a>(wish: &Wish, context: &'a Context) -> Result<(Plan, Held<'a>)> {
    let (recipe, start) = recipe_and_start(wish, context)?;
    if wish.env && !wish.no_checkout {
        context.ask_for_recipe(&recipe, None)?;
    }
    let (mut plan, mut lock) = self::plan(wish, &recipe, &start, context)?;
    if let Some(vanished) = &plan.heal {
        // without the lock, which the undoing needs for itself
        drop(lock);
        forget_vanished(vanished, context)?;
        (plan, lock) = self::plan(wish, &recipe, &start, context)?;
    }
    for note in &plan.notes {
        context.ui.say(&format!("note: {note}"));
    }
    set_fatal_entries_aside(context)?;
    context.repo.remember_main_root()?;
    let resources = std::mem::take(&mut plan.resources);
    let mut record = Record::new(plan.name.clone(), &plan.path, context.repo.identity()?, resources)?;
    record.branch.clone_from(&plan.branch);
    record.base.clone_from(&plan.base);
    record.note.clone_from(&wish.note);
    record.push.clone_from(&plan.push);
    record.template.clone_from(&wish.template);
    record.protected = plan.protected;
    hooks::schedule(&mut record, &plan.pending.hooks);
    let held = context.records.begin(record)?;
    drop(lock);
    Ok((plan, held))
}

/// Forgets a worktree whose directory is gone, with its record: its ports are free for the one that takes its place,
/// and its databases stay for it.
fn forget_vanished(vanished: &Worktree, context: &Context) -> Result<()> {
    context.ui.say(&format!("forgetting the vanished worktree '{}'", vanished.path.display()));
    let record =
        context.records.own(&context.repo)?.into_iter().find(|r| vanished.record.as_ref() == Some(&r.id));
    match record.map(|record| context.records.hold(&record.id)).transpose()?.flatten() {
        Some(mut held) => {
            held.checkout_for(vanished);
            remove::take_back(held, &vanished.path, true, context)
        }
        None => crate::resource::checkout::put_aside(&context.repo, vanished).map(drop),
    }
}

/// git dies of an entry whose `commondir` is empty, whatever it is asked; such an entry is put where doctor finds it.
fn set_fatal_entries_aside(context: &Context) -> Result<()> {
    let fatal = |broken: &&Broken| broken.stops_git && !broken.may_be_in_the_making();
    for broken in context.repo.worktrees()?.broken.iter().filter(fatal) {
        let place = crate::resource::checkout::quarantine(&context.repo, &broken.id)?;
        context.ui.warn(&format!(
            "git's entry '{}' is damaged ({}) and stops git: put aside as '{}'",
            broken.id,
            broken.why,
            place.display()
        ));
    }
    Ok(())
}

/// What came of making: the directory, and how the user's post-checkout hook ended.
pub struct Made {
    path: PathBuf,
    /// The status of the user's post-checkout hook.
    pub post_checkout: u8,
    pending: Pending,
}

/// A failure on the way; what was made before it is still there.
pub struct Failure {
    /// What failed.
    pub error: Error,
    port_taken: bool,
}

/// Makes what is on the record's list.
pub fn make(
    root: &Path,
    pending: &Pending,
    held: &mut Held,
    context: &Context,
) -> std::result::Result<Made, Failure> {
    let owner = held.record.owner(&context.repo);
    let site = context.site(&owner, root);
    let ui = context.ui;
    let mut post_checkout = 0;
    let mut begun = Instant::now();
    let mut told = |resource: &Resource, created: &Created| {
        if let Resource::Checkout(checkout) = resource {
            post_checkout = checkout.post_checkout;
            for why in &checkout.empty {
                ui.warn(why);
                ui.hint("git submodule update --init");
            }
        }
        match created {
            Created::Made => ui.say(&resource.describe()),
            Created::Found => ui.say(&format!("{}: there already, used as it is", resource.describe())),
            Created::Skipped(why) => ui.warn(&format!("no {}: {why}", resource.describe())),
        }
        ui.took(begun.elapsed());
        begun = Instant::now();
    };
    let done = held.make(&site, &mut told).and_then(|()| set_upstream(held, context));
    match done {
        Ok(()) => Ok(Made { path: root.to_owned(), post_checkout, pending: pending.clone() }),
        Err(error) => {
            // another repository may have claimed the port since we looked
            let at = held.record.steps.iter().find(|step| step.state != State::Made);
            let port_taken = at.is_some_and(|step| matches!(step.resource, Resource::Port(_)));
            Err(Failure { error, port_taken })
        }
    }
}

/// Sets what the new branch tracks, alone: git does not wait for its own `config.lock`.
fn set_upstream(held: &Held, context: &Context) -> Result<()> {
    let branch = held.record.made().find_map(|resource| match resource {
        Resource::Branch(branch) if branch.upstream.is_some() => Some(branch.clone()),
        _ => None,
    });
    let Some(branch) = branch else { return Ok(()) };
    let _lock = context.records.lock()?;
    branch.set_upstream(&context.repo)
}

/// Takes back what was made and returns the error, which then says so.
fn undo(held: Held, mut error: Error, context: &Context) -> Error {
    match take_back(held, context) {
        Ok((undone, left)) => {
            error.undone = undone.into();
            for why in left {
                error = error.because(format!("left: {why}"));
            }
        }
        Err(failed) => {
            error = error.because(format!("could not undo all of it: {}", failed.in_one_line()));
            error = error.hint("git wt doctor --fix");
        }
    }
    error
}

/// Unwinds an add that has not come to its end; returns what is gone, and what had to be left.
pub fn take_back(mut held: Held, context: &Context) -> Result<(Vec<String>, Vec<String>)> {
    let _undisturbed = exec::carry_on();
    let owner = held.record.owner(&context.repo);
    let root = held.record.path.clone();
    let site = context.site(&owner, &root);
    let mut undone = Vec::new();
    held.record.stage = Stage::Adding;
    let left = held.unwind(&site, Care::JustMade, &mut |resource, destroyed| {
        if *destroyed == Destroyed::Gone {
            undone.push(resource.describe());
        }
    })?;
    held.forget()?;
    Ok((undone, left))
}

/// Past the commit point: whatever happens now, the worktree stays.
fn finish(mut held: Held, made: &Made, wish: &Wish, context: &Context) -> Result<u8> {
    let status = if wish.env { setup::run_hooks(&mut held, &made.path, &made.pending, context)? } else { 0 };
    push(&mut held, &made.path, context)?;
    drop(held);
    context.arrive(&made.path)?;
    Ok(if made.post_checkout == 0 { status } else { made.post_checkout })
}

/// Pushes the new branch where that was asked for. What fails is the user's to repeat: the record, and so `list`, says
/// that it is not pushed.
fn push(held: &mut Held, root: &Path, context: &Context) -> Result<()> {
    let (Some(remote), Some(branch)) = (held.record.push.clone(), held.record.branch.clone()) else {
        return Ok(());
    };
    context.ui.say(&format!("pushing '{branch}' to '{remote}'"));
    let full = branch.full();
    let quiet = context.ui.quiet.then_some("--quiet");
    let git = git::working_in(root).arg("push").args(quiet).args(["--set-upstream", "--", &remote]);
    let status = git.arg(format!("{full}:{full}")).narrate()?;
    exec::check_stopped()?;
    if status == 0 {
        held.record.push = None;
        return held.write();
    }
    context.ui.warn(&format!("'{branch}' is not pushed"));
    let push = Hint::of("git -C").name(root).and("push --set-upstream");
    context.ui.hint(push.name(&remote).name(branch.as_str()));
    Ok(())
}
