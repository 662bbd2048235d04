//! What tools make and can make again, recognised by name: the one list, and how to treat each name on it.
//!
//! Only names are considered. The comment beside each says which tool makes it, and what would be a surer sign of that.

use std::ffi::OsStr;
use std::path::Path;

use Treatment::{Discarded, NoPart, NotCopied};

/// How to treat a file or a directory of some name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// Removed with its worktree, without a question but for repositories in it.
    Discarded,
    /// Not searched for files to copy.
    NotCopied,
    /// Not a part of the project, which could have an env file of its own.
    NoPart,
}

#[rustfmt::skip]
const NAMES: [(&str, &[Treatment]); 25] = [
    // Python
    (".venv", &[Discarded, NotCopied]),                // venv, uv: `pyvenv.cfg` in it
    ("venv", &[Discarded, NotCopied, NoPart]),         // the same
    ("__pycache__", &[Discarded, NotCopied]),          // Python: nothing else has the name
    (".pytest_cache", &[Discarded]),                   // pytest: `CACHEDIR.TAG` in it
    (".mypy_cache", &[Discarded]),                     // mypy: `CACHEDIR.TAG`
    (".ruff_cache", &[Discarded]),                     // ruff: `CACHEDIR.TAG`
    (".tox", &[Discarded]),                            // tox: `tox.ini`, `tox.toml` or `pyproject.toml` beside it
    (".nox", &[Discarded]),                            // nox: `noxfile.py` beside it
    (".eggs", &[Discarded]),                           // setuptools: `README.txt` in it
    ("htmlcov", &[Discarded]),                         // coverage: `status.json` in it
    // JavaScript
    ("node_modules", &[Discarded, NotCopied, NoPart]), // npm, yarn, pnpm: `package.json` beside it
    (".next", &[Discarded, NotCopied]),                // Next.js: `next.config.*` beside it
    (".nuxt", &[Discarded, NotCopied]),                // Nuxt: `nuxt.config.*` beside it
    (".turbo", &[Discarded]),                          // Turborepo: `turbo.json` beside it
    (".parcel-cache", &[Discarded]),                   // Parcel: `data.mdb` in it
    // other languages
    ("target", &[Discarded, NoPart]),                  // cargo: `CACHEDIR.TAG`; maven: `pom.xml` beside it
    (".gradle", &[Discarded]),                         // gradle: `settings.gradle` or `build.gradle` beside it
    ("vendor", &[Discarded, NotCopied, NoPart]),       // composer: `autoload.php` in it; go: `modules.txt`; bundler
    ("_build", &[Discarded]),                          // mix, sphinx, dune: `mix.exs`, `conf.py` or `dune-project` beside it
    ("deps", &[Discarded]),                            // mix: `mix.exs` beside it
    // any of them
    ("dist", &[Discarded, NotCopied, NoPart]),         // a build: no sure sign
    ("build", &[Discarded, NotCopied, NoPart]),        // a build: no sure sign, but `CMakeCache.txt` of cmake
    (".cache", &[Discarded, NotCopied]),               // any tool: `CACHEDIR.TAG` in some
    (".DS_Store", &[Discarded]),                       // the Finder
    (".git", &[NotCopied]),                            // a repository, which nothing can make again
];

/// Extensions of files that compilers and installers leave beside sources.
const ENDINGS: [&str; 4] = ["pyc", "pyo", "egg-info", "o"];

fn is(name: &OsStr, treatment: Treatment) -> bool {
    NAMES.iter().any(|(known, treatments)| name == *known && treatments.contains(&treatment))
}

/// Whether an ignored path is a cache, or can be made again by a package manager or a build.
pub fn is_regenerable(path: &Path) -> bool {
    let by_ending = path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
    by_ending || path.iter().any(|part| is(part, Discarded))
}

/// Whether a directory is never searched for files to copy: a repository, or something that tools make again.
pub fn is_never_copied(name: &OsStr) -> bool {
    is(name, NotCopied)
}

/// Whether a directory contains third-party files, or copies, and so is not a part of the project.
pub fn is_no_part(name: &str) -> bool {
    is(OsStr::new(name), NoPart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_unasked_is_not_all_that_is_left_uncopied() {
        for (path, regenerable) in [
            ("a/node_modules/b", true),
            ("x/y.pyc", true),
            ("x.egg-info", true),
            (".DS_Store", true),
            ("deps/a", true),
            ("a/.git/config", false),
            ("data/.env", false),
            ("targets/x", false),
        ] {
            assert_eq!(is_regenerable(Path::new(path)), regenerable, "{path}");
        }
        let names = |treatment| NAMES.iter().filter(|(_, all)| all.contains(&treatment)).count();
        assert_eq!([names(Discarded), names(NotCopied), names(NoPart)], [24, 11, 6]);
        assert!(is_never_copied(OsStr::new(".git")) && !is_never_copied(OsStr::new("target")));
        assert!(is_no_part("target") && !is_no_part("deps"));
    }
}
