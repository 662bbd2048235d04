//! A link in a worktree to a file or directory of the main worktree, such as `media`.
//!
//! It never links *into* an existing directory, and removes nothing but its own link. The caller has to check whether
//! git ignores the link (the pattern `media/` does not).

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::mark::Before;
use super::relocation::Relocation;
use super::tree::{Kind, Tree};
use super::{Created, Destroyed, Reversible, Site, Unwind, in_trees, with_trees};
use crate::error::{Explain, Result};
use crate::git::is_ignored;
use crate::host::claims::path_text;
use crate::recipe::consent::Granted;

/// A relative symbolic link to the same path in the main worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its path, in both worktrees.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    before: Before,
    /// The path it leads to; empty until it is made.
    #[serde(with = "path_text")]
    target: PathBuf,
}

impl Link {
    /// Returns a link at this path, to be made.
    pub fn new(path: Granted<PathBuf>) -> Self {
        Self { path: path.into_inner(), before: Before::default(), target: PathBuf::new() }
    }

    /// Notes what exists now; without this, a link that a crash left unrecorded is never removed.
    pub fn look(&mut self, worktree: &Tree) -> Result<()> {
        self.before = Before::of(worktree, &self.path)?;
        Ok(())
    }

    /// Makes the link, unless something is there already.
    pub fn create(&mut self, main: &Tree, worktree: &Tree) -> Result<Created> {
        let skipped = |why: &str| Ok(Created::Skipped(format!("'{}': {why}", self.path.display())));
        match main.kind(&self.path)? {
            None => return skipped("the main worktree has none"),
            Some(Kind::Link) => return skipped("in the main worktree it is a link itself"),
            Some(_) => {}
        }
        let target = self.target_from(main, worktree)?;
        match worktree.kind(&self.path)? {
            None => {}
            Some(Kind::Link) if worktree.read_link(&self.path)?.as_ref() == Some(&target) => {
                self.before.absent = false;
                return Ok(Created::Found);
            }
            Some(Kind::Directory) => {
                return skipped("it is a directory of its own here, which is not linked into");
            }
            Some(_) => return skipped("it exists already"),
        }
        self.look(worktree)?;
        worktree.symlink(&self.path, &target)?;
        self.target = target;
        Ok(Created::Made)
    }

    /// Whether it would be left out: main has nothing to link to, or git would see it. `is_hidden` is whether a line in
    /// `info/exclude` comes with it.
    pub fn is_left_out(&self, main: Option<&Path>, root: &Path, is_hidden: bool) -> Result<bool> {
        let kind = Tree::open(main.unwrap_or(root))?.kind(&self.path)?;
        Ok(matches!(kind, None | Some(Kind::Link)) || !(is_hidden || is_ignored(root, &self.path)))
    }

    /// Makes the link lead, from its new place, to where it led before, if it is still the link that we made.
    pub fn follow(&mut self, main: &Tree, worktree: &Tree) -> Result<()> {
        let target = self.target_from(main, worktree)?;
        match worktree.read_link(&self.path)? {
            Some(found) if found == self.target => worktree.remove_file(&self.path)?,
            // git-wt was killed between removing the link and making the new one
            None if worktree.kind(&self.path)?.is_none() => {}
            _ => return Ok(()),
        }
        worktree.symlink(&self.path, &target)?;
        self.target = target;
        Ok(())
    }

    /// Removes the link if it is still the one that we made.
    pub fn destroy(&self, main: &Tree, worktree: &Tree) -> Result<Destroyed> {
        let found = worktree.read_link(&self.path)?;
        let is_made = !self.target.as_os_str().is_empty();
        let is_ours = match &found {
            Some(found) if is_made => *found == self.target,
            Some(found) => self.before.absent && *found == self.target_from(main, worktree)?,
            None => false,
        };
        if is_ours {
            worktree.remove_file(&self.path)?;
        } else if worktree.kind(&self.path)?.is_some() {
            return Ok(Destroyed::Left(format!(
                "'{}': it is not the link that was made",
                self.path.display()
            )));
        }
        worktree.remove_empty_parents(&self.path, self.before.missing_parents)?;
        Ok(Destroyed::Gone)
    }

    /// Returns the path from the link to main's file. Links are resolved in both, since `..` goes up from where a
    /// directory really is.
    fn target_from(&self, main: &Tree, worktree: &Tree) -> Result<PathBuf> {
        let real = |tree: &Tree| {
            tree.path().canonicalize().explain(|| format!("cannot resolve '{}'", tree.path().display()))
        };
        let link = real(worktree)?.join(&self.path);
        Ok(relative(link.parent().unwrap_or(Path::new("/")), &real(main)?.join(&self.path)))
    }
}

/// Returns the relative path from the directory `from` to `to`, both absolute and free of links.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

impl Reversible for Link {
    fn look(&mut self, site: &Site) -> Result<()> {
        self.look(&Tree::open(site.root)?)
    }

    fn create(&mut self, site: &Site) -> Result<Created> {
        with_trees(site, |main, own| {
            // the link would be untracked, and git would refuse to remove the worktree
            if matches!(own.kind(&self.path), Ok(None)) && !is_ignored(site.root, &self.path) {
                let pattern = self.path.display();
                let why = format!(
                    "git does not ignore a link there; a line '{pattern}' in .gitignore does, '{pattern}/' does not"
                );
                return Ok(Created::Skipped(why));
            }
            self.create(main, own)
        })
    }

