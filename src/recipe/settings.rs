//! Reads `git config wt.*` into layers, by git's rules: the last value wins, and an empty one clears a list.
//!
//! It never asks git. Other tools keep settings under `wt.` too, so an unknown one is not an error.

use std::time::Duration;

use super::consent::Author;
use super::layer::{
    Given, GivenTemplate, Layer, RunLayer, TemplateText, entry_fault, path_fault, pattern_fault, port,
    port_range, time,
};
use super::{is_variable, nearest};
use crate::error::{Error, Hint, Result};
use crate::text::name::escaped;

const KEYS: [&str; 26] = [
    "path",
    "base",
    "prefix",
    "copy",
    "link",
    "sparse",
    "protected",
    "env",
    "env.file",
    "env.from",
    "env.set",
    "port.set",
    "port.range",
    "venv.path",
    "venv.python",
    "database.variable",
    "database.name",
    "database.from",
    "database.shared",
    "database.remote",
    "database.timeout",
    "hooks.setup",
    "hooks.teardown",
    "hooks.timeout",
    "run.set",
    MATCH,
];
/// The setting that only a template has.
const MATCH: &str = "match";
/// The setting that turns detection off.
const DETECT: &str = "detect";
/// Settings of git-wt that do not belong to the recipe.
const ELSEWHERE: [&str; 6] = ["keep", "mode", "guard", "push", "trusted", DETECT];

/// Unknown settings, each with the one that may have been meant.
type Unknown = Vec<(String, Option<String>)>;

/// Reads the settings, given in git's order.
pub(super) fn read(settings: &[(String, String)]) -> Result<(Given, Unknown)> {
    let mut given = Given::new(Author::User);
    let mut unknown = Vec::new();
    for (key, value) in settings {
        let Some(word) = key.strip_prefix("wt.") else { continue };
        let setting = Setting { key, value };
        if let Some((template, word)) = in_template(word) {
            setting.apply_to_template(word, given.template(template))?;
        } else if KEYS.contains(&word) && word != MATCH {
            setting.apply(word, &mut given.base)?;
        } else if !ELSEWHERE.contains(&word) {
            unknown.push((key.clone(), meant(word)));
        }
    }
    Ok((given, unknown))
}

/// Whether the user lets the project be looked at; the last word counts.
pub(super) fn lets_detect(settings: &[(String, String)]) -> Result<bool> {
    let said = settings.iter().rfind(|(key, _)| key.strip_prefix("wt.") == Some(DETECT));
    said.map_or(Ok(true), |(key, value)| Setting { key, value }.flag())
}

/// Splits `template.NAME.KEY`. NAME may contain dots, as branches do, so KEY is recognised by the known keys.
fn in_template(word: &str) -> Option<(&str, &str)> {
    let rest = word.strip_prefix("template.")?;
    rest.match_indices('.')
        .map(|(dot, _)| (&rest[..dot], &rest[dot + 1..]))
        .find(|(name, key)| !name.is_empty() && KEYS.contains(key))
}

/// Returns the setting that was probably meant.
fn meant(word: &str) -> Option<String> {
    let (within, word) = match word.strip_prefix("template.").and_then(|rest| rest.split_once('.')) {
        Some((name, key)) => (format!("template.{name}."), key),
        None => (String::new(), word),
    };
    let known = KEYS.into_iter().filter(|key| *key != MATCH || !within.is_empty());
    nearest(word, known).map(|near| format!("wt.{within}{near}"))
}

/// One value of one setting.
struct Setting<'a> {
    key: &'a str,
    value: &'a str,
}

impl Given {
    fn template(&mut self, name: &str) -> &mut GivenTemplate {
        let at = self.templates.iter().position(|known| known.name == name).unwrap_or_else(|| {
            let layer = Layer::new(Author::User);
            self.templates.push(GivenTemplate { name: name.to_owned(), patterns: None, layer });
            self.templates.len() - 1
        });
        &mut self.templates[at]
    }
}

