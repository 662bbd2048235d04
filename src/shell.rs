//! What a shell needs: where to go, what to set on entering a worktree, and what TAB offers.

pub mod channel;
pub mod complete;
pub mod functions;
pub mod standing;
pub mod state;
