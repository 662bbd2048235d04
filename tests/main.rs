//! One test binary: each file is a verb or a promise.

mod add;
mod git_mode;
mod remove;
mod setup;
mod world;
