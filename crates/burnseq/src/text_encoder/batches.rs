//! Texts of similar length together, so that little is computed on padding.

/// The share of a batch that may be padding, of 1.
const MOST_PADDING: f64 = 0.1;

/// How many tokens were computed, and how many of them were padding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Padding {
    /// Tokens of texts.
    pub tokens: usize,
    /// Tokens of batches, padding included.
    pub padded: usize,
}

impl Padding {
    /// A batch of texts of these lengths.
    pub(super) fn add(&mut self, lengths: impl Iterator<Item = usize> + Clone) {
        let longest = lengths.clone().max().unwrap_or(0);
        self.padded += longest * lengths.clone().count();
        self.tokens += lengths.sum::<usize>();
    }

    /// The share that was padding, of 1.
    pub fn share(&self) -> f64 {
        match self.padded {
            0 => 0.0,
            padded => 1.0 - self.tokens as f64 / padded as f64,
        }
    }
}

/// Numbers `0..n` in batches, longest texts first: each of at most `max_tokens` tokens, unless it holds one text, and with at
/// most a tenth of them padding.
pub fn batches_by_length(n: usize, len: impl Fn(usize) -> usize, max_tokens: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(len(text)));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut tokens = 0;
    for text in order {
        if let Some(batch) = batches.last_mut() {
            let padded = (batch.len() + 1) * len(batch[0]);
            let is_dense = (padded - tokens - len(text)) as f64 <= MOST_PADDING * padded as f64;
            if padded <= max_tokens && is_dense {
                tokens += len(text);
                batch.push(text);
                continue;
            }
        }
        tokens = len(text);
        batches.push(vec![text]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_full_dense_and_hold_every_text_once() {
        // A spread as wide as that of reviews.
        let lengths: Vec<usize> = (0..500).map(|text| 2 + text * 7919 % 510).collect();
        let batches = batches_by_length(lengths.len(), |text| lengths[text], 1024);
        let mut padding = Padding::default();
        for batch in &batches {
            let of = || batch.iter().map(|&text| lengths[text]);
            let (longest, sum) = (of().max().unwrap(), of().sum::<usize>());
            let padded = longest * batch.len();
            assert!(padded <= 1024 || batch.len() == 1);
            assert!(padded - sum <= padded / 10, "{sum} of {padded}");
            padding.add(of());
        }
        assert_eq!(padding.tokens, lengths.iter().sum::<usize>());
        assert!(padding.share() <= 0.1 && padding.share() > 0.0);
        let mut all: Vec<usize> = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
        // Short texts share batches.
        assert!(batches.len() < lengths.len() / 2, "{} batches", batches.len());
        assert!(batches_by_length(0, |_| 0, 10).is_empty());
    }
}
