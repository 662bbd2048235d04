//! Claims: who holds a port or a database on this host, across all repositories of one user.
//!
//! Each claim is one file in `$XDG_STATE_HOME/git-wt`, made whole or not at all, so there is no list to corrupt and no
//! lock to wait for. This module must not judge whether an owner still exists: that takes its repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result};
use crate::host::exec::variable;
use crate::host::file;
use crate::host::identity::Identity;
use crate::host::notices::Notices;
use crate::host::passwd;
use crate::text::hash::hash;

/// The age at which a temporary file counts as left by a process that died.
const ABANDONED: Duration = Duration::from_hours(1);

/// The directory of users without a home, which is never made.
const NOWHERE: &str = "/nonexistent";

/// The record that a claim belongs to, and the repository that the record lives in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub record: String,
    /// The worktree's name, for messages.
    pub name: String,
    /// The repository's common directory, for messages: a copy of a repository contains the same text.
    #[serde(with = "path_text")]
    pub common_dir: PathBuf,
    /// The common directory's device.
    pub dev: u64,
    /// The common directory's inode.
    pub ino: u64,
}

impl Owner {
    /// Whether both are the same record of the same repository, whatever they are called now.
    pub fn is(&self, other: &Self) -> bool {
        self.record == other.record && (self.dev, self.ino) == (other.dev, other.ino)
    }
}

impl Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "'{}' of {}", crate::text::name::escaped(&self.name), self.common_dir.display())
    }
}

/// What can be claimed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    Port(u16),
    /// A database, by its place; by its file's name if a damaged claim no longer says the place.
    Database(String),
}

impl Display for Thing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(number) => write!(out, "port {number}"),
            Self::Database(place) => write!(out, "database '{}'", crate::text::name::escaped(place)),
        }
    }
}

/// A claim as it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub thing: Thing,
    /// Who holds it; `None` if the file is damaged, which still counts as a claim.
    pub owner: Option<Owner>,
}

impl Claim {
    /// Whether this owner holds it.
    pub fn is_of(&self, owner: &Owner) -> bool {
        self.owner.as_ref().is_some_and(|holder| holder.is(owner))
    }
}

impl Display for Claim {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Some(owner) => write!(out, "{} is claimed by {owner}", self.thing),
            None => write!(out, "{} is claimed, by another user or a damaged claim", self.thing),
        }
    }
}

/// The result of trying to claim something.
#[derive(Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The owner holds it, now or already.
    Ours,
    /// Another holds it.
    Taken(Claim),
}

/// The result of trying to release something.
#[derive(Debug, PartialEq, Eq)]
pub enum Released {
    /// The owner no longer holds it.
    Done,
    /// Another holds it, and keeps it.
    Another(Claim),
}

/// The claims of this user on this host.
#[derive(Debug)]
pub struct Claims {
    dir: PathBuf,
    /// What other users of this host see of them.
    notices: Option<Notices>,
}

/// A claim's file.
#[derive(Serialize, Deserialize)]
struct ClaimFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    owner: Owner,
}

impl Claims {
    /// Finds where this user's claims are kept; creates nothing. Where no home is known there are none, and nothing can
    /// be claimed.
    pub fn open() -> Self {
        let state = state_home(variable("XDG_STATE_HOME"), variable("HOME"));
        let state = state.or_else(|| Some(passwd::home()?.join(".local/state")));
        let claims = Self::at(state.unwrap_or_else(|| NOWHERE.into()).join("git-wt"));
        Self { notices: Some(Notices::of_host()), ..claims }
    }

