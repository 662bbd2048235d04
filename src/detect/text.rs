//! The text of a new `.wt.toml`: what was found in force, the rest as short examples. It writes no file.

use std::fmt::Write;

use crate::recipe::Recipe;

use super::{Project, Venv};

/// Returns the text of a new recipe.
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
    text.push_str(PLACE);
    for part in [
        ports(&recipe),
        env(project, &recipe),
        venv(project),
        database(&recipe),
        hooks(project),
        run(project),
    ] {
        text.push('\n');
        text.push_str(&part);
    }
    text.push_str(TEMPLATES);
    text
}

const PLACE: &str = r#"
# path = "../{{ repo }}-{{ name | slug }}"    # relative to the main worktree
# base = "default"                            # new branches begin at the remote's default branch, not at HEAD
# copy = ["config/local.yml"]                 # ignored files to copy, instead of .env.local and the like
# link = ["media"]                            # paths that are links to the main worktree's
"#;

const TEMPLATES: &str = r#"
# [template.production]                       # over the above, for a worktree or branch of that name
# match = ["production", "release/*"]
# protected = true                            # red, asked before it goes; git wt init --push-guard guards its pushes
# env.DEBUG = "false"
"#;

fn ports(recipe: &Recipe) -> String {
    let lines: Vec<String> =
        recipe.port.variables.iter().map(|(name, port)| format!("{name} = {port}")).collect();
    let note = "the main worktree's ports; each other worktree gets the next that are free";
    table("port", note, &lines, &["PORT = 8000"])
}

fn env(project: &Project, recipe: &Recipe) -> String {
    let mut lines = Vec::new();
    if recipe.env.from != Recipe::default().env.from {
        lines.push(format!("from = {}", quoted(&recipe.env.from)));
    }
    lines.extend(recipe.env.values.iter().map(|(name, template)| format!("{name} = {}", quoted(template))));
    let note = match project.env_trouble() {
        Some(trouble) => format!("variables of the env file; {trouble}"),
        None => "variables of the env file; its other lines stay as they are".to_owned(),
    };
    let mut text = table("env", &note, &lines, &[r#"file = ".env""#, r#"SECRET_KEY = "{{ secret }}""#]);
    for rule in &recipe.more_env {
        let _ = writeln!(text, "\n[env.{}]", quoted(&rule.file));
        for (name, template) in &rule.values {
            let _ = writeln!(text, "{name} = {}", quoted(template));
        }
    }
    text
}

fn venv(project: &Project) -> String {
    let lines = match project.venv {
        Some(Venv::At(path)) => vec![format!("path = {}", quoted(path))],
        Some(Venv::NotIgnored) | None => Vec::new(),
    };
    let note = project.venv_trouble().unwrap_or_else(|| "a python environment of its own".into());
    table("venv", &note, &lines, &[r#"path = ".venv""#, r#"python = "python3""#])
}

fn database(recipe: &Recipe) -> String {
    let lines = recipe.database.iter().flat_map(|rule| {
        [
            format!("variable = {}", quoted(&rule.variable)),
            format!("name = {}", quoted(&rule.name)),
            format!(
                "from = {}    # or \"main\", a copy of the main worktree's, or the path of a dump",
                quoted(&rule.from)
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
    let lines = if commands.is_empty() {
        Vec::new()
    } else {
        let list = commands.iter().map(|command| format!("    {},", quoted(command)));
        [String::from("setup = [")].into_iter().chain(list).chain([String::from("]")]).collect()
    };
    let note = "run in a new worktree, in its environment, after 'git wt trust'";
    table("hooks", note, &lines, &[r#"setup = ["make setup"]"#])
}

fn run(project: &Project) -> String {
    let servers = project.servers();
    let lines: Vec<String> =
        servers.iter().map(|(name, command)| format!("{name} = {}", quoted(command))).collect();
    table(
        "run",
        "what serves the project; for now: git wt run NAME -- CMD",
        &lines,
        &[r#"server = "make serve""#],
    )
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

/// Returns the text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
