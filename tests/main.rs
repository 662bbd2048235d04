//! One test binary: each file is a verb or a promise.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod add;
mod git_mode;
mod remove;
mod setup;
mod shell;
mod world;