    /// Returns the claims in this directory.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), notices: None }
    }

    /// Returns the directory of this user's state, which contains the claims.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads the claims on ports.
    pub fn ports(&self) -> Result<BTreeMap<u16, Claim>> {
        let mut ports = BTreeMap::new();
        for name in names_in(&self.dir.join("ports"))? {
            let number = name.parse::<u16>().ok().filter(|number| number.to_string() == name);
            if let Some(number) = number
                && let Some(claim) = self.find(&Thing::Port(number))
            {
                ports.insert(number, claim);
            }
        }
        Ok(ports)
    }

    /// Returns the ports that other users of this host have claimed, and has them see this one's.
    pub fn ports_of_others(&self) -> Result<BTreeSet<u16>> {
        let Some(notices) = &self.notices else { return Ok(BTreeSet::new()) };
        for port in self.ports()?.into_keys() {
            notices.put_up(port, &self.file_of(&Thing::Port(port)));
        }
        Ok(notices.of_others())
    }

    /// Reads the claims on databases.
    pub fn databases(&self) -> Result<Vec<Claim>> {
        let dir = self.dir.join("databases");
        let names = names_in(&dir)?;
        let claims = names.into_iter().filter_map(|name| {
            let bytes = read(&dir.join(&name))?;
            let written = serde_json::from_slice::<ClaimFile>(&bytes).ok();
            let place = written.and_then(|written| written.place).unwrap_or(name);
            Some(parse(&Thing::Database(place), &bytes))
        });
        Ok(claims.collect())
    }

    /// Reads every claim.
    pub fn all(&self) -> Result<Vec<Claim>> {
        let mut claims = self.databases()?;
        claims.extend(self.ports()?.into_values());
        claims.sort_by(|a, b| a.thing.cmp(&b.thing));
        Ok(claims)
    }

    /// Reads every claim whose owner is a record of the repository with this common directory.
    pub fn all_of(&self, dev: u64, ino: u64) -> Result<Vec<Claim>> {
        let mut claims = self.all()?;
        claims.retain(|claim| claim.owner.as_ref().is_some_and(|owner| (owner.dev, owner.ino) == (dev, ino)));
        Ok(claims)
    }

    /// Returns the claim on a thing, if there is one.
    pub fn find(&self, thing: &Thing) -> Option<Claim> {
        read(&self.file_of(thing)).map(|bytes| parse(thing, &bytes))
    }

    /// Claims a port, unless another holds it.
    pub fn claim_port(&self, port: u16, owner: &Owner) -> Result<Claimed> {
        self.claim(&Thing::Port(port), owner)
    }

    /// Releases a port, if this owner holds it.
    pub fn release_port(&self, port: u16, owner: &Owner) -> Result<Released> {
        self.release(&Thing::Port(port), owner)
    }

    /// Claims a database, unless another holds it; `place` must contain no password.
    pub fn claim_database(&self, place: &str, owner: &Owner) -> Result<Claimed> {
        self.claim(&Thing::Database(place.into()), owner)
    }

    /// Releases a database, if this owner holds it.
    pub fn release_database(&self, place: &str, owner: &Owner) -> Result<Released> {
        self.release(&Thing::Database(place.into()), owner)
    }

    /// Rewrites a claim that is damaged, or that is the owner's own but names an earlier place, for the owner whose
    /// record still has it. Another owner's claim stays as it is.
    pub fn rebuild(&self, thing: &Thing, owner: &Owner) -> Result<Claimed> {
        match self.find(thing) {
            Some(claim) if claim.owner.is_none() || claim.is_of(owner) => {
                let file = self.file_of(thing);
                let temporary = self.write_temporary(thing, owner)?;
                fs::rename(&temporary, &file).explain(|| format!("cannot write '{}'", file.display()))?;
                Ok(Claimed::Ours)
            }
            _ => self.claim(thing, owner),
        }
    }

    fn claim(&self, thing: &Thing, owner: &Owner) -> Result<Claimed> {
        loop {
            if let Some(claim) = self.find(thing) {
                return Ok(if claim.is_of(owner) { Claimed::Ours } else { Claimed::Taken(claim) });
            }
            if self.make(thing, owner)? {
                if self.is_seen(thing) {
                    return Ok(Claimed::Ours);
                }
                self.release(thing, owner)?;
                return Ok(Claimed::Taken(Claim { thing: thing.clone(), owner: None }));
            }
        }
    }

    /// Has other users see a claim of ours; returns false if one of them has claimed the same.
    fn is_seen(&self, thing: &Thing) -> bool {
        match (thing, &self.notices) {
            (Thing::Port(port), Some(notices)) => notices.put_up(*port, &self.file_of(thing)),
            _ => true,
        }
    }

    /// Makes the claim's file; returns false if another was there first.
    fn make(&self, thing: &Thing, owner: &Owner) -> Result<bool> {
        let file = self.file_of(thing);
        let temporary = self.write_temporary(thing, owner)?;
        // a hard link appears whole and never replaces a file, whereas a file opened with O_EXCL is empty at first
        let linked = fs::hard_link(&temporary, &file);
        let _ = fs::remove_file(&temporary); // if this fails, it is swept later
        match linked {
            Ok(()) => Ok(true),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(cause) => Err(Error::new(format!("cannot claim {thing}"))
                .because(format!("cannot write '{}': {cause}", file.display()))),
        }
    }

    fn write_temporary(&self, thing: &Thing, owner: &Owner) -> Result<PathBuf> {
        require_home(&self.dir)?;
        let dir = self.dir_of(thing);
        let below = dir.file_name().unwrap_or_default().to_string_lossy();
        file::make_private_dir(&self.dir, &below).explain(|| format!("cannot create '{}'", dir.display()))?;
        sweep(&dir);
        let place = match thing {
            Thing::Port(_) => None,
            Thing::Database(place) => Some(place.clone()),
        };
        let text = serde_json::to_vec(&ClaimFile { place, owner: owner.clone() })
            .explain(|| format!("cannot claim {thing}"))?;
        let file = dir.join(temporary_name());
        file::open_private(OpenOptions::new().write(true).create_new(true), &file)
            .and_then(|mut open| open.write_all(&text))
            .explain(|| format!("cannot write '{}'", file.display()))?;
        Ok(file)
    }

    /// Releases a thing, if this owner holds it.
    pub fn release(&self, thing: &Thing, owner: &Owner) -> Result<Released> {
        let path = self.file_of(thing);
        let failed = || format!("cannot release {thing}");
        loop {
            let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
                Ok(file) => file,
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Released::Done),
                Err(cause) => return Err(Error::new(failed()).because(cause)),
            };
            // if two processes release the same claim, the later one must not remove what a third has claimed since
            file.lock().explain(failed)?;
            if !leads_to(&path, &file).explain(failed)? {
                continue;
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).explain(failed)?;
            let claim = parse(thing, &bytes);
            if !claim.is_of(owner) {
                return Ok(Released::Another(claim));
            }
            // first, since a claim without a notice gets one again, and a notice without a claim would stay
            if let (Thing::Port(port), Some(notices)) = (thing, &self.notices) {
                notices.take_down(*port, &path);
            }
            fs::remove_file(&path).explain(failed)?;
            return Ok(Released::Done);
        }
    }

    /// Removes the temporary files of dead processes of this host, however recent they are.
    pub fn sweep(&self) {
        let of_the_dead = |file: &fs::DirEntry| {
            let name = file.file_name().to_string_lossy().into_owned();
            let id = name.strip_prefix('.').and_then(|rest| rest.split('.').next()?.parse().ok());
            let process = id.and_then(rustix::process::Pid::from_raw);
            process.is_some_and(|it| rustix::process::test_kill_process(it) == Err(rustix::io::Errno::SRCH))
        };
        for dir in ["ports", "databases"] {
            let files = fs::read_dir(self.dir.join(dir)).into_iter().flatten().flatten();
            for file in files.filter(of_the_dead) {
                let _ = fs::remove_file(file.path()); // the next claim tries again, in an hour
            }
        }
    }

    fn dir_of(&self, thing: &Thing) -> PathBuf {
        self.dir.join(match thing {
            Thing::Port(_) => "ports",
            Thing::Database(_) => "databases",
        })
    }

    fn file_of(&self, thing: &Thing) -> PathBuf {
        self.dir_of(thing).join(match thing {
            Thing::Port(number) => number.to_string(),
            Thing::Database(place) => hash(place.as_bytes()),
        })
    }
}

