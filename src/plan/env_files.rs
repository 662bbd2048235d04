//! What goes into which env file: ports and a database URL, in the places where the main worktree has them.

use std::collections::HashSet;
use std::path::PathBuf;

use super::database::OwnUrl;
use super::{Facts, Plan};
use crate::error::Result;
use crate::recipe::consent::Action;
use crate::recipe::detect::is_shared_if_dynamic;
use crate::recipe::{EnvRule, PortRule, Recipe, Words, draws_secret};
use crate::resource::env_file::{MovedPort, Source, Supplied};
use crate::resource::{EnvFile, Resource};
use crate::text::dotenv::{EnvText, Value};
use crate::text::url::with_ports;

/// An env file that is being planned.
struct Sheet<'a> {
    rule: &'a EnvRule,
    /// The main worktree's file.
    source: Option<&'a (PathBuf, EnvText)>,
    /// The values from the recipe.
    own: Vec<(String, String)>,
    /// The values derived from ports and the database.
    derived: Vec<(String, String)>,
    /// The derived values that lead to something the user has not consented to.
    waiting: Vec<Supplied>,
}

impl Plan {
    /// Plans the env files. On a branch without a commit git ignores nothing yet, so there they may be left out.
    pub(super) fn env_files(
        &mut self,
        unborn: bool,
        recipe: &Recipe,
        facts: &Facts,
        words: &Words,
    ) -> Result<()> {
        let sheets = recipe.env_rules().map(|rule| Sheet::of(rule, facts, words));
        let mut sheets = sheets.collect::<Result<Vec<_>>>()?;
        let moved = write_ports(&mut sheets, &recipe.port, words);
        if let Some(url) = self.database(recipe, facts, words, &moved)? {
            write_url(&mut sheets, &url);
        }
        for sheet in sheets.into_iter().filter(Sheet::is_used) {
            self.notes.extend(sheet.dynamic());
            let mut supplied = sheet.waiting.clone();
            for (names, action) in sheet.supplied(recipe, facts) {
                let key = action.key();
                supplied.extend(names.into_iter().map(|name| Supplied::by(name, &key)));
                // the value is written, but set in no shell or hook until there is consent
                if !facts.consent.covers(&action) {
                    self.pending.waiting.push(action);
                }
            }
            let from_tracked = sheet.source.is_some_and(|(path, _)| facts.tracked_sources.contains(path));
            let required = recipe.configured && !unborn;
            let file = EnvFile { supplied, required, from_tracked, ..sheet.file(&moved) };
            self.resources.push(Resource::EnvFile(file));
        }
        Ok(())
    }
}

impl<'a> Sheet<'a> {
    fn of(rule: &'a EnvRule, facts: &'a Facts, words: &Words) -> Result<Self> {
        let own =
            rule.values.iter().map(|(name, template)| Ok((name.clone(), words.render(template.wanted())?)));
        let source = facts.env_sources.get(&rule.file);
        Ok(Self { rule, source, own: own.collect::<Result<_>>()?, derived: Vec::new(), waiting: Vec::new() })
    }

    /// Whether there is anything to write.
    fn is_used(&self) -> bool {
        self.source.is_some() || !self.own.is_empty() || !self.derived.is_empty()
    }

    /// Returns what the repository supplies, through the recipe or through a source that git tracks: the variables, and
    /// the action of setting them in shells and hooks.
    fn supplied(&self, recipe: &Recipe, facts: &Facts) -> Vec<(Vec<String>, Action)> {
        let by_recipe = self
            .rule
            .action()
            .map(|action| (self.rule.supplied().map(|(name, _)| name.to_owned()).collect(), action));
        let source = self.source.filter(|(path, _)| facts.tracked_sources.contains(path));
        let by_source = source.and_then(|(path, text)| {
            let (names, action) = self.rule.supplied_by(path, text, recipe, facts.shares_database(recipe));
            Some((names, action?))
        });
        by_recipe.into_iter().chain(by_source).collect()
    }

    /// Returns notes on values that programs put together from other variables, none of which is the worktree's own: what
    /// they lead to is main's.
    fn dynamic(&self) -> Vec<String> {
        let Some((path, text)) = self.source else { return Vec::new() };
        let own: HashSet<&String> = self.own.iter().chain(&self.derived).map(|(name, _)| name).collect();
        let is_made_of_own =
            |raw: &str| own.iter().any(|name| with_expansion(raw).any(|used| used == name.as_str()));
        let shared = text.variables().into_iter().filter(|(name, value)| match value {
            Value::Dynamic(raw) => {
                !own.contains(name) && is_shared_if_dynamic(name, raw) && !is_made_of_own(raw)
            }
            Value::Text(_) => false,
        });
        let note = |(name, _): (String, Value)| {
            let kind = if name.ends_with("PORT") { "port" } else { "database" };
            format!("{name} in '{}' has an expansion: its {kind} is the main worktree's", path.display())
        };
        shared.map(note).collect()
    }

