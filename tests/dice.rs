//! Choices at random that can be repeated: `GIT_WT_TEST_SEED` repeats those of a run.

use std::time::{SystemTime, UNIX_EPOCH};

/// A generator of choices (xorshift64).
pub struct Dice(u64);

impl Dice {
    /// A generator of its own for each stream of a seed.
    pub fn of(seed: u64, stream: u64) -> Self {
        let mut dice = Self((seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1));
        for _ in 0..8 {
            dice.below(1);
        }
        dice
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }

    /// Returns one of the choices.
    pub fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

/// Returns the number in an environment variable.
pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

/// Returns the seed of this run, and prints it so that the run can be repeated.
pub fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let seed = number("GIT_WT_TEST_SEED").unwrap_or(u64::from(now));
    eprintln!("GIT_WT_TEST_SEED={seed}");
    seed
}
