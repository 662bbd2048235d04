//! The change of a shell's environment when it enters or leaves a worktree.
//!
//! What we set is remembered in one variable, as names, old values and hashes of ours: so leaving restores what was
//! there, keeps what the user has changed meanwhile, and no secret stands in the environment twice. Pure: it is told
//! the environment, and returns the changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::hash;

/// The variable that remembers what we set.
pub const STATE: &str = "GIT_WT_STATE";
const NAME: &str = "GIT_WT_NAME";
const HEAD: &str = "GIT_WT_HEAD";
const PROTECTED: &str = "GIT_WT_PROTECTED";

/// What a worktree wants set.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The worktree's name.
    pub name: String,
    /// The path of its HEAD file, which the prompt reads.
    pub head: String,
    /// Whether the prompt warns.
    pub protected: bool,
    /// Its variables.
    pub variables: Vec<(String, String)>,
    /// What comes first on PATH.
    pub path_entry: Option<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Set a variable to a value.
    Set(String, String),
    /// Take a variable away.
    Unset(String),
}

/// What was there before, and what we put in its place.
#[derive(Debug, Serialize, Deserialize)]
struct Replaced {
    ours: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<String>,
}

/// All that we have set in a shell.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    variables: BTreeMap<String, Replaced>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_entry: Option<String>,
}

/// Whether a name may be set from a worktree's files: never one that programs take orders from.
pub fn may_be_set(name: &str) -> bool {
    const NEVER: [&str; 28] = [
        "PATH",
        "HOME",
        "SHELL",
        "USER",
        "LOGNAME",
        "TERM",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "IFS",
        "CDPATH",
        "ENV",
        "BASH_ENV",
        "PROMPT_COMMAND",
        "SHELLOPTS",
        "BASHOPTS",
        "ZDOTDIR",
        "EDITOR",
        "VISUAL",
        "PAGER",
        "BROWSER",
        "TMPDIR",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "PERL5OPT",
        "RUBYOPT",
        "NODE_OPTIONS",
        "LESSOPEN",
    ];
    const FAMILIES: [&str; 8] = ["LD_", "DYLD_", "BASH_FUNC_", "GIT_", "fish_", "XDG_", "SSH_", "LC_"];
    let prompt = name.strip_prefix("PS").is_some_and(|rest| rest.len() == 1);
    let family = FAMILIES.iter().any(|family| name.starts_with(family));
    !(NEVER.contains(&name) || family || prompt)
}

/// Returns what to change: first what the worktree left behind is undone, then what is wanted is set.
pub fn changes(
    state: Option<&str>,
    wanted: Option<&Wanted>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Vec<Change> {
    let before: State = state.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    // the environment as it is without us: absent means untouched
    let mut base: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (name, replaced) in before.variables {
        let now = env(&name);
        if now.as_ref().is_some_and(|now| hash(now.as_bytes()) == replaced.ours) {
            base.insert(name, replaced.was);
        }
    }
    let path = env("PATH").unwrap_or_default();
    let own_path = without(&path, before.path_entry.as_deref());
    let mut after = base.clone();
    let mut next = State::default();
    if let Some(wanted) = wanted {
        for (name, value) in wanted.variables.iter().filter(|(name, _)| may_be_set(name)) {
            let was = base.get(name).cloned().unwrap_or_else(|| env(name));
            next.variables.insert(name.clone(), Replaced { ours: hash(value.as_bytes()), was });
            after.insert(name.clone(), Some(value.clone()));
        }
        next.path_entry.clone_from(&wanted.path_entry);
    }
    let new_path = match &next.path_entry {
        Some(entry) => format!("{entry}:{own_path}"),
        None => own_path,
    };
    if new_path != path {
        after.insert("PATH".into(), Some(new_path));
    }
    let memory = serde_json::to_string(&next).ok().filter(|_| wanted.is_some());
    after.insert(STATE.into(), memory);
    after.insert(NAME.into(), wanted.map(|wanted| wanted.name.clone()));
    after.insert(HEAD.into(), wanted.map(|wanted| wanted.head.clone()));
    after.insert(PROTECTED.into(), wanted.filter(|wanted| wanted.protected).map(|_| "1".into()));
    after
        .into_iter()
        .filter(|(name, value)| env(name) != *value)
        .map(|(name, value)| match value {
            Some(value) => Change::Set(name, value),
            None => Change::Unset(name),
        })
        .collect()
}

/// PATH without one entry that we put there.
fn without(path: &str, entry: Option<&str>) -> String {
    let mut entries: Vec<&str> = path.split(':').collect();
    if let Some(at) = entry.and_then(|entry| entries.iter().position(|known| *known == entry)) {
        entries.remove(at);
    }
    entries.join(":")
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
            let changes =
                changes(self.0.get(STATE).map(String::as_str), wanted, &|name| self.0.get(name).cloned());
            for change in &changes {
                match change {
                    Change::Set(name, value) => self.0.insert(name.clone(), value.clone()),
                    Change::Unset(name) => self.0.remove(name),
                };
            }
            changes.len()
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
        assert_eq!(shell.0["PORT"], "8001");
        assert_eq!(shell.0["PATH"], "/a/bin:/usr/bin:/bin");
        shell.go(Some(&worktree("b", &[("PORT", "8002")])));
        assert_eq!((shell.0["PORT"].as_str(), shell.0.get("NEW")), ("8002", None));
        assert_eq!(shell.0["PATH"], "/b/bin:/usr/bin:/bin");
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
        assert_eq!((shell.0["PORT"].as_str(), shell.0["PATH"].as_str()), ("9", "/mine:/bin"));
    }

    #[test]
    fn no_file_takes_over_the_shell() {
        let names =
            ["PATH", "LD_PRELOAD", "BASH_ENV", "PS1", "PROMPT_COMMAND", "GIT_DIR", "IFS", "DYLD_X", "fish_x"];
        let mut shell = Shell::new(&[("PATH", "/bin")]);
        shell.go(Some(&worktree("a", &names.map(|name| (name, "evil")))));
        assert!(shell.0.values().all(|value| value != "evil"), "{:?}", shell.0);
        assert!(may_be_set("PORT") && may_be_set("PSQL_URL") && may_be_set("DATABASE_URL"));
    }

    #[test]
    fn no_secret_is_remembered() {
        let mut shell = Shell::new(&[]);
        shell.go(Some(&worktree("a", &[("SECRET_KEY", "hunter2")])));
        assert!(!shell.0[STATE].contains("hunter2"));
    }
}
