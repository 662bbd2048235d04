//! Which settings are the user's own.
//!
//! Git's configuration may include a file that comes with a branch. Git then takes its settings for the user's; for
//! git's own settings that is between the user and git. Our settings are never read from such a file.

use std::path::{Path, PathBuf};

use gix::config::file::Metadata;

use super::Repo;
use crate::host::file::real;

impl Repo {
    /// Whether a section of the configuration is the user's own: it is in a file that git reads by itself, or in a file
    /// outside every worktree that such a file includes.
    pub(super) fn is_the_users(&self, section: &Metadata) -> bool {
        if section.level == 0 {
            return true;
        }
        let theirs = self.brought_includes.get_or_init(|| self.find_brought_includes());
        // whatever such a file includes is that file's choice, not the user's
        let by_them = |it: &Metadata| it.source == section.source && it.level < section.level;
        !self.is_in_a_worktree(section) && !theirs.iter().any(by_them)
    }

    /// Returns the sections through which a file in a worktree includes others.
    fn find_brought_includes(&self) -> Vec<Metadata> {
        let snapshot = self.gix.config_snapshot();
        let including = ["include", "includeif"]
            .into_iter()
            .filter_map(|name| snapshot.plumbing().sections_by_name(name))
            .flatten();
        let sections = including.map(|section| section.meta().clone());
        sections.filter(|section| section.level > 0 && self.is_in_a_worktree(section)).collect()
    }

    fn is_in_a_worktree(&self, section: &Metadata) -> bool {
        let Some(path) = section.path.as_deref().map(real) else { return false };
        let common_dir = real(&self.common_dir);
        let contains = |root: &Path| {
            let root = real(root);
            let is_gits = path.starts_with(&common_dir) && common_dir.starts_with(&root);
            path.starts_with(&root) && !is_gits
        };
        let all = self.worktrees_at_a_glance().map(|listing| listing.worktrees).unwrap_or_default();
        let linked = all.iter().filter(|tree| !tree.is_main()).map(|tree| tree.path.as_path());
        self.main_root().as_deref().into_iter().chain(self.root()).chain(linked).any(contains)
    }

    /// Returns the settings below `section` that are not the user's own, each with the file that contains it.
    pub fn brought_settings(&self, section: &str) -> Vec<(String, PathBuf)> {
        let snapshot = self.gix.config_snapshot();
        let Some(sections) = snapshot.plumbing().sections_by_name(section) else { return Vec::new() };
        let mut brought = Vec::new();
        for found in sections.filter(|found| !self.is_the_users(found.meta())) {
            let file = found.meta().path.as_deref().map(real).unwrap_or_default();
            for key in found.value_names() {
                let key = (super::full_key(section, &found, &key), file.clone());
                if !brought.contains(&key) {
                    brought.push(key);
                }
            }
        }
        brought
    }
}
