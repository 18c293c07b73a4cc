//! Lengths of sentences.

/// Number of sentences of each length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LengthCounts {
    /// `by_length[n]` sentences have length `n`.
    by_length: Vec<u64>,
}

impl FromIterator<usize> for LengthCounts {
    fn from_iter<I: IntoIterator<Item = usize>>(lengths: I) -> Self {
        let mut counts = Self::default();
        for length in lengths {
            if counts.by_length.len() <= length {
                counts.by_length.resize(length + 1, 0);
            }
            counts.by_length[length] += 1;
        }
        counts
    }
}

impl LengthCounts {
    /// Number of sentences.
    pub fn sentences(&self) -> u64 {
        self.by_length.iter().sum()
    }

    /// Summed lengths.
    pub fn total(&self) -> u64 {
        let lengths = self.by_length.iter().zip(0..);
        lengths.map(|(count, length): (&u64, u64)| count * length).sum()
    }

    /// Mean length; 0 without a sentence.
    pub fn mean(&self) -> f64 {
        match self.sentences() {
            0 => 0.0,
            sentences => self.total() as f64 / sentences as f64,
        }
    }

    /// The smallest length that at least the share `share` of all sentences does not exceed: 0.5 for the median.
    pub fn quantile(&self, share: f64) -> usize {
        let needed = (share * self.sentences() as f64).ceil() as u64;
        let mut seen = 0;
        for (length, count) in self.by_length.iter().enumerate() {
            seen += count;
            if seen >= needed.max(1) {
                return length;
            }
        }
        0
    }

    /// Length of the longest sentence; 0 without one.
    pub fn longest(&self) -> usize {
        self.by_length.iter().rposition(|&count| count > 0).unwrap_or(0)
    }

    fn between(&self, from: usize, to: usize) -> u64 {
        let to = to.min(self.by_length.len());
        self.by_length
            .get(from..to)
            .map_or(0, |counts| counts.iter().sum())
    }
}

/// A bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Shortest length.
    pub from: usize,
    /// Length from which the next bar counts; `None`: there is none.
    pub to: Option<usize>,
    /// Sentences.
    pub count: u64,
}

/// Sentences by length, in bars of equal width; the last one takes all that are longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Lengths of a bar.
    pub width: usize,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// Most bars.
const MOST_BARS: usize = 30;

impl Histogram {
    /// Histograms with the same bars, so that they can be drawn side by side. Lengths up to that which one sentence in 200
    /// exceeds have bars of their own.
    pub fn of(counts: &[&LengthCounts]) -> Vec<Self> {
        let usual = counts
            .iter()
            .map(|counts| counts.quantile(0.995))
            .max()
            .unwrap_or(0);
        let width = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000]
            .into_iter()
            .find(|width| usual / width < MOST_BARS)
            .unwrap_or(100_000);
        let bars = usual / width + 1;
        let longest = counts.iter().map(|counts| counts.longest()).max().unwrap_or(0);
        let histogram = |counts: &&LengthCounts| {
            let mut all: Vec<Bar> = (0..bars)
                .map(|bar| Bar {
                    from: bar * width,
                    to: Some((bar + 1) * width),
                    count: counts.between(bar * width, (bar + 1) * width),
                })
                .collect();
            if longest >= bars * width {
                all.push(Bar {
                    from: bars * width,
                    to: None,
                    count: counts.between(bars * width, longest + 1),
                });
            }
            Self { width, bars: all }
        };
        counts.iter().map(histogram).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_median_and_longest_are_those_of_a_sorted_list() {
        let counts: LengthCounts = [3, 1, 4, 1, 5, 9, 2, 6].into_iter().collect();
        assert_eq!((counts.sentences(), counts.total(), counts.longest()), (8, 31, 9));
        assert_eq!(counts.mean(), 3.875);
        // 1 1 2 3 | 4 5 6 9: the fourth of eight, and the eighth.
        assert_eq!((counts.quantile(0.5), counts.quantile(1.0)), (3, 9));
        let none = LengthCounts::default();
        assert_eq!((none.mean(), none.quantile(0.5), none.longest()), (0.0, 0, 0));
    }

    #[test]
    fn every_sentence_is_in_one_bar() {
        // 199 sentences of up to 59 tokens, and one of 500.
        let counts: LengthCounts = (0..199).map(|n| n % 60).chain([500]).collect();
        let short: LengthCounts = [7; 10].into_iter().collect();
        let histograms = Histogram::of(&[&counts, &short]);
        // 59 / 2 = 29 < 30.
        assert_eq!((histograms[0].width, histograms[0].bars.len()), (2, 31));
        let last = histograms[0].bars[30];
        assert_eq!((last.from, last.to, last.count), (60, None, 1));
        assert_eq!(histograms[0].bars.iter().map(|bar| bar.count).sum::<u64>(), 200);
        assert_eq!(
            histograms[1].bars[3],
            Bar {
                from: 6,
                to: Some(8),
                count: 10
            }
        );
        assert_eq!(histograms[1].bars.len(), 31);
    }
}
