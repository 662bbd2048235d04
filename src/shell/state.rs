//! How a shell's environment changes when it enters or leaves a worktree.
//!
//! What we set is remembered in one variable, as names, old values and hashes of our values. So leaving restores what
//! was there and keeps what the user has changed meanwhile, and no secret is in the environment twice. The module is
//! pure: it is given the environment, and returns the changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text::hash::hash;
use crate::text::reserved::{BEFORE, HERE, may_be_set_in_a_shell};

/// The variable that remembers what we set.
pub const STATE: &str = "GIT_WT_STATE";
const NAME: &str = "GIT_WT_NAME";
const HEAD: &str = "GIT_WT_HEAD";
const PROTECTED: &str = "GIT_WT_PROTECTED";
const PORT: &str = "GIT_WT_PORT";
const DRIFT: &str = "GIT_WT_DRIFT";
/// The text for the prompt; the shell makes it from the others, since the branch changes without us.
const LABEL: &str = "GIT_WT_LABEL";

/// What a worktree wants set in a shell.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub name: String,
    /// The path of its HEAD file, which the prompt reads.
    pub head: String,
    /// Whether the prompt warns about this worktree.
    pub protected: bool,
    /// The port shown in the prompt.
    pub port: Option<u16>,
    /// Whether its environment is no longer as git-wt wrote it, or as the recipe wants it.
    pub drifted: bool,
    /// The variables from its files and its record.
    pub variables: Vec<(String, String)>,
    /// Variables that git-wt itself sets, whatever the files may set.
    pub own: Vec<(String, String)>,
    /// The entry that comes first on PATH.
    pub path_entry: Option<String>,
}

/// A change of one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Set a variable to a value.
    Set(String, String),
    /// Remove a variable.
    Unset(String),
}

impl Change {
    /// Returns the name of the variable that changes.
    pub fn name(&self) -> &str {
        match self {
            Self::Set(name, _) | Self::Unset(name) => name,
        }
    }
}

/// What a variable was before, and what we set it to.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Replaced {
    /// The hash of our value.
    ours: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<String>,
}

impl Replaced {
    /// Whether the variable still has the value that we gave it.
    fn is_untouched(&self, now: Option<&str>) -> bool {
        now.is_some_and(|now| hash(now.as_bytes()) == self.ours)
    }
}

/// Everything that we have set in a shell.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    variables: BTreeMap<String, Replaced>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_entry: Option<String>,
}

/// Future values: `None` removes the variable; variables that are not in the map stay as they are.
type Values = BTreeMap<String, Option<String>>;

