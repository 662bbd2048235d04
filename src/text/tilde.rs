//! `~/` at the beginning of a path, which a shell expands but a configuration file does not.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Returns the path with a leading `~` replaced by `home`; unchanged if there is no home.
pub fn expanded(path: &OsStr, home: Option<&Path>) -> PathBuf {
    match (path.as_bytes().strip_prefix(b"~/"), home) {
        (Some(rest), Some(home)) => home.join(OsStr::from_bytes(rest)),
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_users_own_home_is_known() {
        let home = Some(Path::new("/h"));
        for (path, want) in
            [("~/x/*", "/h/x/*"), ("~", "~"), ("~other/x", "~other/x"), ("/a/~/x", "/a/~/x"), ("x", "x")]
        {
            assert_eq!(expanded(OsStr::new(path), home), Path::new(want), "{path}");
        }
        assert_eq!(expanded(OsStr::new("~/x"), None), Path::new("~/x"));
    }
}
