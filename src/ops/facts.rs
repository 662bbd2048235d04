//! Gathers the facts for a plan once: references, places, ports, ignored files.
//!
//! It changes nothing and decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Hint, Result};
use crate::git::version::{self, Version};
use crate::git::worktrees::{self, Worktree};
use crate::git::{self, Oid, RemoteBranch, Repo, is_ignored, pointed_git_dir};
use crate::host::claims::{Claim, Claims, RepositoryState, Thing};
use crate::host::exec;
use crate::host::file::{self, real_in_part};
use crate::host::identity::Identity;
use crate::plan::{self, AddFacts, Around, Facts, Ground, Known, Place, Refs, Request, Start, What};
use crate::recipe::consent::{Action, Author, Consent, ConsentFile, Requested};
use crate::recipe::{EnvRule, Recipe};
use crate::record::{Record, Records};
use crate::resource::copy::{self, Selection};
use crate::resource::database::Content;
use crate::resource::port;
use crate::text::dotenv::{EnvText, Value, is_utf16};
use crate::text::name::BranchName;
use crate::text::url::{Engine, SqlitePlace, Url};

impl Known {
    /// Looks up what `word` names, in git's order.
    fn look_up(repo: &Repo, word: &str) -> Self {
        let branch = repo.reference(&format!("refs/heads/{word}"));
        let remote = repo.remote_branch(word);
        let on_remotes = if branch.is_none() { repo.on_remotes(word) } else { Vec::new() };
        let commit = commit(repo, word, branch.as_ref());
        Self { branch, on_remotes, remote, commit }
    }
}

/// Returns the commit of a tag or revision. Git is asked only about words that can be one.
fn commit(repo: &Repo, word: &str, branch: Option<&Oid>) -> Option<Oid> {
    if let Some(oid) = branch {
        return Some(oid.clone());
    }
    let is_reference = repo.reference(&format!("refs/tags/{word}")).is_some()
        || repo.reference(&format!("refs/remotes/{word}")).is_some()
        || word.starts_with("refs/");
    let is_hex = word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let is_expression = word.contains(['~', '^', '@', ':']) || word == "HEAD" || word.ends_with("_HEAD");
    if is_reference || is_hex || is_expression { repo.commit(word) } else { None }
}

/// Looks up what the words of a request name.
pub fn refs(repo: &Repo, request: &Request) -> Refs {
    let word = match &request.what {
        Some(What::Name(name)) => Some(name.clone()),
        Some(What::Path(path)) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
        None => None,
    };
    let what = word.map(|word| Known::look_up(repo, &word)).unwrap_or_default();
    let commit_ish = match &request.commit_ish {
        Some(word) => {
            let known = Known::look_up(repo, word);
            Known { commit: known.commit.clone().or_else(|| repo.commit(word)), ..known }
        }
        None => Known::default(),
    };
    let new_branch = match (&request.new_branch, &what.remote) {
        (Some(branch), _) => Known { branch: repo.branch(branch), ..Known::default() },
        // origin/x stands for a branch x
        (None, Some(remote)) => Known::look_up(repo, &remote.branch),
        (None, None) => Known::default(),
    };
    Refs {
        what,
        commit_ish,
        new_branch,
        default_remote: repo.setting("checkout.defaultRemote"),
        guess_remote: repo.flag("worktree.guessRemote").unwrap_or(false),
        prefix: String::new(),
    }
}

/// What a worktree gets in addition to its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gets {
    Nothing,
    /// Ports only, since nothing is checked out.
    Ports,
    Environment,
}

