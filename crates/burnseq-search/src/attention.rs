//! Which source tokens a translation was made from, as the model's attention tells.

/// How much each token of a translation looked at each token of its source.
///
/// # Shapes
/// `[tgt_len, src_len]`, both with `</s>`; every row adds up to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    probabilities: Vec<f32>,
    src_len: usize,
}

impl Attention {
    /// From the probabilities, row by row.
    ///
    /// # Panics
    /// When `src_len` is 0 or does not divide the number of probabilities.
    pub fn new(probabilities: Vec<f32>, src_len: usize) -> Self {
        assert!(
            src_len > 0 && probabilities.len().is_multiple_of(src_len),
            "{} probabilities, src_len {src_len}",
            probabilities.len()
        );
        Self {
            probabilities,
            src_len,
        }
    }

    /// The mean of the attentions of several models.
    ///
    /// # Panics
    /// When there are none, or their shapes differ.
    pub fn mean(attentions: &[&Self]) -> Self {
        let mut probabilities = vec![0.0; attentions[0].probabilities.len()];
        for attention in attentions {
            assert_eq!(attention.probabilities.len(), probabilities.len(), "sizes");
            for (sum, probability) in probabilities.iter_mut().zip(&attention.probabilities) {
                *sum += probability / attentions.len() as f32;
            }
        }
        Self::new(probabilities, attentions[0].src_len)
    }

    /// What each token of the translation looked at, `</s>` last.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.probabilities.chunks_exact(self.src_len)
    }

    /// For each token of the translation but `</s>`, the source token it looked at most, `</s>` left aside; of equals
    /// the first. Empty where the source is `</s>` alone.
    pub fn hard(&self) -> Vec<usize> {
        let words = self.src_len - 1;
        if words == 0 {
            return Vec::new();
        }
        let best = |row: &[f32]| {
            (1..words).fold(
                0,
                |best, source| if row[source] > row[best] { source } else { best },
            )
        };
        let targets = self.rows().len().saturating_sub(1);
        self.rows().take(targets).map(best).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_alignment_is_the_strongest_source_token_that_is_a_word() {
        let attention = Attention::new(vec![0.2, 0.3, 0.5, 0.4, 0.4, 0.2, 0.0, 0.1, 0.9], 3);
        assert_eq!(attention.hard(), [1, 0]);
        assert_eq!(Attention::new(vec![1.0, 1.0], 1).hard(), [0; 0]);
    }

    #[test]
    fn models_are_averaged() {
        let (a, b) = (
            Attention::new(vec![1.0, 0.0], 2),
            Attention::new(vec![0.5, 0.5], 2),
        );
        assert_eq!(Attention::mean(&[&a, &b]).rows().next().unwrap(), [0.75, 0.25]);
    }
}
