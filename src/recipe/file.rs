//! Reads the text of `.wt.toml` into layers; every fault is reported with its line.
//!
//! It knows the file's words and their types, and nothing of git config.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::consent::Author;
use super::layer::{
    self, DatabaseLayer, EnvLayer, Given, GivenTemplate, Layer, RunLayer, TemplateText, VenvLayer,
    entry_fault, path_fault, pattern_fault, ready_fault,
};
use super::{is_variable, nearest};
use crate::error::{Error, Result};
use crate::text::name::escaped;
use crate::text::quote::posix;

const TOP: [&str; 14] = [
    "path",
    "base",
    "prefix",
    "copy",
    "link",
    "sparse",
    "port",
    "env",
    "venv",
    "database",
    "hooks",
    "run",
    "protected",
    "template",
];
const VENV: [&str; 2] = ["path", "python"];
const DATABASE: [&str; 6] = ["variable", "name", "from", "shared", "remote", "timeout"];
const HOOKS: [&str; 3] = ["setup", "teardown", "timeout"];
const RUN: [&str; 5] = ["command", "cwd", "port", "ready", "timeout"];

/// Reads the whole file.
pub(super) fn read(path: &Path, text: &str) -> Result<Given> {
    let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
    let file = File { name: path.display().to_string(), line_ends };
    let document = DeTable::parse(text).map_err(|fault| {
        let at = file.at(&fault.span().unwrap_or_default());
        Error::new(format!("syntax error {at}")).because(fault.message())
    })?;
    let mut given = Given::new(Author::Repository);
    for item in file.items("", document.get_ref()) {
        if item.name == "template" {
            given.templates = item.table()?.iter().map(read_template).collect::<Result<_>>()?;
        } else {
            read_key(&item, &mut given.base)?;
        }
    }
    Ok(given)
}

fn read_template(template: &Item<'_>) -> Result<GivenTemplate> {
    let mut patterns = None;
    let mut layer = Layer::new(Author::Repository);
    for item in template.table()? {
        match item.name {
            "match" => patterns = Some(item.list(|text| item.refuse(text, pattern_fault(text)))?),
            // templates do not nest
            "template" => return Err(item.unknown(&TOP)),
            _ => read_key(&item, &mut layer)?,
        }
    }
    Ok(GivenTemplate { name: template.name.to_owned(), patterns, layer })
}

fn read_key(item: &Item<'_>, layer: &mut Layer) -> Result<()> {
    match item.name {
        "path" => layer.path = Some(item.written()?),
        "base" => layer.base = Some(item.text()?),
        "prefix" => layer.prefix = Some(item.text()?),
        "copy" => layer.copy = Some(item.paths()?),
        "link" => layer.link = Some(item.paths()?),
        "sparse" => layer.sparse = Some(item.list(|_| Ok(()))?),
        "port" => read_port(item, layer)?,
        "env" => read_env(item, layer)?,
        "venv" => layer.venv = Some(read_venv(item)?),
        "database" => layer.database = Some(read_database(item)?),
        "hooks" => read_hooks(item, layer)?,
        "run" => {
            for entry in item.table()? {
                layer.run.set(entry.name, read_run(&entry)?);
            }
        }
        "protected" => layer.protected = Some(item.flag()?),
        _ => return Err(item.unknown(&TOP)),
    }
    Ok(())
}

fn read_port(table: &Item<'_>, layer: &mut Layer) -> Result<()> {
    for item in table.table()? {
        if item.name == "range" {
            let range = layer::port_range(&item.text()?);
            let range = range.ok_or_else(|| item.fault("must be two ports, as in '3000-3010'"))?;
            layer.port_range = Some(range);
        } else {
            layer.ports.set(item.variable()?, item.port()?);
        }
    }
    Ok(())
}

