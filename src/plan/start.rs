//! What the words of a request mean: a name, and what the worktree starts with.

use std::path::Path;

use super::{Request, What};
use crate::error::{Error, Hint, Result};
use crate::git::{Oid, RemoteBranch};
use crate::text::name::{BranchName, Name, slug};

/// What a word names in the repository.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The commit of the local branch of that name.
    pub branch: Option<Oid>,
    /// The branches of that name on remotes.
    pub on_remotes: Vec<RemoteBranch>,
    /// The remote branch it spells out, `origin/x`.
    pub remote: Option<RemoteBranch>,
    /// The commit it names as a tag or revision.
    pub commit: Option<Oid>,
}

/// What each word of a request names.
#[derive(Debug, Clone, Default)]
pub struct Refs {
    /// What the name (or a path's last part) names.
    pub what: Known,
    /// What the second word names.
    pub commit_ish: Known,
    /// What `-b` names.
    pub new_branch: Known,
    /// `checkout.defaultRemote`.
    pub default_remote: Option<String>,
    /// `worktree.guessRemote`: whether the branch for a path is looked for on remotes.
    pub guess_remote: bool,
    /// The recipe's prefix for a new branch.
    pub prefix: String,
}

/// What the worktree starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartPoint {
    Existing(BranchName),
    /// A branch to be made where a remote branch is.
    Tracking(BranchName, RemoteBranch),
    /// A branch to be made at the base, or reset to it; the commit is where an existing one is now.
    New(BranchName, Option<Oid>),
    Detached(Oid),
    /// A branch without a commit.
    Orphan(BranchName),
}

impl StartPoint {
    /// The branch, if there will be one.
    pub fn branch(&self) -> Option<&BranchName> {
        match self {
            Self::Existing(b) | Self::Tracking(b, _) | Self::New(b, _) | Self::Orphan(b) => Some(b),
            Self::Detached(_) => None,
        }
    }
}

/// What the words of a request mean: the worktree's name and what it starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    pub name: Name,
    pub head: StartPoint,
}

impl Start {
    /// Reads the request by git's rules: a local branch, a branch on exactly one remote, a tag or commit, or else a new
    /// branch.
    pub fn of(request: &Request, refs: &Refs) -> Result<Self> {
        let word = match (&request.what, &request.new_branch) {
            (Some(What::Name(name)), _) => name.clone(),
            (Some(What::Path(path)), _) => last_part(path)?,
            (None, Some(branch)) => branch.as_str().to_owned(),
            (None, None) => {
                return Err(Error::usage("what to add is missing").hint("git wt add NAME"));
            }
        };
        let by_path = matches!(request.what, Some(What::Path(_))) || request.path.is_some();
        let head = Self::head(request, refs, &word)
            .and_then(|head| refuse_to_drop_base(request, refs, head, &word))
            .map_err(|error| with_a_way_out(error, &word, refs))?;
        let name = match &head {
            // origin/x is called x
            StartPoint::Tracking(branch, _) | StartPoint::Existing(branch) if refs.what.remote.is_some() => {
                branch.as_str()
            }
            _ => &word,
        };
        let name = match &request.unique {
            Some(suffix) => format!("{name}-{suffix}"),
            None => name.to_owned(),
        };
        let name = if by_path {
            Name::of_place(&name)
        } else {
            Name::parse(&name).map_err(|error| with_a_way_out(error, &word, refs))?
        };
        Ok(Self { name, head })
    }

    fn head(request: &Request, refs: &Refs, word: &str) -> Result<StartPoint> {
        if let Some(branch) = &request.new_branch {
            return Self::new_branch(request, &refs.new_branch, branch.clone());
        }
        if request.orphan {
            return Self::new_branch(request, &refs.what, BranchName::parse(word)?);
        }
        if let Some(commit_ish) = &request.commit_ish {
            return Self::from_commit_ish(request, &refs.commit_ish, commit_ish);
        }
        let what = &refs.what;
        let commit =
            what.branch.clone().or(what.remote.as_ref().map(|r| r.oid.clone())).or(what.commit.clone());
        if request.detach {
            return match commit {
                Some(oid) => Ok(StartPoint::Detached(oid)),
                None => Err(Error::new(format!("'{word}' names no commit")).hint("git log --oneline --all")),
            };
        }
        if what.branch.is_some() {
            return Ok(StartPoint::Existing(BranchName::parse(word)?));
        }
        if let Some(remote) = &what.remote {
            let branch = BranchName::parse(&remote.branch)?;
            let exists = refs.new_branch.branch.is_some();
            return Ok(if exists {
                StartPoint::Existing(branch)
            } else {
                StartPoint::Tracking(branch, remote.clone())
            });
        }
        let by_path = matches!(request.what, Some(What::Path(_)));
        // which of several it is, the user may have said
        if let Some(base) = &request.base
            && let Some(remote) = what.on_remotes.iter().find(|remote| remote.short() == *base)
        {
            return Ok(StartPoint::Tracking(BranchName::parse(word)?, remote.clone()));
        }
        // for a path, git looks on remotes only when told to; for a name we always look
        if request.guess_remote.unwrap_or(!by_path || refs.guess_remote)
            && let Some(remote) = the_one_remote(word, &what.on_remotes, refs.default_remote.as_deref())?
        {
            return Ok(StartPoint::Tracking(BranchName::parse(word)?, remote));
        }
        match &what.commit {
            Some(oid) if !by_path => Ok(StartPoint::Detached(oid.clone())),
            _ => Ok(StartPoint::New(BranchName::parse(&branch_name(request, refs, word))?, None)),
        }
    }

