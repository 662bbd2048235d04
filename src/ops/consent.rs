//! Consent: shown to the user, asked for and remembered.

use super::context::Context;
use super::facts;
use crate::error::{Hint, Result};
use crate::recipe::Recipe;
use crate::recipe::consent::{Action, Consent, ConsentFile};
use crate::record::Record;
use crate::text::name::{Name, escaped};

impl Context {
    /// Returns what the user has consented to in this repository.
    pub fn consent(&self) -> Result<Consent> {
        Ok(ConsentFile::of(&self.repo, &self.claims)?.consent().clone())
    }

    /// Asks on a terminal for consent to all that this recipe asks for, as the main worktree has it. Without a terminal
    /// nothing is assumed, and what has no consent waits.
    pub fn ask_for_recipe(&self, recipe: &Recipe, record: Option<&Record>) -> Result<()> {
        let Some(main) = self.main.as_deref().filter(|_| self.may_ask()) else { return Ok(()) };
        let has_database = record.is_some_and(|record| record.databases().next().is_some());
        let missing = self.consent()?.missing(facts::actions(Some(main), main, recipe, has_database)?);
        self.ask_for(&missing).map(drop)
    }

    /// Shows what is asked for and asks for consent; returns whether the user agrees.
    pub fn ask_for(&self, actions: &[Action]) -> Result<bool> {
        if actions.is_empty() {
            return Ok(true);
        }
        if !self.may_ask() {
            return Ok(false);
        }
        self.show(actions)?;
        let agreed = self.ask("trust this repository with it?")? == Some(true);
        if agreed {
            self.remember(actions)?;
        }
        self.has_declined.set(!agreed);
        Ok(agreed)
    }

    fn may_ask(&self) -> bool {
        !self.has_declined.get() && self.ui.can_ask()
    }

    pub fn remember(&self, actions: &[Action]) -> Result<()> {
        let _lock = self.records.lock()?;
        ConsentFile::of(&self.repo, &self.claims)?.add(actions)
    }

    /// Shows what is asked for: the actions, the files that define them, and what has changed since the user last
    /// agreed.
    pub fn show(&self, actions: &[Action]) -> Result<()> {
        const WIDTH: usize = 76;
        let consent = self.consent()?;
        self.ui.say("this repository asks for, with the files that consent covers:");
        let texts: Vec<String> = actions.iter().map(Action::in_columns).collect();
        let widest =
            texts.iter().map(|text| text.chars().count()).filter(|width| *width <= 48).max().unwrap_or(0);
        for (action, text) in actions.iter().zip(texts) {
            let changed = consent.changed_files(action);
            let file = |file: &str| {
                let since = if changed.contains(&file) { " (changed)" } else { "" };
                format!("{file}{since}")
            };
            let files: Vec<String> = action.files().map(file).collect();
            let (files, width) = (files.join(", "), text.chars().count().max(widest));
            if files.is_empty() {
                self.ui.say(&format!("  {text}"));
            } else if width + files.chars().count() <= WIDTH - 2 {
                self.ui.say(&format!("  {text:width$}  {files}"));
            } else {
                self.ui.say(&format!("  {text}"));
                self.ui.say(&format!("               {files}"));
            }
            for value in &action.values {
                self.ui.say(&format!("               {value}"));
            }
            if let Some(unknown) = &action.uncovered {
                self.ui.say(&format!("               {unknown} is not covered"));
            }
        }
        if actions.iter().any(|action| action.files().next().is_some()) {
            self.ui.say("what these files read or run in turn is not covered");
        }
        Ok(())
    }

    /// Lists what waits for consent. It does not tell an agent or a script how to consent for the user.
    pub fn tell_waiting(&self, name: &Name, waiting: &[Action]) {
        self.tell_waiting_for("git wt setup", name, waiting);
    }

    /// Lists what waits for consent; `then` is the command that does it later.
    pub fn tell_waiting_for(&self, then: &'static str, name: &Name, waiting: &[Action]) {
        self.ui.warn("without consent these are left out:");
        for action in waiting {
            // printed like the warning, even with -q
            self.ui.tell(&format!("  {}\n", escaped(&action.in_columns())));
        }
        if self.ui.can_ask() {
            self.ui.hint(Hint::of("git wt trust").name(name.as_str()));
            self.ui.hint(Hint::of(then).name(name.as_str()));
        } else {
            self.ui
                .say(&format!("a person has to agree to them once, by 'git wt trust {name}' on a terminal;"));
            self.ui.say(&format!("'{then} {name}' then does what was left out"));
        }
    }
}
