//! Moves a Python environment. Its own files contain its absolute path: in scripts, in activation, and wherever the
//! project itself is installed in development mode.
//!
//! The files are rewritten, because making the environment anew would need the network and the hooks again.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Explain, Result};
use crate::resource::relocation::Relocation;
use crate::resource::tree::{Kind, Tree};

/// The kernel reads no more of a script's first line (Linux before 5.1), and no interpreter with a space in its path.
const LONGEST_SHEBANG: usize = 127;
/// The size up to which a file may be a script written by an installer.
const LARGEST: u64 = 1 << 20;

/// Makes the environment at `rel` name its new place.
pub fn rehome(worktree: &Tree, rel: &Path, moved: &Relocation) -> Result<()> {
    let python = worktree.path().join(rel).join("bin");
    for file in files_that_name_it(worktree, rel) {
        let Some(Script { text, mode }) = Script::read(worktree, &file)? else { continue };
        let Some(rewritten) = moved.rewrite(&text) else { continue };
        let rewritten = with_working_shebang(rewritten, &python);
        worktree.replace(&file, &rewritten, mode)?;
    }
    Ok(())
}

/// Returns those of the other places that the environment at `rel` names, each with the first file that does.
pub fn other_places(worktree: &Tree, rel: &Path, others: &[&Path]) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut found: Vec<(PathBuf, PathBuf)> = Vec::new();
    // pyvenv.cfg only says how the environment was made
    for file in files_that_name_it(worktree, rel).into_iter().filter(|file| !file.ends_with("pyvenv.cfg")) {
        let Some(Script { mut text, .. }) = Script::read(worktree, &file)? else { continue };
        for other in others {
            let Some(rewritten) = Relocation::new(other, worktree.path()).rewrite(&text) else { continue };
            // so that a place containing this one is found only if it is named itself
            text = rewritten;
            if found.iter().all(|(place, _)| place != other) {
                found.push(((*other).to_owned(), file.clone()));
            }
        }
    }
    Ok(found)
}

/// A file of an environment that can be rewritten.
struct Script {
    text: Vec<u8>,
    mode: u32,
}

impl Script {
    fn read(worktree: &Tree, file: &Path) -> Result<Option<Self>> {
        let Some(mut open) = worktree.open_file(file)? else { return Ok(None) };
        let failed = || format!("cannot read '{}'", file.display());
        let meta = open.metadata().explain(failed)?;
        let mut text = Vec::new();
        if meta.len() <= LARGEST {
            open.read_to_end(&mut text).explain(failed)?;
        }
        // a machine-code program is not ours to rewrite
        let is_text = meta.len() <= LARGEST && !text.contains(&0);
        Ok(is_text.then(|| Self { text, mode: meta.permissions().mode() }))
    }
}

/// Returns the scripts and activation in `bin`, and the files in `site-packages` that lead to development installs:
/// `.pth` and `.egg-link` files, the finders that setuptools writes, and the origin of a package (PEP 610).
fn files_that_name_it(worktree: &Tree, rel: &Path) -> Vec<PathBuf> {
    let mut files = vec![rel.join("pyvenv.cfg")];
    files.extend(names_in(worktree, &rel.join("bin")));
    for python in names_in(worktree, &rel.join("lib")) {
        for path in names_in(worktree, &python.join("site-packages")) {
            let name = path.file_name().unwrap_or_default().as_bytes();
            if name.ends_with(b".dist-info") {
                files.push(path.join("direct_url.json"));
            } else if name.ends_with(b".pth")
                || name.ends_with(b".egg-link")
                || name.starts_with(b"__editable__")
            {
                files.push(path);
            }
        }
    }
    files.retain(|file| matches!(worktree.kind(file), Ok(Some(Kind::File))));
    files
}

/// Returns what is in a directory, as paths relative to the worktree; nothing if it does not exist or a link leads
/// elsewhere.
fn names_in(worktree: &Tree, dir: &Path) -> Vec<PathBuf> {
    if !matches!(worktree.kind(dir), Ok(Some(Kind::Directory))) {
        return Vec::new();
    }
    let entries = fs::read_dir(worktree.path().join(dir)).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|entry| dir.join(entry.file_name())).collect();
    names.sort();
    names
}

/// Replaces a first line that the kernel cannot use with the form that installers use in that case, where sh starts
/// Python.
fn with_working_shebang(text: Vec<u8>, bin: &Path) -> Vec<u8> {
    let Some(end) = text.iter().position(|byte| *byte == b'\n') else { return text };
    let Some(interpreter) = text[..end].strip_prefix(b"#!") else { return text };
    let path = Path::new(OsStr::from_bytes(interpreter));
    let usable = end <= LONGEST_SHEBANG && !interpreter.contains(&b' ');
    if usable || path.parent() != Some(bin) {
        return text;
    }
    let mut out = b"#!/bin/sh\n'''exec' \"".to_vec();
    out.extend_from_slice(interpreter);
    out.extend_from_slice(b"\" \"$0\" \"$@\"\n' '''");
    out.extend_from_slice(&text[end..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shebang_that_the_kernel_cannot_use_goes_through_sh() {
        let line = |dir: &str| format!("#!{dir}/python3\nimport x\n").into_bytes();
        assert_eq!(with_working_shebang(line("/q/bin"), Path::new("/q/bin")), line("/q/bin"));
        let text = String::from_utf8(with_working_shebang(line("/q c/bin"), Path::new("/q c/bin"))).unwrap();
        assert_eq!(text, "#!/bin/sh\n'''exec' \"/q c/bin/python3\" \"$0\" \"$@\"\n' '''\nimport x\n");
        let long = format!("/{}/bin", "x".repeat(140));
        let text = String::from_utf8(with_working_shebang(line(&long), Path::new(&long))).unwrap();
        assert!(text.starts_with("#!/bin/sh\n'''exec' \"/xxx"), "{text}");
        let foreign = b"#!/usr/bin/env python3 -x\n".to_vec();
        assert_eq!(with_working_shebang(foreign.clone(), Path::new("/q/bin")), foreign);
    }
}