    fn new_branch(request: &Request, known: &Known, branch: BranchName) -> Result<StartPoint> {
        let option = if request.orphan { "--orphan" } else { "-b" };
        match &known.branch {
            Some(_) if !request.reset => Err(Error::new(format!("a branch named '{branch}' already exists"))
                .advise(format!("without {option} it is checked out"))
                .hint(Hint::of("git wt add").name(branch.as_str()))),
            _ if request.orphan => Ok(StartPoint::Orphan(branch)),
            was => Ok(StartPoint::New(branch, was.clone())),
        }
    }

    fn from_commit_ish(request: &Request, known: &Known, word: &str) -> Result<StartPoint> {
        match (&known.branch, &known.commit) {
            (Some(_), _) if !request.detach => Ok(StartPoint::Existing(BranchName::parse(word)?)),
            (_, Some(oid)) => Ok(StartPoint::Detached(oid.clone())),
            _ => Err(Error::new(format!("invalid reference: {word}")).hint("git fetch --all")),
        }
    }
}

/// Refuses a base that would have no effect, since only a new branch has one.
fn refuse_to_drop_base(request: &Request, refs: &Refs, head: StartPoint, word: &str) -> Result<StartPoint> {
    let Some(base) = &request.base else { return Ok(head) };
    let is_there = |branch: &BranchName, has: &str| {
        Error::new(format!("'{branch}' exists{has}, so it does not start from '{base}'"))
            .advise("without --base it is checked out as it is")
            .hint(Hint::of("git wt add").name(word))
    };
    match &head {
        StartPoint::New(..) => Ok(head),
        StartPoint::Tracking(_, remote) if remote.short() == *base => Ok(head),
        StartPoint::Existing(branch) => {
            let known = [&refs.what, &refs.new_branch, &refs.commit_ish];
            let oid = known.into_iter().find_map(|known| known.branch.as_ref());
            Err(is_there(branch, &oid.map(|oid| format!(" at {}", oid.short())).unwrap_or_default()))
        }
        StartPoint::Tracking(branch, remote) => {
            let anew = Hint::of("git wt add -b").name(branch.as_str()).and("--base").name(base);
            Err(is_there(branch, &format!(" on '{}'", remote.remote)).hint(anew))
        }
        StartPoint::Detached(_) | StartPoint::Orphan(_) => {
            Err(Error::new(format!("'{word}' begins no branch, so it does not start from '{base}'"))
                .hint(Hint::of("git wt add -b").name("BRANCH").and("--base").name(base)))
        }
    }
}

/// Adds hints to a refusal about what could be typed instead.
fn with_a_way_out(error: Error, word: &str, refs: &Refs) -> Error {
    let name = slug(word);
    if !error.hints.is_empty() || name.is_empty() {
        return error;
    }
    error.hint(match refs.what.commit {
        Some(_) => Hint::of("git wt add -d").word("../", name).name(word),
        None => Hint::of("git wt add").name(name),
    })
}

fn branch_name(request: &Request, refs: &Refs, word: &str) -> String {
    let suffix = request.unique.as_ref().map(|suffix| format!("-{suffix}")).unwrap_or_default();
    match request.prefix.as_ref().unwrap_or(&refs.prefix).trim_end_matches('/') {
        "" => format!("{word}{suffix}"),
        prefix => format!("{prefix}/{word}{suffix}"),
    }
}