impl Facts {
    /// Gathers what any plan needs. The caller holds the repository lock, so that the facts stay true until the record
    /// is written. `own` is the id of the record that the plan is for, if there is one already.
    pub fn gather(
        repo: &Repo,
        recipe: &Recipe,
        gets: Gets,
        records: &Records,
        claims: &Claims,
        own: Option<&str>,
    ) -> Result<Self> {
        // read before the listing, which then includes every add that finishes in between
        let records = records.own(repo)?;
        let listing = repo.worktrees()?;
        let main = repo.main_or_default(&listing);
        let own_record = records.iter().find(|record| Some(record.id.as_str()) == own).cloned();
        let consent = ConsentFile::of(repo, claims)?.consent().clone();
        let mut facts = Self {
            repo_name: repo.name(),
            superproject: repo.superproject(),
            cwd: std::env::current_dir().explain(|| "cannot tell the current directory".into())?,
            home: home(),
            free_ports: if gets == Gets::Nothing {
                Vec::new()
            } else {
                free_ports(repo, recipe, &records, own_record.as_ref(), claims)?
            },
            records,
            own: own_record,
            databases: Vec::new(),
            env_sources: BTreeMap::new(),
            env_source: None,
            database_dir: PathBuf::new(),
            tracked_sources: BTreeSet::new(),
            links: Vec::new(),
            links_to_hide: Vec::new(),
            copies: Selection::default(),
            unusual_database: None,
            fill: Ok(None),
            left_out: Vec::new(),
            consent,
            listing,
            main,
        };
        if gets == Gets::Environment {
            facts.databases = others(claims, own)?;
            facts.look_at_main(recipe)?;
        }
        Ok(facts)
    }

    /// Gathers what an environment takes from the main worktree.
    fn look_at_main(&mut self, recipe: &Recipe) -> Result<()> {
        let Some(main) = self.main.as_deref() else { return Ok(()) };
        self.copies = copies(main, recipe)?;
        self.links = links(main, recipe)?;
        let needs_line = |path: &Path| is_ignored_as_directory(main, path) || ignores_itself(main, path);
        let to_hide = self.links.iter().filter(|(_, path)| needs_line(path));
        self.links_to_hide = to_hide.map(|(_, path)| path.clone()).collect();
        let sources = Sources::of(main, recipe)?;
        self.unusual_database = unusual_database(main, recipe, &sources);
        self.fill = fill(main, recipe, &sources, &self.consent);
        self.env_source = with_database(&sources.texts, recipe);
        let url = self.env_source.as_ref().zip(recipe.database.as_ref());
        let url = url.and_then(|((file, text), rule)| Some((file, text.get(&rule.variable)?.into_text())));
        self.database_dir = url.map(|(file, url)| database_dir(main, file, &url)).unwrap_or_default();
        self.env_sources = sources.texts;
        self.tracked_sources = sources.tracked;
        self.left_out = sources.left_out;
        Ok(())
    }
}

impl AddFacts {
    /// Gathers what a new worktree needs besides.
    pub fn gather(
        repo: &Repo,
        request: &Request,
        start: &Start,
        recipe: &Recipe,
        facts: &Facts,
    ) -> Result<Self> {
        let with_files = facts.listing.worktrees.iter().filter(|tree| tree.head != worktrees::Head::Bare);
        let trees: Vec<(&Worktree, PathBuf)> =
            with_files.map(|tree| (tree, real_in_part(&tree.path))).collect();
        let candidates = plan::candidates(request, start, recipe, facts)?;
        let base = base(repo, request, recipe)?;
        let push_remote = repo.push_remote();
        let real_main = real_in_part(facts.main.as_ref().unwrap_or(&facts.listing.main().path));
        let data_home = exec::variable("XDG_DATA_HOME").map(PathBuf::from);
        let data_home = data_home.unwrap_or_else(|| facts.home.join(".local/share"));
        Ok(Self {
            grounds: candidates
                .into_iter()
                .map(|path| ground(path, repo, facts, &real_main, &trees))
                .collect(),
            real_outer: facts.superproject.as_deref().map_or_else(|| real_main.clone(), real_in_part),
            real_data_home: real_in_part(&data_home.join("git-wt")),
            makes_orphans: base.is_none() && Version::of_git()? >= version::ORPHAN,
            configures_first_push: repo.configures_first_push()
                || push_remote.as_deref().is_some_and(|remote| !repo.push_can_set_upstream(remote)),
            push_remote,
            tracking: repo.tracking(),
            base,
            real_main,
        })
    }
}

fn home() -> PathBuf {
    exec::variable("HOME").map(PathBuf::from).unwrap_or_default()
}

