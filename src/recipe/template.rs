//! Renders the recipe's `{{ templates }}`, and defines the words they may use.
//!
//! It reads the process environment for `env.X` and draws secrets; it creates nothing and runs nothing.

mod bounds;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Value};
use minijinja::{Environment, ErrorKind, Output, State, Template, UndefinedBehavior};

use crate::error::{Error, Hint, Result};
use crate::host::{exec, random};
use crate::text::hash::hash;
use crate::text::name::{self, BranchName, Name};

use super::consent::Author;
use super::nearest;

/// Every word a template may use.
const WORDS: [&str; 11] =
    ["repo", "name", "branch", "path", "main", "cwd", "home", "port", "ports", "secret", "env"];
/// Our filters, in addition to those of minijinja.
const FILTERS: &str = "slug, dbname, hash";

/// Which words a template may use: those known when it is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The worktree's path, on which everything else depends.
    Path(Author),
    Database(Author),
    /// A command, whose text other users can see while it runs, and which is kept in a log.
    Command,
    /// Everything else.
    Whole,
}

/// What the words of a template stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// The repository's name.
    pub repo: String,
    pub name: String,
    /// Its branch; `None` on a detached HEAD.
    pub branch: Option<String>,
    pub path: String,
    /// The main worktree's absolute path.
    pub main: String,
    /// The directory the user is in.
    pub cwd: String,
    /// The user's home directory.
    pub home: String,
    /// Its ports, with their variables; the first is `port`.
    pub ports: Vec<(String, u16)>,
}

/// Returns whether a template gives a different text each time.
pub fn draws_secret(template: &str) -> bool {
    used_words(engine(), template).is_ok_and(|used| used.iter().any(|word| word == "secret"))
}

/// Returns whether a template gives the same text whenever and wherever it is rendered for a worktree.
pub fn is_settled(template: &str) -> bool {
    let passing = |word: &String| ["secret", "env", "cwd"].contains(&word.as_str());
    used_words(engine(), template).is_ok_and(|used| !used.iter().any(passing))
}

impl Words {
    /// Returns the words of a worktree, without its path and its ports.
    pub fn of(
        repo: String,
        name: &Name,
        branch: Option<&BranchName>,
        main: &Path,
        cwd: &Path,
        home: &Path,
    ) -> Self {
        let [main, cwd, home] = [main, cwd, home].map(|path| path.to_string_lossy().into_owned());
        let branch = branch.map(|branch| branch.as_str().to_owned());
        let (path, ports) = Default::default();
        Self { repo, name: name.as_str().to_owned(), branch, path, main, cwd, home, ports }
    }

    /// Returns the text that the template gives; each call draws a new `secret`.
    pub fn render(&self, template: &str) -> Result<String> {
        self.render_with(engine(), template)
    }

    /// Returns the port that a template names; of several, `{{ port }}`.
    pub fn port_named_by(&self, template: &str) -> Option<u16> {
        let used = used_words(engine(), template).ok()?;
        if used.iter().any(|word| word == "port") {
            return self.ports.first().map(|(_, port)| *port);
        }
        used.iter().find_map(|word| self.port(word.strip_prefix("ports.")?))
    }

    /// Returns the port of a variable.
    pub fn port(&self, variable: &str) -> Option<u16> {
        self.ports.iter().find(|(name, _)| name == variable).map(|(_, port)| *port)
    }