impl Setting<'_> {
    fn apply_to_template(&self, word: &str, template: &mut GivenTemplate) -> Result<()> {
        if word == MATCH {
            self.refuse(pattern_fault(self.value))?;
            self.add(&mut template.patterns, Self::text);
            return Ok(());
        }
        self.apply(word, &mut template.layer)
    }

    fn apply(&self, word: &str, layer: &mut Layer) -> Result<()> {
        match word {
            "path" => layer.path = Some(self.written()),
            "base" => layer.base = Some(self.text()),
            "prefix" => layer.prefix = Some(self.text()),
            "copy" => self.add_path(&mut layer.copy)?,
            "link" => self.add_path(&mut layer.link)?,
            "sparse" => self.add(&mut layer.sparse, Self::text),
            "protected" => layer.protected = Some(self.flag()?),
            "env" => layer.env_enabled = Some(self.flag()?),
            "hooks.setup" => self.add(&mut layer.setup, Self::written),
            "hooks.teardown" => self.add(&mut layer.teardown, Self::written),
            "hooks.timeout" => layer.timeout = Some(self.time()?),
            _ => self.apply_to_rule(word, layer)?,
        }
        Ok(())
    }

    fn apply_to_rule(&self, word: &str, layer: &mut Layer) -> Result<()> {
        match word {
            "env.file" => layer.env_file = Some(self.path()?),
            "env.from" => layer.env_from = Some(self.path()?),
            "port.range" => {
                let range =
                    port_range(self.value).ok_or_else(|| self.fault("two ports, as in '3000-3010'"))?;
                layer.port_range = Some(range);
            }
            "venv.path" => layer.venv.get_or_insert_default().path = Some(self.path()?),
            "venv.python" => layer.venv.get_or_insert_default().python = Some(self.text()),
            "database.variable" => {
                layer.database.get_or_insert_default().variable = Some(self.variable_text()?);
            }
            "database.name" => layer.database.get_or_insert_default().name = Some(self.written()),
            "database.from" => layer.database.get_or_insert_default().from = Some(self.text()),
            "database.shared" => layer.database.get_or_insert_default().shared = Some(self.flag()?),
            "database.remote" => layer.database.get_or_insert_default().remote = Some(self.flag()?),
            "database.timeout" => layer.database.get_or_insert_default().timeout = Some(self.time()?),
            _ => self.apply_to_entries(word, layer)?,
        }
        Ok(())
    }

    fn apply_to_entries(&self, word: &str, layer: &mut Layer) -> Result<()> {
        match (word, self.value) {
            ("env.set", "") => layer.values.clear(),
            ("port.set", "") => layer.ports.clear(),
            ("run.set", "") => layer.run.clear(),
            ("env.set", _) => {
                let (name, text) = self.variable()?;
                layer.values.set(name, self.written_as(text));
            }
            ("port.set", _) => {
                let (name, text) = self.variable()?;
                let port =
                    port(text).ok_or_else(|| self.fault("a variable and its port, as in 'PORT=8000'"))?;
                layer.ports.set(name, port);
            }
            ("run.set", _) => {
                let (name, command) = self.pair("a name and its command, as in 'server=npm start'")?;
                self.refuse(entry_fault(name))?;
                layer.run.set(name, RunLayer::of(self.written_as(command)));
            }
            _ => unreachable!("every word of KEYS has its arm; a test walks them all"),
        }
        Ok(())
    }

    fn text(&self) -> String {
        self.value.to_owned()
    }

    fn written(&self) -> TemplateText {
        self.written_as(self.value)
    }

    fn written_as(&self, text: &str) -> TemplateText {
        TemplateText { text: text.to_owned(), at: format!("in git config '{}'", self.key) }
    }

    fn path(&self) -> Result<String> {
        self.refuse(path_fault(self.value))?;
        Ok(self.text())
    }

    /// Reads a boolean as git does; an empty value is false, as in git.
    fn flag(&self) -> Result<bool> {
        match self.value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" | "" => Ok(false),
            number => match number.parse::<i64>() {
                Ok(number) => Ok(number != 0),
                Err(_) => Err(self.fault("true or false")),
            },
        }
    }

    fn time(&self) -> Result<Duration> {
        time(self.value).ok_or_else(|| self.fault("a time, as in '30m'"))
    }

    fn pair(&self, expected: &str) -> Result<(&str, &str)> {
        let pair = self.value.split_once('=').map(|(name, text)| (name.trim(), text));
        pair.filter(|(name, _)| !name.is_empty()).ok_or_else(|| self.fault(expected))
    }

    fn variable_text(&self) -> Result<String> {
        if is_variable(self.value) { Ok(self.text()) } else { Err(self.fault("the name of a variable")) }
    }

    fn variable(&self) -> Result<(&str, &str)> {
        let expected = "a variable and its value, as in 'NAME=VALUE'";
        let (name, text) = self.pair(expected)?;
        // the value may be a secret
        if is_variable(name) {
            Ok((name, text))
        } else {
            Err(Setting { key: self.key, value: name }.fault(expected))
        }
    }

    fn add<T>(&self, list: &mut Option<Vec<T>>, convert: impl Fn(&Self) -> T) {
        let list = list.get_or_insert_default();
        if self.value.is_empty() {
            list.clear();
        } else {
            list.push(convert(self));
        }
    }

    fn add_path(&self, list: &mut Option<Vec<String>>) -> Result<()> {
        if !self.value.is_empty() {
            self.refuse(path_fault(self.value))?;
        }
        self.add(list, Self::text);
        Ok(())
    }

    fn fault(&self, expected: &str) -> Error {
        let value = escaped(self.value);
        Error::new(format!("'{value}' is not {expected} in git config '{}'", self.key))
            .hint(Hint::of("git config --show-origin --get-all").name(self.key))
    }

    fn refuse(&self, fault: Option<&str>) -> Result<()> {
        match fault {
            None => Ok(()),
            Some(fault) => Err(self.fault("usable").because(fault)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read() {
        for key in KEYS {
            let value = match key {
                "env" | "protected" | "database.shared" | "database.remote" => "true",
                "port.range" => "1-2",
                "hooks.timeout" | "database.timeout" => "2h",
                "env.set" | "port.set" | "run.set" => "A=1",
                _ => "x",
            };
            let key = format!("wt.template.v1.0.{key}");
            let (given, unknown) = read(&[(key.clone(), value.to_owned())]).unwrap();
            assert!(unknown.is_empty(), "{key}");
            assert_eq!(given.templates[0].name, "v1.0", "{key}");
        }
    }

    #[test]
    fn booleans_are_gits() {
        for (value, expected) in [
            ("true", Some(true)),
            ("Yes", Some(true)),
            ("on", Some(true)),
            ("1", Some(true)),
            ("2", Some(true)),
            ("false", Some(false)),
            ("no", Some(false)),
            ("OFF", Some(false)),
            ("0", Some(false)),
            ("", Some(false)),
            ("si", None),
        ] {
            assert_eq!(Setting { key: "wt.env", value }.flag().ok(), expected, "{value}");
        }
    }
}
