//! What git-wt does, each operation read from top to bottom. It prints nothing but narration.

pub mod context;
pub mod facts;
pub mod hooks;
