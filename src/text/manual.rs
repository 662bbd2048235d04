//! The pages of the manual, which are built into the program.

macro_rules! pages {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../man/", $name)))),*]
    };
}

/// The pages of the manual, by file name.
pub const PAGES: &[(&str, &str)] = pages! {
    "git-wt.1"
    "git-wt-add.1"
    "git-wt-cd.1"
    "git-wt-doctor.1"
    "git-wt-down.1"
    "git-wt-env.1"
    "git-wt-help.1"
    "git-wt-init.1"
    "git-wt-list.1"
    "git-wt-lock.1"
    "git-wt-logs.1"
    "git-wt-move.1"
    "git-wt-prune.1"
    "git-wt-remove.1"
    "git-wt-repair.1"
    "git-wt-run.1"
    "git-wt-security.7"
    "git-wt-setup.1"
    "git-wt-shell-init.1"
    "git-wt-trust.1"
    "git-wt-undo.1"
    "git-wt-unlock.1"
    "git-wt-up.1"
};
