//! A worktree's env file: the bytes of main's (or of the example's), with the managed values in their places.
//!
//! The record keeps a hash of each value written, so that `setup` can tell our values from the user's edits. It never
//! writes through a link, over a tracked file, or where git does not ignore the file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::relocation::Relocation;
use super::tree::{Kind, Tree};
use super::{Created, Destroyed, Reversible, Site, Unwind};
use crate::error::{Error, Explain, Hint, Result};
use crate::git;
use crate::host::claims::path_text;
use crate::host::file;
use crate::text::dotenv::{EnvText, Value, is_utf16};
use crate::text::hash::hash;
use crate::text::url::with_ports;

/// The variables that git-wt wrote, each with the SHA-256 of its value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<WrittenHashes>", into = "Vec<WrittenHashes>")]
pub struct Hashes(BTreeMap<String, String>);

/// One of them, as written in a record.
#[derive(Debug, Serialize, Deserialize)]
struct WrittenHashes {
    name: String,
    hash: String,
}

impl From<Vec<WrittenHashes>> for Hashes {
    fn from(list: Vec<WrittenHashes>) -> Self {
        Self(list.into_iter().map(|written| (written.name, written.hash)).collect())
    }
}

impl From<Hashes> for Vec<WrittenHashes> {
    fn from(hashes: Hashes) -> Self {
        hashes.0.into_iter().map(|(name, hash)| WrittenHashes { name, hash }).collect()
    }
}

impl Hashes {
    /// Returns the hash of what was written, if the variable was.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn note(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), hash(value.as_bytes()));
    }
}

/// A variable whose value comes from a file that others may have written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supplied {
    pub name: String,
    /// SHA-256 of the value, empty until it is written: any other value is the user's.
    #[serde(default)]
    pub hash: String,
    /// The key of the consent that it needs.
    pub consent: String,
}

impl Supplied {
    /// Returns a variable that has yet to be written.
    pub fn by(name: String, consent: &str) -> Self {
        Self { name, hash: String::new(), consent: consent.to_owned() }
    }
}

/// The mode of a file that only its owner may read.
const OWNERS: u32 = 0o600;

/// An env file with managed values.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EnvFile {
    /// Relative to the worktree.
    pub path: String,
    /// The absolute path of the file it starts from; `None` to start empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Source>,
    #[serde(default)]
    pub written: Hashes,
    /// Variables whose values a file of the repository supplied: they are set in a shell or hook only with consent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supplied: Vec<Supplied>,
    /// The hash of the whole file as it was written.
    #[serde(default)]
    pub content: String,
    /// The variables that the file it starts from had when it was last read; absent where nobody has looked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Vec<String>>,
    /// The values to write, which never reach the record.
    #[serde(skip)]
    pub values: Vec<(String, String)>,
    /// Those of the variables with a randomly drawn value: if we have drawn one before, it stays.
    #[serde(skip)]
    pub drawn: Vec<String>,
    /// The variables with another worktree's value, which is not an edit to keep.
    #[serde(skip)]
    pub foreign: Vec<String>,
    /// Other variables whose values contain ports of the main worktree, with their bytes in main's file.
    #[serde(skip)]
    pub followers: Vec<(String, String)>,
    /// The ports of this worktree in place of those.
    #[serde(skip)]
    pub moved: Vec<MovedPort>,
    /// What happened to its variables.
    #[serde(skip)]
    pub changes: Box<Changes>,
    /// Whether the recipe asks for the file; if it was only detected, it may be left out.
    #[serde(skip)]
    pub required: bool,
    /// Whether what it starts from is for everybody to read: its mode then says nothing about the values written here.
    #[serde(skip)]
    pub from_tracked: bool,
}

/// The file an env file starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(#[serde(with = "path_text")] pub PathBuf);

/// A port of the main worktree, and this worktree's port in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedPort {
    pub variable: String,
    pub file: String,
    /// The main worktree's port.
    pub from: u16,
    /// The worktree's port, as claimed.
    pub to: u16,
}

