//! How well words are translated by how frequent they are, as compare-mt shows it (Neubig et al. 2019, section 3).

use std::collections::HashMap;

use burnseq_metrics::Tokenizer;

use super::translated::Translated;

/// Number of occurrences of each word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordCounts(HashMap<String, u64>);

impl WordCounts {
    /// Counts the words of a line; words are those of the tokenizer `13a`.
    pub fn add_line(&mut self, line: &str) {
        for word in Tokenizer::Mteval13a.tokenize(line) {
            *self.0.entry(word).or_default() += 1;
        }
    }

    /// Adds other counts.
    pub fn add_all(&mut self, other: Self) {
        for (word, count) in other.0 {
            *self.0.entry(word).or_default() += count;
        }
    }

    /// Occurrences of a word.
    pub fn count(&self, word: &str) -> u64 {
        self.0.get(word).copied().unwrap_or(0)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where buckets begin, in occurrences; those of compare-mt.
const BOUNDS: [u64; 9] = [0, 1, 2, 3, 4, 5, 10, 100, 1000];

/// Words of similar frequency.
#[derive(Debug, Clone, PartialEq)]
pub struct FrequencyBucket {
    /// `10-99`, in occurrences.
    pub label: String,
    /// Words of the references.
    pub in_references: u64,
    /// Words of the translations.
    pub in_translations: u64,
    /// Words of the translations that their references have, each as often as these do.
    pub matched: u64,
}

impl FrequencyBucket {
    /// Harmonic mean of precision and recall in percent; 0 where nothing matches.
    pub fn f1(&self) -> f64 {
        match self.in_references + self.in_translations {
            0 => 0.0,
            words => 200.0 * self.matched as f64 / words as f64,
        }
    }
}

/// Words of translations that are in their references, by the frequency that `counts` give them; buckets without a word are
/// left out.
pub fn f1_by_frequency(translated: &[Translated], counts: &WordCounts) -> Vec<FrequencyBucket> {
    let label = |number: usize| match (BOUNDS[number], BOUNDS.get(number + 1)) {
        (from, Some(to)) if to - from == 1 => from.to_string(),
        (from, Some(to)) => format!("{from}\u{2013}{}", to - 1),
        (from, None) => format!("{from}+"),
    };
    let mut buckets: Vec<FrequencyBucket> = (0..BOUNDS.len())
        .map(|number| FrequencyBucket {
            label: label(number),
            in_references: 0,
            in_translations: 0,
            matched: 0,
        })
        .collect();
    for one in translated {
        // For each word: how often in the reference, and in the translation.
        let mut words: HashMap<String, (u64, u64)> = HashMap::new();
        for word in Tokenizer::Mteval13a.tokenize(&one.reference) {
            words.entry(word).or_default().0 += 1;
        }
        for word in Tokenizer::Mteval13a.tokenize(one.text()) {
            words.entry(word).or_default().1 += 1;
        }
        for (word, (in_reference, in_translation)) in words {
            let frequency = counts.count(&word);
            let number = BOUNDS.iter().rposition(|&bound| bound <= frequency).unwrap_or(0);
            let bucket = &mut buckets[number];
            bucket.in_references += in_reference;
            bucket.in_translations += in_translation;
            bucket.matched += in_reference.min(in_translation);
        }
    }
    buckets.retain(|bucket| bucket.in_references + bucket.in_translations > 0);
    buckets
}

#[cfg(test)]
mod tests {
    use super::super::translated::tests::translated;
    use super::*;

    #[test]
    fn words_match_as_often_as_the_reference_has_them() {
        let mut counts = WordCounts::default();
        counts.add_line("the the the the the dog");
        let all = [
            translated(0, "the the dog", "the dog dog"),
            translated(1, "the bird", "the cat"),
        ];
        let buckets = f1_by_frequency(&all, &counts);
        let labels: Vec<&str> = buckets.iter().map(|bucket| bucket.label.as_str()).collect();
        assert_eq!(labels, ["0", "1", "5\u{2013}9"]);
        // `cat` and `bird` are no words of the counts.
        assert_eq!(
            (
                buckets[0].in_references,
                buckets[0].in_translations,
                buckets[0].matched
            ),
            (1, 1, 0)
        );
        assert_eq!(buckets[0].f1(), 0.0);
        // `dog`: two in the reference, one in the translation.
        assert_eq!(
            (
                buckets[1].in_references,
                buckets[1].in_translations,
                buckets[1].matched
            ),
            (2, 1, 1)
        );
        assert!((buckets[1].f1() - 200.0 / 3.0).abs() < 1e-9);
        // `the`: one and one, and two in the translations of the first: 2 * 2 / (2 + 3).
        assert_eq!(
            (
                buckets[2].in_references,
                buckets[2].in_translations,
                buckets[2].matched
            ),
            (2, 3, 2)
        );
        assert!((buckets[2].f1() - 80.0).abs() < 1e-9);
    }

    #[test]
    fn counts_of_parts_add_up() {
        let mut all = WordCounts::default();
        assert!(all.is_empty());
        for line in ["a b", "b"] {
            let mut part = WordCounts::default();
            part.add_line(line);
            all.add_all(part);
        }
        assert_eq!((all.count("a"), all.count("b"), all.count("c")), (1, 2, 0));
    }
}
