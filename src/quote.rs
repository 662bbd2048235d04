//! Words as shells read them: data that stays one word and nothing else.
//!
//! Scripts and hints hold text, and no NUL; what is not UTF-8 has no place in them.

use std::path::Path;

/// Quotes a word for bash, zsh, dash and fish alike.
///
/// A backslash is kept out of the quotes, where fish would take it for its own; a leading `=` names a program in zsh.
pub fn posix(word: &str) -> String {
    let pieces: Vec<_> = word.split('\\').map(|piece| shell_escape::unix::escape(piece.into())).collect();
    let quoted = pieces.join("\\\\");
    if quoted.starts_with('=') { format!("\\{quoted}") } else { quoted }
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

/// Quotes a word for PowerShell, which takes typographic quotes for plain ones.
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
}