/// What happens to a file, by the names of variables: their values may be secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Why it is not written.
    pub obstacle: Option<String>,
    pub is_new: bool,
    /// Variables that are new in the file.
    pub added: Vec<String>,
    /// Variables that get another value.
    pub changed: Vec<String>,
    /// Variables whose value is the user's, and stays.
    pub kept: Vec<String>,
    /// Variables that have gone from the file it starts from, and stay here.
    pub gone: Vec<String>,
}

/// An env file as it is, and as it should be.
struct Merged {
    before: Option<EnvText>,
    after: EnvText,
    mode: u32,
}

/// What has happened to a managed value since it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// The file has what we want.
    None,
    /// The file has what we wrote, and we want another value now.
    Ours,
    /// The file has the user's value.
    Edited,
    /// The file does not have the variable.
    Absent,
}

impl EnvFile {
    /// Writes the file, or the managed values into an existing file; values that the user has edited are kept.
    pub fn create(&mut self, root: &Path) -> Result<Created> {
        if let Some(why) = self.obstacle(root)? {
            let error = Error::new(format!("cannot write '{}'", self.path)).because(&why);
            return if self.required {
                Err(error.hint(Hint::of("echo").name(&self.path).and(">> .gitignore")))
            } else {
                Ok(Created::Skipped(why))
            };
        }
        let tree = Tree::open(root)?;
        let Merged { before, after, mode } = self.merged(&tree)?;
        // programs watch the file, so it is not touched if nothing changes
        if before.as_ref() != Some(&after) {
            tree.replace(Path::new(&self.path), after.as_bytes(), mode)?;
        }
        // a file with the user's lines in it is more than what we wrote, and must not be removed as ours
        if before.is_none_or(|before| hash(before.as_bytes()) == self.content) {
            self.content = hash(after.as_bytes());
        }
        Ok(Created::Made)
    }

    /// Returns what `create` would change, without changing it.
    pub fn preview(&self, root: &Path) -> Result<Changes> {
        if let Some(why) = self.obstacle(root)? {
            return Ok(Changes { obstacle: Some(why), ..Changes::default() });
        }
        let mut file = self.clone();
        file.merged(&Tree::open(root)?)?;
        Ok(*file.changes)
    }

    /// Returns the file as it should be: the existing text, or the text it starts from, with our values. If the user
    /// has edited a value that we wrote, the user's value stays.
    fn merged(&mut self, tree: &Tree) -> Result<Merged> {
        let found = read_at(tree, &self.path)?;
        let before = found.as_ref().map(|(text, _)| text.clone());
        let (mut text, mode) = match found {
            Some(found) => found,
            None if self.from_tracked => (self.start()?.0, OWNERS),
            None => self.start()?,
        };
        if before.is_none() {
            // what it starts from is main's, and none of it an edit of ours
            self.written = Hashes::default();
        }
        *self.changes = Changes { is_new: before.is_none(), ..Changes::default() };
        let mains = if before.is_some() { self.start().ok().map(|(text, _)| text) } else { None };
        match &mains {
            Some(mains) => self.take_news(mains, &mut text)?,
            None if before.is_none() => self.seen = Some(names(&text)),
            None => {}
        }
        let (drawn, foreign) = (by_name(&self.drawn), by_name(&self.foreign));
        // a secret that was there before us, and is not main's, may have encrypted something
        let is_the_users = |name: &str, text: &EnvText| {
            mains.as_ref().is_some_and(|mains| text.get(name).is_some() && text.get(name) != mains.get(name))
        };
        let mut wanted: Vec<(&str, &str)> = Vec::new();
        for (name, value) in &self.values {
            if drawn.contains(name) && self.has_written(name) && text.get(name).is_some() {
                continue;
            }
            let is_kept = self.drift(&text, name, value) == Drift::Edited
                || drawn.contains(name) && is_the_users(name, &text);
            if is_kept && !foreign.contains(name) {
                self.changes.kept.push(name.clone());
                continue;
            }
            wanted.push((name, value));
        }
        text.set_all(&wanted)?;
        for (name, value) in wanted {
            self.written.note(name, value);
        }
        let ports = self.ports_in_use(tree, &text)?;
        self.follow_ports(&mut text, &ports);
        self.note_supplied(before.as_ref(), &text);
        if let Some(before) = &before {
            let changed = text.variables().into_iter().map(|(name, _)| name);
            let changed = changed.filter(|name| text.raw(name) != before.raw(name));
            (self.changes.added, self.changes.changed) = changed.partition(|name| before.get(name).is_none());
        }
        Ok(Merged { before, after: text, mode })
    }

