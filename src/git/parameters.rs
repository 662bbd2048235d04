//! The settings of `git -c name=value`, as git passes them to its children in `GIT_CONFIG_PARAMETERS`.
//!
//! gix reads `GIT_CONFIG_COUNT` itself, but not this variable.

use std::os::unix::ffi::OsStrExt;

use gix::bstr::BString;

use crate::host::exec;

/// Reads the settings from our own environment as `name=value`; malformed ones are left out.
pub(super) fn of_environment() -> Vec<BString> {
    exec::variable("GIT_CONFIG_PARAMETERS").map(|text| parse(text.as_bytes())).unwrap_or_default()
}

/// Parses `'name'='value' 'name' 'name=value'`, single-quoted by git's `sq_quote_buf`.
fn parse(mut text: &[u8]) -> Vec<BString> {
    let mut all = Vec::new();
    loop {
        text = text.trim_ascii_start();
        let Some((mut setting, rest)) = unquote(text) else { return all };
        text = rest;
        if let Some(after) = text.strip_prefix(b"=") {
            setting.push(b'=');
            if let Some((value, rest)) = unquote(after) {
                setting.extend_from_slice(&value);
                text = rest;
            } else {
                text = after;
            }
        }
        all.push(BString::from(setting));
    }
}

/// Takes one single-quoted word off the front; `'\''` and `'\!'` stand for `'` and `!`.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"'")?;
    let mut word = Vec::new();
    loop {
        let end = rest.iter().position(|b| *b == b'\'')?;
        word.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest {
            [b'\\', escaped, b'\'', after @ ..] => {
                word.push(*escaped);
                rest = after;
            }
            _ => return Some((word, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn old_and_new_forms_are_read() {
        for (given, want) in [
            ("'wt.mode'='git'", vec!["wt.mode=git"]),
            ("'wt.mode=git'", vec!["wt.mode=git"]),
            ("'a.b'='it'\\''s' 'c.d'", vec!["a.b=it's", "c.d"]),
            ("'a.b'= 'c.d'='e f'", vec!["a.b=", "c.d=e f"]),
            ("'cut", vec![]),
            ("", vec![]),
        ] {
            let got = parse(given.as_bytes());
            assert_eq!(got.iter().map(ToString::to_string).collect::<Vec<_>>(), want, "{given}");
        }
    }
}
