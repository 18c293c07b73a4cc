//! Random numbers for sampled segmentations: every sentence has a generator of its own.

use burnseq_numerics::split_mix::{STEP, SplitMix64, mix};

/// The random numbers of one sentence.
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
pub struct SampleRng(SplitMix64);

impl SampleRng {
    /// The generator of sentence `sentence` in epoch `epoch` of a run with the seed `seed`.
    pub fn for_sentence(seed: u64, epoch: u64, sentence: u64) -> Self {
        let state = [seed, epoch, sentence]
            .into_iter()
            .fold(0, |state: u64, number| mix(state.wrapping_add(STEP) ^ number));
        Self(SplitMix64::new(state))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        self.0.uniform()
    }
}

/// 500 lines of 20 characters drawn from `characters`.
#[cfg(test)]
pub(crate) fn random_lines<const N: usize>(characters: [char; N]) -> impl Iterator<Item = String> {
    let mut numbers = SplitMix64::new(7);
    let mut draw = move || characters[numbers.next_u64() as usize % N];
    (0..500).map(move |_| (0..20).map(|_| draw()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

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