    /// Takes over the variables that are new in the file it starts from, and notes those that have gone from there. One
    /// that the user has deleted here is not new.
    fn take_news(&mut self, mains: &EnvText, text: &mut EnvText) -> Result<()> {
        if self.from.is_none() {
            return Ok(());
        }
        text.take_over(mains, &self.news(mains, text))?;
        let has_gone =
            |name: &&String| mains.get(name).is_none() && text.get(name).is_some() && !self.is_managed(name);
        self.changes.gone = self.seen.iter().flatten().filter(has_gone).cloned().collect();
        self.seen = Some(names(mains));
        Ok(())
    }

    /// Returns the variables that are new in the file it starts from.
    fn news(&self, mains: &EnvText, text: &EnvText) -> Vec<String> {
        let Some(seen) = &self.seen else { return Vec::new() };
        let seen: HashSet<&String> = seen.iter().collect();
        let mut news = names(mains);
        news.retain(|name| !seen.contains(name) && text.get(name).is_none() && !self.is_managed(name));
        news
    }

    fn is_managed(&self, name: &str) -> bool {
        self.has_written(name) || self.values.iter().any(|(managed, _)| managed == name)
    }

    /// Replaces the list of supplied variables, keeping the known hashes.
    pub fn supply(&mut self, mut wanted: Vec<Supplied>) {
        let mut known: HashMap<String, String> =
            self.supplied.drain(..).map(|supplied| (supplied.name, supplied.hash)).collect();
        for supplied in &mut wanted {
            supplied.hash = known.remove(&supplied.name).unwrap_or_default();
        }
        self.supplied = wanted;
    }

    /// Notes the values of the supplied variables. If the file had another value already that we did not write, it is
    /// the user's.
    fn note_supplied(&mut self, before: Option<&EnvText>, text: &EnvText) {
        let before: HashMap<String, String> = before
            .map(|before| {
                before.variables().into_iter().map(|(name, value)| (name, hash(value.into_text().as_bytes())))
            })
            .into_iter()
            .flatten()
            .collect();
        let now: HashMap<String, Value> = text.variables().into_iter().collect();
        let kept: HashSet<&String> = self.changes.kept.iter().collect();
        let written = &self.written;
        self.supplied.retain_mut(|supplied| {
            let name = &supplied.name;
            let is_ours =
                before.get(name).is_none_or(|was| *was == supplied.hash) || written.get(name).is_some();
            let value = now.get(name).filter(|_| is_ours && !kept.contains(name));
            let Some(value) = value else { return false };
            supplied.hash = hash(value.clone().into_text().as_bytes());
            true
        });
    }

    /// Returns what the repository supplied: for each name, the hash of the value and the key of the consent needed to
    /// set it in a shell or hook. Any other value is the user's.
    pub fn supplied_values(&self) -> HashMap<&str, (&str, &str)> {
        let each = self.supplied.iter();
        each.map(|it| (it.name.as_str(), (it.hash.as_str(), it.consent.as_str()))).collect()
    }

    /// Replaces the main worktree's ports with this worktree's in the values that contain them, changing no other byte.
    fn follow_ports(&mut self, text: &mut EnvText, ports: &[(u16, u16)]) {
        let before = text.clone();
        // what each value is derived from: main's bytes, or its own if we have not written it
        let mut from: HashMap<&str, Option<&str>> = HashMap::new();
        let mut follow = Vec::new();
        for (name, theirs) in &self.followers {
            let Some(now) = before.get(name).map(Value::into_text) else { continue };
            match self.written.get(name) {
                None => drop(from.insert(name, None)),
                Some(known) if known == hash(now.as_bytes()) => drop(from.insert(name, Some(theirs))),
                // git-wt may have been killed after writing the file but before the record
                Some(_) if before.raw(name).map(str::to_owned) == with_ports(theirs, ports) => {}
                Some(_) if self.foreign.contains(name) => drop(from.insert(name, Some(theirs))),
                Some(_) => {
                    self.changes.kept.push(name.clone());
                    continue;
                }
            }
            follow.push(name);
        }
        text.edit(|name, raw| with_ports(from.get(name)?.unwrap_or(raw), ports));
        for name in follow {
            let now = text.get(name);
            // a value we never wrote stays the user's if it contains no port of main's
            if self.has_written(name) || now != before.get(name) {
                self.written.note(name, &now.map(Value::into_text).unwrap_or_default());
            }
        }
    }

