//! One test binary: each file is a verb or a promise.

mod add;
mod world;
