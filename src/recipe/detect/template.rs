//! What a project has for staging and production alone: settings, requirements, a branch.

use super::{Django, Root};

/// The worktrees that many projects have, with the other words for them.
const NAMES: [(&str, &[&str]); 2] =
    [("staging", &["staging", "stage"]), ("production", &["production", "prod", "live"])];

/// The one that is handled with care.
pub(super) const PROTECTED: &str = "production";

/// A `[template.NAME]`, and what speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) name: &'static str,
    /// The file and the module of its settings.
    pub(super) settings: Option<(String, String)>,
    pub(super) requirements: Option<String>,
    pub(super) has_branch: bool,
    /// Whether it is written down.
    pub(super) used: bool,
    /// Whether it is handled with care.
    pub(super) protected: bool,
}

impl Template {
    /// Says what speaks for it.
    pub(super) fn findings(&self) -> Vec<String> {
        let files = self.settings.iter().map(|(file, _)| file.clone()).chain(self.requirements.clone());
        files.chain(self.has_branch.then(|| format!("branch '{}'", self.name))).collect()
    }

    /// Says what is unlike in its worktree.
    pub(super) fn special(&self) -> Vec<&'static str> {
        let settings = self.settings.as_ref().map(|_| "its settings");
        settings.into_iter().chain(self.requirements.as_ref().map(|_| "its requirements")).collect()
    }
}

/// Finds the files that speak for each; a settings module counts only with an env file to name it in.
pub(super) fn find(
    root: &Root<'_>,
    django: Option<&Django>,
    requirements: &[String],
    has_env: bool,
) -> Vec<Template> {
    let package =
        django.and_then(|django| django.module.as_deref()?.rsplit_once('.')).map(|(package, _)| package);
    let package = package.filter(|_| has_env);
    let settings = |word: &&str| {
        let module = format!("{}.{word}", package?);
        let file = format!("{}.py", module.replace('.', "/"));
        root.path.join(&file).is_file().then_some((file, module))
    };
    let of_word = |file: &str, word: &str| {
        file.strip_prefix("requirements")
            .is_some_and(|rest| rest.trim_start_matches(['/', '-', '_', '.']) == format!("{word}.txt"))
    };
    let templates = NAMES.iter().map(|(name, words)| {
        let requirements = words.iter().find_map(|word| requirements.iter().find(|file| of_word(file, word)));
        let settings = words.iter().find_map(settings);
        let used = settings.is_some() || requirements.is_some();
        Template {
            name,
            settings,
            requirements: requirements.cloned(),
            has_branch: false,
            used,
            protected: used && *name == PROTECTED,
        }
    });
    templates.collect()
}
