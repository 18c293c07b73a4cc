//! A fast hasher for the tables of the learners: words and pairs of ids, never hostile input.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Hash map with [`FastHasher`].
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;

/// Multiplies and folds 64 bits at a time.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct FastHasher(u64);

impl FastHasher {
    #[inline]
    fn add(&mut self, word: u64) {
        // The odd constant is 2^64 divided by the golden ratio; the upper half of the product
        // comes back down, so that high input bits reach the low output bits tables use.
        let product = u128::from(self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = (product as u64).rotate_left(5) ^ (product >> 64) as u64;
    }
}

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.add(u64::from_le_bytes(chunk.try_into().expect("chunks have 8 bytes")));
        }
        let mut rest = [0; 8];
        rest[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        // The length keeps trailing zero bytes apart and the state away from zero.
        self.add(u64::from_le_bytes(rest) ^ ((bytes.len() as u64) << 56));
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value) | 1 << 40);
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::Hash;

    fn hash(value: impl Hash) -> u64 {
        let mut hasher = FastHasher::default();
        value.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn pairs_and_words_spread_over_low_and_high_bits() {
        let pairs = (0..300u32).flat_map(|a| (0..300u32).map(move |b| hash((a, b))));
        let words = (0..10_000).map(|n| hash(format!("wort{n}")));
        for hashes in [pairs.collect::<Vec<_>>(), words.collect()] {
            let whole: HashSet<_> = hashes.iter().copied().collect();
            assert!(whole.len() >= hashes.len() - 1);
            for shift in [0, 57] {
                let mut buckets = [0usize; 128];
                hashes
                    .iter()
                    .for_each(|h| buckets[(h >> shift & 127) as usize] += 1);
                let fair = hashes.len() / 128;
                assert!(
                    buckets.iter().all(|&n| n > fair / 2 && n < fair * 2),
                    "{buckets:?}"
                );
            }
        }
    }
}