    /// Returns each port of the main worktree with the one in use here: if the user has chosen another port than the
    /// claimed one, that is the one served.
    fn ports_in_use(&self, tree: &Tree, text: &EnvText) -> Result<Vec<(u16, u16)>> {
        let in_use = |moved: &MovedPort| {
            let value = if moved.file == self.path {
                text.get(&moved.variable)
            } else {
                read_at(tree, &moved.file)?.and_then(|(text, _)| text.get(&moved.variable))
            };
            let port = match value {
                Some(Value::Text(port)) => port.parse().ok(),
                _ => None,
            };
            Ok((moved.from, port.unwrap_or(moved.to)))
        };
        self.moved.iter().map(in_use).collect()
    }

    fn has_written(&self, name: &str) -> bool {
        self.written.get(name).is_some()
    }

    /// Updates the values that we wrote to the worktree's new place; returns notes on variables that still contain the
    /// old place because their values are the user's.
    pub fn follow(&mut self, root: &Path, moved: &Relocation) -> Result<Vec<String>> {
        let tree = Tree::open(root)?;
        let (mut text, mode) = match read_at(&tree, &self.path) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Vec::new()),
            // the file is not ours, and the worktree has already moved
            Err(error) => return Ok(vec![error.in_one_line()]),
        };
        // the hash before the move: git-wt may have been killed after rewriting the file but before the record
        let before = |now: &[u8]| hash(&moved.back().rewrite(now).unwrap_or_else(|| now.to_vec()));
        let was_as_written = before(text.as_bytes()) == self.content;
        let (mut ours, mut stay) = (Vec::new(), Vec::new());
        for (name, value) in text.variables() {
            let Value::Text(value) = value else { continue };
            let is_ours = self
                .written
                .get(&name)
                .is_some_and(|known| known == hash(value.as_bytes()) || known == before(value.as_bytes()));
            let now = moved.rewrite(value.as_bytes()).and_then(|now| String::from_utf8(now).ok());
            match now {
                now if is_ours => ours.push((name, now.unwrap_or(value))),
                Some(_) => stay.push(name),
                None => {}
            }
        }
        let wanted: Vec<(&str, &str)> = ours.iter().map(|(name, now)| (&**name, &**now)).collect();
        text.set_all(&wanted)?;
        for (name, now) in wanted {
            self.written.note(name, now);
            // its value changes only because of the move, so it is still not the user's
            for supplied in self.supplied.iter_mut().filter(|supplied| supplied.name == name) {
                supplied.hash = hash(now.as_bytes());
            }
        }
        tree.replace(Path::new(&self.path), text.as_bytes(), mode)?;
        if was_as_written {
            self.content = hash(text.as_bytes());
        }
        let note = |name| format!("{name} in '{}' still names the old place: its value is yours", self.path);
        Ok(stay.into_iter().map(note).collect())
    }

    /// Whether the file is still exactly what we wrote.
    pub fn is_as_written(&self, root: &Path) -> bool {
        matches!(file::read(&root.join(&self.path)), Ok(Some(bytes)) if hash(&bytes) == self.content)
    }

    /// Whether a value that we wrote has changed or is gone, or main's file has a new variable.
    pub fn has_drifted(&self, root: &Path) -> bool {
        let Ok(Some(bytes)) = file::read(&root.join(&self.path)) else { return true };
        let is_as_written = hash(&bytes) == self.content;
        let text = EnvText::parse(bytes);
        let has_news = || self.start().is_ok_and(|(mains, _)| !self.news(&mains, &text).is_empty());
        if self.from.is_some() && has_news() {
            return true;
        }
        if is_as_written {
            return false;
        }
        let now = |name: &str| text.get(name).map(|value| hash(value.into_text().as_bytes()));
        self.written.0.iter().any(|(name, known)| now(name).as_ref() != Some(known))
    }

    /// Compares the value of `name` in the worktree's file with the value we want there.
    pub fn drift(&self, text: &EnvText, name: &str, wanted: &str) -> Drift {
        let Some(now) = text.get(name).map(Value::into_text) else { return Drift::Absent };
        if now == wanted {
            return Drift::None;
        }
        match self.written.get(name) {
            Some(known) if known != hash(now.as_bytes()) => Drift::Edited,
            // never written by us, or still as we wrote it
            _ => Drift::Ours,
        }
    }

    /// Returns why the file must not be written here, if there is a reason.
    fn obstacle(&self, root: &Path) -> Result<Option<String>> {
        let quiet = |args: &[&str]| git::looking_at(root).args(args).arg(&self.path).output();
        if quiet(&["ls-files", "--error-unmatch", "--"])?.code == 0 {
            return Ok(Some(format!("'{}' is tracked by git", self.path)));
        }
        if quiet(&["check-ignore", "--quiet", "--"])?.code != 0 {
            return Ok(Some(format!("'{}' is not ignored by git", self.path)));
        }
        let tree = Tree::open(root)?;
        if tree.kind(Path::new(&self.path))? == Some(Kind::Directory) {
            return Ok(Some(format!("'{}' is a directory", self.path)));
        }
        let is_odd = read_at(&tree, &self.path)?.is_some_and(|(text, _)| is_utf16(text.as_bytes()));
        Ok(is_odd.then(|| format!("'{}' is UTF-16, which no program reads as an env file", self.path)))
    }

    fn start(&self) -> Result<(EnvText, u32)> {
        let Some(Source(from)) = &self.from else { return Ok((EnvText::parse(Vec::new()), OWNERS)) };
        let failed = || format!("cannot read '{}'", from.display());
        file::open(from).and_then(read_text).explain(failed)
    }

    /// Deletes a file that add has just made. After use, a file is removed with its worktree, or stays.
    pub fn destroy(&self, root: &Path) -> Result<Destroyed> {
        if !root.exists() {
            return Ok(Destroyed::Gone);
        }
        Tree::open(root)?.remove_file(Path::new(&self.path)).map(|()| Destroyed::Gone)
    }
}

