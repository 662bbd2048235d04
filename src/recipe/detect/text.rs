//! The text of a new `.wt.toml`: what was found is in effect, the rest are short examples. It writes no file.

use std::fmt::Write;

use crate::recipe::Recipe;

use super::env_file::NamedDatabase;
use super::template::Template;
use super::{Project, Venv};

pub(super) fn recipe_text(project: &Project) -> String {
    let recipe = project.recipe();
    let mut text = String::from("# what a worktree of this repository gets: 'git wt add NAME' makes it\n");
    let findings = project.findings();
    if findings.is_empty() {
        text.push_str("# nothing was found here that a worktree needs\n");
    } else {
        text.push_str("# found here:\n");
    }
    for finding in findings {
        let _ = writeln!(text, "#   {finding}");
    }
    for trouble in project.troubles() {
        let _ = writeln!(text, "# note: {trouble}");
    }
    for part in [
        place(&recipe),
        ports(&recipe),
        env(&recipe),
        venv(project),
        database(project, &recipe),
        hooks(project),
        run(project),
        templates(project),
    ] {
        text.push('\n');
        text.push_str(&part);
    }
    text
}

const PLACE: &str = r#"# path = "../{{ repo }}-{{ name | slug }}"    # relative to the main worktree
# base = "default"                            # new branches begin at the remote's default branch, not at HEAD
"#;
const COPY: &str = r#"# copy = ["config/local.yml"]                 # ignored files to copy, instead of .env.local and the like
"#;
const LINK: &str = r#"# link = ["media"]                            # paths that are links to the main worktree's
"#;

const TEMPLATES: &str = r#"# [template.production]                       # over the above, for a worktree or branch of that name
# match = ["production", "release/*"]
# protected = true                            # red, asked before it goes; git wt init --push-guard guards its pushes
# env.DEBUG = "false"
"#;

/// Explains how to get a database for each worktree if the project's database has a name but no URL.
fn named_database(database: &NamedDatabase) -> String {
    let name = &database.variable;
    let (create, drop, login) = if database.is_mysql {
        ("mysqladmin create", "mysqladmin --force drop", "a password in ~/.my.cnf")
    } else {
        ("createdb", "dropdb --if-exists", "PGHOST, PGUSER and PGPASSWORD in the env file")
    };
    format!(
        r#"# {name} is the name of a database and no url, so git-wt neither makes nor drops it, and worktrees share the main
# worktree's; each gets its own so, with {login} where the server asks:
# [env]
# {name} = "{{{{ (repo ~ '_' ~ name) | dbname }}}}"
# [hooks]
# setup = ['{create} "${name}"', "..."]    # before all others
# teardown = ['{drop} "${name}"']
"#
    )
}

fn place(recipe: &Recipe) -> String {
    let unlike = Recipe::default();
    let written = |key, list: &[String], usual: &[String], example: &str| {
        let items: Vec<String> = list.iter().map(|item| quoted(item)).collect();
        if list == usual { example.to_owned() } else { format!("{key} = [{}]\n", items.join(", ")) }
    };
    let copy = written("copy", &recipe.copy, &unlike.copy, COPY);
    let link = written("link", recipe.link.wanted(), unlike.link.wanted(), LINK);
    format!("{PLACE}{copy}{link}")
}

fn templates(project: &Project) -> String {
    let used = project.templates.iter().filter(|template| template.used);
    let texts: Vec<String> = used.map(|template| template_text(project, template)).collect();
    if texts.is_empty() { TEMPLATES.to_owned() } else { texts.join("\n") }
}

fn template_text(project: &Project, template: &Template) -> String {
    let mut text =
        format!("# over the above, for a worktree or branch of that name\n[template.{}]\n", template.name);
    if template.protected {
        text.push_str("protected = true\n");
    }
    if let Some((_, module)) = &template.settings {
        let _ = writeln!(text, "env.DJANGO_SETTINGS_MODULE = {}", quoted(module));
    }
    if let Some(requirements) = &template.requirements {
        let _ = writeln!(text, "hooks.{}", list("setup", &project.setup_with(Some(requirements))).join("\n"));
    }
    text
}

