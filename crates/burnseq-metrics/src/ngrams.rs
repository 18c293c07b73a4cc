//! Counts of n-grams and how many of them two sequences share.

use std::collections::HashMap;
use std::hash::Hash;

/// How often each run of `order` items occurs in `items`.
pub(crate) fn count_ngrams<T: Eq + Hash>(items: &[T], order: usize) -> HashMap<&[T], u64> {
    let mut counts = HashMap::with_capacity((items.len() + 1).saturating_sub(order));
    for ngram in items.windows(order) {
        *counts.entry(ngram).or_insert(0) += 1;
    }
    counts
}

/// Occurrences that `a` and `b` have in common: each n-gram counts as often as in the one that has fewer.
pub(crate) fn shared<T: Eq + Hash>(a: &HashMap<&[T], u64>, b: &HashMap<&[T], u64>) -> u64 {
    let common = |(ngram, count): (&&[T], &u64)| b.get(ngram).map_or(0, |other| *other.min(count));
    a.iter().map(common).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_ngrams_are_clipped_by_the_rarer_side() {
        let a: Vec<char> = "abab".chars().collect();
        let b: Vec<char> = "abc".chars().collect();
        // bigrams: ab twice, ba once | ab once, bc once
        assert_eq!(shared(&count_ngrams(&a, 2), &count_ngrams(&b, 2)), 1);
        assert!(count_ngrams(&b, 4).is_empty());
    }
}