fn names(text: &EnvText) -> Vec<String> {
    text.variables().into_iter().map(|(name, _)| name).collect()
}

fn by_name(names: &[String]) -> HashSet<&String> {
    names.iter().collect()
}

fn read_at(tree: &Tree, path: &str) -> Result<Option<(EnvText, u32)>> {
    let Some(file) = tree.open_file(Path::new(path))? else { return Ok(None) };
    read_text(file).explain(|| format!("cannot read '{path}'")).map(Some)
}

/// Reads an env file and the mode for a copy of it: whoever may read the one may read the other, but only the owner
/// writes.
fn read_text(file: File) -> std::io::Result<(EnvText, u32)> {
    let mode = file.metadata()?.permissions().mode() & 0o755;
    Ok((EnvText::parse(file::read_open(file)?), mode | OWNERS))
}

impl Reversible for EnvFile {
    fn create(&mut self, site: &Site) -> Result<Created> {
        self.create(site.root)
    }

    fn destroy(&self, site: &Site, _: Unwind) -> Result<Destroyed> {
        self.destroy(site.root)
    }

    fn follow(&mut self, site: &Site, moved: &Relocation) -> Result<Vec<String>> {
        self.follow(site.root, moved)
    }

    fn is_inside(&self) -> bool {
        true
    }

    fn knows_its_own(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        let names = self.values.iter().chain(&self.followers).map(|(name, _)| name.as_str());
        match names.collect::<Vec<_>>().as_slice() {
            [] => format!("env file '{}'", self.path),
            names => format!("env file '{}' with {}", self.path, names.join(", ")),
        }
    }
}
