//! What a project has only for staging and production: settings, requirements, a branch.

use super::{Django, Root};

/// The worktrees that many projects have, with other words for each.
const NAMES: [(&str, &[&str]); 2] =
    [("staging", &["staging", "stage"]), ("production", &["production", "prod", "live"])];

/// The one that must be handled with care.
pub(super) const PROTECTED: &str = "production";

/// A `[template.NAME]`, and what suggests it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) name: &'static str,
    /// The file and the module with its settings.
    pub(super) settings: Option<(String, String)>,
    pub(super) requirements: Option<String>,
    pub(super) has_branch: bool,
    /// Whether to write it into the recipe.
    pub(super) used: bool,
    /// Whether it must be handled with care.
    pub(super) protected: bool,
}

impl Template {
    /// Lists what suggests it.
    pub(super) fn findings(&self) -> Vec<String> {
        let files = self.settings.iter().map(|(file, _)| file.clone()).chain(self.requirements.clone());
        files.chain(self.has_branch.then(|| format!("branch '{}'", self.name))).collect()
    }

    /// Lists what is different in its worktree.
    pub(super) fn special(&self) -> Vec<&'static str> {
        let settings = self.settings.as_ref().map(|_| "its settings");
        settings.into_iter().chain(self.requirements.as_ref().map(|_| "its requirements")).collect()
    }
}

/// Finds the files that suggest each; a settings module counts only if there is an env file to name it in.
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
