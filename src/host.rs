//! The only door to processes, to files as a whole and to what the host's repositories share.

pub mod claims;
pub mod exec;
pub mod file;
pub mod http;
pub mod identity;
pub mod log;
pub mod mounts;
mod notices;
mod passwd;
pub mod random;
