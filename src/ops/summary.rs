//! What was made for a worktree, where it is and how it is started, in few words.

use std::path::Path;

use crate::error::{Hint, Result};
use crate::ops::context::{Context, Ignored};
use crate::record::Record;
use crate::resource::database::Content;
use crate::resource::{Database, Resource};

/// Names what was made in one line; `None` if nothing that the user does not know.
pub fn of<'a>(made: impl IntoIterator<Item = &'a Resource>) -> Option<String> {
    let (mut ports, mut told, mut copies, mut links) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for resource in made {
        match resource {
            Resource::Port(port) => ports.push(port.number.to_string()),
            Resource::Database(database) => told.push(self::database(database)),
            Resource::EnvFile(file) => told.push(file.path.clone()),
            Resource::Venv(venv) => told.push(venv.path.display().to_string()),
            Resource::Copy(copy) => copies.push(copy.path.display().to_string()),
            Resource::Copies(some) => copies.extend(some.paths().map(|path| path.display().to_string())),
            Resource::Link(link) => links.push(link.path.display().to_string()),
            Resource::Checkout(checkout) if !checkout.sparse.is_empty() => {
                told.push(format!("{} alone", checkout.sparse.join(", ")));
            }
            Resource::Checkout(_) | Resource::Branch(_) | Resource::FirstPush(_) | Resource::Exclude(_) => {}
        }
    }
    told.extend(several(&copies, "a copy of", "files copied"));
    told.extend(several(&links, "a link to", "links"));
    if !ports.is_empty() {
        told.insert(0, self::ports(&ports));
    }
    (!told.is_empty()).then(|| told.join(", "))
}

/// Names what is outside of the worktree's own directory: ports and databases.
pub fn outside(record: &Record) -> Option<String> {
    let ports: Vec<String> = record.ports().iter().map(|(_, number)| number.to_string()).collect();
    let ports = (!ports.is_empty()).then(|| self::ports(&ports));
    let told: Vec<String> = ports.into_iter().chain(record.databases().map(database_name)).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn ports(numbers: &[String]) -> String {
    format!("port{} {}", if numbers.len() == 1 { "" } else { "s" }, numbers.join(" "))
}

fn several(paths: &[String], one: &str, many: &str) -> Option<String> {
    match paths {
        [] => None,
        [path] => Some(format!("{one} {path}")),
        paths => Some(format!("{} {many}", paths.len())),
    }
}

/// Names a database, as in `database shop_staging`.
pub fn database_name(database: &Database) -> String {
    match database {
        Database::Server(database) => format!("database {}", database.name),
        Database::Sqlite(database) => {
            format!("database {}", database.place.rsplit('/').next().unwrap_or(&database.place))
        }
    }
}

/// Counts changed and untracked files; `None` if there are none.
pub fn uncommitted((changed, untracked): (usize, usize)) -> Option<String> {
    let files = |count: usize| if count == 1 { "file" } else { "files" };
    match (changed, untracked) {
        (0, 0) => None,
        (changed, 0) => Some(format!("{changed} changed {}", files(changed))),
        (0, untracked) => Some(format!("{untracked} untracked {}", files(untracked))),
        (changed, untracked) => Some(format!("{changed} changed and {untracked} untracked files")),
    }
}

fn database(database: &Database) -> String {
    let from = match database {
        Database::Server(database) => &database.from,
        Database::Sqlite(database) => &database.from,
    };
    let from = match from {
        Content::Empty => "empty".to_owned(),
        Content::Main(_) => "a copy of main's".to_owned(),
        Content::Archive(file) | Content::Script(file) => {
            format!("from {}", file.file_name().unwrap_or_default().to_string_lossy())
        }
    };
    format!("{} ({from})", database_name(database))
}

/// Returns a place as one would type it from the current directory, if that is short.
pub fn place(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    if let Some(beside) = here.parent().and_then(|around| path.strip_prefix(around).ok())
        && beside.components().count() <= 2
        && path != here
    {
        return format!("../{}", beside.display());
    }
    match path.strip_prefix(&here) {
        Ok(below) if path != here => below.display().to_string(),
        _ => path.display().to_string(),
    }
}

/// Returns the command that starts what the worktree serves, if its recipe says what that is.
pub fn to_start(record: &Record, context: &Context) -> Result<Option<Hint>> {
    let (name, template) = (record.name.as_str(), record.template.as_deref());
    let ignored = Ignored::AsRecorded(record);
    let recipe = context.recipe_for(name, record.branch.as_ref(), template, ignored)?;
    Ok((!recipe.run.is_empty()).then(|| Hint::of("git wt up").name(name)))
}
