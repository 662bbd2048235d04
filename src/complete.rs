//! stub
use clap_complete::engine::CompletionCandidate;
pub fn answer(_: fn() -> clap::Command) {}
pub fn branches() -> Vec<CompletionCandidate> { vec![] }
pub fn worktrees() -> Vec<CompletionCandidate> { vec![] }
pub fn linked_worktrees() -> Vec<CompletionCandidate> { vec![] }
