//! The Mersenne Twister as numpy's legacy generator uses it (Matsumoto and Nishimura 1998).
//!
//! fairseq shuffles with `numpy.random.seed(seed + epoch)`; with the same generator and the same
//! shuffling a seed gives the same order of sentences and batches here.

/// Words of state.
const N: usize = 624;
/// Distance of the word that is mixed in.
const M: usize = 397;
/// Last row of the twist matrix.
const MATRIX: u32 = 0x9908_b0df;

/// 32-bit Mersenne Twister, seeded as `numpy.random.seed(seed)`.
#[derive(Clone)]
pub struct Mt19937 {
    state: [u32; N],
    next: usize,
}

impl std::fmt::Debug for Mt19937 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mt19937")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Mt19937 {
    /// The generator that `numpy.random.seed(seed)` leaves behind.
    pub fn new(seed: u32) -> Self {
        let mut state = [0; N];
        let mut word = seed;
        for (index, slot) in state.iter_mut().enumerate() {
            *slot = word;
            // Knuth's linear congruence; the index keeps a zero seed from staying zero.
            word = 1_812_433_253_u32
                .wrapping_mul(word ^ (word >> 30))
                .wrapping_add(index as u32 + 1);
        }
        Self { state, next: N }
    }

    /// Makes the next `N` words from the last `N`.
    fn twist(&mut self) {
        for index in 0..N {
            let high = self.state[index] & 0x8000_0000;
            let low = self.state[(index + 1) % N] & 0x7fff_ffff;
            let mixed = high | low;
            let mut word = self.state[(index + M) % N] ^ (mixed >> 1);
            if mixed & 1 == 1 {
                word ^= MATRIX;
            }
            self.state[index] = word;
        }
        self.next = 0;
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// A uniform number in `0..=max`, by drawing masked bits until one fits, as numpy does.
    pub fn interval(&mut self, max: u64) -> u64 {
        if max == 0 {
            return 0;
        }
        let mask = u64::MAX >> max.leading_zeros();
        loop {
            let value = if max <= u64::from(u32::MAX) {
                u64::from(self.next_u32()) & mask
            } else {
                let high = u64::from(self.next_u32()) << 32;
                (high | u64::from(self.next_u32())) & mask
            };
            if value <= max {
                return value;
            }
        }
    }

    /// Puts `items` in random order: Fisher and Yates from the back, as `numpy.random.shuffle`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.interval(last as u64) as usize;
            items.swap(last, other);
        }
    }

    /// The numbers `0..n` in random order, as `numpy.random.permutation(n)`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_first_outputs() {
        // The reference implementation's default seed, 5489, and its 10,000th output (as the
        // C++ standard requires of mt19937).
        let mut rng = Mt19937::new(5489);
        assert_eq!(rng.next_u32(), 3_499_211_612);
        let last = (1..10_000).map(|_| rng.next_u32()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn a_permutation_holds_every_number_once() {
        let mut order = Mt19937::new(7).permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn empty_and_single_lists_draw_nothing() {
        let mut rng = Mt19937::new(1);
        rng.shuffle::<u8>(&mut []);
        rng.shuffle(&mut [1]);
        assert_eq!(rng.next_u32(), Mt19937::new(1).next_u32());
    }
}