/// Returns the changes for entering `root`: what was set for the previous worktree is undone, then what is wanted is
/// set.
pub fn changes(
    state: Option<&str>,
    root: Option<&str>,
    wanted: Option<&Wanted>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Vec<Change> {
    let before: State = state.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let stays = wanted.is_some_and(|wanted| env(HEAD).as_ref() == Some(&wanted.head));
    let mut next = State::default();
    let mut after = undone(&before, env);
    if let Some(wanted) = wanted {
        set_variables(wanted, stays.then_some(&before), env, &mut after, &mut next);
        // with a ':' it would become two entries, and never be found again
        next.path_entry = wanted.path_entry.clone().filter(|entry| !entry.contains(':'));
    }
    // if the shell stays in the worktree, keep the user's order of PATH
    if !stays || next.path_entry != before.path_entry {
        after.insert("PATH".into(), path(&before, &next, env));
    }
    let memory = wanted.and_then(|_| serde_json::to_string(&next).ok());
    after.insert(STATE.into(), memory);
    after.insert(NAME.into(), wanted.map(|wanted| wanted.name.clone()));
    after.insert(HEAD.into(), wanted.map(|wanted| wanted.head.clone()));
    after.insert(PROTECTED.into(), wanted.filter(|wanted| wanted.protected).map(|_| "1".into()));
    after.insert(PORT.into(), wanted.and_then(|wanted| wanted.port).map(|port| port.to_string()));
    after.insert(DRIFT.into(), wanted.filter(|wanted| wanted.drifted).map(|_| "1".into()));
    if wanted.is_none() {
        after.insert(LABEL.into(), None);
    }
    let here = env(HERE);
    if let Some(root) = root.filter(|root| here.as_deref() != Some(root)) {
        after.insert(HERE.into(), Some(root.to_owned()));
        after.insert(BEFORE.into(), here);
    }
    differing(after, env)
}

/// Returns the old values of those variables that still have our values.
fn undone(before: &State, env: &dyn Fn(&str) -> Option<String>) -> Values {
    let ours = before.variables.iter().filter(|(name, replaced)| replaced.is_untouched(env(name).as_deref()));
    ours.map(|(name, replaced)| (name.clone(), replaced.was.clone())).collect()
}

/// Adds the wanted variables to the values and remembers them; `same` is the previous state, if the worktree is the
/// same.
fn set_variables(
    wanted: &Wanted,
    same: Option<&State>,
    env: &dyn Fn(&str) -> Option<String>,
    after: &mut Values,
    next: &mut State,
) {
    let base = after.clone();
    let named = wanted.variables.iter().filter(|(name, _)| may_be_set_in_a_shell(name));
    // NUL separates fields in the output
    for (name, value) in named.chain(&wanted.own).filter(|(_, value)| !value.contains('\0')) {
        let ours = hash(value.as_bytes());
        let set_before = same.and_then(|state| state.variables.get(name)).filter(|known| known.ours == ours);
        if let Some(known) = set_before.filter(|known| !known.is_untouched(env(name).as_deref())) {
            // we set it before, and the user has changed it since
            next.variables.insert(name.clone(), known.clone());
            continue;
        }
        let was = base.get(name).cloned().unwrap_or_else(|| env(name));
        next.variables.insert(name.clone(), Replaced { ours, was });
        after.insert(name.clone(), Some(value.clone()));
    }
}

/// Returns PATH with our old entry removed and the new one in front; all other entries stay.
fn path(before: &State, next: &State, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let now = env("PATH");
    let mut entries: Vec<&str> = now.as_deref().map(|path| path.split(':').collect()).unwrap_or_default();
    let ours = before.path_entry.as_deref();
    if let Some(at) = ours.and_then(|ours| entries.iter().position(|entry| *entry == ours)) {
        entries.remove(at);
    }
    if let Some(entry) = next.path_entry.as_deref() {
        entries.insert(0, entry);
    }
    (!entries.is_empty()).then(|| entries.join(":"))
}

fn differing(after: Values, env: &dyn Fn(&str) -> Option<String>) -> Vec<Change> {
    let changed = after.into_iter().filter(|(name, value)| env(name) != *value);
    changed
        .map(|(name, value)| match value {
            Some(value) => Change::Set(name, value),
            None => Change::Unset(name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell that applies changes.
    struct Shell(BTreeMap<String, String>);

    impl Shell {
        fn new(variables: &[(&str, &str)]) -> Self {
            Self(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
        }

        fn go(&mut self, wanted: Option<&Wanted>) -> usize {
            let changes = changes(self.0.get(STATE).map(String::as_str), None, wanted, &|name| {
                self.0.get(name).cloned()
            });
            for change in &changes {
                match change {
                    Change::Set(name, value) => self.0.insert(name.clone(), value.clone()),
                    Change::Unset(name) => self.0.remove(name),
                };
            }
            changes.len()
        }

        fn has(&self, name: &str) -> Option<&str> {
            self.0.get(name).map(String::as_str)
        }
    }

    fn worktree(name: &str, variables: &[(&str, &str)]) -> Wanted {
        Wanted {
            name: name.into(),
            head: format!("/{name}/HEAD"),
            variables: variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            path_entry: Some(format!("/{name}/bin")),
            ..Wanted::default()
        }
    }

    #[test]
    fn leaving_restores_what_was_there() {
        let start = [("PATH", "/usr/bin:/bin"), ("PORT", "1"), ("KEEP", "me")];
        let mut shell = Shell::new(&start);
        shell.go(Some(&worktree("a", &[("PORT", "8001"), ("NEW", "two\nlines")])));
        assert_eq!(shell.has("PORT"), Some("8001"));
        assert_eq!(shell.has("PATH"), Some("/a/bin:/usr/bin:/bin"));
        shell.go(Some(&worktree("b", &[("PORT", "8002")])));
        assert_eq!((shell.has("PORT"), shell.has("NEW")), (Some("8002"), None));
        assert_eq!(shell.has("PATH"), Some("/b/bin:/usr/bin:/bin"));
        shell.go(None);
        assert_eq!(shell.0, Shell::new(&start).0);
        assert_eq!(shell.go(None), 0);
    }

    #[test]
    fn the_users_own_changes_are_kept() {
        let mut shell = Shell::new(&[("PATH", "/bin")]);
        shell.go(Some(&worktree("a", &[("PORT", "8001")])));
        shell.0.insert("PORT".into(), "9".into());
        shell.0.insert("PATH".into(), "/mine:/a/bin:/bin".into());
        shell.go(None);
        assert_eq!((shell.has("PORT"), shell.has("PATH")), (Some("9"), Some("/mine:/bin")));
    }

    #[test]
    fn looking_again_changes_nothing_that_the_user_has_changed() {
        let tree = worktree("a", &[("PORT", "8001"), ("GONE", "x"), ("LATER", "1")]);
        let mut shell = Shell::new(&[("PATH", "/bin"), ("PORT", "1")]);
        shell.go(Some(&tree));
        assert_eq!(shell.go(Some(&tree)), 0);
        shell.0.insert("PORT".into(), "9".into());
        shell.0.insert("PATH".into(), "/mine:/a/bin:/bin".into());
        shell.0.remove("GONE");
        assert_eq!(shell.go(Some(&tree)), 0);
        // a value that is new in the worktree is set
        shell.go(Some(&worktree("a", &[("PORT", "8001"), ("GONE", "x"), ("LATER", "2")])));
        assert_eq!((shell.has("PORT"), shell.has("GONE"), shell.has("LATER")), (Some("9"), None, Some("2")));
        assert_eq!(shell.has("PATH"), Some("/mine:/a/bin:/bin"));
        // another worktree sets its own
        shell.go(Some(&worktree("b", &[("PORT", "8001")])));
        assert_eq!(shell.has("PORT"), Some("8001"));
        shell.go(None);
        assert_eq!((shell.has("PORT"), shell.has("PATH")), (Some("9"), Some("/mine:/bin")));
    }

    #[test]
    fn path_gets_no_entry_that_nobody_asked_for() {
        let mut shell = Shell::new(&[]);
        shell.go(Some(&worktree("a", &[])));
        // a trailing ':' would be the current directory
        assert_eq!(shell.has("PATH"), Some("/a/bin"));
        shell.go(None);
        assert_eq!(shell.has("PATH"), None);
        let mut shell = Shell::new(&[("PATH", "/bin")]);
        shell.go(Some(&worktree("a:b", &[])));
        assert_eq!(shell.has("PATH"), Some("/bin"));
    }

    #[test]
    fn no_file_takes_over_the_shell() {
        let denied = [
            "PATH",
            "LD_PRELOAD",
            "DYLD_X",
            "BASH_ENV",
            "BASH_FUNC_x",
            "ENV",
            "PROMPT_COMMAND",
            "PS1",
            "PS4",
            "RPS1",
            "PROMPT",
            "IFS",
            "ZDOTDIR",
            "SHELLOPTS",
            "BASHOPTS",
            "GIT_DIR",
            "GIT_WT_STATE",
            "fish_X",
            "Path",
            "NU_LIB_DIRS",
            "ENV_CONVERSIONS",
            "PSModulePath",
            "HOME",
            "SHELL",
            "USER",
            "TERM",
            "PWD",
            "OLDPWD",
            "PYTHONHOME",
            "PYTHONPATH",
            "NODE_OPTIONS",
            "GOFLAGS",
            "OPENSSL_CONF",
            "NPM_CONFIG_SCRIPT_SHELL",
            "STARSHIP_CONFIG",
            "path",
            "__git_wt_exe",
            "precmd_functions",
            "",
            "1A",
            "A B",
            "A=B",
            "A\0",
            "BASH_FUNC_x%%",
            "É",
        ];
        let mut shell = Shell::new(&[("PATH", "/bin")]);
        shell.go(Some(&Wanted { path_entry: None, ..worktree("a", &denied.map(|name| (name, "evil"))) }));
        assert!(shell.0.values().all(|value| value != "evil"), "{:?}", shell.0);
        for name in ["PORT", "DATABASE_URL", "PSQL_URL", "MAIL_HOST", "HOST", "_X", "viteUrl", "RUST_LOG"] {
            assert!(may_be_set_in_a_shell(name), "{name}");
        }
    }

    #[test]
    fn no_record_is_cut_by_a_value() {
        let mut shell = Shell::new(&[]);
        shell.go(Some(&worktree("a", &[("X", "a\0end"), ("Y", "end")])));
        assert_eq!((shell.has("X"), shell.has("Y")), (None, Some("end")));
    }

    #[test]
    fn no_secret_is_remembered() {
        let mut shell = Shell::new(&[]);
        shell.go(Some(&worktree("a", &[("SECRET_KEY", "hunter2")])));
        assert!(!shell.0[STATE].contains("hunter2"));
    }

    #[test]
    fn a_state_that_is_not_ours_is_no_obstacle() {
        for state in ["", "{", "[]", "{\"variables\":1}"] {
            let mut shell = Shell::new(&[(STATE, state), ("PORT", "1")]);
            shell.go(None);
            assert_eq!((shell.has(STATE), shell.has("PORT")), (None, Some("1")), "{state}");
        }
    }
}
