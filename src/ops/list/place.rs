//! Where worktrees usually are, and where the main one serves: what need not be told of each.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::git::absolute;
use crate::git::worktrees::Worktree;
use crate::host::{exec, file};
use crate::ops::context::Context;
use crate::recipe::{PLACE, Recipe, RecipeSource, Words};
use crate::record::Record;
use crate::record::worktrees::Worktrees;
use crate::text::dotenv::{EnvText, Value};
use crate::text::name::{BranchName, Name, slug};
use crate::text::tilde;

/// The places that the recipe gives.
pub struct Places<'a> {
    recipe: Option<&'a RecipeSource>,
    context: &'a Context,
    repo: String,
    home: PathBuf,
    /// The place of a worktree that no template fits; a template itself.
    plain: String,
}

impl<'a> Places<'a> {
    pub fn of(recipe: Option<&'a RecipeSource>, context: &'a Context) -> Self {
        let home = exec::variable("HOME").map(PathBuf::from).unwrap_or_default();
        let plain = recipe.and_then(|source| source.for_worktree(Recipe::default(), "", None, None).ok());
        let plain = plain.unwrap_or_default().path.wanted().clone();
        Self { recipe, context, repo: context.repo.name(), home, plain }
    }

    /// Returns where a worktree is, if that is not where the recipe would put one of its name: from the main one if it is
    /// near that, as in `../shop`.
    pub fn unusual(&self, tree: &Worktree, worktrees: &Worktrees) -> Option<String> {
        if self.is_usual(tree, worktrees) {
            return None;
        }
        let around = self.context.root().parent();
        Some(match around.and_then(|around| tree.path.strip_prefix(around).ok()) {
            Some(below) => format!("../{}", below.display()),
            None => tree.path.display().to_string(),
        })
    }

    /// Whether a worktree is where the recipe would put one of its name, or beside those. The main one is everywhere
    /// right.
    fn is_usual(&self, tree: &Worktree, worktrees: &Worktrees) -> bool {
        if tree.is_main() {
            return true;
        }
        let record = worktrees.record(tree);
        let Some(usual) = self.usual(tree, record, &worktrees.name(tree)) else { return true };
        if tree.path == usual {
            return true;
        }
        let (Some(name), Some(usual_name)) = (tree.path.file_name(), usual.file_name()) else { return false };
        // where that place was taken, a hash is appended; and a plain worktree has its name from its directory
        let is_next =
            name.to_string_lossy().strip_prefix(&*usual_name.to_string_lossy()).is_some_and(|rest| {
                rest.len() == 7 && rest.starts_with('-') && rest[1..].bytes().all(|b| b.is_ascii_hexdigit())
            });
        tree.path.parent() == usual.parent() && (is_next || record.is_none())
    }

    /// Returns what the recipe gives a worktree, as far as it is written down; `None` if it cannot be read.
    pub fn recipe(&self, tree: &Worktree, record: Option<&Record>, name: &str) -> Option<Recipe> {
        let template = record.and_then(|record| record.template.as_deref());
        let branch = tree.head.branch().map(BranchName::as_str);
        self.recipe?.for_worktree(Recipe::default(), name, branch, template).ok()
    }

    fn usual(&self, tree: &Worktree, record: Option<&Record>, name: &str) -> Option<PathBuf> {
        let root = self.context.root();
        let branch = tree.head.branch();
        let has_templates = |source: &&RecipeSource| source.template_names().next().is_some();
        let chosen = match self.recipe.filter(has_templates) {
            Some(_) => Some(self.recipe(tree, record, name)?),
            None => None,
        };
        let template = chosen.as_ref().map_or(&self.plain, |recipe| recipe.path.wanted());
        if template == PLACE {
            // what nearly all have is not worth starting the template engine
            return Some(absolute(root, Path::new(&format!("../{}-{}", self.repo, slug(name)))));
        }
        let name = Name::of_place(name);
        let words = Words::of(self.repo.clone(), &name, branch, root, root, &self.home);
        let text = words.render(template).ok()?;
        let path = tilde::expanded(OsStr::new(&text), Some(&self.home));
        Some(absolute(root, &path))
    }
}

/// Returns the main worktree's own port: what its env file says, or else what the recipe says.
pub fn port_of_main(worktrees: &Worktrees, recipe: Option<&RecipeSource>, context: &Context) -> Option<u16> {
    let main = context.repo.main_root()?;
    let with_port =
        worktrees.records.iter().find_map(|record| Some((record, record.ports().into_iter().next()?)));
    let written = with_port.and_then(|(record, (variable, _))| {
        record.env_files().find_map(|env_file| {
            let text = file::read(&main.join(&env_file.path)).ok()??;
            match EnvText::parse(text).get(&variable)? {
                Value::Text(port) => port.trim().parse().ok(),
                Value::Dynamic(_) => None,
            }
        })
    });
    written.or_else(|| {
        let recipe = recipe?.for_worktree(Recipe::default(), "", None, None).ok()?;
        recipe.port.variables.first().map(|(_, port)| *port)
    })
}
