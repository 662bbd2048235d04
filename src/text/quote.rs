//! Quoting for shells: data stays a single word, and means nothing else.
//!
//! Scripts contain text without NUL; what is not UTF-8 cannot be in them. In hints, every word can be seen.

use std::ffi::OsStr;
use std::path::Path;

use crate::error::{Hint, Part};
use crate::text::name::is_shown;

/// Quotes a word for bash, zsh, dash and fish alike.
///
/// A backslash is kept outside the quotes, where fish would interpret it; a leading `=` would mean a program in zsh.
pub fn posix(word: &str) -> String {
    let pieces: Vec<_> = word.split('\\').map(|piece| shell_escape::unix::escape(piece.into())).collect();
    let quoted = pieces.join("\\\\");
    if quoted.starts_with('=') { format!("\\{quoted}") } else { quoted }
}

/// Returns a hint's command, to be pasted into any of these shells.
pub fn command(hint: &Hint) -> String {
    let part = |part: &Part| match part {
        Part::Written(words) => (*words).to_owned(),
        Part::Word(ours, rest) => format!("{ours}{}", seen(rest)),
    };
    hint.parts.iter().map(part).collect::<Vec<_>>().join(" ")
}

/// Quotes a word so that all of it is visible: `printf` produces the bytes that no terminal shows.
fn seen(word: &OsStr) -> String {
    match word.to_str() {
        Some(text) if is_shown(text) => posix(text),
        // command substitution would drop the line break, and so mean something else
        _ if word.as_encoded_bytes().ends_with(b"\n") => "NAME".into(),
        _ => {
            let bytes = word.as_encoded_bytes().iter().map(|&byte| {
                let is_plain = byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
                if is_plain { char::from(byte).to_string() } else { format!("\\0{byte:03o}") }
            });
            format!("\"$(printf %b '{}')\"", bytes.collect::<String>())
        }
    }
}

/// Quotes a path for a command to paste.
pub fn path(path: &Path) -> String {
    posix(&path.to_string_lossy())
}

/// Quotes a word for nushell.
pub fn nu(word: &str) -> String {
    let inside = word.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{{{:x}}}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", inside.collect::<String>())
}

/// Quotes a word for PowerShell, which treats typographic quotes like plain ones.
pub fn powershell(word: &str) -> String {
    let double = |c| if matches!(c, '\'' | '‘' | '’' | '‚' | '‛') { 2 } else { 1 };
    let inside = word.chars().flat_map(|c| std::iter::repeat_n(c, double(c)));
    format!("'{}'", inside.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_each_shell_reads_them() {
        let cases = [
            ("/usr/bin/git-wt", "/usr/bin/git-wt", "\"/usr/bin/git-wt\"", "'/usr/bin/git-wt'"),
            ("it's", r"'it'\''s'", "\"it's\"", "'it''s'"),
            ("‘’‚‛", "'‘’‚‛'", "\"‘’‚‛\"", "'‘‘’’‚‚‛‛'"),
            (r"a\b c", r"a\\'b c'", r#""a\\b c""#, r"'a\b c'"),
            ("$(x)`", "'$(x)`'", "\"$(x)`\"", "'$(x)`'"),
            ("say \"x\"", "'say \"x\"'", r#""say \"x\"""#, "'say \"x\"'"),
            ("new\nline", "'new\nline'", r#""new\u{a}line""#, "'new\nline'"),
            ("=ls", r"\=ls", "\"=ls\"", "'=ls'"),
            ("", "''", "\"\"", "''"),
        ];
        for (word, in_posix, in_nu, in_powershell) in cases {
            assert_eq!(posix(word), in_posix);
            assert_eq!(nu(word), in_nu);
            assert_eq!(powershell(word), in_powershell);
        }
        assert_eq!(path(Path::new("/a b")), "'/a b'");
    }

    #[test]
    fn every_word_of_a_hint_is_one() {
        let remove = Hint::of("git wt remove -f");
        for (hint, line) in [
            (remove.clone().name("a b"), "git wt remove -f 'a b'"),
            (remove.clone().name("-x").name("-y"), "git wt remove -f -- -x -y"),
            (Hint::of("cd --").name("-x"), "cd -- -x"),
            (Hint::of("psql").word("--command=", "DROP x"), "psql --command='DROP x'"),
            (Hint::of("git -C").name("/a b").and("status"), "git -C '/a b' status"),
            (Hint::of("cd --").name("a\n"), "cd -- NAME"),
            (remove.name("a\u{202e}'b"), r#"git wt remove -f "$(printf %b 'a\0342\0200\0256\0047b')""#),
        ] {
            assert_eq!(command(&hint), line);
        }
    }
}
