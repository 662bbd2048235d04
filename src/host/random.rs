//! Values that nobody can guess: ids that no two processes share, and secrets.

use crate::error::{Explain, Result};

/// Draws `digits` random hex digits, at most 64.
pub fn hex(digits: usize) -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).explain(|| "the system gives no random numbers".into())?;
    let mut hex = faster_hex::hex_string(&bytes);
    hex.truncate(digits);
    Ok(hex)
}

/// Draws 50 letters and digits, each equally likely.
pub fn secret() -> Result<String> {
    const LENGTH: usize = 50;
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // bytes from the last whole multiple of 62 upwards would favour the first letters
    const BOUND: u8 = 248;
    let mut secret = String::with_capacity(LENGTH);
    while secret.len() < LENGTH {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes).explain(|| "cannot draw a secret".into())?;
        let fair = bytes.iter().filter(|byte| **byte < BOUND);
        let letters = fair.map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
        secret.extend(letters.take(LENGTH - secret.len()));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_as_long_as_asked_and_never_the_same() {
        for digits in [4, 12, 64] {
            assert_eq!(hex(digits).unwrap().len(), digits);
        }
        assert_ne!(hex(32).unwrap(), hex(32).unwrap());
    }
}
