//! Detection: what a project visibly needs, from the names of its files and the text of a few small ones.
//!
//! It runs nothing from the project and writes nothing.

mod choice;
mod env_file;
mod fixed;
mod install;
mod template;
mod text;

use std::io::Read;
use std::path::Path;

use crate::error::{Explain, Result};
use crate::host::file;
use crate::recipe::consent::Requested;
use crate::recipe::{DatabaseRule, EnvRule, Recipe, RunRule, VenvRule};
use crate::text::name::escaped;

pub use choice::Topic;

/// Whether a value that programs put together themselves names a port of the project's, or a database: git-wt cannot
/// give a worktree its own.
pub fn is_shared_if_dynamic(name: &str, raw: &str) -> bool {
    let scheme = raw.trim_start_matches(['"', '\'']).split_once("://").map(|(scheme, _)| scheme);
    env_file::names_port(name)
        || name == "DATABASE_URL"
        || scheme.is_some_and(|scheme| crate::text::url::Engine::of(scheme).is_some())
}
use env_file::{EnvFile, NamedDatabase};
use install::Install;
use template::Template;

/// Where a virtual environment usually is, most common first.
const VENVS: [&str; 2] = [".venv", "venv"];
/// Django's names for the database engines that run on a server.
const SERVERS: [&str; 4] =
    ["db.backends.postgresql", "db.backends.mysql", "db.backends.oracle", "db.backends.postgis"];
/// Where a project usually keeps uploaded files.
const UPLOADS: [&str; 2] = ["media", "uploads"];
const COMPOSE_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// What was found in a project.
#[derive(Debug)]
pub struct Project {
    django: Option<Django>,
    installs: Vec<Install>,
    /// The requirements files to choose from.
    requirements: Vec<String>,
    uv: bool,
    compose: Option<&'static str>,
    env: Option<EnvFile>,
    env_ignored: bool,
    /// The env file that overrides it, and those of the project's parts one level below.
    more_env: Vec<EnvFile>,
    venv: Option<Venv>,
    /// The command of a development server other than Django's.
    dev_server: Option<String>,
    /// What is the same in every worktree because no env file controls it.
    fixed: Vec<String>,
    /// Where uploaded files are, if git ignores them, and what a worktree gets of them.
    media: Option<(&'static str, Media)>,
    templates: Vec<Template>,
    database: DatabaseRule,
    /// Whether to run migrations, if somebody has decided that.
    migrate: Option<bool>,
}

/// What a worktree gets of the main worktree's uploaded files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Apart,
    Linked,
    Copied,
}

/// A Django project.
#[derive(Debug)]
struct Django {
    /// The file or directory with its settings.
    settings: Option<String>,
    module: Option<String>,
    /// Whether the settings name a database server.
    has_server: bool,
}

/// Where a Python environment goes.
#[derive(Debug, PartialEq, Eq)]
enum Venv {
    At(&'static str),
    /// Nowhere: git ignores none of the usual places, and would list its files as untracked.
    NotIgnored,
}

/// The directory being examined.
struct Root<'a> {
    path: &'a Path,
    names: Vec<String>,
}

impl Project {
    /// Examines the project in `root`. `ignored` says whether git ignores a path, relative to `root`; the path of a
    /// directory, which need not exist, ends with a slash.
    pub fn look(root: &Path, ignored: &dyn Fn(&str) -> bool) -> Result<Self> {
        Self::look_with(root, ignored, which::which("uv").is_ok())
    }

