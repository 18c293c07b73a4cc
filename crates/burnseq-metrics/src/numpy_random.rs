//! The random numbers of numpy's `default_rng(seed)`, so that resampling draws what sacreBLEU draws.
//!
//! A seed is spread by O'Neill's `seed_seq` variant into the state of a PCG64 generator (O'Neill
//! 2014, output function XSL-RR), which hands out the lower and then the upper half of each word.

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

/// numpy's default generator.
pub(crate) struct NumpyRandom {
    state: u128,
    increment: u128,
    upper_half: Option<u32>,
}

impl NumpyRandom {
    pub(crate) fn new(seed: u64) -> Self {
        let [state_high, state_low, stream_high, stream_low] = spread(seed);
        let wide = |high: u64, low: u64| (u128::from(high) << 64) | u128::from(low);
        let increment = (wide(stream_high, stream_low) << 1) | 1;
        let mut random = Self {
            state: 0,
            increment,
            upper_half: None,
        };
        random.step();
        random.state = random.state.wrapping_add(wide(state_high, state_low));
        random.step();
        random
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    fn next_u64(&mut self) -> u64 {
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.upper_half.take() {
            return half;
        }
        let word = self.next_u64();
        self.upper_half = Some((word >> 32) as u32);
        word as u32
    }

    /// `count` numbers below `bound`, as `Generator.choice(bound, count)` (Lemire 2019). A bound of 1
    /// takes nothing from the generator.
    pub(crate) fn choose(&mut self, bound: u32, count: usize) -> Vec<u32> {
        let mut below = || {
            if bound == 1 {
                return 0;
            }
            let threshold = bound.wrapping_neg() % bound;
            loop {
                let product = u64::from(self.next_u32()) * u64::from(bound);
                if product as u32 >= threshold {
                    return (product >> 32) as u32;
                }
            }
        };
        (0..count).map(|_| below()).collect()
    }

    /// Endless booleans, as `Generator.integers(2, dtype=bool)`: the bits of a half word, the lowest first.
    pub(crate) fn into_bools(mut self) -> impl Iterator<Item = bool> {
        std::iter::repeat_with(move || self.next_u32())
            .flat_map(|half| (0..32).map(move |bit| half >> bit & 1 == 1))
    }
}

/// Four words of state from a seed (numpy's `SeedSequence`).
fn spread(seed: u64) -> [u64; 4] {
    fn hash(value: u32, constant: &mut u32, multiplier: u32) -> u32 {
        let value = value ^ *constant;
        *constant = constant.wrapping_mul(multiplier);
        let value = value.wrapping_mul(*constant);
        value ^ value >> 16
    }
    const SPREAD: u32 = 0x931e_8875;
    let mut constant = 0x43b0_d7e5;
    let entropy = [seed as u32, (seed >> 32) as u32, 0, 0];
    let mut pool = entropy.map(|word| hash(word, &mut constant, SPREAD));
    for source in 0..4 {
        for target in 0..4 {
            if source != target {
                let hashed = hash(pool[source], &mut constant, SPREAD).wrapping_mul(0x4973_f715);
                let mixed = pool[target].wrapping_mul(0xca01_f9dd).wrapping_sub(hashed);
                pool[target] = mixed ^ mixed >> 16;
            }
        }
    }
    let mut constant = 0x8b51_f9dd;
    let mut next = |index: usize| u64::from(hash(pool[index % 4], &mut constant, 0x58f3_8ded));
    let mut words = [0; 4];
    for (index, word) in words.iter_mut().enumerate() {
        let low = next(2 * index);
        *word = low | next(2 * index + 1) << 32;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_numpy() {
        // numpy 2.4: default_rng(12345).choice(60, 6), default_rng(12345).integers(2, size=8, dtype=bool)
        assert_eq!(NumpyRandom::new(12345).choose(60, 6), [41, 13, 47, 19, 12, 47]);
        let bits = NumpyRandom::new(12345).into_bools().take(8).map(u8::from);
        assert_eq!(bits.collect::<Vec<_>>(), [1, 0, 1, 1, 1, 0, 0, 1]);
    }
}