/// Returns a free port for each variable of the recipe, unless the worktree already has them all.
fn free_ports(
    repo: &Repo,
    recipe: &Recipe,
    records: &[Record],
    own: Option<&Record>,
    claims: &Claims,
) -> Result<Vec<u16>> {
    let variables = &recipe.port.variables;
    let has = own.map(Record::ports).unwrap_or_default();
    if variables.iter().all(|(variable, _)| has.iter().any(|(name, _)| name == variable)) {
        return Ok(Vec::new());
    }
    let others = claims.ports_of_others()?;
    let mut claims = claims.ports()?;
    // what this repository's records hold may be claimed under another home
    for record in records.iter().filter(|record| own.is_none_or(|own| own.id != record.id)) {
        for (_, port) in record.ports() {
            let claim = Claim { thing: Thing::Port(port), owner: Some(record.owner(repo)) };
            claims.entry(port).or_insert(claim);
        }
    }
    let host = port::Host {
        claims: &claims,
        others: &others,
        ephemeral: port::ephemeral(),
        bound: &port::is_bound,
        gone: &|owner| RepositoryState::of(owner) == RepositoryState::Gone,
    };
    port::choose(variables, recipe.port.range.as_ref(), &host)
}

/// Examines a place where a worktree may go.
fn ground(
    path: PathBuf,
    repo: &Repo,
    facts: &Facts,
    real_main: &Path,
    trees: &[(&Worktree, PathBuf)],
) -> Ground {
    let common = repo.common_dir();
    let real = real_in_part(&path);
    let outside = real.ancestors().skip(1).take_while(|dir| !real_main.starts_with(dir));
    let main = facts.listing.main();
    let is_bare = main.head == worktrees::Head::Bare;
    Ground {
        stands: place(&path, common),
        is_without_parent: path.parent().is_some_and(|parent| place(parent, common) == Place::Free),
        is_in_another: outside.into_iter().any(|dir| place(dir, common) == Place::Foreign),
        is_in_git_dir: !is_bare && real.starts_with(real_in_part(&main.git_dir)),
        around: around(&real, facts, trees),
        real,
        path,
    }
}

/// Returns the innermost worktree around a place; the paths in `trees` have their links resolved.
fn around(real: &Path, facts: &Facts, trees: &[(&Worktree, PathBuf)]) -> Option<Around> {
    let around = trees.iter().filter(|(tree, root)| real != tree.path && real.starts_with(root));
    let (tree, root) = around.max_by_key(|(_, root)| root.as_os_str().len())?;
    let inner = real.strip_prefix(root).unwrap_or(real).to_owned();
    let is_ignored = tree.is_main() && facts.main.as_ref().is_some_and(|main| is_ignored(main, &inner));
    Some(Around { path: tree.path.clone(), is_main: tree.is_main(), inner, is_ignored })
}

/// Returns what needs consent about the place of a new database under the main worktree's URL.
fn unusual_database(main: &Path, recipe: &Recipe, sources: &Sources) -> Option<Action> {
    let rule = recipe.database.as_ref()?;
    let (file, text) = with_database(&sources.texts, recipe)?;
    let Value::Text(url) = text.get(&rule.variable)? else { return None };
    let author = if sources.is_tracked(&file) { Author::Repository } else { Author::User };
    let dir = database_dir(main, &file, &url);
    Consent::unusual_database(rule, &Requested::by(author, url), &dir, main, &real_in_part)
}

/// Returns the directory, relative to a worktree, from which the project reads the relative path of an SQLite database:
/// that of the env file, if the database is there or a project is, or else the root.
fn database_dir(main: &Path, file: &str, url: &str) -> PathBuf {
    const PROJECTS: [&str; 7] =
        ["manage.py", "pyproject.toml", "package.json", "composer.json", "Gemfile", "Cargo.toml", "go.mod"];
    let dir = Path::new(file).parent().unwrap_or(Path::new(""));
    let Some(SqlitePlace::Relative(path)) = Url::parse(url).and_then(|url| url.sqlite_place()) else {
        return PathBuf::new();
    };
    let is_there = |dir: &Path| main.join(dir).join(&path).is_file();
    let has_project = || PROJECTS.iter().any(|name| main.join(dir).join(name).is_file());
    if is_there(dir) || (!is_there(Path::new("")) && has_project()) { dir.into() } else { PathBuf::new() }
}

/// Returns the places of databases that other records have claimed.
fn others(claims: &Claims, own: Option<&str>) -> Result<Vec<String>> {
    let others = claims.databases()?.into_iter();
    let others = others
        .filter(|claim| claim.owner.as_ref().map(|owner| owner.record.as_str()) != own || own.is_none());
    Ok(others
        .filter_map(|claim| match claim.thing {
            Thing::Database(place) => Some(place),
            Thing::Port(_) => None,
        })
        .collect())
}