fn read_env(table: &Item<'_>, layer: &mut Layer) -> Result<()> {
    for item in table.table()? {
        match item.name {
            "file" => layer.env_file = Some(item.path()?),
            "from" => layer.env_from = Some(item.path()?),
            _ if item.is_file_table() => layer.more_env.set(item.name, read_env_file(&item)?),
            _ => layer.values.set(item.variable()?, item.written()?),
        }
    }
    Ok(())
}

/// Reads the table of an additional env file, whose name is its path.
fn read_env_file(table: &Item<'_>) -> Result<EnvLayer> {
    table.refuse(table.name, path_fault(table.name))?;
    let mut env = EnvLayer::default();
    for item in table.table()? {
        match item.name {
            "from" => env.from = Some(item.path()?),
            _ => env.values.set(item.variable()?, item.written()?),
        }
    }
    Ok(env)
}

fn read_venv(table: &Item<'_>) -> Result<VenvLayer> {
    let mut venv = VenvLayer::default();
    for item in table.table()? {
        match item.name {
            "path" => venv.path = Some(item.path()?),
            "python" => venv.python = Some(item.text()?),
            _ => return Err(item.unknown(&VENV)),
        }
    }
    Ok(venv)
}

fn read_database(table: &Item<'_>) -> Result<DatabaseLayer> {
    let mut database = DatabaseLayer::default();
    for item in table.table()? {
        match item.name {
            "variable" => database.variable = Some(item.variable_text()?),
            "name" => database.name = Some(item.written()?),
            "from" => database.from = Some(item.text()?),
            "shared" => database.shared = Some(item.flag()?),
            "remote" => database.remote = Some(item.flag()?),
            "timeout" => database.timeout = Some(item.time()?),
            _ => return Err(item.unknown(&DATABASE)),
        }
    }
    Ok(database)
}

/// Reads a server: its command, or a table that has it.
fn read_run(entry: &Item<'_>) -> Result<RunLayer> {
    entry.refuse(entry.name, entry_fault(entry.name))?;
    if matches!(entry.value.get_ref(), DeValue::String(_)) {
        return Ok(RunLayer::of(entry.written()?));
    }
    let (mut command, mut dir) = (None, None);
    let (mut port, mut ready, mut timeout) = (None, None, None);
    for item in entry.table()? {
        match item.name {
            "command" => command = Some(item.written()?),
            "cwd" => dir = Some(item.path()?),
            "port" => port = Some(item.written()?),
            "ready" => {
                let written = item.written()?;
                item.refuse(&written.text, ready_fault(&written.text))?;
                ready = Some(written);
            }
            "timeout" => timeout = Some(item.time()?),
            _ => return Err(item.unknown(&RUN)),
        }
    }
    let mut command = command.ok_or_else(|| entry.fault("has no 'command'"))?;
    if let Some(dir) = dir {
        // a part of the command, so that consent covers it
        command.text = format!("cd {} && {}", posix(&dir), command.text);
    }
    Ok(RunLayer { command, port, ready, timeout })
}

fn read_hooks(table: &Item<'_>, layer: &mut Layer) -> Result<()> {
    for item in table.table()? {
        match item.name {
            "setup" => layer.setup = Some(item.commands()?),
            "teardown" => layer.teardown = Some(item.commands()?),
            "timeout" => layer.timeout = Some(item.time()?),
            _ => return Err(item.unknown(&HOOKS)),
        }
    }
    Ok(())
}

/// The text that spans point into.
struct File {
    name: String,
    line_ends: Vec<usize>,
}

/// One key with its value.
struct Item<'a> {
    file: &'a File,
    /// The enclosing tables, each followed by a dot.
    within: String,
    name: &'a str,
    span: Range<usize>,
    value: &'a Spanned<DeValue<'a>>,
}

