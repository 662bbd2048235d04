//! The names of very many worktrees, remembered in one file: each takes three to read otherwise.
//!
//! They are believed as long as the two directories that change with every worktree that comes or goes, git's entries
//! and our records, are as they were. A plain `git worktree move` of a worktree that is none of ours changes neither: its
//! old name is offered until the next change.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::git::Repo;
use crate::host::file;
use crate::record::worktrees::{Named, names};

/// Of fewer the names are read anew each time.
pub(super) const MANY: usize = 200;
/// What changed so recently may change again and show the same time.
const AT_REST: Duration = Duration::from_secs(1);
const END: &str = "end";

/// The names of all linked worktrees of a repository.
pub(super) fn of(repo: &Repo) -> Vec<Named> {
    let path = repo.common_dir().join("wt/names");
    let remembered = file::read_small(&path).ok().and_then(|text| String::from_utf8(text).ok());
    // looked at before the names are: what changes while they are read shows another stamp
    let stamp = Stamp::of(repo);
    let known = remembered.as_deref().zip(stamp.as_ref()).and_then(|(text, stamp)| parse(text, &stamp.text));
    known.unwrap_or_else(|| {
        let all = names(repo).unwrap_or_default();
        match stamp.filter(|stamp| all.len() >= MANY && stamp.is_at_rest) {
            // two at once may spoil each other's, which then does not end as it must
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

/// What both directories were when they were looked at.
struct Stamp {
    text: String,
    is_at_rest: bool,
}

impl Stamp {
    fn of(repo: &Repo) -> Option<Self> {
        let dirs: [PathBuf; 2] = ["worktrees", "wt/records"].map(|dir| repo.common_dir().join(dir));
        let mut stamp = Self { text: String::new(), is_at_rest: true };
        for dir in dirs {
            // without records all names are those of directories
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
