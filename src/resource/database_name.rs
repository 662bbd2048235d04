//! The name of a database on a server, reserved on this host: no two worktrees of any repository get the same.
//!
//! The database itself is the user's to create and to drop; nothing here speaks to a server.

use serde::{Deserialize, Serialize};

use super::{Created, Destroyed};
use crate::error::{Error, Result};
use crate::host::claims::{Claimed, Claims, Owner, Released};

/// A reserved name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseName {
    /// Engine, server and name, without user or password: `postgres:localhost:5432/shop_staging`.
    pub place: String,
}

impl DatabaseName {
    /// Reserves the name.
    pub fn create(&self, claims: &Claims, owner: &Owner) -> Result<Created> {
        match claims.claim_database(&self.place, owner)? {
            Claimed::Ours => Ok(Created::Made),
            Claimed::Taken(claim) => Err(Error::new(claim.to_string()).hint("git wt doctor")),
        }
    }

    /// Gives the name up.
    pub fn destroy(&self, claims: &Claims, owner: &Owner) -> Result<Destroyed> {
        Ok(match claims.release_database(&self.place, owner)? {
            Released::Done => Destroyed::Gone,
            Released::Another(claim) => Destroyed::Left(claim.to_string()),
        })
    }
}