/// Returns what a new branch should start from, in the user's words.
pub fn asked_base<'a>(request: &'a Request, recipe: &'a Recipe) -> &'a str {
    match (&request.base, &request.commit_ish) {
        (Some(base), _) => base,
        (None, Some(commit_ish)) if request.new_branch.is_some() => commit_ish,
        _ => &recipe.base,
    }
}

/// Returns the remote branch that a base is, or tracks.
pub fn fetched_base(repo: &Repo, asked: &str) -> Result<Option<RemoteBranch>> {
    if asked == "default" {
        return Ok(repo.default_branch());
    }
    if let Some(remote) = repo.remote_branch(asked) {
        return Ok(Some(remote));
    }
    let branch = match asked {
        "HEAD" => repo.worktrees()?.worktrees.into_iter().find(|tree| tree.git_dir == repo.git_dir()),
        _ => None,
    };
    let branch = match branch {
        Some(here) => here.head.branch().cloned(),
        None => BranchName::parse(asked).ok(),
    };
    branch.map(|branch| repo.upstream(&branch)).transpose().map(Option::flatten)
}

/// Resolves what a new branch starts from.
fn base(repo: &Repo, request: &Request, recipe: &Recipe) -> Result<Option<(String, Oid)>> {
    let asked = asked_base(request, recipe);
    if request.fetch
        && let Some(remote) = fetched_base(repo, asked)?
    {
        return Ok(Some((remote.short(), remote.oid)));
    }
    if asked == "default"
        && let Some(remote) = repo.default_branch()
    {
        return Ok(Some((remote.short(), remote.oid)));
    }
    // without a remote, `default` means the current commit, never a branch that may not exist
    let revision = if asked == "default" { "HEAD" } else { asked };
    match repo.commit(revision) {
        Some(oid) => Ok(Some((revision.to_owned(), oid))),
        None if revision == "HEAD" => Ok(None),
        None => Err(Error::new(format!("the base '{revision}' names no commit")).hint("git fetch --all")),
    }
}

/// Returns the ignored files of the main worktree that the recipe, or `.worktreeinclude`, wants copied.
fn copies(main: &Path, recipe: &Recipe) -> Result<Selection> {
    let mut patterns = recipe.copy.clone();
    let include = main.join(".worktreeinclude");
    if let Some(text) = file::read_text(&include)? {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        // a link may lead to a secret file, and the error would show a line of it
        if include.is_symlink() && copy::matching(main, &[], &lines).is_err() {
            return Err(Error::new("'.worktreeinclude' has a line that is not a usable pattern"));
        }
        patterns.extend(lines);
    }
    if patterns.is_empty() {
        return Ok(Selection::default());
    }
    let listing = git::looking_at(main)
        .args(["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"])
        .stdout()?;
    let mut selection = copy::matching(main, &git::paths(&listing), &patterns)?;
    // env files are written, not copied
    selection.files.retain(|path| recipe.env_rules().all(|rule| *path != Path::new(&rule.file)));
    Ok(selection)
}

/// Returns what the recipe wants linked. A directory with tracked files exists in every worktree, so only what git
/// ignores in it is linked.
fn links(main: &Path, recipe: &Recipe) -> Result<Vec<(String, PathBuf)>> {
    let mut links = Vec::new();
    for entry in recipe.link.wanted() {
        let path = PathBuf::from(entry);
        let is_dir = fs::symlink_metadata(main.join(&path)).is_ok_and(|found| found.is_dir());
        let list = |which: &[&str]| {
            let git = git::looking_at(main).env("GIT_LITERAL_PATHSPECS", "1").args(["ls-files", "-z"]);
            git.args(which).arg("--").arg(&path).stdout()
        };
        if is_dir && !list(&[])?.is_empty() {
            let ignored = list(&["--others", "--ignored", "--exclude-standard", "--directory"])?;
            // collecting the components drops the slash at the end of a directory
            let inside = git::paths(&ignored);
            links.extend(inside.iter().map(|path| (entry.clone(), path.components().collect::<PathBuf>())));
        } else {
            links.push((entry.clone(), path));
        }
    }
    Ok(links)
}

