//! The one test binary: each file is about a verb or a promise.

#![allow(unreachable_pub, reason = "a test binary has no outside")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests make the world they look at"
)]

mod add;
mod anew;
mod bounds;
mod cd;
mod cluster;
mod completion;
mod consent;
mod copies;
mod dice;
mod differential;
mod django;
mod doctor;
mod entering;
mod env_files;
mod face;
mod fuzz;
mod git_mode;
mod guard;
mod hints;
mod hooks;
mod hostile;
mod house;
mod init;
mod install;
mod list;
mod man;
mod monorepo;
mod r#move;
mod mysql;
mod node;
mod nu;
mod options;
mod packages;
mod picker;
mod picture;
mod ports;
mod ports_of_others;
mod post_checkout;
mod postgres;
mod powershell;
mod private;
mod project;
mod prompt;
mod prune;
mod push;
mod push_guard;
mod quote;
mod readme;
mod remove;
mod repositories;
mod rollback;
mod rounds;
mod secrets;
mod servers;
mod setup;
mod shell;
mod shown;
mod steps;
mod stress;
mod table;
mod terminal;
mod tmux;
mod trust;
mod undo;
mod up;
mod words;
mod world;
