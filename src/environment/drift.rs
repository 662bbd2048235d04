//! Whether a worktree's environment has drifted: from what git-wt wrote, or from what the recipe wants now.
//!
//! A quick check for the prompt, which starts no process and compares names and hashes; `git wt setup --dry-run` gives
//! the details.

use std::collections::HashSet;
use std::path::Path;

use crate::recipe::{EnvRule, Recipe, Words, is_settled};
use crate::record::Record;
use crate::resource::EnvFile;
use crate::text::hash::hash;

/// Whether `setup` would have something to report about the env files, ports or venv of the worktree at `root`.
pub fn has_drifted(record: &Record, recipe: &Recipe, root: &Path, words: &Words) -> bool {
    let files: Vec<&EnvFile> = record.env_files().collect();
    let ports = record.ports();
    if ports.is_empty() && files.is_empty() && record.venvs().next().is_none() {
        // the worktree was made without an environment
        return false;
    }
    let numbered: HashSet<&String> = ports.iter().map(|(name, _)| name).collect();
    let has_port = |name: &String| numbered.contains(name);
    let has_values = |rule: &EnvRule| {
        let file = files.iter().find(|file| file.path == rule.file);
        rule.values.iter().all(|(name, template)| {
            let known = file.and_then(|file| file.written.get(name));
            let template = template.wanted();
            known.is_some_and(|known| !is_settled(template) || wants(template, words, known))
        })
    };
    let as_wanted = recipe.port.variables.iter().all(|(name, _)| has_port(name))
        && recipe.venv.as_ref().is_none_or(|rule| root.join(&rule.path).exists())
        && recipe.env_rules().all(has_values);
    files.iter().any(|file| file.has_drifted(root)) || (recipe.configured && !as_wanted)
}

/// Whether a template still gives the value with this hash; a template that cannot be rendered is left for `setup` to
/// report.
fn wants(template: &str, words: &Words, written: &str) -> bool {
    words.render(template).map_or(true, |value| hash(value.as_bytes()) == written)
}