/// Applies the XDG rule: a path that is not absolute is ignored.
fn state_home(xdg: Option<std::ffi::OsString>, home: Option<std::ffi::OsString>) -> Option<PathBuf> {
    let absolute = |value: std::ffi::OsString| Some(PathBuf::from(value)).filter(|dir| dir.is_absolute());
    xdg.and_then(absolute).or_else(|| Some(home.and_then(absolute)?.join(".local/state")))
}

/// Refuses to write state of ours where no home is known.
pub fn require_home(path: &Path) -> Result<()> {
    if path.starts_with(NOWHERE) {
        return Err(
            Error::new("cannot tell where to keep claims and consent: HOME is not set").hint("export HOME=~")
        );
    }
    Ok(())
}

/// Reads a claim's file; `None` if there is none. A file that cannot be read counts as a damaged claim.
fn read(file: &Path) -> Option<Vec<u8>> {
    match file::read_small(file) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
        read => Some(read.unwrap_or_default()),
    }
}

/// Parses the bytes of a claim's file; a claim that names another place than the one asked for is damaged.
fn parse(thing: &Thing, bytes: &[u8]) -> Claim {
    let written = serde_json::from_slice::<ClaimFile>(bytes).ok().filter(|written| match thing {
        Thing::Port(_) => true,
        Thing::Database(place) => written.place.as_ref() == Some(place),
    });
    Claim { thing: thing.clone(), owner: written.map(|written| written.owner) }
}

