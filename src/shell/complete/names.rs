//! The names of very many worktrees, cached in one file: without it, each takes reading three files.
//!
//! The names are valid as long as two directories are unchanged that change whenever a worktree is added or removed:
//! the one with git's entries and the one with our records. A plain `git worktree move` of a worktree that has no
//! record changes neither: its old name is offered until the next change.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::git::Repo;
use crate::host::file;
use crate::record::worktrees::{Named, names};

/// If there are fewer, the names are read every time.
pub(super) const MANY: usize = 200;
/// A directory that changed this recently may change again without a visible change of its time.
const AT_REST: Duration = Duration::from_secs(1);
const END: &str = "end";

/// Returns the names of all linked worktrees of a repository.
pub(super) fn of(repo: &Repo) -> Vec<Named> {
    let path = repo.common_dir().join("wt/names");
    let remembered = file::read_small(&path).ok().and_then(|text| String::from_utf8(text).ok());
    // taken before the names are read: a change while they are read gives a different stamp
    let stamp = Stamp::of(repo);
    let known = remembered.as_deref().zip(stamp.as_ref()).and_then(|(text, stamp)| parse(text, &stamp.text));
    known.unwrap_or_else(|| {
        let all = names(repo).unwrap_or_default();
        match stamp.filter(|stamp| all.len() >= MANY && stamp.is_at_rest) {
            // two processes writing at once may garble the file, which then lacks its proper end
            Some(stamp) => {
                let _ = file::make_private_dir(&repo.common_dir().join("wt"), "");
                let _ = file::replace_private(&path, written(&all, &stamp.text).as_bytes());
            }
            None if remembered.is_some() && all.len() < MANY => drop(fs::remove_file(&path)),
            None => {}
        }
        all
    })
}

/// The state of both directories when they were examined.
struct Stamp {
    text: String,
    is_at_rest: bool,
}

impl Stamp {
    fn of(repo: &Repo) -> Option<Self> {
        let dirs: [PathBuf; 2] = ["worktrees", "wt/records"].map(|dir| repo.common_dir().join(dir));
        let mut stamp = Self { text: String::new(), is_at_rest: true };
        for dir in dirs {
            // without records, all names come from directories
            let Ok(meta) = fs::metadata(&dir) else {
                stamp.text += "none ";
                continue;
            };
            let age = SystemTime::now().duration_since(meta.modified().ok()?);
            stamp.is_at_rest &= age.is_ok_and(|age| age > AT_REST);
            stamp.text +=
                &format!("{} {} {}.{:09} ", meta.dev(), meta.ino(), meta.mtime(), meta.mtime_nsec());
        }
        Some(stamp)
    }
}

fn written(all: &[Named], stamp: &str) -> String {
    let fields =
        all.iter().flat_map(|named| [&*named.entry, &*named.name, named.record.as_deref().unwrap_or("")]);
    let fields: Vec<&str> = std::iter::once(stamp).chain(fields).chain([END]).collect();
    fields.join("\0")
}

fn parse(text: &str, stamp: &str) -> Option<Vec<Named>> {
    let (now, rest) = text.split_once('\0')?;
    let fields: Vec<&str> = rest.split('\0').collect();
    let (&end, fields) = fields.split_last()?;
    let (named, left) = fields.as_chunks::<3>();
    let named = named.iter().map(|[entry, name, record]| Named {
        entry: (*entry).to_owned(),
        name: (*name).to_owned(),
        record: (!record.is_empty()).then(|| (*record).to_owned()),
    });
    (now == stamp && end == END && left.is_empty()).then(|| named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_whole_and_of_this_moment_is_believed() {
        let named = |entry: &str, name: &str, record: Option<&str>| Named {
            entry: entry.into(),
            name: name.into(),
            record: record.map(str::to_owned),
        };
        let all = [named("a1", "feature/a", Some("r1")), named("b", "odd\nname", None)];
        let text = written(&all, "1 2 3.4 ");
        assert_eq!(parse(&text, "1 2 3.4 ").unwrap(), all);
        assert_eq!(parse(&text, "1 2 3.5 "), None);
        assert_eq!(parse(&written(&[], "s"), "s"), Some(Vec::new()));
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut], "1 2 3.4 "), None, "{cut}");
        }
    }
}