    /// Returns the shell command that the template gives. Values are escaped, so that no character in them means
    /// anything to the shell. In the template, words must not be quoted: the backslashes before unusual characters
    /// would stay.
    pub fn render_command(&self, template: &str) -> Result<String> {
        static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
            let mut engine = engine().clone();
            engine.set_formatter(write_for_the_shell);
            engine
        });
        for word in used_words(&ENGINE, template)? {
            check_word(&ENGINE, &word, template, Scope::Command)?;
        }
        self.render_with(&ENGINE, template)
    }

    fn render_with(&self, engine: &Environment<'_>, text: &str) -> Result<String> {
        let used = used_words(engine, text)?;
        if let Some(word) = used.iter().find(|word| !is_word(engine, word)) {
            return Err(unknown(word, text, WORDS));
        }
        let template = template(engine, text)?;
        let mut made = bounds::Text::default();
        let rendered = template.render_captured_to(self.values(&used)?, &mut made);
        rendered.map_err(|fault| match fault.kind() {
            ErrorKind::UndefinedError => self.missing(&used, text),
            _ => not_rendered(text, &fault),
        })?;
        Ok(made.into_string())
    }

    fn values(&self, used: &[String]) -> Result<BTreeMap<&'static str, Value>> {
        let mut values = BTreeMap::from([
            ("repo", Value::from(&self.repo)),
            ("name", Value::from(&self.name)),
            ("path", Value::from(&self.path)),
            ("main", Value::from(&self.main)),
            ("cwd", Value::from(&self.cwd)),
            ("home", Value::from(&self.home)),
            ("ports", Value::from(self.ports.iter().cloned().collect::<BTreeMap<_, _>>())),
            ("env", Value::from_object(ProcessEnvironment)),
        ]);
        if let Some(branch) = &self.branch {
            values.insert("branch", Value::from(branch));
        }
        if let Some((_, port)) = self.ports.first() {
            values.insert("port", Value::from(*port));
        }
        if used.iter().any(|word| word == "secret") {
            values.insert("secret", Value::from(random::secret()?));
        }
        Ok(values)
    }

    /// Names the word that has no value here.
    fn missing(&self, used: &[String], text: &str) -> Error {
        let text = name::escaped(text);
        for word in used {
            match word.split_once('.') {
                Some(("env", variable)) if exec::variable(variable).is_none() => {
                    return Error::new(format!(
                        "environment variable '{variable}' is not set, but '{text}' uses it"
                    ))
                    .hint(Hint::of("export").name(format!("{variable}=VALUE")));
                }
                Some(("ports", port)) if !self.ports.iter().any(|(name, _)| name == port) => {
                    return Error::new(format!("'{port}' is not among the ports, but '{text}' uses it"))
                        .advise(format!("write '{port} = 8000' under '[port]' in '.wt.toml'"));
                }
                None if word == "branch" && self.branch.is_none() => {
                    return Error::new(format!("there is no branch here, but '{text}' uses it"))
                        .advise("write '{{ branch or name }}'");
                }
                None if word == "port" && self.ports.is_empty() => return no_port(&text),
                _ => {}
            }
        }
        Error::new(format!("a word stands for nothing in template '{text}'"))
    }
}

/// Refuses a template that could never be rendered. If `ports` is `None`, any port is allowed.
pub(super) fn check(text: &str, scope: Scope, ports: Option<&[&str]>) -> Result<()> {
    let engine = engine();
    let used = used_words(engine, text)?;
    for word in &used {
        check_word(engine, word, text, scope)?;
        match (word.split_once('.'), ports) {
            (Some(("ports", port)), Some(ports)) if !ports.contains(&port) => {
                return Err(unknown_port(port, text, ports));
            }
            (None, Some([])) if word == "port" => return Err(no_port(text)),
            _ => {}
        }
    }
    check_filters(engine, &used, text)
}

fn check_word(engine: &Environment<'_>, word: &str, text: &str, scope: Scope) -> Result<()> {
    let later: &[&str] = match scope {
        Scope::Path(_) => &["path", "port", "ports", "secret"],
        Scope::Database(_) => &["port", "ports", "secret"],
        Scope::Command | Scope::Whole => &[],
    };
    if scope == Scope::Command && ["env", "secret"].contains(&root(word)) {
        return Err(secret_in_command(word, text));
    }
    if matches!(scope, Scope::Path(Author::Repository) | Scope::Database(Author::Repository))
        && root(word) == "env"
    {
        let text = name::escaped(text);
        return Err(Error::new(format!("'{word}' cannot stand in '{text}', which is seen by others"))
            .because("a committed file may not show what the environment has")
            .advise("git config wt.path and wt.database.name may have it"));
    }
    if later.contains(&root(word)) {
        let text = name::escaped(text);
        return Err(Error::new(format!("variable '{}' is not known yet in template '{text}'", root(word))));
    }
    if is_word(engine, word) {
        return Ok(());
    }
    Err(unknown(word, text, WORDS.into_iter().filter(|word| !later.contains(word))))
}

