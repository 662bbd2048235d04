//! `git wt add`: plan, make, run hooks, or roll back.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::error::{Error, Hint, Result};
use crate::git::worktrees::{Broken, Head, Worktree};
use crate::git::{self, Oid, Repo};
use crate::host::exec;
use crate::ops::context::{Context, Ignored};
use crate::ops::facts::{self, Gets};
use crate::ops::follow::Destination;
use crate::ops::take_away::{self, DatabaseFate};
use crate::ops::{hooks, list, rollback, summary};
use crate::plan::{AddFacts, Facts, Pending, Plan, Request, Start, StartPoint, What};
use crate::recipe::Recipe;
use crate::record::worktrees::Worktrees;
use crate::record::{LockedRecord, Record, StepState};
use crate::resource::{Created, Resource};
use crate::text::name::{BranchName, Name};
use crate::ui::short_time;

/// How many times another repository may take our port before we give up.
const TRIES: usize = 8;

/// Returns a request for the worktree that this word alone names, with the user's settings.
pub fn request_for(word: Option<&OsStr>, repo: &Repo) -> Result<Request> {
    Ok(Request {
        what: word.map(|word| what(word, repo)).transpose()?,
        push: repo.flag("wt.push") == Some(true),
        env: true,
        hooks: true,
        ..Request::default()
    })
}

/// Plans the worktree without making anything.
pub fn preview(request: &Request, context: &Context) -> Result<Plan> {
    let (recipe, start) = recipe_and_start(request, context)?;
    Ok(plan(request, &recipe, &start, context)?.0)
}

/// Makes a worktree and its environment, or nothing. Returns its directory and the exit status of the hooks.
pub fn add(request: &Request, context: &Context) -> Result<(PathBuf, u8)> {
    exec::watch_signals()?;
    if request.fetch {
        fetch(request, context)?;
    }
    let mut tries = 0;
    let (held, made, begun) = loop {
        tries += 1;
        let (plan, start, mut held) = begin(request, context)?;
        let begun = Instant::now();
        if tries == 1 {
            context.ui.say(&headline(request, &start, &held.record, context));
        }
        match make(&plan.path, &plan.pending, &mut held, context) {
            Ok(made) => break (held, made, begun),
            Err(failure) => {
                let retry = failure.port_taken && tries < TRIES;
                let error = rollback::undo(held, failure.error, context);
                if !retry {
                    return Err(error);
                }
            }
        }
    };
    let status = finish(held, &made, begun, request, context)?;
    Ok((made.path, status))
}