    fn text(&self) -> Option<&'a EnvText> {
        self.source.map(|(_, text)| text)
    }

    fn has(&self, variable: &str) -> bool {
        self.text().is_some_and(|text| text.get(variable).is_some())
    }

    fn port(&self, variable: &str) -> Option<u16> {
        match self.text()?.get(variable)? {
            Value::Text(port) => port.parse().ok(),
            Value::Dynamic(_) => None,
        }
    }

    fn file(self, moved: &[MovedPort]) -> EnvFile {
        let mut values = self.derived.clone();
        let own: HashSet<&String> = self.own.iter().map(|(name, _)| name).collect();
        values.retain(|(name, _)| !own.contains(name));
        values.extend(self.own.iter().cloned());
        let drawn = self.rule.values.iter().filter(|(_, template)| draws_secret(template.wanted()));
        EnvFile {
            path: self.rule.file.clone(),
            from: self.source.map(|(path, _)| Source(path.clone())),
            followers: self.text().map(|text| followers(text, &values, moved)).unwrap_or_default(),
            drawn: drawn.map(|(name, _)| name.clone()).collect(),
            moved: moved.to_vec(),
            values,
            ..EnvFile::default()
        }
    }
}

/// Returns the names that follow a `$` or `${`.
fn with_expansion(raw: &str) -> impl Iterator<Item = &str> {
    raw.split('$').skip(1).map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// Returns the file for what the main worktree has nowhere.
fn first(sheets: &[Sheet]) -> usize {
    sheets.iter().position(Sheet::is_used).unwrap_or(0)
}

/// Puts a database URL into each file that has the main worktree's, or else into one.
fn write_url(sheets: &mut [Sheet], url: &OwnUrl) {
    let OwnUrl { variable, value, consent } = url;
    let home = sheets.iter().position(|sheet| sheet.has(variable)).unwrap_or(first(sheets));
    let theirs = |sheet: &Sheet| sheet.text().and_then(|text| text.get(variable));
    let same = theirs(&sheets[home]);
    for (at, sheet) in sheets.iter_mut().enumerate() {
        if at == home || (same.is_some() && theirs(sheet) == same) {
            sheet.derived.push((variable.clone(), value.clone()));
            sheet.waiting.extend(consent.iter().map(|key| Supplied::by(variable.clone(), key)));
        }
    }
}

/// Puts each port into the files that have the main worktree's, or else into one.
fn write_ports(sheets: &mut [Sheet], rule: &PortRule, words: &Words) -> Vec<MovedPort> {
    let mut moved = Vec::new();
    for (variable, configured) in &rule.variables {
        let Some((_, to)) = words.ports.iter().find(|(name, _)| name == variable) else { continue };
        let having = |has: &dyn Fn(&Sheet) -> bool| -> Vec<usize> {
            (0..sheets.len()).filter(|at| has(&sheets[*at])).collect()
        };
        // in other files a variable of that name may be a different port, unless the file overrides this one
        let mut places = having(&|sheet| {
            sheet.port(variable) == Some(*configured) || (sheet.rule.overrides() && sheet.has(variable))
        });
        if places.is_empty() {
            places = having(&|sheet| sheet.has(variable));
            places.truncate(1);
        }
        if places.is_empty() {
            places.push(first(sheets));
        }
        let home = &sheets[places[0]];
        let from = home.port(variable).unwrap_or(*configured);
        moved.push(MovedPort { variable: variable.clone(), file: home.rule.file.clone(), from, to: *to });
        for at in places {
            sheets[at].derived.push((variable.clone(), to.to_string()));
        }
    }
    moved
}

/// Returns the main worktree's variables whose values contain one of its ports, except those that get values of their
/// own.
fn followers(text: &EnvText, values: &[(String, String)], moved: &[MovedPort]) -> Vec<(String, String)> {
    let ports: Vec<(u16, u16)> = moved.iter().map(|moved| (moved.from, moved.to)).collect();
    let names = text.variables().into_iter().map(|(name, _)| name);
    let with_own: HashSet<&String> = values.iter().map(|(name, _)| name).collect();
    let others = names.filter(|name| !with_own.contains(name));
    let raw = others.filter_map(|name| text.raw(&name).map(str::to_owned).map(|raw| (name, raw)));
    raw.filter(|(_, raw)| with_ports(raw, &ports).is_some()).collect()
}