fn secret_in_command(word: &str, text: &str) -> Error {
    let error = Error::new(format!("'{word}' cannot stand in the command '{}'", name::escaped(text)))
        .because("what a command says is seen by other users while it runs, and kept in a log");
    match word.strip_prefix("env.") {
        Some(variable) => error.advise(format!("write \"${variable}\": the variable is there already")),
        None if word == "secret" => error.advise(
            "write 'SECRET_KEY = \"{{ secret }}\"' under '[env]', and \"$SECRET_KEY\" in the command",
        ),
        None => error.advise("all variables are there already, as in \"$HOME\""),
    }
}

/// Renders once with placeholder values, since only then does minijinja report an unknown filter. Other faults may be
/// due to the placeholders, and are left for later.
fn check_filters(engine: &Environment<'_>, used: &[String], text: &str) -> Result<()> {
    let word = || "x".to_owned();
    let stand_in = Words {
        repo: word(),
        name: word(),
        branch: Some(word()),
        path: word(),
        main: word(),
        cwd: word(),
        home: word(),
        ports: vec![(word(), 1)],
    };
    match template(engine, text)?.render_captured_to(stand_in.values(used)?, bounds::Text::default()) {
        Err(fault) if matches!(fault.kind(), ErrorKind::UnknownFilter) => {
            Err(not_rendered(text, &fault).advise(format!("the filters are {FILTERS}, and minijinja's own")))
        }
        Err(fault)
            if matches!(
                fault.kind(),
                ErrorKind::UnknownTest
                    | ErrorKind::UnknownFunction
                    | ErrorKind::OutOfFuel
                    | ErrorKind::WriteFailure
            ) =>
        {
            Err(not_rendered(text, &fault))
        }
        _ => Ok(()),
    }
}

fn engine() -> &'static Environment<'static> {
    static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(new_engine);
    &ENGINE
}

fn new_engine() -> Environment<'static> {
    let mut engine = Environment::new();
    // `{{ branch or name }}` may test whether a word has a value, but a missing value is never printed as nothing
    engine.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    engine.set_syntax(syntax());
    bounds::limit(&mut engine);
    engine.add_filter("slug", |text: String| name::slug(&text));
    engine.add_filter("dbname", |text: String| name::dbname(&text));
    engine.add_filter("hash", |text: String| hash(text.as_bytes())[..8].to_owned());
    engine
}

fn syntax() -> SyntaxConfig {
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    syntax.expect("the delimiters are minijinja's own")
}

fn template<'t>(engine: &'t Environment<'_>, text: &'t str) -> Result<Template<'t, 't>> {
    if let Some(fault) = bounds::fault(text, syntax()) {
        return Err(refused(text, &fault));
    }
    engine.template_from_str(text).map_err(|fault| not_rendered(text, &fault))
}

/// Returns the words that a template uses in a fixed order, with `ports.NAME` and `env.NAME` in full.
fn used_words(engine: &Environment<'_>, text: &str) -> Result<Vec<String>> {
    let template = template(engine, text).map_err(|error| {
        error.advise("braces meant for another program go between {% raw %} and {% endraw %}")
    })?;
    let mut used: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    used.sort();
    Ok(used)
}

fn root(word: &str) -> &str {
    word.split_once('.').map_or(word, |(root, _)| root)
}

fn is_word(engine: &Environment<'_>, word: &str) -> bool {
    WORDS.contains(&root(word)) || engine.globals().any(|(global, _)| global == root(word))
}

