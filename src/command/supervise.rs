//! Hidden: the supervisor of one server that `git wt up` has started.

use crate::error::Result;
use crate::ops::up;

/// Runs a server to its end; returns its exit status.
pub fn run() -> Result<u8> {
    up::supervise()
}
