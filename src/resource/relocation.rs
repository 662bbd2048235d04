//! A worktree's move to another place, for files that contain its path.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// The characters of a path that are encoded in a URL.
const IN_A_URL: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a worktree was, and where it is now.
#[derive(Debug, Clone)]
pub struct Relocation {
    from: PathBuf,
    to: PathBuf,
}

impl Relocation {
    /// Returns a move between two absolute paths.
    pub fn new(from: &Path, to: &Path) -> Self {
        Self { from: from.to_owned(), to: to.to_owned() }
    }

    #[must_use]
    pub fn back(&self) -> Self {
        Self { from: self.to.clone(), to: self.from.clone() }
    }

    /// Returns where a path in the worktree is now; `None` if it was not in the worktree.
    pub fn of(&self, path: &Path) -> Option<PathBuf> {
        let inside = path.strip_prefix(&self.from).ok()?;
        Some(if inside.as_os_str().is_empty() { self.to.clone() } else { self.to.join(inside) })
    }

    /// Returns the text with the new place instead of the old one, percent-encoded in URLs; `None` if the old place
    /// does not occur. Text that was already rewritten stays. This cannot be recognised if the old place begins with
    /// the new one.
    pub fn rewrite(&self, text: &[u8]) -> Option<Vec<u8>> {
        let [from, to] = [&self.from, &self.to].map(|path| path.as_os_str().as_bytes());
        let to = To { plain: to, encoded: &percent_encoded(to) };
        let encoded = percent_encoded(from);
        let first = replace(text, from, &to);
        if encoded == from {
            return first;
        }
        replace(first.as_deref().unwrap_or(text), &encoded, &to).or(first)
    }
}

/// The new place, plain and encoded for URLs.
struct To<'a> {
    plain: &'a [u8],
    encoded: &'a [u8],
}

impl To<'_> {
    /// Returns how to write it after this text.
    fn after(&self, text: &[u8]) -> &[u8] {
        if text.ends_with(b"://") || text.ends_with(b":///") { self.encoded } else { self.plain }
    }
}

/// Replaces a path wherever it occurs as a whole: `/a/x` in `/a/x/y` and `"/a/x"`, not in `/a/xy` or `/b/a/x`.
fn replace(text: &[u8], from: &[u8], to: &To) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut at, mut copied) = (0, 0);
    while let Some(found) = find(&text[at..], from) {
        let start = at + found;
        let end = start + from.len();
        at = end;
        let to = to.after(&text[..start]);
        // if the old place begins with the new one, finding the new one does not mean that the text was rewritten
        let is_done = to.len() >= from.len() && is_there(text, start, to);
        if is_done || !is_whole(text, start, end) {
            continue;
        }
        out.extend_from_slice(&text[copied..start]);
        out.extend_from_slice(to);
        copied = end;
    }
    (copied > 0).then(|| {
        out.extend_from_slice(&text[copied..]);
        out
    })
}

fn is_there(text: &[u8], start: usize, path: &[u8]) -> bool {
    text[start..].starts_with(path) && is_whole(text, start, start + path.len())
}

/// Whether the path at this position neither begins nor ends in the middle of a name.
fn is_whole(text: &[u8], start: usize, end: usize) -> bool {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+%~@".contains(byte) || !byte.is_ascii();
    let before = start.checked_sub(1).map(|at| &text[at]);
    !before.is_some_and(in_name) && !text.get(end).is_some_and(in_name)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn percent_encoded(path: &[u8]) -> Vec<u8> {
    percent_encode(path, IN_A_URL).flat_map(str::bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_paths_are_rewritten_and_nothing_else() {
        for (from, to, text, want) in [
            ("/p/a", "/q", "#!/p/a/bin/x", Some("#!/q/bin/x")),
            ("/p/a", "/q", "'/p/a' \"/p/a\" /p/a\n", Some("'/q' \"/q\" /q\n")),
            ("/p/a", "/q", "/p/a-b /p/ab /p/a.d /p/aé", None),
            ("/p/a", "/q", "/x/p/a/y", None),
            ("/p/a", "/q", "sqlite:////p/a/db", Some("sqlite:////q/db")),
            ("/p/a", "/q c", "sqlite:////p/a/db", Some("sqlite:////q%20c/db")),
            ("/p/a b", "/q c", "file:///p/a%20b/x /p/a b/y", Some("file:///q%20c/x /q c/y")),
            ("/p/a", "/p/a b", "/p/a/x /p/a b/x", Some("/p/a b/x /p/a b/x")),
            ("/p/a/b", "/p/a", "/p/a/b/x /p/a/y", Some("/p/a/x /p/a/y")),
            ("/p/a b", "/p/a", "/p/a b/x", Some("/p/a/x")),
            ("/p/a", "/p/a", "/p/a/x", None),
            ("/p/a", "/q", "", None),
        ] {
            let moved = Relocation::new(Path::new(from), Path::new(to));
            let got = moved.rewrite(text.as_bytes()).map(|text| String::from_utf8(text).unwrap());
            assert_eq!(got.as_deref(), want, "{text}");
            if let Some(done) = got {
                assert_eq!(moved.rewrite(done.as_bytes()), None, "twice: {text}");
            }
        }
    }

    #[test]
    fn paths_inside_go_along() {
        let moved = Relocation::new(Path::new("/p/a"), Path::new("/q"));
        for (path, want) in [("/p/a", Some("/q")), ("/p/a/b", Some("/q/b")), ("/p/ab", None)] {
            assert_eq!(moved.of(Path::new(path)).as_deref(), want.map(Path::new), "{path}");
        }
    }
}