fn unknown(word: &str, text: &str, known: impl IntoIterator<Item = &'static str>) -> Error {
    let known: Vec<&str> = known.into_iter().collect();
    let error =
        Error::new(format!("unknown variable '{}' in template '{}'", root(word), name::escaped(text)));
    match nearest(root(word), known.iter().copied()) {
        Some(near) => error.advise(format!("did you mean '{near}'?")),
        None => error.advise(format!("the words are {}", known.join(", "))),
    }
}

fn unknown_port(port: &str, text: &str, ports: &[&str]) -> Error {
    let error = Error::new(format!("unknown variable 'ports.{port}' in template '{}'", name::escaped(text)));
    match nearest(port, ports.iter().copied()) {
        Some(near) => error.advise(format!("did you mean 'ports.{near}'?")),
        None => error.advise(format!("write '{port} = 8000' under '[port]'")),
    }
}

fn no_port(text: &str) -> Error {
    let text = name::escaped(text);
    Error::new(format!("no port is named, but '{text}' uses it")).advise("write 'PORT = 8000' under '[port]'")
}

fn not_rendered(text: &str, fault: &minijinja::Error) -> Error {
    match fault.kind() {
        ErrorKind::OutOfFuel => refused(text, "it does too much"),
        ErrorKind::WriteFailure => refused(text, "it makes too long a text"),
        kind => refused(text, &fault.detail().map_or_else(|| kind.to_string(), str::to_owned)),
    }
}

fn refused(text: &str, cause: &str) -> Error {
    const SHOWN: usize = 200;
    let mut shown = name::escaped(&text[..text.floor_char_boundary(SHOWN)]);
    if text.len() > SHOWN {
        shown.push('…');
    }
    Error::new(format!("cannot use template '{shown}'")).because(name::escaped(cause))
}

/// Writes a value so that `sh` reads it as data, whether it is bare, in double or in single quotes. Adding quotes
/// instead would end the quotes that it is in.
fn write_for_the_shell(
    out: &mut Output<'_>,
    _: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    let text = value.to_string();
    if text.contains(|c: char| c.is_control()) {
        let fault = format!("'{}' has a control character", name::escaped(&text));
        return Err(minijinja::Error::new(ErrorKind::InvalidOperation, fault));
    }
    for c in text.chars() {
        if !c.is_alphanumeric() && !"_-./:@%+,".contains(c) {
            out.write_char('\\').map_err(|_| ErrorKind::WriteFailure)?;
        }
        out.write_char(c).map_err(|_| ErrorKind::WriteFailure)?;
    }
    Ok(())
}

/// The variables of our own process environment, as `env`.
#[derive(Debug)]
struct ProcessEnvironment;

impl Object for ProcessEnvironment {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        exec::variable(key.as_str()?)?.into_string().ok().map(Value::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        Words {
            repo: "shop".into(),
            name: "feature/Cart".into(),
            branch: Some("feature/Cart".into()),
            path: "/w/shop cart".into(),
            main: "/w/shop".into(),
            cwd: "/w".into(),
            home: "/home/u".into(),
            ports: vec![("WEB".into(), 8001), ("API".into(), 8002)],
        }
    }

    #[test]
    fn words_and_filters_are_rendered() {
        let hash = &hash(b"shop")[..8];
        for (template, expected) in [
            ("../{{ repo }}-{{ name | slug }}", "../shop-feature-cart"),
            ("{{ (repo ~ '_x') | dbname }}", "shop_x"),
            ("{{ repo | hash }}", hash),
            ("{{ port }} {{ ports.API }} {{ ports['WEB'] }}", "8001 8002 8001"),
            ("{{ main }}|{{ cwd }}|{{ home }}|{{ branch }}", "/w/shop|/w|/home/u|feature/Cart"),
            ("{{ env.GIT_WT_NO_SUCH | default('none') }}", "none"),
            ("{{ range(2) | join(',') }}", "0,1"),
            ("plain\n", "plain\n"),
        ] {
            assert_eq!(words().render(template).unwrap(), expected, "{template}");
        }
        assert_eq!(
            words().render("{{ env.PATH }}").unwrap(),
            exec::variable("PATH").unwrap().to_str().unwrap()
        );
    }