    fn destroy(&self, site: &Site, _: Unwind) -> Result<Destroyed> {
        in_trees(site, |main, own| self.destroy(main, own))
    }

    fn follow(&mut self, site: &Site, _: &Relocation) -> Result<Vec<String>> {
        with_trees(site, |main, own| self.follow(main, own))?;
        Ok(Vec::new())
    }

    fn is_inside(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("link to '{}'", self.path.display())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use super::*;
    use crate::recipe::consent::{Consent, Requested};
    use crate::sandbox::{Sandbox, reread};
    use std::fs;
    use std::os::unix::fs::symlink;

    /// Makes a sandbox with a directory `media` in main, and a worktree reached through a link: `alias/wt` is
    /// `trees/wt`.
    fn with_media() -> Sandbox {
        let mut sandbox = Sandbox::new();
        sandbox.make_dir("main/media/deep");
        sandbox.write("main/media/photo", "x");
        sandbox.make_dir("trees/wt");
        symlink("trees", sandbox.at("alias")).unwrap();
        sandbox.worktree = Tree::open(&sandbox.at("alias/wt")).unwrap();
        sandbox
    }

    fn create(sandbox: &Sandbox, link: &mut Link) -> Created {
        link.create(&sandbox.main, &sandbox.worktree).unwrap()
    }

    fn destroy(sandbox: &Sandbox, link: &Link) -> Destroyed {
        reread(link).destroy(&sandbox.main, &sandbox.worktree).unwrap()
    }

    fn granted(path: &str) -> Granted<PathBuf> {
        Consent::default().link(&Requested::by_user(path.into()), path.into()).unwrap()
    }

    #[test]
    fn relative_paths_climb_to_what_is_shared() {
        let cases = [("/a/b", "/a/c/d", "../c/d"), ("/a", "/a/b", "b"), ("/a/b/c", "/x", "../../../x")];
        for (from, to, expected) in cases {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(expected), "{from} {to}");
        }
    }

    #[test]
    fn a_link_leads_to_main_and_its_removal_leaves_main_alone() {
        let sandbox = with_media();
        for path in ["media", "media/photo", "media/deep"] {
            let mut link = Link::new(granted(path));
            assert_eq!(create(&sandbox, &mut link), Created::Made, "{path}");
            let place = sandbox.at("trees/wt").join(path);
            assert!(fs::read_link(&place).unwrap().is_relative());
            let there = place.canonicalize().unwrap();
            assert_eq!(there, sandbox.main.path().canonicalize().unwrap().join(path));
            assert_eq!(create(&sandbox, &mut Link::new(granted(path))), Created::Found);
            assert_eq!(destroy(&sandbox, &link), Destroyed::Gone);
            assert_eq!(destroy(&sandbox, &link), Destroyed::Gone);
            assert_eq!(sandbox.names("trees/wt"), [""; 0], "{path}");
        }
        assert_eq!(sandbox.read("main/media/photo").as_deref(), Some("x"));
    }

    #[test]
    fn what_is_there_stays() {
        let sandbox = with_media();
        sandbox.make_dir("trees/wt/media");
        let mut link = Link::new(granted("media"));
        assert!(
            matches!(create(&sandbox, &mut link), Created::Skipped(why) if why.contains("not linked into"))
        );
        assert!(matches!(destroy(&sandbox, &link), Destroyed::Left(_)));
        assert!(sandbox.names("trees/wt/media").is_empty());

        fs::remove_dir(sandbox.at("trees/wt/media")).unwrap();
        symlink("elsewhere", sandbox.at("trees/wt/media")).unwrap();
        assert!(matches!(create(&sandbox, &mut link), Created::Skipped(_)));
        assert!(matches!(destroy(&sandbox, &link), Destroyed::Left(_)));
        assert!(fs::symlink_metadata(sandbox.at("trees/wt/media")).is_ok());
    }

    #[test]
    fn a_link_found_is_not_ours() {
        let sandbox = with_media();
        create(&sandbox, &mut Link::new(granted("media")));
        let mut found = Link::new(granted("media"));
        found.look(&sandbox.worktree).unwrap();
        assert_eq!(create(&sandbox, &mut found), Created::Found);
        assert!(matches!(destroy(&sandbox, &found), Destroyed::Left(_)));
    }

    #[test]
    fn what_a_crash_left_is_removed_when_we_had_looked() {
        for looked in [true, false] {
            let sandbox = with_media();
            let mut begun = Link::new(granted("media"));
            if looked {
                begun.look(&sandbox.worktree).unwrap();
            }
            assert_eq!(destroy(&sandbox, &begun), Destroyed::Gone);
            create(&sandbox, &mut Link::new(granted("media")));
            assert_eq!(destroy(&sandbox, &begun) == Destroyed::Gone, looked);
            assert_eq!(fs::symlink_metadata(sandbox.at("trees/wt/media")).is_err(), looked);
        }
    }

    #[test]
    fn links_in_main_are_not_passed_on() {
        let sandbox = with_media();
        symlink("/etc", sandbox.at("main/out")).unwrap();
        assert!(matches!(create(&sandbox, &mut Link::new(granted("out"))), Created::Skipped(_)));
        assert!(matches!(create(&sandbox, &mut Link::new(granted("none"))), Created::Skipped(_)));
        assert!(Link::new(granted("out/passwd")).create(&sandbox.main, &sandbox.worktree).is_err());
        assert!(Link::new(granted("../x")).create(&sandbox.main, &sandbox.worktree).is_err());
    }
}