    fn look_with(root: &Path, ignored: &dyn Fn(&str) -> bool, uv: bool) -> Result<Self> {
        let root = Root::read(root)?;
        let django = django(&root);
        let installs = install::find(&root, uv);
        let python = installs.iter().any(Install::is_python);
        let requirements = if installs.iter().any(Install::is_requirements) {
            install::requirements(&root)
        } else {
            Vec::new()
        };
        let env_ignored = ignored(".env");
        let uploads =
            UPLOADS.into_iter().find(|path| root.path.join(path).is_dir() && ignored(&format!("{path}/")));
        let env = EnvFile::find(&root, django.is_some());
        // next to Django's server, the port would be Django's
        let has_port =
            django.is_none() && env_ignored && env.as_ref().is_some_and(|env| !env.ports.is_empty());
        Ok(Self {
            env,
            env_ignored,
            fixed: fixed::find(&root),
            media: uploads.map(|path| (path, Media::Apart)),
            templates: template::find(&root, django.as_ref(), &requirements, env_ignored),
            database: DatabaseRule::default(),
            migrate: None,
            requirements,
            uv,
            more_env: EnvFile::further(&root, ignored),
            venv: python.then(|| venv(&root, ignored)),
            dev_server: install::dev_server(&root, &installs, has_port),
            compose: COMPOSE_FILES.into_iter().find(|name| root.has(name)),
            django,
            installs,
        })
    }

    /// Returns what was found, one finding per line.
    pub fn findings(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(django) = &self.django {
            let settings = django.settings.as_ref();
            let settings = settings.map(|place| format!(", settings in {place}")).unwrap_or_default();
            lines.push(format!("django project (manage.py){settings}"));
        }
        lines.extend(self.installs.iter().map(|install| format!("{} ({})", install.what, install.file)));
        lines.extend(self.compose.map(|file| format!("compose services ({file})")));
        if let Some(env) = &self.env {
            lines.push(env.finding());
        }
        lines.extend(self.more_env.iter().map(EnvFile::finding));
        lines.iter().map(|line| escaped(line)).collect()
    }

    /// Returns what a worktree will not have of its own, and what to do about it, one item per line.
    pub fn troubles(&self) -> Vec<String> {
        let lines = [self.env_trouble(), self.venv_trouble(), self.shared_database()].into_iter().flatten();
        lines.chain(self.fixed.iter().cloned()).map(|line| escaped(&line)).collect()
    }

    /// Returns the recipe that `add` uses if nothing is configured. It has no commands, so that none of the project's
    /// code runs.
    pub fn recipe(&self) -> Recipe {
        let mut recipe = Recipe::default();
        if let Some(env) = self.used_env() {
            recipe.env.from.clone_from(&env.from);
            recipe.port.variables.clone_from(&env.ports);
            recipe.env.values = self.values(env);
            recipe.database = self.database_rule(env);
        }
        for env in &self.more_env {
            add_env(&mut recipe, env);
            recipe.database = recipe.database.or_else(|| self.database_rule(env));
        }
        match self.media {
            Some((path, Media::Linked)) => recipe.link = Requested::by_user(vec![path.into()]),
            Some((path, Media::Copied)) => recipe.copy.push(format!("{path}/**")),
            Some((_, Media::Apart)) | None => {}
        }
        if let Some(Venv::At(path)) = self.venv {
            recipe.venv = Some(VenvRule { path: path.into(), ..VenvRule::default() });
        }
        let servers = self.servers().into_iter();
        recipe.run =
            servers.map(|(name, command)| (name.into(), RunRule::of(Requested::by_user(command)))).collect();
        recipe
    }

    /// Returns a commented `.wt.toml` in which what was found is in effect and the rest are examples.
    pub fn recipe_text(&self) -> String {
        text::recipe_text(self)
    }

    /// Returns the env file, if a worktree can have one.
    fn used_env(&self) -> Option<&EnvFile> {
        self.env.as_ref().filter(|_| self.env_ignored)
    }

    fn values(&self, env: &EnvFile) -> Vec<(String, Requested<String>)> {
        let secrets = secret_values(env);
        // compose allows only [a-z0-9_-]
        let compose = self.compose.map(|_| {
            (
                "COMPOSE_PROJECT_NAME".to_owned(),
                Requested::by_user("{{ (repo ~ '_' ~ name) | dbname }}".to_owned()),
            )
        });
        secrets.into_iter().chain(compose).collect()
    }

    fn database_rule(&self, env: &EnvFile) -> Option<DatabaseRule> {
        env.database.clone().map(|variable| DatabaseRule { variable, ..self.database.clone() })
    }

