//! What git-wt does: each operation reads from top to bottom. It prints nothing but narration.

pub mod add;
pub mod as_git;
mod consent;
pub mod context;
pub mod enter;
pub mod facts;
pub mod follow;
pub mod hooks;
pub mod install;
pub mod keep_db;
pub mod list;
pub mod mend;
pub mod pick;
pub mod post_checkout;
pub mod provision;
pub mod prune;
pub mod push_guard;
pub mod remove;
pub mod rollback;
pub mod run;
pub mod summary;
pub mod take_away;
pub mod undo;
pub mod up;
