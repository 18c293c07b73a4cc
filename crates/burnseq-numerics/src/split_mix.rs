//! SplitMix64 (Steele et al. 2014): random numbers from 64 bits of state, and hashes by its finaliser.
//!
//! Small, the same on every machine, and as good as weights, masks and samples need.

/// What the state advances by: odd, near 2^64 divided by the golden ratio.
pub const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The generator.
///
/// ```
/// # use burnseq_numerics::split_mix::SplitMix64;
/// let mut rng = SplitMix64::new(1_234_567);
/// assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
/// ```
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// Begins at `state`; neighbouring states give independent numbers.
    pub const fn new(state: u64) -> Self {
        Self { state }
    }

    /// The next 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// A number from `[0, 1)`.
    pub const fn uniform(&mut self) -> f64 {
        uniform(self.next_u64())
    }
}

/// A bijection that spreads every input bit over all output bits: the finaliser of the generator.
pub const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The number from `[0, 1)` that the upper 53 of random `bits` stand for.
pub const fn uniform(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A seed that depends on `seed` and `number`, and on which of them is which.
pub const fn mix_in(seed: u64, number: u64) -> u64 {
    mix(seed ^ mix(number.wrapping_add(STEP)))
}

/// A seed that depends on all of `numbers` and on their order.
pub fn seed_of(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |seed, &number| mix_in(seed, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_reference_implementation() {
        let mut rng = SplitMix64::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!([rng.next_u64(), rng.next_u64(), rng.next_u64()], expected);
    }

    #[test]
    fn seeds_depend_on_every_number_and_on_their_order() {
        let seeds = [
            seed_of(&[3, 1]),
            seed_of(&[1, 3]),
            seed_of(&[3, 0]),
            seed_of(&[3]),
        ];
        for (place, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..place].contains(seed), "{seeds:?}");
        }
    }

    #[test]
    fn uniform_numbers_stay_below_one() {
        assert_eq!(uniform(0), 0.0);
        assert!(uniform(u64::MAX) < 1.0);
    }
}