    /// Returns the database that is given only by name, in a project that has no database URL.
    fn named_database(&self) -> Option<&NamedDatabase> {
        let mut files = self.env.iter().chain(&self.more_env);
        let has_url = files.clone().any(|env| env.database.is_some());
        files.find_map(|env| env.database_name.as_ref()).filter(|_| !has_url)
    }

    /// Explains why the migrations of a worktree would change the main worktree's database.
    fn shared_database(&self) -> Option<String> {
        if *self.database.shared.wanted() {
            return Some("worktrees share the main worktree's database".into());
        }
        if self.recipe().database.is_some() {
            return None;
        }
        if let Some(NamedDatabase { variable, .. }) = self.named_database() {
            return Some(format!(
                "worktrees share the main worktree's database: {variable} is a name and no url"
            ));
        }
        let server = self.django.as_ref().filter(|django| django.has_server)?;
        let place = server.settings.as_deref().unwrap_or("settings");
        Some(format!(
            "worktrees share the main worktree's database: it is named in {place}, not by a url in '.env'"
        ))
    }

    /// Returns whether its recipe has commands that need consent.
    pub fn has_hooks(&self) -> bool {
        !self.setup_commands().is_empty()
    }

    fn setup_commands(&self) -> Vec<String> {
        self.setup_with(None)
    }

    /// Returns the setup commands, with these requirements in place of the usual ones.
    fn setup_with(&self, requirements: Option<&String>) -> Vec<String> {
        let installs = self.installs.iter().filter_map(|install| match requirements {
            Some(file) if install.is_requirements() => Install::requirements(file, self.uv).command,
            _ => install.command.clone(),
        });
        let migrates = self.migrate.unwrap_or_else(|| self.shared_database().is_none());
        let migrate = self.django.iter().filter(|_| migrates).map(|_| "python manage.py migrate".to_owned());
        installs.chain(migrate).collect()
    }

    /// Notes which of the usual worktrees have a branch.
    pub fn look_for_branches(&mut self, exists: &dyn Fn(&str) -> bool) {
        for template in &mut self.templates {
            template.has_branch = exists(template.name);
        }
    }

    fn chosen_requirements(&self) -> Option<&str> {
        let chosen =
            self.installs.iter().find(|install| install.is_requirements() && install.command.is_some());
        chosen.map(|install| install.file.as_str())
    }

    fn choose_requirements(&mut self, file: Option<&str>) {
        let (uv, all) = (self.uv, &self.requirements);
        for install in self.installs.iter_mut().filter(|install| install.is_requirements()) {
            *install = file.map_or_else(|| Install::undecided(all), |file| Install::requirements(file, uv));
        }
    }

    fn servers(&self) -> Vec<(&'static str, String)> {
        let Some(dev_server) = self.dev_server.clone() else {
            return self.django_server().map(|command| ("server", command)).into_iter().collect();
        };
        match self.django_server() {
            Some(command) => vec![("server", command), ("web", dev_server)],
            None => vec![("server", dev_server)],
        }
    }

    fn django_server(&self) -> Option<String> {
        self.django.as_ref()?;
        let port = if self.used_env().is_some_and(|env| !env.ports.is_empty()) { " {{ port }}" } else { "" };
        Some(format!("python manage.py runserver{port}"))
    }

    fn env_trouble(&self) -> Option<String> {
        if self.env.is_some() && !self.env_ignored && !self.more_env.iter().any(EnvFile::overrides) {
            return Some("no env file is written: git does not ignore '.env'".into());
        }
        let has_some = self.env.is_some() || !self.more_env.is_empty();
        let serves = !self.servers().is_empty() || !self.fixed.is_empty();
        (serves && !has_some)
            .then(|| "worktrees share ports: each gets its own by a '.env' with PORT, ignored by git".into())
    }

    fn venv_trouble(&self) -> Option<String> {
        (self.venv == Some(Venv::NotIgnored))
            .then(|| "no venv is made: git ignores neither '.venv/' nor 'venv/'".to_owned())
    }
}

