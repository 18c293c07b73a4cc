//! Beam search as fairseq does it; with a beam of one, greedy search.

use super::batch::{Offers, Sentence, Strategy};
use super::candidates::{Best, Candidate};
use crate::GenerateOptions;

/// Beam search: the `2 * beam` best continuations of a sentence, so that `beam` go on even when every row ends.
#[derive(Debug, Clone)]
pub struct Beam {
    beam: usize,
}

impl Beam {
    /// With the beam of `options`.
    pub fn new(options: &GenerateOptions) -> Self {
        Self { beam: options.beam }
    }

    /// How many continuations of a sentence of `rows` rows are looked at.
    pub fn limit(&self, rows: usize, vocab: usize) -> usize {
        // Padding is never chosen, hence one less than there are.
        (2 * self.beam).min(rows * vocab - 1).max(1)
    }
}

impl Strategy for Beam {
    type Memory = ();

    fn best_per_row(&self) -> Option<usize> {
        Some(2 * self.beam)
    }

    fn candidates(&self, sentence: &Sentence<'_>, mut offers: Offers<'_>, _: &mut ()) -> Vec<Candidate> {
        let mut best = Best::new(self.limit(sentence.rows.len(), offers.vocab()));
        for (number, live) in sentence.live() {
            let row = offers.row(number, &[]);
            row.for_each_above(live.score(), best.threshold(), |token, score| {
                best.push(Candidate {
                    score,
                    row: number,
                    token,
                })
            });
        }
        best.into_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::markov::{Markov, VOCAB, options};
    use crate::search::{Reorder, Request, run_options};
    use crate::{Hypothesis, Source};

    fn decode(options: &GenerateOptions, max_lens: &[usize], model: &mut Markov) -> Vec<Vec<Hypothesis>> {
        let source = Source::default();
        let requests: Vec<Request> = max_lens
            .iter()
            .map(|&max_len| Request {
                source: &source,
                max_len,
            })
            .collect();
        run_options(options, &VOCAB, &requests, model)
    }

    /// After the start, 4 looks better than 5, but 5 ends at once.
    const GARDEN_PATH: [(u32, [f32; 4]); 4] = [
        (2, [0.6, 0.4, 0.0, 0.0]),
        (4, [0.0, 0.0, 1.0, 0.0]),
        (5, [0.1, 0.0, 0.0, 0.9]),
        (6, [0.5, 0.0, 0.0, 0.5]),
    ];

    #[test]
    fn a_beam_finds_what_greedy_search_misses() {
        let greedy = decode(&options(1), &[10], &mut Markov::new(&GARDEN_PATH));
        assert_eq!(greedy[0][0].tokens, [4, 6, 2]); // 0.6 * 1 * 0.5, the end is the lower id of two equals
        let beam = decode(&options(2), &[10], &mut Markov::new(&GARDEN_PATH));
        assert_eq!(beam[0][0].tokens, [5, 2]); // 0.4 * 0.9
        assert!((beam[0][0].score - 0.36_f32.ln()).abs() < 1e-6);
        assert_eq!(beam[0][1].tokens, [4, 6, 2]);
        assert!((beam[0][1].positional_scores[2] - 0.5_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn finished_sentences_leave_the_batch_and_the_first_step_has_one_row_each() {
        let mut model = Markov::new(&GARDEN_PATH);
        decode(&options(2), &[1, 10], &mut model);
        assert_eq!(model.fed[0], [2, 2]);
        assert_eq!(model.fed[1], [4, 5, 4, 5]);
        assert_eq!(
            model.reordered[0],
            Reorder {
                rows: vec![0, 0, 1, 1],
                sentences: vec![0, 1]
            }
        );
        // The first sentence may have one token; only rows of the second, its rows 2 and 3, go on.
        assert_eq!(model.reordered[1].sentences, [1]);
        assert!(model.reordered[1].rows.iter().all(|&row| row == 2 || row == 3));
        assert_eq!(model.fed[2].len(), 2);
    }

    #[test]
    fn hypotheses_end_at_the_longest_length() {
        let endless = [
            (2, [1.0, 0.0, 0.0, 0.0]),
            (4, [0.98, 0.01, 0.0, 0.01]),
            (5, [1.0, 0.0, 0.0, 0.0]),
        ];
        let found = decode(&options(1), &[3], &mut Markov::new(&endless));
        assert_eq!(found[0][0].tokens, [4, 4, 4, 2]);
    }

    #[test]
    fn the_shortest_length_forbids_an_early_end() {
        let table = [(2, [0.2, 0.0, 0.0, 0.8]), (4, [0.1, 0.0, 0.0, 0.9])];
        let length = |min_len| {
            let options = GenerateOptions {
                min_len,
                ..options(1)
            };
            decode(&options, &[10], &mut Markov::new(&table))[0][0]
                .tokens
                .len()
        };
        assert_eq!([0, 1, 4].map(length), [1, 2, 5]);
    }

    #[test]
    fn a_sentence_without_any_probability_has_no_hypothesis_and_ends() {
        let table = [(2, [f32::NAN; 4])];
        let found = decode(&options(2), &[10], &mut Markov::new(&table));
        assert_eq!(found, [[]]);
    }

    #[test]
    fn an_end_that_ranks_below_the_beam_is_dropped() {
        // With a beam of 1 the end is second at first, and must not be finished.
        let table = [(2, [0.6, 0.0, 0.0, 0.4]), (4, [0.0, 0.4, 0.0, 0.6])];
        let options = GenerateOptions {
            min_len: 0,
            ..options(1)
        };
        let found = decode(&options, &[10], &mut Markov::new(&table));
        assert_eq!(found[0].len(), 1);
        assert_eq!(found[0][0].tokens, [4, 2]);
    }
}