fn ports(recipe: &Recipe) -> String {
    let lines: Vec<String> =
        recipe.port.variables.iter().map(|(name, port)| format!("{name} = {port}")).collect();
    let note = "the main worktree's ports; each other worktree gets the next that are free";
    table("port", note, &lines, &["PORT = 8000"])
}

fn env(recipe: &Recipe) -> String {
    let mut lines = Vec::new();
    if recipe.env.from != Recipe::default().env.from {
        lines.push(format!("from = {}", quoted(&recipe.env.from)));
    }
    lines.extend(
        recipe.env.values.iter().map(|(name, template)| format!("{name} = {}", quoted(template.wanted()))),
    );
    let note = "variables of the env file; its other lines stay as they are";
    let mut text = table("env", note, &lines, &[r#"file = ".env""#, r#"SECRET_KEY = "{{ secret }}""#]);
    for rule in &recipe.more_env {
        let _ = writeln!(text, "\n[env.{}]", quoted(&rule.file));
        for (name, template) in &rule.values {
            let _ = writeln!(text, "{name} = {}", quoted(template.wanted()));
        }
    }
    text
}

fn venv(project: &Project) -> String {
    let lines = match project.venv {
        Some(Venv::At(path)) => vec![format!("path = {}", quoted(path))],
        Some(Venv::NotIgnored) | None => Vec::new(),
    };
    table("venv", "a python environment of its own", &lines, &[r#"path = ".venv""#, r#"python = "python3""#])
}

fn database(project: &Project, recipe: &Recipe) -> String {
    if let Some(named) = project.named_database() {
        return named_database(named);
    }
    let lines = recipe.database.iter().flat_map(|rule| {
        if *rule.shared.wanted() {
            let shared =
                "shared = true    # worktrees use the main worktree's database on purpose".to_owned();
            return vec![format!("variable = {}", quoted(&rule.variable)), shared];
        }
        vec![
            format!("variable = {}", quoted(&rule.variable)),
            format!("name = {}", quoted(rule.name.wanted())),
            format!(
                "from = {}    # \"empty\", \"main\" (a copy of the main worktree's) or the path of a dump",
                quoted(rule.from.wanted())
            ),
        ]
    });
    let note = "a database of its own; only the name in the url of the main worktree's changes";
    table(
        "database",
        note,
        &lines.collect::<Vec<_>>(),
        &[r#"variable = "DATABASE_URL""#, r#"from = "empty""#],
    )
}

fn hooks(project: &Project) -> String {
    let commands = project.setup_commands();
    let lines = if commands.is_empty() { Vec::new() } else { list("setup", &commands) };
    let note = "run in a new worktree, in its environment, after 'git wt trust'";
    table("hooks", note, &lines, &[r#"setup = ["make setup"]"#])
}

fn run(project: &Project) -> String {
    let servers = project.servers();
    let lines: Vec<String> =
        servers.iter().map(|(name, command)| format!("{name} = {}", quoted(command))).collect();
    table("run", "what serves the project: git wt up NAME", &lines, &[r#"server = "make serve""#])
}

/// Returns a table with its lines, or the example as comments if there are none.
fn table(name: &str, note: &str, lines: &[String], example: &[&str]) -> String {
    let mut text = format!(
        "# {note}
"
    );
    let (comment, lines) = if lines.is_empty() {
        ("# ", example.to_vec())
    } else {
        ("", lines.iter().map(String::as_str).collect())
    };
    let _ = writeln!(text, "{comment}[{name}]");
    for line in lines {
        let _ = writeln!(text, "{comment}{line}");
    }
    text
}

/// Returns a list, one item per line.
fn list(key: &str, items: &[String]) -> Vec<String> {
    let items = items.iter().map(|item| format!("    {},", quoted(item)));
    [format!("{key} = [")].into_iter().chain(items).chain(["]".to_owned()]).collect()
}

/// Returns the text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