/// Adds the env file of a part and its ports; a variable name that another part uses is prefixed with the part's name.
fn add_env(recipe: &mut Recipe, env: &EnvFile) {
    let mut rule = EnvRule::of(&env.file);
    for (variable, port) in &env.ports {
        if env.overrides()
            && let Some(known) = recipe.port.variables.iter_mut().find(|(name, _)| name == variable)
        {
            known.1 = *port;
            continue;
        }
        let known = |name: &String| recipe.port.variables.iter().find(|(known, _)| known == name).cloned();
        let names = [variable.clone(), env.of_this_part(variable)];
        // reuse a name that has this number, or take a free one; a port for which there is no name is left as it is
        let Some(name) = names.into_iter().find(|name| known(name).is_none_or(|(_, number)| number == *port))
        else {
            continue;
        };
        if name != *variable {
            rule.values.push((variable.clone(), Requested::by_user(format!("{{{{ ports.{name} }}}}"))));
        }
        if known(&name).is_none() {
            recipe.port.variables.push((name, *port));
        }
    }
    rule.values.extend(secret_values(env));
    recipe.more_env.push(rule);
}

fn secret_values(env: &EnvFile) -> Vec<(String, Requested<String>)> {
    env.secrets.iter().map(|name| (name.clone(), Requested::by_user("{{ secret }}".to_owned()))).collect()
}

impl<'a> Root<'a> {
    fn read(path: &'a Path) -> Result<Self> {
        let entries = path.read_dir().explain(|| format!("cannot read '{}'", path.display()))?;
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        Ok(Self { path, names })
    }