/// Whether git ignores a directory of the main worktree by a pattern, such as `media/`, that does not match a link.
fn is_ignored_as_directory(main: &Path, path: &Path) -> bool {
    let git = git::looking_at(main).args(["check-ignore", "--verbose", "--"]).arg(path);
    let output = git.output().map(|output| output.stdout).unwrap_or_default();
    // the output is 'source:line:pattern', a tab, and the path, in which tabs are quoted
    let by_directory =
        output.rsplitn(2, |b| *b == b'\t').nth(1).is_some_and(|pattern| pattern.ends_with(b"/"));
    let around = path.parent().filter(|around| !around.as_os_str().is_empty());
    by_directory && !around.is_some_and(|around| is_ignored(main, around))
}

/// Whether a directory is ignored by a file in it alone, which a link does not have.
fn ignores_itself(main: &Path, path: &Path) -> bool {
    let file = path.join(".gitignore");
    main.join(&file).is_file() && is_ignored(main, &file) && !is_ignored(main, path)
}

/// Returns a rule for `.env.local` if the recipe would copy it although it holds values that are different in each
/// worktree.
pub fn overriding_env_file(main: &Path, recipe: &Recipe) -> Result<Option<EnvRule>> {
    let rule = EnvRule::of(EnvRule::OVERRIDING);
    let EnvSource::Text(_, text) = env_source_at(main.join(&rule.file))? else { return Ok(None) };
    let ports = recipe.port.variables.iter().map(|(name, _)| name);
    let mut managed = ports.chain(recipe.database.iter().map(|rule| &rule.variable));
    let path = PathBuf::from(&rule.file);
    let is_meant = recipe.env_rules().all(|known| known.file != rule.file)
        && managed.any(|name| text.get(name).is_some())
        && !copy::matching(main, std::slice::from_ref(&path), &recipe.copy)?.files.is_empty()
        && is_ignored(main, &path);
    Ok(is_meant.then_some(rule))
}

/// What env files start from.
#[derive(Default)]
struct Sources {
    /// For each env file, the file of the main worktree and its text.
    texts: BTreeMap<String, (PathBuf, EnvText)>,
    /// The sources that git tracks: others may have written them.
    tracked: BTreeSet<PathBuf>,
    /// What is not used, and why.
    left_out: Vec<String>,
}

impl Sources {
    fn of(main: &Path, recipe: &Recipe) -> Result<Self> {
        let mut sources = Self::default();
        for rule in recipe.env_rules() {
            match env_source(main, &rule.from)? {
                EnvSource::None => {}
                EnvSource::Text(path, text) => drop(sources.texts.insert(rule.file.clone(), (path, text))),
                EnvSource::NotUnderstood(path, why) => {
                    sources.left_out.push(format!("'{}' is not used: {why}", path.display()));
                }
                // one in its place with our values alone would hide what is missing
                EnvSource::Utf16(path) if recipe.configured => {
                    let to_utf8 = Hint::of("iconv --from-code UTF-16 --to-code UTF-8").name(&path);
                    return Err(Error::new(format!("cannot use '{}'", path.display()))
                        .because("it is UTF-16, which no program reads as an env file")
                        .hint(to_utf8));
                }
                EnvSource::Utf16(path) => {
                    sources.left_out.push(format!("'{}' is not used: it is UTF-16", path.display()));
                }
            }
        }
        if sources.texts.is_empty() {
            return Ok(sources);
        }
        // if a link of the repository's leads to the file, the repository has chosen it
        let ways: Vec<(PathBuf, Vec<PathBuf>)> =
            sources.texts.values().map(|(path, _)| (path.clone(), way(main, path))).collect();
        let git = git::looking_at(main).env("GIT_LITERAL_PATHSPECS", "1");
        let git = git.args(["ls-files", "-z", "--recurse-submodules", "--"]);
        let listed = git.args(ways.iter().flat_map(|(_, way)| way)).stdout()?;
        let tracked: BTreeSet<PathBuf> = git::paths(&listed).into_iter().collect();
        let is_tracked = |way: &[PathBuf]| way.iter().any(|step| tracked.contains(step));
        sources.tracked = ways.into_iter().filter(|(_, way)| is_tracked(way)).map(|(path, _)| path).collect();
        // a file outside, reached through a link of the repository's, is the user's and not for the repository to use
        let leads_out = |path: &Path| {
            sources.tracked.contains(path) && !real_in_part(path).starts_with(real_in_part(main))
        };
        let out = sources.texts.extract_if(.., |_, (path, _)| leads_out(path));
        let outside = "it is tracked, and a link that leads out of the repository";
        sources
            .left_out
            .extend(out.map(|(_, (path, _))| format!("'{}' is not used: {outside}", path.display())));
        Ok(sources)
    }