/// Returns the names in a directory that may not exist, except those of temporary files.
fn names_in(dir: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.explain(|| format!("cannot read '{}'", dir.display()))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.explain(|| format!("cannot read '{}'", dir.display()))?;
        names.extend(entry.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
    }
    names.sort();
    Ok(names)
}

/// Removes the temporary files of processes that died, but never those that may still be in use.
fn sweep(dir: &Path) {
    let abandoned = |file: &fs::DirEntry| {
        let hidden = file.file_name().as_encoded_bytes().starts_with(b".");
        let written = file.metadata().and_then(|found| found.modified());
        hidden && written.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED))
    };
    for file in fs::read_dir(dir).into_iter().flatten().flatten().filter(abandoned) {
        let _ = fs::remove_file(file.path()); // the next claim tries again
    }
}

/// Returns a unique name for a temporary file, from the process id, a counter, and the time, since process ids recur.
fn temporary_name() -> String {
    static USES: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!(".{}.{}.{}", std::process::id(), USES.fetch_add(1, Ordering::Relaxed), now.as_nanos())
}

/// Whether `path` still names the open `file`.
fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (open.dev(), open.ino())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Paths in JSON: as text if they are UTF-8, else `hex:` and their bytes. For `#[serde(with = …)]`.
pub(crate) mod path_text {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serializer};

    const MARK: &str = "hex:";

    pub(crate) fn serialize<S: Serializer>(path: &Path, out: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) if !text.starts_with(MARK) => out.serialize_str(text),
            _ => out.serialize_str(&(MARK.to_owned() + &faster_hex::hex_string(path.as_os_str().as_bytes()))),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<PathBuf, D::Error> {
        let text = String::deserialize(input)?;
        let Some(digits) = text.strip_prefix(MARK) else { return Ok(text.into()) };
        let bytes = bytes_of(digits).map_err(|_| serde::de::Error::custom("damaged path"))?;
        Ok(OsStr::from_bytes(&bytes).into())
    }

    fn bytes_of(digits: &str) -> Result<Vec<u8>, faster_hex::Error> {
        let mut bytes = vec![0; digits.len() / 2];
        faster_hex::hex_decode(digits.as_bytes(), &mut bytes).map(|()| bytes)
    }
}

/// What has happened to the repository that a claim belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryState {
    Present,
    /// Its parent directory exists, on the same disk, but the repository is no longer in it.
    Gone,
    /// It may be something else, such as a disk that is not mounted.
    Unknown,
}