    #[test]
    fn what_cannot_be_rendered_is_named() {
        let detached = Words { branch: None, ports: Vec::new(), ..words() };
        for (template, what) in [
            ("{{ nmae }}", "unknown variable 'nmae' in template '{{ nmae }}'"),
            ("{{ nmae.x }}", "unknown variable 'nmae' in template '{{ nmae.x }}'"),
            (
                "{{ env.GIT_WT_NO_SUCH }}",
                "environment variable 'GIT_WT_NO_SUCH' is not set, but '{{ env.GIT_WT_NO_SUCH }}' uses it",
            ),
            ("{{ branch }}", "there is no branch here, but '{{ branch }}' uses it"),
            ("{{ branch | slug }}", "there is no branch here, but '{{ branch | slug }}' uses it"),
            ("{{ port }}", "no port is named, but '{{ port }}' uses it"),
            ("{{ ports.X }}", "'X' is not among the ports, but '{{ ports.X }}' uses it"),
            ("{{ name", "cannot use template '{{ name'"),
            ("{{ name | nofilter }}", "cannot use template '{{ name | nofilter }}'"),
        ] {
            assert_eq!(detached.render(template).unwrap_err().what, what);
        }
        assert_eq!(detached.render("{{ branch or name }}").unwrap(), "feature/Cart");
    }

    #[test]
    fn what_does_too_much_is_refused_at_once() {
        let twice = |n| (0..n).map(|_| "{% for x in [x ~ x] %}").collect::<String>();
        for (template, why) in [
            ("{% for i in range(99999) %}{% endfor %}", "too much"),
            ("{% for i in range(99) %}{% for j in range(99) %}{% endfor %}{% endfor %}", "too much"),
            (
                "{% for i in range(999) %}{{ 'a lengthy text '|upper }}{{ 'x'|replace('x', 'y') }}{% endfor %}",
                "too much",
            ),
            (&format!("{{% for i in range(99) %}}{{{{ '{:1000}' }}}}{{% endfor %}}", ""), "too long"),
            ("{{ 'a' * 99999999 }}", "multiplies"),
            ("{{ [1] * 99999999 }}", "multiplies"),
            (
                "{{ 'aaaaaaaaa'|replace('a', 'aaaaaaaaa')|replace('a', 'aaaaaaaaa')|replace('a', 'aaaaaaaaa')|\
              replace('a', 'aaaaaaaaa')|replace('a', 'aaaaaaaaa') }}",
                "too much",
            ),
            (
                "{{ range(1000)|join('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')|length }}",
                "too much",
            ),
            ("{% set x = name ~ name %}", "'set' is none"),
            ("{% set x %}{{ name }}{% endset %}", "'set' is none"),
            ("{%- with x = name ~ name %}{% endwith %}", "'with' is none"),
            ("{% filter upper %}{% endfilter %}", "'filter' is none"),
            (&format!("{{{{ 'a'{} }}}}", " ~ 'a'".repeat(65)), "too much"),
            (&twice(40), "'for' goes"),
            ("{% for x in (name, name) %}{% endfor %}", "'for' goes"),
            ("{% for x in name recursive %}{{ loop(x ~ x) }}{% endfor %}", "'for' goes"),
            ("{{ dict(a=name) }}", "unknown"),
            ("{{ name|zip(name) }}", "unknown"),
            (&"x".repeat(1 << 17), "longer than 64 KB"),
        ] {
            let error = check(template, Scope::Whole, Some(&["WEB"])).unwrap_err();
            assert!(error.in_one_line().contains(why), "{template}: {error:?}");
            assert!(error.what.len() < 300, "{error:?}");
        }
    }

