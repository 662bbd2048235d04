//! Names of references, to choose from. They are read from the files of gitrepository-layout(5), because there may be
//! very many.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gix::bstr::ByteSlice;

use super::Repo;

use crate::host::file::read_small;

impl Repo {
    /// Returns the names below `prefix` (`refs/heads/`) that begin with `typed`, without `prefix`, sorted. At most
    /// `most` of the packed ones are returned.
    pub fn names_below(&self, prefix: &str, typed: &str, most: usize) -> Vec<String> {
        if self.only_git_reads_refs() {
            let format = format!("--format=%(refname:lstrip={})", prefix.matches('/').count());
            let output = self.git().args(["for-each-ref", &format, prefix]).output();
            let names = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            return names
                .unwrap_or_default()
                .lines()
                .filter(|name| name.starts_with(typed))
                .map(Into::into)
                .collect();
        }
        let packed = self.packed.get_or_init(|| {
            let packed = read_small(&self.common_dir().join("packed-refs"));
            packed.unwrap_or_default()
        });
        // a line is an object id, a blank and the name; other lines belong to the line before
        let mut names: Vec<String> = below(packed, prefix, typed)
            .lines()
            .filter_map(|line| line[line.find_byte(b' ')? + 1..].strip_prefix(prefix.as_bytes()))
            .filter(|name| name.starts_with(typed.as_bytes()))
            .filter_map(|name| Some(str::from_utf8(name).ok()?.to_owned()))
            .take(most)
            .collect();
        collect_files(&self.common_dir().join(prefix), "", typed, &mut names);
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns when a reference last moved, if there is a log of it.
    pub fn last_moved(&self, full: &str) -> Option<SystemTime> {
        fs::metadata(self.log_of(full)).and_then(|log| log.modified()).ok()
    }

    /// Returns where the log of a shared reference is, if it is a file.
    pub fn log_of(&self, full: &str) -> PathBuf {
        self.common_dir().join("logs").join(full)
    }
}

/// Returns the lines of `packed-refs` that may have a name below `prefix`: if the file says that it is sorted, as git
/// writes it, only those from the first such name to the last.
fn below<'a>(packed: &'a [u8], prefix: &str, typed: &str) -> &'a [u8] {
    let header = packed.lines().next().unwrap_or_default();
    if !header.starts_with(b"#") || !header.contains_str(" sorted ") {
        return packed;
    }
    let wanted = format!("{prefix}{typed}");
    let start = first_line(packed, |name| name >= wanted.as_bytes());
    let end = first_line(packed, |name| name > wanted.as_bytes() && !name.starts_with(wanted.as_bytes()));
    &packed[start..end.max(start)]
}

/// Finds the beginning of the first line whose name `is_past`, which holds for all lines after it too.
fn first_line(packed: &[u8], is_past: impl Fn(&[u8]) -> bool) -> usize {
    let (mut from, mut to) = (0, packed.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let start = packed[from..middle].rfind_byte(b'\n').map_or(from, |at| from + at + 1);
        let mut next = start;
        // a line of another kind belongs to the line before it
        let name = packed[start..to].lines_with_terminator().find_map(|line| {
            next += line.len();
            let is_reference = !line.starts_with(b"#") && !line.starts_with(b"^");
            is_reference.then(|| line[line.find_byte(b' ').map_or(0, |at| at + 1)..].trim_end())
        });
        match name {
            Some(name) if !is_past(name) => from = next,
            _ => to = start,
        }
    }
    from
}

/// Collects the files below `dir` whose relative names begin with `typed`; `above` is the name so far.
fn collect_files(dir: &Path, above: &str, typed: &str, names: &mut Vec<String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(file) = entry.file_name().into_string() else { continue };
        let name = format!("{above}{file}");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let below = format!("{name}/");
            if below.starts_with(typed) || typed.starts_with(&below) {
                collect_files(&entry.path(), &below, typed, names);
            }
        } else if name.starts_with(typed) && !name.ends_with(".lock") {
            names.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_sorted_file_only_the_lines_that_fit_are_looked_at() {
        let names =
            ["heads/a", "heads/main", "heads/main-2", "heads/maple", "remotes/o/main", "tags/v1", "tags/v2"];
        let lines = |names: &[&str]| {
            names.iter().map(|name| format!("{:040} refs/{name}\n^{:040}\n", 1, 2)).collect::<String>()
        };
        let header = "# pack-refs with: peeled fully-peeled sorted \n";
        let packed = format!("{header}{}", lines(&names));
        for (prefix, typed, want) in [
            ("refs/heads/", "", &names[0..4]),
            ("refs/heads/", "ma", &names[1..4]),
            ("refs/heads/", "main", &names[1..3]),
            ("refs/tags/", "", &names[5..7]),
            ("refs/tags/", "v2", &names[6..7]),
            ("refs/heads/", "z", &[]),
            ("refs/zoo/", "", &[]),
            ("refs/a/", "", &[]),
        ] {
            let found = below(packed.as_bytes(), prefix, typed).to_str_lossy();
            let found: Vec<&str> =
                found.lines().filter_map(|line| line.split_once(" refs/")).map(|(_, name)| name).collect();
            assert_eq!(found, want, "{prefix}{typed}");
        }
        let unsorted = lines(&names);
        assert_eq!(below(unsorted.as_bytes(), "refs/tags/", ""), unsorted.as_bytes());
        assert_eq!(below(b"", "refs/tags/", ""), b"");
    }
}
