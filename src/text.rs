//! Bytes in, bytes out: names, hashes, quoting, env files, URLs. Nothing here reads a file or asks the system.

pub mod dotenv;
pub mod hash;
pub mod manual;
pub mod name;
pub mod quote;
pub mod reserved;
pub mod tilde;
pub mod url;