fn last_part(path: &Path) -> Result<String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.ok_or_else(|| {
        Error::new(format!("'{}' has no last part to name the worktree by", path.display()))
            .hint("git wt add ../NAME")
    })
}

fn the_one_remote(
    word: &str,
    found: &[RemoteBranch],
    preferred: Option<&str>,
) -> Result<Option<RemoteBranch>> {
    match found {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        several => {
            if let Some(hit) = several.iter().find(|hit| Some(hit.remote.as_str()) == preferred) {
                Ok(Some(hit.clone()))
            } else {
                let names: Vec<String> = several.iter().map(RemoteBranch::short).collect();
                Err(Error::new(format!("'{word}' is on several remotes: {}", names.join(", ")))
                    .hint(Hint::of("git wt add").name(&names[0]))
                    .hint(Hint::of("git config checkout.defaultRemote").name(&several[0].remote)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid() -> Oid {
        Oid::parse(&"1".repeat(40)).unwrap()
    }

    fn remote(remote: &str, branch: &str) -> RemoteBranch {
        RemoteBranch { remote: remote.into(), branch: branch.into(), oid: oid() }
    }

    fn request(word: &str) -> Request {
        Request { what: Some(What::Name(word.into())), ..Request::default() }
    }

    fn branch(name: &str) -> BranchName {
        BranchName::parse(name).unwrap()
    }

    #[test]
    fn a_word_is_read_in_gits_order() {
        let origin = || remote("origin", "x");
        let exists = Known { branch: Some(oid()), ..Known::default() };
        let on_one = Known { on_remotes: vec![origin()], ..Known::default() };
        let spelled = Known { remote: Some(origin()), ..Known::default() };
        let tag = Known { commit: Some(oid()), ..Known::default() };
        for (word, what, name, head) in [
            ("x", exists.clone(), "x", StartPoint::Existing(branch("x"))),
            (
                "x",
                Known { commit: Some(oid()), ..on_one.clone() },
                "x",
                StartPoint::Tracking(branch("x"), origin()),
            ),
            ("origin/x", spelled, "x", StartPoint::Tracking(branch("x"), origin())),
            ("v1.0", tag.clone(), "v1.0", StartPoint::Detached(oid())),
            ("x", Known::default(), "x", StartPoint::New(branch("x"), None)),
        ] {
            let refs = Refs { what, ..Refs::default() };
            let start = Start::of(&request(word), &refs).unwrap();
            assert_eq!((start.name.as_str(), start.head), (name, head), "{word}");
        }
        // a path takes no branch from a remote or a tag unless it is told to, as in git
        let by_path = Request { what: Some(What::Path("../x".into())), ..Request::default() };
        for what in [on_one.clone(), tag] {
            let refs = Refs { what, ..Refs::default() };
            assert_eq!(Start::of(&by_path, &refs).unwrap().head, StartPoint::New(branch("x"), None));
        }
        let refs = Refs { what: on_one, guess_remote: true, ..Refs::default() };
        assert!(matches!(Start::of(&by_path, &refs).unwrap().head, StartPoint::Tracking(..)));
    }

    #[test]
    fn several_remotes_need_a_preferred_one() {
        let what = Known { on_remotes: vec![remote("a", "x"), remote("b", "x")], ..Known::default() };
        let mut refs = Refs { what, ..Refs::default() };
        let error = Start::of(&request("x"), &refs).unwrap_err();
        assert!(error.what.contains("a/x, b/x"), "{error:?}");
        refs.default_remote = Some("b".into());
        assert!(
            matches!(Start::of(&request("x"), &refs).unwrap().head, StartPoint::Tracking(_, hit) if hit.remote == "b")
        );
    }

    #[test]
    fn b_refuses_what_exists_and_capital_b_resets_it() {
        let refs = Refs { new_branch: Known { branch: Some(oid()), ..Known::default() }, ..Refs::default() };
        let asked = Request { new_branch: Some(branch("x")), ..Request::default() };
        assert!(Start::of(&asked, &refs).is_err());
        let reset = Request { reset: true, ..asked };
        assert_eq!(Start::of(&reset, &refs).unwrap().head, StartPoint::New(branch("x"), Some(oid())));
    }

    #[test]
    fn prefix_and_suffix_make_the_branch_and_the_suffix_the_name() {
        let asked = Request { prefix: Some("me/".into()), unique: Some("a1b2".into()), ..request("fix") };
        let start = Start::of(&asked, &Refs::default()).unwrap();
        assert_eq!(
            (start.name.as_str(), start.head),
            ("fix-a1b2", StartPoint::New(branch("me/fix-a1b2"), None))
        );
    }
}