impl RepositoryState {
    /// Checks on an owner's repository.
    pub fn of(owner: &Owner) -> Self {
        if Identity::of(&owner.common_dir) == Some(Identity { dev: owner.dev, ino: owner.ino }) {
            return Self::Present;
        }
        let root = owner.common_dir.parent().filter(|_| owner.common_dir.ends_with(".git"));
        let root = root.unwrap_or(&owner.common_dir);
        let is_absent =
            fs::symlink_metadata(root).is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound);
        let around = root.parent().and_then(Identity::of);
        if is_absent && around.is_some_and(|around| around.dev == owner.dev) {
            Self::Gone
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests damage files on purpose")]
mod tests {
    use super::*;
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;

    fn owner(record: &str, ino: u64) -> Owner {
        Owner { record: record.into(), name: "staging".into(), common_dir: "/r/.git".into(), dev: 1, ino }
    }

    fn claims() -> (tempfile::TempDir, Claims) {
        let dir = tempfile::tempdir().unwrap();
        let claims = Claims::at(dir.path().join("state/git-wt"));
        (dir, claims)
    }

    #[test]
    fn the_state_directory_follows_xdg() {
        let text = |text: &str| Some(OsString::from(text));
        let cases = [
            (text("/s"), text("/h"), Some("/s")),
            (text("s"), text("/h"), Some("/h/.local/state")),
            (None, text("/h"), Some("/h/.local/state")),
            (None, text("h"), None),
            (None, None, None),
        ];
        for (xdg, home, expected) in cases {
            let found = state_home(xdg.clone(), home.clone());
            assert_eq!(found.as_deref(), expected.map(Path::new), "{xdg:?} {home:?}");
        }
    }

    #[test]
    fn reading_creates_nothing() {
        let (dir, claims) = claims();
        assert!(claims.ports().unwrap().is_empty());
        assert!(claims.all_of(1, 2).unwrap().is_empty());
        assert_eq!(claims.release_port(8001, &owner("a", 2)).unwrap(), Released::Done);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_first_has_it_and_only_that_one_releases_it() {
        let (_dir, claims) = claims();
        let (ours, copy, other) = (owner("a", 2), owner("a", 3), owner("b", 2));
        for _ in 0..2 {
            assert_eq!(claims.claim_port(8001, &ours).unwrap(), Claimed::Ours);
        }
        for another in [&copy, &other] {
            assert!(
                matches!(claims.claim_port(8001, another).unwrap(), Claimed::Taken(claim) if claim.is_of(&ours))
            );
            assert!(matches!(claims.release_port(8001, another).unwrap(), Released::Another(_)));
        }
        let renamed = Owner { name: "prod".into(), common_dir: "/moved/.git".into(), ..ours.clone() };
        assert_eq!(claims.release_port(8001, &renamed).unwrap(), Released::Done);
        assert_eq!(claims.claim_port(8001, &other).unwrap(), Claimed::Ours);
    }

    #[test]
    fn databases_are_claimed_by_place() {
        let (_dir, claims) = claims();
        let (ours, other) = (owner("a", 2), owner("b", 4));
        assert_eq!(claims.claim_database("sqlite:/x/../日本.db", &ours).unwrap(), Claimed::Ours);
        assert_eq!(claims.claim_database("sqlite:/y.db", &other).unwrap(), Claimed::Ours);
        assert!(matches!(claims.claim_database("sqlite:/y.db", &ours).unwrap(), Claimed::Taken(_)));
        claims.claim_port(8001, &ours).unwrap();
        let things: Vec<_> = claims.all_of(1, 2).unwrap().into_iter().map(|claim| claim.thing).collect();
        assert_eq!(things, [Thing::Port(8001), Thing::Database("sqlite:/x/../日本.db".into())]);
        assert_eq!(claims.release_database("sqlite:/x/../日本.db", &ours).unwrap(), Released::Done);
        assert_eq!(claims.databases().unwrap().len(), 1);
    }

    #[test]
    fn a_damaged_claim_is_still_a_claim_until_it_is_rebuilt() {
        let (_dir, claims) = claims();
        let ours = owner("a", 2);
        claims.claim_port(8000, &ours).unwrap();
        claims.claim_database("sqlite:/y", &ours).unwrap();
        let database = claims.file_of(&Thing::Database("sqlite:/y".into()));
        for damage in ["", "{", "[]", "{\"owner\":{}}"] {
            fs::write(claims.dir.join("ports/8001"), damage).unwrap();
            fs::write(&database, damage).unwrap();
            assert_eq!(claims.ports().unwrap()[&8001].owner, None, "{damage:?}");
            assert!(matches!(claims.claim_port(8001, &ours).unwrap(), Claimed::Taken(_)), "{damage:?}");
            assert!(matches!(claims.release_port(8001, &ours).unwrap(), Released::Another(_)), "{damage:?}");
            assert!(matches!(claims.claim_database("sqlite:/y", &ours).unwrap(), Claimed::Taken(_)));
            assert_eq!(claims.databases().unwrap()[0].owner, None, "{damage:?}");
        }
        assert_eq!(claims.rebuild(&Thing::Port(8001), &ours).unwrap(), Claimed::Ours);
        assert_eq!(claims.release_port(8001, &ours).unwrap(), Released::Done);
        assert!(matches!(claims.rebuild(&Thing::Port(8000), &owner("b", 2)).unwrap(), Claimed::Taken(_)));
    }

    #[test]
    fn foreign_files_are_no_claims_and_leftovers_are_swept() {
        let (_dir, claims) = claims();
        claims.claim_port(8001, &owner("a", 2)).unwrap();
        let ports = claims.dir.join("ports");
        for name in [".1.2", ".3.4", "08002", "+8003", "README", "70000"] {
            fs::write(ports.join(name), "{}").unwrap();
        }
        let long_ago = SystemTime::now() - 2 * ABANDONED;
        File::options().write(true).open(ports.join(".1.2")).unwrap().set_modified(long_ago).unwrap();
        claims.claim_port(8002, &owner("a", 2)).unwrap();
        assert_eq!(claims.ports().unwrap().into_keys().collect::<Vec<_>>(), [8001, 8002]);
        assert!(!ports.join(".1.2").exists());
        assert!(ports.join(".3.4").exists());
        let (ours, dead) = (temporary_name(), format!(".{}.5.6", i32::MAX));
        for name in [&ours, &dead] {
            fs::write(ports.join(name), "").unwrap();
        }
        claims.sweep();
        assert!(ports.join(ours).exists() && ports.join("README").exists() && ports.join("8001").exists());
        assert!(!ports.join(dead).exists());
    }

    #[test]
    fn claims_are_private() {
        let (_dir, claims) = claims();
        claims.claim_port(8001, &owner("a", 2)).unwrap();
        for (path, mode) in [("", 0o700), ("ports", 0o700), ("ports/8001", 0o600)] {
            let found = fs::metadata(claims.dir.join(path)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{path:?}");
        }
    }

    #[test]
    fn of_many_at_once_one_has_it() {
        let (_dir, claims) = claims();
        let ours = std::thread::scope(|scope| {
            let claim = |n: u64| claims.claim_port(8001, &owner("a", n)).unwrap() == Claimed::Ours;
            let threads: Vec<_> = (0..16).map(|n| scope.spawn(move || claim(n))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|ours| *ours).count()
        });
        assert_eq!(ours, 1);
        let left: Vec<_> =
            fs::read_dir(claims.dir.join("ports")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["8001"]);
    }

    #[test]
    fn paths_survive_json() {
        let cases: [(&[u8], &str); 4] = [
            (b"/a b/\xc3\xa9", "/a b/é"),
            (b"/\xff", "hex:2fff"),
            (b"hex:2f", "hex:6865783a3266"),
            (b"", ""),
        ];
        for (bytes, text) in cases {
            let written = Owner { common_dir: OsStr::from_bytes(bytes).into(), ..owner("a", 2) };
            let json = serde_json::to_value(&written).unwrap();
            assert_eq!(json["common_dir"], text);
            assert_eq!(serde_json::from_value::<Owner>(json).unwrap(), written);
        }
        for damaged in ["hex:2", "hex:zz", "hex:+1", "hex:é"] {
            let mut json = serde_json::to_value(owner("a", 2)).unwrap();
            json["common_dir"] = damaged.into();
            assert!(serde_json::from_value::<Owner>(json).is_err(), "{damaged}");
        }
    }
}