    /// Returns whether a file of exactly this name exists, even on a file system that ignores case.
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name) && self.path.join(name).is_file()
    }

    /// Returns the bytes of a file, if it can be read.
    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        file::read(&self.path.join(name)).ok().flatten()
    }

    /// Returns the beginning of a file, however large it is.
    fn beginning(&self, name: &str) -> Option<String> {
        let mut bytes = Vec::new();
        let file = file::open(&self.path.join(name)).ok().filter(|_| self.has(name))?;
        file.take(1024).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.bytes(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Recognises Django by the content of `manage.py`; other frameworks have such a file too.
fn django(root: &Root<'_>) -> Option<Django> {
    let manage = root.text("manage.py").filter(|text| text.contains("django"))?;
    let module = settings_module(&manage).map(str::to_owned);
    let settings = module.as_ref().and_then(|module| {
        let place = module.replace('.', "/");
        let package = place.rsplit_once('/').map(|(package, _)| package);
        let candidates = [
            // one module of a settings package, as in config.settings.dev, means that the whole package counts
            package.filter(|package| package.ends_with("settings")).map(|package| format!("{package}/")),
            Some(format!("{place}/")),
            Some(format!("{place}.py")),
        ];
        candidates.into_iter().flatten().find(|candidate| root.path.join(candidate).exists())
    });
    // in a settings package the base module counts too
    let texts = module.iter().flat_map(|module| {
        let place = module.replace('.', "/");
        let base = place.rsplit_once('/').map(|(package, _)| format!("{package}/base.py"));
        [Some(format!("{place}.py")), Some(format!("{place}/__init__.py")), base]
    });
    let texts: Vec<String> = texts.flatten().filter_map(|file| root.text(&file)).collect();
    let has_server = texts.iter().any(|text| SERVERS.iter().any(|engine| names(text, engine)));
    Some(Django { settings, module, has_server })
}

/// Whether a line of code, other than a comment, contains the word.
fn names(text: &str, word: &str) -> bool {
    text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains(word))
}

/// Returns the text after `DJANGO_SETTINGS_MODULE`, if it is the name of a module.
fn settings_module(manage: &str) -> Option<&str> {
    let (_, rest) = manage.split_once("DJANGO_SETTINGS_MODULE")?;
    let rest = rest.get(1..)?.trim_start_matches([',', ' ', '\n', '\r', '\t', ']', '=']);
    let quote = rest.chars().next().filter(|c| *c == '"' || *c == '\'')?;
    let module = rest[1..].split(quote).next()?;
    let sound =
        !module.is_empty() && module.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    sound.then_some(module)
}

/// Chooses the place of the main worktree's own environment, or else the first usual one.
fn venv(root: &Root<'_>, ignored: &dyn Fn(&str) -> bool) -> Venv {
    let usable: Vec<&'static str> = VENVS.into_iter().filter(|place| ignored(&format!("{place}/"))).collect();
    let existing = usable.iter().find(|place| root.path.join(place).join("pyvenv.cfg").is_file());
    existing.or(usable.first()).map_or(Venv::NotIgnored, |place| Venv::At(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Sandbox;

    /// Makes a project of these files and examines it; git ignores `ignored`.
    pub(super) fn look(files: &[(&str, &str)], ignored: &[&str]) -> Project {
        let sandbox = Sandbox::new();
        for (name, text) in files {
            sandbox.write(&format!("main/{name}"), text);
        }
        Project::look_with(sandbox.main.path(), &|path| ignored.contains(&path), true).unwrap()
    }

    /// Returns the recipe as if the user had written all of it.
    fn as_the_users(mut recipe: Recipe) -> Recipe {
        fn own<T: Clone>(part: &mut Requested<T>) {
            *part = Requested::by_user(part.wanted().clone());
        }
        own(&mut recipe.link);
        for rule in std::iter::once(&mut recipe.env).chain(&mut recipe.more_env) {
            rule.values.iter_mut().for_each(|(_, value)| own(value));
        }
        recipe.run.iter_mut().for_each(|(_, rule)| own(&mut rule.command));
        if let Some(database) = &mut recipe.database {
            own(&mut database.name);
            own(&mut database.from);
            own(&mut database.shared);
        }
        recipe
    }

    /// Reads the recipe that `init` would write, and checks that it gives what `add` does without it.
    pub(super) fn written(project: &Project) -> Recipe {
        let text = project.recipe_text();
        let source = Recipe::read(Some((Path::new(".wt.toml"), &text)), &[]).unwrap_or_else(|fault| {
            panic!("{}: {}\n{text}", fault.what, fault.why.join(": "));
        });
        let recipe = source.for_worktree(Recipe::default(), "x", None, None).unwrap();
        let without_commands = Recipe { hooks: project.recipe().hooks, configured: false, ..recipe.clone() };
        assert_eq!(as_the_users(without_commands), project.recipe(), "{text}");
        recipe
    }

    pub(super) fn setup(recipe: &Recipe) -> Vec<&str> {
        recipe.hooks.setup.iter().map(|command| command.wanted().as_str()).collect()
    }

    fn servers(recipe: &Recipe) -> Vec<(&str, &str)> {
        recipe.run.iter().map(|(name, rule)| (name.as_str(), rule.command.wanted().as_str())).collect()
    }

    pub(super) const MANAGE: &str = "import os\nfrom django.core.management import x\n\
                          os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"config.settings.dev\")\n";
    const ENV: &str = "SECRET_KEY=abc\nDATABASE_URL=postgres://u:p@localhost/shop\nREDIS_PORT=6379\n";

    #[test]
    fn an_empty_project_needs_nothing() {
        let project = look(&[("README", "")], &[".env", ".venv/"]);
        assert!(project.findings().is_empty());
        assert_eq!(project.recipe(), Recipe::default());
        assert!(written(&project).hooks.setup.is_empty());
    }

    #[test]
    fn a_django_project_gets_the_whole_environment() {
        let files = [
            ("manage.py", MANAGE),
            ("config/settings/dev.py", ""),
            ("requirements.txt", ""),
            (".env", ENV),
            ("compose.yaml", ""),
        ];
        let project = look(&files, &[".env", "venv/"]);
        assert_eq!(
            project.findings(),
            [
                "django project (manage.py), settings in config/settings/",
                "python requirements (requirements.txt)",
                "compose services (compose.yaml)",
                "env file (.env): port PORT (8000), database url DATABASE_URL, secret SECRET_KEY",
            ]
        );
        let recipe = written(&project);
        assert_eq!(recipe.port.variables, [("PORT".to_owned(), 8000)]);
        assert_eq!(as_the_users(recipe.clone()).database, Some(DatabaseRule::default()));
        assert_eq!(recipe.venv.as_ref().unwrap().path, "venv");
        let names: Vec<&str> = recipe.env.values.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["SECRET_KEY", "COMPOSE_PROJECT_NAME"]);
        assert_eq!(setup(&recipe), ["uv pip install -r requirements.txt", "python manage.py migrate"]);
        assert_eq!(servers(&recipe), [("server", "python manage.py runserver {{ port }}")]);
        assert!(project.recipe().hooks.setup.is_empty() && !project.recipe().configured);
    }

    #[test]
    fn each_part_has_an_env_file() {
        let files = [
            ("backend/.env", "PORT=8000\nSECRET_KEY=x\nDATABASE_URL=postgres://u@localhost/shop\n"),
            ("frontend/.env.local", "PORT=3000\nVITE_API_URL=http://localhost:8000\n"),
            ("frontend/.env", "TRACKED=1\nPORT=1234\n"),
            ("node_modules/.env", "PORT=1\n"),
            ("docs/.env.example", "PORT=1\n"),
            ("apps/web/.env", "PORT=3000\n"),
            ("apps/web/.env.local", "PORT=3001\n"),
        ];
        let ignored = [
            "backend/.env",
            "frontend/.env.local",
            "node_modules/.env",
            "apps/web/.env",
            "apps/web/.env.local",
        ];
        let project = look(&files, &ignored);
        assert_eq!(
            project.findings(),
            [
                "env file (backend/.env): port PORT (8000), database url DATABASE_URL, secret SECRET_KEY",
                "env file (frontend/.env.local): port PORT (3000)",
                "env file (apps/web/.env): port PORT (3000)",
                "env file (apps/web/.env.local): port PORT (3001)",
            ]
        );
        let recipe = as_the_users(written(&project));
        let ports: Vec<_> = recipe.port.variables.iter().map(|(name, port)| (name.as_str(), *port)).collect();
        // no unused name is left for the last one
        assert_eq!(ports, [("PORT", 8000), ("FRONTEND_PORT", 3000), ("WEB_PORT", 3000)]);
        assert_eq!(
            recipe.more_env[0].values,
            [("SECRET_KEY".to_owned(), Requested::by_user("{{ secret }}".to_owned()))]
        );
        let renamed = ("PORT".to_owned(), Requested::by_user("{{ ports.FRONTEND_PORT }}".to_owned()));
        assert_eq!(recipe.more_env[1].values, [renamed]);
        assert_eq!(recipe.database, Some(DatabaseRule::default()));
    }

    #[test]
    fn nothing_is_made_where_git_would_see_it() {
        let files =
            [("manage.py", MANAGE), ("requirements.txt", ""), (".env", ENV), (".venv/pyvenv.cfg", "")];
        let project = look(&files, &[]);
        let recipe = written(&project);
        assert_eq!((recipe.venv, recipe.database), (None, None));
        assert!(recipe.port.variables.is_empty() && recipe.env.values.is_empty());
        let findings = project.troubles().join("\n");
        assert!(findings.contains("git does not ignore '.env'"), "{findings}");
        assert!(findings.contains("git ignores neither '.venv/' nor 'venv/'"), "{findings}");
        assert!(project.recipe_text().contains("# note: no venv is made"), "{}", project.recipe_text());
    }

    #[test]
    fn the_venv_of_the_main_worktree_says_where() {
        let files = [("uv.lock", ""), ("venv/pyvenv.cfg", "")];
        for (ignored, expected) in [
            (&[".venv/", "venv/"][..], Venv::At("venv")),
            (&[".venv/"][..], Venv::At(".venv")),
            (&[][..], Venv::NotIgnored),
        ] {
            assert_eq!(look(&files, ignored).venv, Some(expected), "{ignored:?}");
        }
        assert_eq!(look(&[("package-lock.json", "")], &[".venv/"]).venv, None);
    }

    #[test]
    fn a_node_project_gets_its_packages_and_server() {
        let package = r#"{"scripts": {"dev": "vite"}}"#;
        let files = [("package.json", package), ("pnpm-lock.yaml", ""), (".env.sample", "VITE_PORT=5173\n")];
        let project = look(&files, &[".env"]);
        let recipe = written(&project);
        assert_eq!(setup(&recipe), ["pnpm install --frozen-lockfile --prefer-offline"]);
        assert_eq!(servers(&recipe), [("server", "pnpm run dev --port {{ port }}")]);
        assert_eq!(recipe.env.from, ".env.sample");
        assert_eq!(recipe.port.variables, [("VITE_PORT".to_owned(), 5173)]);
        let started = look(&[("package.json", r#"{"scripts": {"start": "node ."}}"#), ("bun.lock", "")], &[]);
        assert_eq!(servers(&written(&started)), [("server", "bun run start")]);
        for (script, server) in [
            ("vite --host", "npm run dev -- --port {{ port }}"),
            ("vite --port 5173", "npm run dev"),
            ("vite && x", "npm run dev"),
            ("next dev", "npm run dev"),
        ] {
            let package = format!(r#"{{"scripts": {{"dev": "{script}"}}}}"#);
            let project = look(&[("package.json", &package), (".env", "PORT=5173\n")], &[".env"]);
            assert_eq!(servers(&written(&project)), [("server", server)], "{script}");
        }
        let silent = look(&[("package.json", r#"{"scripts": {"build": "x"}}"#)], &[]);
        assert!(silent.servers().is_empty() && silent.setup_commands().is_empty());
    }

    #[test]
    fn two_servers_have_two_names() {
        let project = look(&[("manage.py", MANAGE), ("package.json", r#"{"scripts": {"dev": "x"}}"#)], &[]);
        let expected = [("server", "python manage.py runserver"), ("web", "npm run dev")];
        assert_eq!(servers(&written(&project)), expected);
    }

    #[test]
    fn every_lock_file_has_its_installer() {
        let pyproject = ("pyproject.toml", "[project]\nname = 'x'\n");
        let berry = "# This file is generated by running \"yarn install\"\n\n__metadata:\n  version: 8\n";
        let npm = "npm ci --prefer-offline";
        let (uv_pip, yarn) = ("uv pip install -r", "yarn install --frozen-lockfile");
        for (files, expected) in [
            (&[("uv.lock", ""), pyproject][..], "uv sync --frozen"),
            (&[("poetry.lock", ""), pyproject], "POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --sync"),
            (&[("pdm.lock", ""), pyproject], "pdm sync"),
            (&[("Pipfile.lock", ""), ("requirements.txt", "")], "PIPENV_VENV_IN_PROJECT=1 pipenv sync"),
            (&[("requirements.txt", ""), pyproject], &format!("{uv_pip} requirements.txt")),
            (
                &[("requirements.txt", ""), ("requirements-dev.txt", "")],
                &format!("{uv_pip} requirements.txt"),
            ),
            (
                &[("requirements-dev.txt", ""), ("requirements-x.txt", "")],
                &format!("{uv_pip} requirements-dev.txt"),
            ),
            (&[("requirements-all.txt", "")], &format!("{uv_pip} requirements-all.txt")),
            (
                &[("requirements/base.txt", ""), ("requirements/dev.txt", "")],
                &format!("{uv_pip} requirements/dev.txt"),
            ),
            (&[("requirements/only.txt", "")], &format!("{uv_pip} requirements/only.txt")),
            (&[pyproject], "uv pip install -e ."),
            (&[("pyproject.toml", "[build-system]\n")], "uv pip install -e ."),
            (&[("pyproject.toml", "[tool.black]\n")], ""),
            (&[("pnpm-lock.yaml", "")], "pnpm install --frozen-lockfile --prefer-offline"),
            (&[("package-lock.json", "{}")], npm),
            (&[("npm-shrinkwrap.json", "{}")], npm),
            (&[("yarn.lock", "# yarn lockfile v1\n")], yarn),
            (&[("yarn.lock", berry)], "yarn install --immutable"),
            (&[("yarn.lock", ""), (".yarnrc.yml", "")], "yarn install --immutable"),
            (&[("bun.lock", "")], "bun install --frozen-lockfile"),
            (&[("bun.lockb", "\0")], "bun install --frozen-lockfile"),
            (&[("package.json", "{}")], ""),
            (&[("Gemfile.lock", "")], "bundle install --local || bundle install"),
            (&[("composer.lock", "{}")], "composer install"),
            (&[("mix.exs", "")], "mix deps.get"),
            (&[("go.mod", "")], ""),
            (&[("Cargo.toml", "")], ""),
        ] {
            let commands = look(files, &[]).setup_commands();
            assert_eq!(commands.join(" && "), expected, "{files:?}");
        }
    }

    #[test]
    fn each_ecosystem_has_one_installer() {
        let package = |manager: &str| format!("{{\"packageManager\": \"{manager}\"}}");
        let commands = |files: &[(&str, &str)]| look(files, &[]).setup_commands().join(" && ");
        assert_eq!(commands(&[("uv.lock", ""), ("poetry.lock", ""), ("pdm.lock", "")]), "uv sync --frozen");
        let both = "bun install --frozen-lockfile && bundle install --local || bundle install";
        assert_eq!(commands(&[("Gemfile.lock", ""), ("bun.lockb", "")]), both);
        // if several lock files are for node, package.json decides
        for (manager, expected) in [
            ("yarn@1.22.22", "uv sync --frozen && yarn install --frozen-lockfile"),
            ("npm@10.0.0", "uv sync --frozen && npm ci --prefer-offline"),
            ("bun@1.0.0", "uv sync --frozen && npm ci --prefer-offline"),
            ("", "uv sync --frozen && npm ci --prefer-offline"),
        ] {
            let package = package(manager);
            let locks = [
                ("package.json", &*package),
                ("yarn.lock", ""),
                ("package-lock.json", "{}"),
                ("uv.lock", ""),
            ];
            assert_eq!(commands(&locks), expected, "{manager}");
        }
    }

    #[test]
    fn requirements_to_choose_from_are_named() {
        let files = [("requirements-a.txt", ""), ("requirements/b.txt", "")];
        let project = look(&files, &[".venv/"]);
        assert!(project.setup_commands().is_empty());
        let expected = "python requirements, yours to choose from (requirements-a.txt, requirements/b.txt)";
        assert_eq!(project.findings(), [expected]);
        assert!(written(&project).venv.is_some());
    }

    #[test]
    fn without_uv_pip_installs() {
        let sandbox = Sandbox::new();
        sandbox.write("main/requirements.txt", "");
        let project = Project::look_with(sandbox.main.path(), &|_| false, false).unwrap();
        assert_eq!(project.setup_commands(), ["python -m pip install -r requirements.txt"]);
    }

    #[test]
    fn the_settings_are_found_however_they_are_named() {
        for (line, module) in [
            ("setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')", Some("shop.settings")),
            ("setdefault(\n    \"DJANGO_SETTINGS_MODULE\",\n    \"a.b\")", Some("a.b")),
            ("environ['DJANGO_SETTINGS_MODULE'] = 'a'", Some("a")),
            ("setdefault('DJANGO_SETTINGS_MODULE', MODULE)", None),
            ("setdefault('DJANGO_SETTINGS_MODULE', '../x')", None),
            ("", None),
        ] {
            assert_eq!(settings_module(line), module, "{line}");
        }
        let one_file =
            [("manage.py", "django DJANGO_SETTINGS_MODULE', 'shop.settings'"), ("shop/settings.py", "")];
        assert_eq!(
            look(&one_file, &[]).findings(),
            ["django project (manage.py), settings in shop/settings.py"]
        );
        assert!(look(&[("manage.py", "from flask import x")], &[]).findings().is_empty());
    }
}
