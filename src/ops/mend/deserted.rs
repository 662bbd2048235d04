//! Claims of repositories that no longer exist: deleted as a whole, they took their records with them.
//!
//! A claim alone proves nothing about a database, so a database is named, with the way to drop it, and never dropped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Tally;
use crate::error::{Hint, Result};
use crate::host::claims::{Claim, Claims, Owner, RepositoryState, Thing};
use crate::host::identity::Identity;

/// Examines all claims except those of the repository `here`; with `yes`, databases are forgotten.
pub(super) fn look(tally: &mut Tally, claims: &Claims, here: Option<Identity>, yes: bool) -> Result<()> {
    let mut away = BTreeMap::<PathBuf, usize>::new();
    for claim in claims.all()? {
        let Some(owner) = &claim.owner else { continue };
        if here == Some(Identity { dev: owner.dev, ino: owner.ino }) {
            continue;
        }
        match RepositoryState::of(owner) {
            RepositoryState::Present => {}
            RepositoryState::Unknown => *away.entry(owner.common_dir.clone()).or_default() += 1,
            RepositoryState::Gone => release(tally, claims, &claim, owner, yes)?,
        }
    }
    for (common_dir, number) in away {
        let place = common_dir.display();
        tally.ui.say(&format!("'{place}' cannot be found, perhaps its disk is away; claims of it: {number}"));
        // with both quotes, since one path may be the beginning of another
        let rm = Hint::of("grep -rlF --null -e").word("", format!("\"{place}\""));
        let rm =
            rm.name(claims.dir().join("ports")).name(claims.dir().join("databases")).and("| xargs -0 rm");
        tally.ui.hint(rm);
    }
    Ok(())
}

fn release(tally: &mut Tally, claims: &Claims, claim: &Claim, owner: &Owner, yes: bool) -> Result<()> {
    let what = format!("{claim}, which is gone");
    if let Some(drop) = way_to_drop(&claim.thing).filter(|_| !(tally.fix && yes)) {
        tally.for_the_user(&format!("{what}; the database may still be there, and is forgotten by '--yes'"));
        tally.ui.hint(drop);
        tally.ui.hint("git wt doctor --fix --yes");
    } else if tally.problem(&what) {
        claims.release(&claim.thing, owner)?;
    }
    Ok(())
}

/// Returns the command that drops a database, unless the database certainly does not exist.
fn way_to_drop(thing: &Thing) -> Option<Hint> {
    let Thing::Database(place) = thing else { return None };
    let (engine, place) = place.split_once(':')?;
    if engine == "sqlite" {
        return Path::new(place).exists().then(|| Hint::of("rm").name(place));
    }
    let (server, name) = place.rsplit_once('/')?;
    Some(match engine {
        "mysql" => {
            let (host, port) = server.rsplit_once(':').unwrap_or((server, "3306"));
            let mysql = Hint::of("mysql").word("--host=", host).word("--port=", port);
            mysql.word("--execute=", format!("DROP DATABASE `{name}`"))
        }
        _ => {
            let psql = Hint::of("psql").word("", format!("postgres://{server}/postgres"));
            psql.word("--command=", format!("DROP DATABASE \"{name}\""))
        }
    })
}
