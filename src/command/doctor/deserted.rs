//! Claims of repositories that are not there any more: deleted as a whole, they took their records along.
//!
//! A claim alone says nothing of a database: it is named, with the way to drop it, and never dropped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Tally;
use crate::claim::{Claim, Claims, Owner, Thing};
use crate::error::Result;
use crate::git::Identity;
use crate::quote;
use crate::record::Fate;

/// Looks at all claims but those of the repository `here`; with `yes` databases are forgotten.
pub(super) fn look(tally: &mut Tally, claims: &Claims, here: Option<Identity>, yes: bool) -> Result<()> {
    let mut away = BTreeMap::<PathBuf, usize>::new();
    for claim in claims.all()? {
        let Some(owner) = &claim.owner else { continue };
        if here == Some(Identity { dev: owner.dev, ino: owner.ino }) {
            continue;
        }
        match Fate::of(owner) {
            Fate::There => {}
            Fate::Unknown => *away.entry(owner.common_dir.clone()).or_default() += 1,
            Fate::Gone => release(tally, claims, &claim, owner, yes)?,
        }
    }
    for (common_dir, number) in away {
        let place = common_dir.display();
        tally.ui.say(&format!("'{place}' cannot be found, perhaps its disk is away; claims of it: {number}"));
        // whole, since one path may begin another
        let (text, dir) =
            (quote::posix(&format!("\"{place}\"")), quote::posix(&claims.dir().display().to_string()));
        let rm = format!("(cd {dir} && grep -rlF -e {text} ports databases | xargs rm)");
        tally.ui.hint(&format!("{rm}    (if it is gone for good)"));
    }
    Ok(())
}

fn release(tally: &mut Tally, claims: &Claims, claim: &Claim, owner: &Owner, yes: bool) -> Result<()> {
    let what = format!("{claim}, which is gone");
    if let Some(drop) = way_to_drop(&claim.thing).filter(|_| !(tally.fix && yes)) {
        tally.for_the_user(&format!("{what}; the database may still be there"), &drop);
        tally.ui.hint("git wt doctor --fix --yes    (forgets it, and drops nothing)");
    } else if tally.problem(&what) {
        claims.release(&claim.thing, owner)?;
    }
    Ok(())
}

/// The command that drops a database, unless it is certain that there is none.
fn way_to_drop(thing: &Thing) -> Option<String> {
    let Thing::Database(place) = thing else { return None };
    let (engine, place) = place.split_once(':')?;
    if engine == "sqlite" {
        return Path::new(place).exists().then(|| format!("rm {}", quote::posix(place)));
    }
    let (server, name) = place.rsplit_once('/')?;
    Some(match engine {
        "mysql" => {
            format!("mysql --execute={}    (on {server})", quote::posix(&format!("DROP DATABASE `{name}`")))
        }
        _ => {
            let server = quote::posix(&format!("postgres://{server}/postgres"));
            format!("psql {server} --command={}", quote::posix(&format!("DROP DATABASE \"{name}\"")))
        }
    })
}
