//! Sums over the words of a text, as fairseq-eval-lm prints them.

use std::collections::HashMap;

use burnseq::decode::{BlockScores, ScoredWord};

/// Sums so far.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// Log-probability of all tokens, in nats.
    pub nats: f64,
    /// Tokens, `</s>` included.
    pub tokens: usize,
    /// What the loss is divided by: words where pieces are joined, else tokens.
    pub words: usize,
    /// Words of a text of pieces, where pieces are not joined.
    pub real_words: usize,
    /// Tokens that the dictionary does not have.
    unknown: usize,
    /// Each word once, in the order in which words occur first.
    stats: Vec<WordStats>,
    places: HashMap<String, usize>,
}

/// What is known of a word.
#[derive(Debug)]
struct WordStats {
    word: String,
    joined: bool,
    count: usize,
    nats: f64,
    /// Log-probabilities of the words that follow it in the same block, and their number.
    next: (f64, usize),
}

impl Measured {
    /// Adds a block with its words; `with_stats` counts each of them.
    pub fn add(&mut self, block: &BlockScores, words: &[ScoredWord], unk: u32, with_stats: bool) {
        self.nats += block.scores.iter().map(|&score| f64::from(score)).sum::<f64>();
        self.tokens += block.tokens.len();
        self.words += words.len();
        self.unknown += block.tokens.iter().filter(|&&token| token == unk).count();
        if !with_stats {
            return;
        }
        for (place, word) in words.iter().enumerate() {
            let at = *self.places.entry(word.word.clone()).or_insert_with(|| {
                self.stats.push(WordStats {
                    word: word.word.clone(),
                    joined: word.joined,
                    count: 0,
                    nats: 0.0,
                    next: (0.0, 0),
                });
                self.stats.len() - 1
            });
            let stats = &mut self.stats[at];
            stats.count += 1;
            stats.nats += f64::from(word.score);
            if let Some(next) = words.get(place + 1) {
                stats.next.0 += f64::from(next.score);
                stats.next.1 += 1;
            }
        }
    }

    /// A line for each word, the most frequent one first.
    pub fn stats(&self) -> Vec<String> {
        let mut sorted: Vec<&WordStats> = self.stats.iter().collect();
        sorted.sort_by_key(|stats| std::cmp::Reverse(stats.count));
        let line = |stats: &&WordStats| {
            let joined = if stats.joined { "True" } else { "False" };
            let (next, followed) = stats.next;
            format!(
                "{}\t{}\t{}\t{joined}\t{next}\t{followed}",
                stats.word, stats.count, stats.nats
            )
        };
        sorted.iter().map(line).collect()
    }

    /// A note where the dictionary does not have some of the tokens.
    pub fn unknown_note(&self) -> Option<String> {
        (self.unknown > 0).then(|| {
            format!(
                "{} of {} tokens are not in the dictionary of the model and count as <unk>: the perplexity of another model \
                 does not compare with this one unless it knows the same tokens",
                self.unknown, self.tokens
            )
        })
    }
}

/// Words with their log-probabilities.
pub(super) fn word_line(words: &[ScoredWord]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("{} [{:.6}]", word.word, word.score))
        .collect();
    words.join("\t")
}

/// A loss in bits and its perplexity: the mean over `count`.
pub(super) fn loss_line(what: &str, nats: f64, count: usize) -> String {
    let loss = -nats / count.max(1) as f64 / std::f64::consts::LN_2;
    format!("{what} (base 2): {loss:.4}, Perplexity: {:.2}", loss.exp2())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(word: &str, score: f32) -> ScoredWord {
        ScoredWord {
            word: word.to_owned(),
            score,
            joined: word.len() > 1,
        }
    }

    #[test]
    fn words_are_counted_with_what_follows_them() {
        let mut measured = Measured::default();
        let block = BlockScores {
            tokens: vec![4, 3, 4, 2],
            scores: vec![-1.0, -2.0, -3.0, -2.0],
            cut: false,
        };
        let words = [
            word("a", -1.0),
            word("bc", -2.0),
            word("a", -3.0),
            word("</s>", -2.0),
        ];
        measured.add(&block, &words, 3, true);
        assert_eq!(
            measured.stats(),
            [
                "a\t2\t-4\tFalse\t-4\t2",
                "bc\t1\t-2\tTrue\t-3\t1",
                "</s>\t1\t-2\tTrue\t0\t0"
            ]
        );
        assert_eq!((measured.tokens, measured.words), (4, 4));
        assert!(measured.unknown_note().unwrap().starts_with("1 of 4 tokens"));
        assert_eq!(
            loss_line("Loss", measured.nats, 4),
            "Loss (base 2): 2.8854, Perplexity: 7.39" // e^2
        );
        assert_eq!(word_line(&words[..2]), "a [-1.000000]\tbc [-2.000000]");
    }
}