/// Fetches from the remote that the base is on. If that fails, the worktree is made from what is known locally.
fn fetch(request: &Request, context: &Context) -> Result<()> {
    let repo = &context.repo;
    let name = request.what.as_ref().map(What::word).unwrap_or_default();
    let recipe = context.recipe_for(&name, None, request.template.as_deref(), Ignored::NotLookedAt)?;
    let base = facts::fetched_base(repo, facts::asked_base(request, &recipe))?;
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

/// Tells a path from a name. Paths are written as git's users write them: `/x`, `./x`, `../x`, `~/x`.
pub fn what(word: &OsStr, repo: &Repo) -> Result<What> {
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

/// Returns where a worktree that is there goes if it gets another name: where add would have put it.
pub fn place_of(
    tree: &Worktree,
    name: &str,
    worktrees: &Worktrees,
    context: &Context,
) -> Result<Destination> {
    if let [other, ..] = worktrees.all_meant_by(name).as_slice() {
        return Err(Error::new(format!("'{name}' is a worktree already, at '{}'", other.path.display()))
            .hint(Hint::of("git wt move").name(worktrees.name(tree)).word("../", name)));
    }
    let name = Name::parse(name)?;
    let head = match (&tree.head, tree.head.branch()) {
        (_, Some(branch)) => StartPoint::Existing(branch.clone()),
        (Head::Detached(oid), _) => StartPoint::Detached(oid.clone()),
        _ => return Err(Error::new(format!("'{}' has no commit", tree.path.display()))),
    };
    let request = request_for(Some(name.as_str().as_ref()), &context.repo)?;
    let template = worktrees.record(tree).and_then(|record| record.template.as_deref());
    let recipe = context.recipe_for(name.as_str(), tree.head.branch(), template, Ignored::NotLookedAt)?;
    let start = Start { name, head };
    let Context { repo, records, claims, .. } = context;
    let facts = Facts::gather(repo, &recipe, Gets::Nothing, records, claims, None)?;
    let add = AddFacts::gather(repo, &request, &start, &recipe, &facts)?;
    let path = Plan::place_of(&request, &start, &recipe, &facts, &add)?;
    Ok(Destination { path, name: Some(start.name) })
}

/// Reads `-` as the branch that was checked out before, `@{-1}`.
pub fn previous(word: &str, repo: &Repo) -> Result<String> {
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

/// Returns the recipe, and what the words of a request mean. This may ask git and needs no lock, since the words mean
/// what they meant when they were typed.
fn recipe_and_start(request: &Request, context: &Context) -> Result<(Recipe, Start)> {
    let mut refs = facts::refs(&context.repo, request);
    if request.prefix.is_none() {
        let name = request.what.as_ref().map(What::word).unwrap_or_default();
        let recipe = context.recipe_for(&name, None, request.template.as_deref(), Ignored::NotLookedAt)?;
        refs.prefix = recipe.prefix;
    }
    let start = Start::of(request, &refs)?;
    let (name, branch, template) = (start.name.as_str(), start.head.branch(), request.template.as_deref());
    let ignored = if request.env { Ignored::AskGit } else { Ignored::NotLookedAt };
    let recipe = context.recipe_for(name, branch, template, ignored)?;
    Ok((recipe, start))
}

/// Gathers the facts and plans, under the repository lock, which is returned with the plan.
fn plan(
    request: &Request,
    recipe: &Recipe,
    start: &Start,
    context: &Context,
) -> Result<(Plan, crate::record::Lock)> {
    let Context { repo, records, claims, .. } = context;
    let lock = records.lock()?;
    let gets = match (request.env && recipe.env_enabled, request.no_checkout) {
        (false, _) => Gets::Nothing,
        (true, true) => Gets::Ports,
        (true, false) => Gets::Environment,
    };
    let facts = Facts::gather(repo, recipe, gets, records, claims, None)?;
    let add = AddFacts::gather(repo, request, start, recipe, &facts)?;
    Ok((Plan::of(request, start, recipe, &facts, &add)?, lock))
}

/// Plans and writes the record, so that whatever is made from here on can be unmade.
fn begin<'a>(request: &Request, context: &'a Context) -> Result<(Plan, Start, LockedRecord<'a>)> {
    let (recipe, start) = recipe_and_start(request, context)?;
    if request.env && !request.no_checkout {
        context.ask_for_recipe(&recipe, None)?;
    }
    let (mut plan, mut lock) = self::plan(request, &recipe, &start, context)?;
    if let Some(vanished) = &plan.heal {
        // release the lock, because the undoing takes it itself
        drop(lock);
        forget_vanished(vanished, context)?;
        (plan, lock) = self::plan(request, &recipe, &start, context)?;
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
    record.base_branch = plan.base.as_deref().and_then(|base| context.repo.local_branch(base));
    record.note.clone_from(&request.note);
    record.push.clone_from(&plan.push);
    record.template.clone_from(&request.template);
    record.protected = plan.protected;
    hooks::schedule(&mut record, &plan.pending.hooks);
    let mut held = context.records.begin(record)?;
    let owner = held.record.owner(&context.repo);
    held.claim_ports(&context.site(&owner, &plan.path));
    drop(lock);
    Ok((plan, start, held))
}

/// Says where the worktree is and what it starts with.
fn headline(request: &Request, start: &Start, record: &Record, context: &Context) -> String {
    let name = record.name.as_str();
    let other =
        |branch: &BranchName| if branch.as_str() == name { String::new() } else { format!(" '{branch}'") };
    let what = match &start.head {
        StartPoint::New(branch, was) => {
            let oid = record.steps.iter().find_map(|step| match &step.resource {
                Resource::Branch(made) => Some(made.oid.short()),
                _ => None,
            });
            let from = record.base_branch.as_ref().map(BranchName::as_str).or(record.base.as_deref());
            let verb = if was.is_some() { "reset branch" } else { "new branch" };
            let to = if was.is_some() { "to" } else { "from" };
            format!("{verb}{} {to} {} ({})", other(branch), from.unwrap_or("HEAD"), oid.unwrap_or_default())
        }
        StartPoint::Tracking(branch, remote) => {
            format!("new branch{} from {} ({})", other(branch), remote.short(), remote.oid.short())
        }
        StartPoint::Existing(branch) => {
            let oid = context.repo.branch(branch);
            let at = oid.map(|oid| format!(" at {}{}", oid.short(), age(&oid, context)));
            format!("branch{}{}", other(branch), at.unwrap_or_default())
        }
        StartPoint::Detached(oid) => {
            let word = request.commit_ish.clone().or_else(|| request.what.as_ref().map(What::word));
            match word.filter(|word| !oid.as_str().starts_with(word.as_str())) {
                Some(word) => format!("detached at {word} ({})", oid.short()),
                None => format!("detached at {}", oid.short()),
            }
        }
        StartPoint::Orphan(branch) => format!("new branch{} without a commit", other(branch)),
    };
    format!("{name}: {what} in {}", summary::place(&record.path))
}

/// Returns how old a commit is, in parentheses.
fn age(oid: &Oid, context: &Context) -> String {
    let commits = git::commits::read(context.root(), &[oid]).unwrap_or_default();
    let age = |commit: &git::commits::Commit| format!(" ({})", list::table::ago(commit.committed));
    commits.get(oid).map(age).unwrap_or_default()
}

/// Forgets a worktree whose directory is gone, and its record. Its ports are free for the worktree that replaces it,
/// which also gets its databases.
fn forget_vanished(vanished: &Worktree, context: &Context) -> Result<()> {
    context.ui.say(&format!("forgetting the vanished worktree '{}'", vanished.path.display()));
    let record =
        context.records.own(&context.repo)?.into_iter().find(|r| vanished.record.as_ref() == Some(&r.id));
    let held = record.map(|record| context.records.hold(&record.id)).transpose()?.flatten();
    let name = match &held {
        Some(held) => held.record.name.clone(),
        None => Name::of_place(&vanished.path.file_name().unwrap_or_default().to_string_lossy()),
    };
    take_away::forget_vanished(held, vanished, name.as_str(), DatabaseFate::Release, context)
}

/// Puts aside entries whose `commondir` is empty, where doctor finds them: whatever git is asked, it dies of such an
/// entry.
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

/// The result of making: the directory, and how the user's post-checkout hook ended.
pub struct Made {
    path: PathBuf,
    /// The exit status of the user's post-checkout hook.
    pub post_checkout: u8,
    pending: Pending,
}

/// A failure on the way; whatever was made before it still exists.
pub struct Failure {
    pub error: Error,
    port_taken: bool,
}

/// Makes what is on the record's list.
pub fn make(
    root: &Path,
    pending: &Pending,
    held: &mut LockedRecord,
    context: &Context,
) -> std::result::Result<Made, Failure> {
    let owner = held.record.owner(&context.repo);
    let site = context.site(&owner, root);
    let ui = context.ui;
    let mut post_checkout = 0;
    let mut begun = Instant::now();
    let steps: Vec<String> = held.record.steps.iter().map(|step| step.resource.describe()).collect();
    let done = AtomicUsize::new(0);
    let mut tell = |resource: &Resource, created: &Created| {
        if let Resource::Checkout(checkout) = resource {
            post_checkout = checkout.post_checkout;
            for why in &checkout.empty {
                ui.warn(why);
                ui.hint("git submodule update --init");
            }
        }
        if let Resource::Copies(copies) = resource {
            copies.reasons().iter().for_each(|why| ui.warn(why));
        }
        match created {
            Created::Skipped(_) | Created::Found if matches!(resource, Resource::Copies(_)) => {}
            Created::Made if ui.verbose => ui.say(&resource.describe()),
            Created::Made => {}
            Created::Found => ui.say(&format!("  {}: there already, used as it is", resource.describe())),
            Created::Skipped(why) => ui.warn(&format!("no {}: {why}", resource.describe())),
        }
        ui.took(begun.elapsed());
        begun = Instant::now();
        done.fetch_add(1, Ordering::Relaxed);
    };
    let work = || held.make(&site, &mut tell).and_then(|()| set_upstream(held, context));
    let done =
        ui.spin("making", &|| steps.get(done.load(Ordering::Relaxed)).cloned().unwrap_or_default(), work);
    match done {
        Ok(()) => {
            if let Some(made) = summary::of(held.record.made()).filter(|_| !ui.verbose) {
                ui.say(&format!("  {made}"));
            }
            Ok(Made { path: root.to_owned(), post_checkout, pending: pending.clone() })
        }
        Err(error) => {
            // another repository may have claimed the port since we checked
            let at = held.record.steps.iter().find(|step| step.state != StepState::Made);
            let port_taken = at.is_some_and(|step| matches!(step.resource, Resource::Port(_)));
            Err(Failure { error, port_taken })
        }
    }
}

/// Sets the new branch's upstream under the repository lock, because git does not wait for its own `config.lock`.
fn set_upstream(held: &LockedRecord, context: &Context) -> Result<()> {
    let branch = held.record.made().find_map(|resource| match resource {
        Resource::Branch(branch) if branch.upstream.is_some() => Some(branch.clone()),
        _ => None,
    });
    let Some(branch) = branch else { return Ok(()) };
    let _lock = context.records.lock()?;
    branch.set_upstream(&context.repo)
}

/// Finishes after the commit point: whatever happens now, the worktree stays.
fn finish(
    mut held: LockedRecord,
    made: &Made,
    begun: Instant,
    request: &Request,
    context: &Context,
) -> Result<u8> {
    let status = if request.env { hooks::run_all(&mut held, &made.path, &made.pending, context)? } else { 0 };
    push(&mut held, &made.path, context)?;
    if status == 0 {
        tell_ready(&held.record, begun, context);
    }
    Ok(if made.post_checkout == 0 { status } else { made.post_checkout })
}

/// Says where it will answer, and how to start it, if there is anything to start.
fn tell_ready(record: &Record, begun: Instant, context: &Context) {
    let ui = context.ui;
    let time = short_time(begun.elapsed());
    match record.ports().first() {
        Some((_, port)) => ui.say(&format!("ready in {time}: http://localhost:{port}")),
        None if !record.hooks.is_empty() => ui.say(&format!("ready in {time}")),
        None => {}
    }
    // whatever is wrong with the recipe has been told, and the worktree is there
    if let Ok(Some(start)) = summary::to_start(record, context) {
        ui.offer("start it", start);
    }
}

/// Pushes the new branch if requested. A failure is left for the user to retry: the record, and so `list`, says that
/// the branch is not pushed.
fn push(held: &mut LockedRecord, root: &Path, context: &Context) -> Result<()> {
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