    #[test]
    fn what_recipes_do_is_not_too_much() {
        for (template, expected) in [
            ("{% if branch %}{{ branch | slug }}{% else %}none{% endif %}", "feature-cart"),
            (
                "{% for name, port in ports | items %}{{ name }}={{ port + 1 }} {% endfor %}",
                "API=8003 WEB=8002 ",
            ),
            ("{% for i in range(1, 3) %}{{ i }}{% endfor %}", "12"),
            ("{{ name | replace('/', '-') | lower }}", "feature-cart"),
            ("{{ [repo, 'x'] | join('_') }}", "shop_x"),
            ("{% raw %}{% set x = y * 2 %}{% endraw %}", "{% set x = y * 2 %}"),
            (
                "seq 2 | xargs -I{} echo {{ name }} * ~ + | cat",
                "seq 2 | xargs -I{} echo feature/Cart * ~ + | cat",
            ),
        ] {
            assert_eq!(words().render(template).unwrap(), expected, "{template}");
        }
        let ports = (0..200).map(|n| (format!("P{n}"), 8000 + n)).collect();
        let many = Words { ports, ..words() };
        let all =
            many.render("{% for name, port in ports | items %}{{ name }}={{ port }},{% endfor %}").unwrap();
        assert_eq!(all.split(',').count(), 201);
    }

    #[test]
    fn words_are_known_only_where_they_can_be() {
        let ports = ["WEB"];
        for (template, scope, is_good) in [
            ("{{ name }}", Scope::Path(Author::Repository), true),
            ("{{ path }}", Scope::Path(Author::Repository), false),
            ("{{ ports.WEB }}", Scope::Path(Author::Repository), false),
            ("{{ env.HOME }}", Scope::Path(Author::User), true),
            ("{{ env.HOME }}", Scope::Path(Author::Repository), false),
            ("{{ env.HOME }}", Scope::Database(Author::Repository), false),
            ("{{ path }}", Scope::Database(Author::Repository), true),
            ("{{ secret }}", Scope::Database(Author::Repository), false),
            ("{{ secret }}{{ ports.WEB }}{{ port }}", Scope::Whole, true),
            ("{{ env.GIT_WT_NO_SUCH }}", Scope::Whole, true),
            ("{{ name.split('/') }}", Scope::Whole, true),
            ("{{ name is nosuchtest }}", Scope::Whole, false),
            ("{{ nosuchfunction() }}", Scope::Whole, false),
        ] {
            assert_eq!(check(template, scope, Some(&ports)).is_ok(), is_good, "{template}");
        }
        assert!(check("{{ ports.X }}{{ port }}", Scope::Whole, None).is_ok());
    }

    #[test]
    fn secrets_are_drawn_anew() {
        let draw = || words().render("{{ secret }}").unwrap();
        let (one, other) = (draw(), draw());
        assert_ne!(one, other);
        assert_eq!(one.len(), 50);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn the_shell_reads_a_word_as_data() {
        let marker = tempfile::tempdir().unwrap();
        let touched = marker.path().join("touched");
        let hostile = |middle: &str| Words {
            name: middle.replace("TOUCH", &format!("touch${{IFS}}{}", touched.display())),
            ..words()
        };
        for name in
            ["a;TOUCH;", "$(TOUCH)", "`TOUCH`", "'$(TOUCH)'", "\"$(TOUCH)\"", "a'b\";TOUCH;\"'", "\\$(TOUCH)"]
        {
            for template in
                ["echo {{ name }}", "echo \"{{ name }}\"", "echo '{{ name }}'", "echo \"$(echo {{ name }})\""]
            {
                let command = hostile(name).render_command(template).unwrap();
                let _ = exec::Program::new("sh").arg("-c").arg(&command).output().unwrap();
                assert!(!touched.exists(), "{command}");
            }
        }
        let command = words().render_command("printf %s {{ path }} {{ port }}").unwrap();
        let output = exec::Program::new("sh").arg("-c").arg(command).output().unwrap();
        assert_eq!(output.stdout, b"/w/shop cart8001");
        assert!(hostile("a\nb").render_command("{{ name }}").is_err());
        assert!(words().render_command("echo {{ env.PATH }}").is_err());
    }
}