    /// Whether the source of an env file came with the repository.
    fn is_tracked(&self, file: &str) -> bool {
        self.texts.get(file).is_some_and(|(path, _)| self.tracked.contains(path))
    }
}

/// Returns the links on the way from `path` to a file, and the file itself: those inside the main worktree, relative to
/// it.
fn way(main: &Path, path: &Path) -> Vec<PathBuf> {
    // the limit that the system has for links
    const MOST: usize = 40;
    let root = real_in_part(main);
    let mut way = vec![path.strip_prefix(main).unwrap_or(path).to_owned()];
    let mut path = path.to_owned();
    for _ in 0..MOST {
        let mut on_the_way: Vec<&Path> = path.ancestors().collect();
        on_the_way.reverse();
        let Some(link) = on_the_way.into_iter().find(|step| step.is_symlink()) else { break };
        let inside =
            link.parent().map(real_in_part).map(|dir| dir.join(link.file_name().unwrap_or_default()));
        way.extend(inside.and_then(|link| Some(link.strip_prefix(&root).ok()?.to_owned())));
        let Ok(target) = fs::read_link(link) else { break };
        let rest = path.strip_prefix(link).unwrap_or(Path::new(""));
        path = link.parent().unwrap_or(link).join(target).join(rest);
    }
    way.extend(real_in_part(&path).strip_prefix(&root).ok().map(Path::to_owned));
    way
}

/// Returns the action of filling a database on a server from a file. The file runs there with the user's rights, and a
/// script runs through a client that has commands for the shell. An SQLite file needs no consent if the user's own
/// configuration names what fills it.
fn fill(main: &Path, recipe: &Recipe, sources: &Sources, consent: &Consent) -> Result<Option<Action>> {
    let Some(rule) = &recipe.database else { return Ok(None) };
    if consent.shared_database(&rule.shared).is_ok_and(|shared| *shared.get()) {
        return Ok(None);
    }
    let Some(file) = recipe.database_file() else { return Ok(copy_of_another(recipe, sources)) };
    let is_repositorys = rule.from.is_repositorys();
    match engine(recipe, sources) {
        Some(Engine::Sqlite) if is_repositorys => Action::fill(file, main).map(Some),
        Some(Engine::Server(engine)) => {
            Content::of_file(engine, file)?;
            let action = Action::fill(file, main);
            action.map(Some).map_err(|error| error.because("'from' under [database] names it"))
        }
        Some(Engine::Sqlite) | None => Ok(None),
    }
}

/// Returns the action of copying a database on a server that a tracked file says is main's: it may be any of the user's
/// databases.
fn copy_of_another(recipe: &Recipe, sources: &Sources) -> Option<Action> {
    let rule = recipe.database.as_ref().filter(|rule| rule.from.wanted() == "main")?;
    let (file, text) = with_database(&sources.texts, recipe)?;
    let Value::Text(url) = text.get(&rule.variable)? else { return None };
    let url = Url::of_server(&url).ok()?;
    let is_servers = matches!(Engine::of(url.scheme()), Some(Engine::Server(_)));
    (is_servers && sources.is_tracked(&file)).then(|| Action::copy(&url.database(), &url.address()))
}

/// Returns all that the repository asks for in this recipe, as far as it is known before a worktree is planned. A
/// worktree that has its database does not fill it again.
pub fn actions(main: Option<&Path>, root: &Path, recipe: &Recipe, has_database: bool) -> Result<Vec<Action>> {
    let mut actions = recipe.actions(root)?;
    let Some(main) = main else { return Ok(actions) };
    let sources = Sources::of(main, recipe)?;
    let shares = recipe.database.as_ref().is_some_and(|rule| *rule.shared.wanted());
    for rule in recipe.env_rules().filter(|rule| sources.is_tracked(&rule.file)) {
        let (path, text) = &sources.texts[&rule.file];
        actions.extend(rule.supplied_by(path, text, recipe, shares).1);
    }
    if !has_database {
        actions.extend(fill(main, recipe, &sources, &Consent::default())?);
    }
    actions.extend(unusual_database(main, recipe, &sources));
    if !Consent::is_usual_template(&recipe.path) {
        actions.extend(
            Consent::default().place(&recipe.path, PathBuf::new(), false).err().map(|action| *action),
        );
    }
    Ok(actions)
}

