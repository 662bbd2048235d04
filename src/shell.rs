//! What a shell needs: where to go, what to set on entering a worktree, and what TAB offers.

pub mod channel;
pub mod complete;
pub mod current_dir;
pub mod functions;
pub mod state;
