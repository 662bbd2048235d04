//! The verbs, one file each: the command line, one call of an operation, and what is printed. No verb calls another.

pub mod add;
pub mod cd;
pub mod doctor;
pub mod env;
pub mod git_mode;
pub mod help;
pub mod hook;
pub mod init;
pub mod list;
pub mod lock;
pub mod r#move;
pub mod prune;
pub mod push_guard;
pub mod remove;
pub mod repair;
pub mod run;
pub mod setup;
pub mod shell_init;
pub mod sweep;
pub mod trust;
pub mod undo;
pub mod unlock;
pub mod version;