impl File {
    /// Returns the keys of a table in the order written.
    fn items<'a>(&'a self, within: &str, table: &'a DeTable<'a>) -> Vec<Item<'a>> {
        let mut items: Vec<Item<'a>> = table
            .iter()
            .map(|(key, value)| Item {
                file: self,
                within: within.to_owned(),
                name: key.get_ref(),
                span: key.span(),
                value,
            })
            .collect();
        items.sort_by_key(|item| item.span.start);
        items
    }

    fn at(&self, span: &Range<usize>) -> String {
        let line = self.line_ends.partition_point(|end| *end < span.start) + 1;
        format!("in '{}', line {line}", self.name)
    }
}

impl<'a> Item<'a> {
    fn full_name(&self) -> String {
        format!("{}{}", self.within, escaped(self.name))
    }

    fn fault(&self, fault: &str) -> Error {
        Error::new(format!("'{}' {fault} {}", self.full_name(), self.file.at(&self.span)))
    }

    fn unknown(&self, known: &[&'static str]) -> Error {
        let at = self.file.at(&self.span);
        let error = Error::new(format!("unknown key '{}' {at}", self.full_name()));
        match nearest(self.name, known.iter().copied()) {
            Some(near) if near != self.name => error.advise(format!("did you mean '{}{near}'?", self.within)),
            _ => error,
        }
    }

    fn table(&self) -> Result<Vec<Item<'a>>> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(self.file.items(&format!("{}.", self.full_name()), table)),
            _ => Err(self.fault("must be a table")),
        }
    }

    /// Returns whether it is a table of an env file: a table whose name cannot be a variable.
    fn is_file_table(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Table(_)) && !is_variable(self.name)
    }

    fn text(&self) -> Result<String> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.fault("must be a text in quotes")),
        }
    }

    fn written(&self) -> Result<TemplateText> {
        Ok(TemplateText { text: self.text()?, at: self.file.at(&self.value.span()) })
    }

    fn path(&self) -> Result<String> {
        let path = self.text()?;
        self.refuse(&path, path_fault(&path))?;
        Ok(path)
    }

    fn time(&self) -> Result<Duration> {
        layer::time(&self.text()?).ok_or_else(|| self.fault("must be a time, as in '30m'"))
    }

    fn flag(&self) -> Result<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.fault("must be true or false")),
        }
    }

    fn port(&self) -> Result<u16> {
        let port = match self.value.get_ref() {
            DeValue::Integer(number) => u16::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        port.filter(|port| *port != 0).ok_or_else(|| self.fault("must be a port number"))
    }

    /// Returns the name, if it can be a variable.
    fn variable(&self) -> Result<&'a str> {
        if is_variable(self.name) {
            Ok(self.name)
        } else {
            Err(self.fault("cannot be the name of a variable"))
        }
    }

    fn variable_text(&self) -> Result<String> {
        let text = self.text()?;
        if is_variable(&text) { Ok(text) } else { Err(self.fault("must be the name of a variable")) }
    }

    fn paths(&self) -> Result<Vec<String>> {
        self.list(|path| self.refuse(path, path_fault(path)))
    }

    fn list(&self, check: impl Fn(&str) -> Result<()>) -> Result<Vec<String>> {
        let texts = self.commands()?;
        texts.iter().try_for_each(|written| check(&written.text))?;
        Ok(texts.into_iter().map(|written| written.text).collect())
    }

    fn commands(&self) -> Result<Vec<TemplateText>> {
        let DeValue::Array(list) = self.value.get_ref() else {
            return Err(self.fault("must be a list of texts"));
        };
        list.iter()
            .map(|value| match value.get_ref() {
                DeValue::String(text) => {
                    Ok(TemplateText { text: text.to_string(), at: self.file.at(&value.span()) })
                }
                _ => Err(self.fault("must be a list of texts")),
            })
            .collect()
    }

    fn refuse(&self, text: &str, fault: Option<&str>) -> Result<()> {
        match fault {
            None => Ok(()),
            Some(fault) => Err(self.fault(&format!("cannot be '{}'", escaped(text))).because(fault)),
        }
    }
}