/// Returns the kind of the main worktree's database, as far as its URL tells.
fn engine(recipe: &Recipe, sources: &Sources) -> Option<Engine> {
    let (_, text) = with_database(&sources.texts, recipe)?;
    match text.get(&recipe.database.as_ref()?.variable)? {
        Value::Text(url) => Engine::of(Url::parse(&url)?.scheme()),
        Value::Dynamic(_) => None,
    }
}

/// Returns the env file whose source has the database's URL, or else the first one, with the text of its source.
fn with_database(
    sources: &BTreeMap<String, (PathBuf, EnvText)>,
    recipe: &Recipe,
) -> Option<(String, EnvText)> {
    let variable = recipe.database.as_ref().map_or("DATABASE_URL", |rule| rule.variable.as_str());
    let source = |rule: &EnvRule| Some((rule.file.clone(), sources.get(&rule.file)?.1.clone()));
    let mut in_order = recipe.env_rules().filter_map(source);
    let first = in_order.clone().next();
    in_order.find(|(_, text)| text.get(variable).is_some()).or(first)
}

/// What is at the place of a file that an env file starts from.
enum EnvSource {
    None,
    Text(PathBuf, EnvText),
    /// Something that is used by nobody as an env file, and why.
    NotUnderstood(PathBuf, String),
    /// A file that PowerShell has written, and that no program reads as an env file.
    Utf16(PathBuf),
}

/// Returns the file that an env file starts from: main's own, or else its example.
fn env_source(main: &Path, from: &str) -> Result<EnvSource> {
    let examples = [".example", ".sample", ".template", ".dist"].map(|ending| format!("{from}{ending}"));
    for name in std::iter::once(from).chain(examples.iter().map(String::as_str)) {
        match env_source_at(main.join(name))? {
            EnvSource::None => {}
            found => return Ok(found),
        }
    }
    Ok(EnvSource::None)
}

fn env_source_at(path: PathBuf) -> Result<EnvSource> {
    // a virtual environment of that name; or docker has made it, for want of a file
    if path.is_dir() {
        return Ok(EnvSource::NotUnderstood(path, "it is a directory".into()));
    }
    if let Err(cause) = file::open(&path)
        && cause.kind() == std::io::ErrorKind::PermissionDenied
    {
        return Ok(EnvSource::NotUnderstood(path, cause.to_string()));
    }
    let Some(bytes) = file::read(&path)? else { return Ok(EnvSource::None) };
    Ok(if is_utf16(&bytes) { EnvSource::Utf16(path) } else { EnvSource::Text(path, EnvText::parse(bytes)) })
}

/// Returns what is at `path`.
fn place(path: &Path, common: &Path) -> Place {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
            Ok(true) => Place::EmptyDir,
            Ok(false) if is_foreign(path, common) => Place::Foreign,
            Ok(false) => Place::Occupied,
            Err(_) => Place::Denied(path.to_owned()),
        },
        Ok(_) => Place::NotADirectory(path.to_owned()),
        Err(_) => nearest(path),
    }
}

/// Whether a directory is a worktree of another repository, or that repository itself.
fn is_foreign(path: &Path, common: &Path) -> bool {
    if ["HEAD", "objects", "refs"].iter().all(|part| path.join(part).exists()) {
        return Identity::of(path) != Identity::of(common);
    }
    let dot_git = path.join(".git");
    if dot_git.is_dir() {
        return Identity::of(&dot_git) != Identity::of(common);
    }
    let Some(git_dir) = pointed_git_dir(path) else { return false };
    let theirs = git_dir.parent().and_then(Path::parent);
    theirs.is_none_or(|theirs| Identity::of(theirs) != Identity::of(common))
}

/// Returns whether a missing path can be made, judging by its nearest existing ancestor.
fn nearest(path: &Path) -> Place {
    let Some(there) = path.ancestors().skip(1).find(|dir| fs::symlink_metadata(dir).is_ok()) else {
        return Place::Free;
    };
    if !there.is_dir() {
        Place::NotADirectory(there.to_owned())
    } else if rustix::fs::access(there, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_err() {
        Place::Denied(there.to_owned())
    } else {
        Place::Free
    }
}
