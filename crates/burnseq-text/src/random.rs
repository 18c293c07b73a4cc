//! Random numbers for sampled segmentations: every sentence has a generator of its own.

/// SplitMix64 (Steele et al. 2014): small, and as good as dropout needs.
///
/// What it gives depends on the three numbers alone, so that a sentence is segmented alike in each
/// run, whatever was drawn for others and on however many threads.
///
/// ```
/// # use burnseq_text::SampleRng;
/// let (mut a, mut b) = (SampleRng::for_sentence(1, 2, 3), SampleRng::for_sentence(1, 2, 3));
/// assert_eq!(a.next_u64(), b.next_u64());
/// assert_ne!(a.next_u64(), SampleRng::for_sentence(1, 3, 3).next_u64());
/// ```
#[derive(Debug, Clone)]
pub struct SampleRng {
    state: u64,
}

/// Odd, near 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl SampleRng {
    /// The generator of sentence `sentence` in epoch `epoch` of a run with the seed `seed`.
    pub fn for_sentence(seed: u64, epoch: u64, sentence: u64) -> Self {
        let state = [seed, epoch, sentence]
            .into_iter()
            .fold(0, |state: u64, number| mix(state.wrapping_add(STEP) ^ number));
        Self { state }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// A number from `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        // First outputs of the reference implementation for the state 1234567.
        let mut rng = SampleRng { state: 1_234_567 };
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!([rng.next_u64(), rng.next_u64(), rng.next_u64()], expected);
    }

    #[test]
    fn neighbouring_sentences_epochs_and_seeds_are_independent() {
        for (seed, epoch, sentence) in [(0, 0, 1), (0, 1, 0), (1, 0, 0)] {
            // The first draw of a thousand generators that differ in one number.
            let mean: f64 = (0..1000)
                .map(|n| SampleRng::for_sentence(seed * n, epoch * n, sentence * n).uniform())
                .sum::<f64>()
                / 1000.0;
            // Four standard deviations of the mean of uniform numbers.
            assert!((mean - 0.5).abs() < 4.0 / (12.0f64 * 1000.0).sqrt(), "{mean}");
        }
    }
}
