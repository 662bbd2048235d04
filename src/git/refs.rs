//! Names of references, to choose from. Read from the files of gitrepository-layout(5): there may be very many.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use gix::bstr::ByteSlice;

use super::Repo;

impl Repo {
    /// The names below `prefix` (`refs/heads/`) that begin with `typed`, without `prefix`, sorted.
    pub fn names_below(&self, prefix: &str, typed: &str) -> Vec<String> {
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
        let packed = fs::read(self.common_dir().join("packed-refs")).unwrap_or_default();
        // a line is an object id, a blank and the name; others are about the line before
        let mut names: Vec<String> = packed
            .lines()
            .filter_map(|line| line[line.find_byte(b' ')? + 1..].strip_prefix(prefix.as_bytes()))
            .filter(|name| name.starts_with(typed.as_bytes()))
            .filter_map(|name| Some(str::from_utf8(name).ok()?.to_owned()))
            .collect();
        collect_files(&self.common_dir().join(prefix), "", typed, &mut names);
        names.sort_unstable();
        names.dedup();
        names
    }

    /// When a reference last moved, as far as a log is kept of it.
    pub fn last_moved(&self, full: &str) -> Option<SystemTime> {
        fs::metadata(self.common_dir().join("logs").join(full)).and_then(|log| log.modified()).ok()
    }
}

/// Collects the files below `dir` whose names from there on begin with `typed`; `above` is the name so far.
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
