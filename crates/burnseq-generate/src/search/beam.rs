//! Beam search as fairseq does it; with a beam of one, greedy search.

use burnseq_model::Vocab;
use rayon::prelude::*;

use super::candidates::{Best, Candidate};
use super::{Reorder, Search};
use crate::log_probs::SentenceRows;
use crate::rules::{self, Position, Rule};
use crate::{GenerateOptions, Hypothesis, LogProbs};

/// Beam search.
///
/// A step looks at the `2 * beam` best continuations of a sentence, so that `beam` remain when every row ends. An end
/// among the first `beam` finishes a hypothesis, an end after them is dropped; the `beam` best others go on. A sentence
/// is done when `beam` hypotheses are finished or its longest length is reached, and leaves the batch at once.
#[derive(Debug)]
pub struct BeamSearch {
    beam: usize,
    eos: usize,
    nbest: usize,
    lenpen: Option<f64>,
    rules: Vec<Box<dyn Rule>>,
    /// Sentences that are still decoded, in the order of the model's rows.
    live: Vec<Sentence>,
    /// Tokens so far, the same for every live row.
    step: usize,
    /// Last token of every row.
    prev_output_tokens: Vec<u32>,
    /// Hypotheses of all sentences, by their place in the batch.
    finished: Vec<Vec<Hypothesis>>,
}

/// A sentence that is not done.
#[derive(Debug)]
struct Sentence {
    /// Its place in the batch.
    index: usize,
    /// Most tokens before `</s>`.
    max_len: usize,
    /// Live hypotheses; one before the first step, then `beam`.
    rows: Vec<Live>,
    finished: Vec<Hypothesis>,
}

/// A hypothesis that may go on.
#[derive(Debug, Clone, Default)]
struct Live {
    /// Tokens without the leading `</s>`.
    tokens: Vec<u32>,
    /// Log-probability of the tokens up to each place, in nats.
    cumulative: Vec<f32>,
    /// A filler that only keeps the number of rows; it has no probability.
    dead: bool,
}

impl Live {
    fn score(&self) -> f32 {
        self.cumulative.last().copied().unwrap_or(0.0)
    }

    fn continued(&self, candidate: &Candidate) -> Self {
        let mut live = Self {
            tokens: Vec::with_capacity(self.tokens.len() + 1),
            cumulative: Vec::with_capacity(self.tokens.len() + 1),
            dead: false,
        };
        live.tokens.extend_from_slice(&self.tokens);
        live.cumulative.extend_from_slice(&self.cumulative);
        live.tokens.push(candidate.token as u32);
        live.cumulative.push(candidate.score);
        live
    }
}

impl BeamSearch {
    /// A search over sentences whose translations have at most `max_lens[sentence]` tokens before `</s>`.
    pub fn new(options: &GenerateOptions, vocab: &Vocab, max_lens: &[usize]) -> Self {
        let sentence = |(index, &max_len)| Sentence {
            index,
            max_len,
            rows: vec![Live::default()],
            finished: Vec::new(),
        };
        Self {
            // Padding is never chosen, so a wider beam could not be filled.
            beam: options.beam.min(vocab.tgt - 1).max(1),
            eos: vocab.eos,
            nbest: options.nbest,
            lenpen: (!options.unnormalized).then_some(options.lenpen),
            rules: rules::from_options(options, vocab),
            live: max_lens.iter().enumerate().map(sentence).collect(),
            step: 0,
            prev_output_tokens: vec![vocab.eos as u32; max_lens.len()],
            finished: vec![Vec::new(); max_lens.len()],
        }
    }

    /// The best continuations of a sentence, best first.
    fn candidates(&self, sentence: &Sentence, mut rows: SentenceRows<'_>, vocab: usize) -> Vec<Candidate> {
        let limit = (2 * self.beam).min(sentence.rows.len() * vocab - 1).max(1);
        let mut best = Best::new(limit);
        for (number, live) in sentence.rows.iter().enumerate() {
            if live.dead {
                continue;
            }
            let mut row = rows.row(number);
            let position = Position {
                tokens: &live.tokens,
                max_len: sentence.max_len,
            };
            self.rules.iter().for_each(|rule| rule.apply(&position, &mut row));
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

    /// Finishes and continues hypotheses of a sentence; gives the old row, within the sentence, of each new one, or
    /// nothing when the sentence is done.
    fn advance(&self, sentence: &mut Sentence, candidates: &[Candidate]) -> Option<Vec<usize>> {
        let ends = |candidate: &&Candidate| candidate.token == self.eos;
        for candidate in candidates.iter().take(self.beam).filter(ends) {
            if sentence.finished.len() < self.beam {
                let Live {
                    tokens, cumulative, ..
                } = sentence.rows[candidate.row].continued(candidate);
                sentence
                    .finished
                    .push(Hypothesis::new(tokens, &cumulative, self.lenpen));
            }
        }
        if sentence.finished.len() == self.beam || self.step >= sentence.max_len {
            return None;
        }
        let going_on = candidates
            .iter()
            .filter(|candidate| !ends(candidate))
            .take(self.beam);
        let (mut rows, mut parents): (Vec<Live>, Vec<usize>) = going_on
            .map(|candidate| (sentence.rows[candidate.row].continued(candidate), candidate.row))
            .unzip();
        if rows.is_empty() {
            return None;
        }
        while rows.len() < self.beam {
            rows.push(Live {
                dead: true,
                ..rows[0].clone()
            });
            parents.push(parents[0]);
        }
        sentence.rows = rows;
        Some(parents)
    }
}

impl Search for BeamSearch {
    fn prev_output_tokens(&self) -> &[u32] {
        &self.prev_output_tokens
    }

    fn step(&mut self, mut log_probs: LogProbs) -> Reorder {
        let rows_per_sentence = self.live.first().map_or(1, |sentence| sentence.rows.len());
        assert_eq!(
            log_probs.rows(),
            self.live.len() * rows_per_sentence,
            "one row of log-probabilities per token fed"
        );
        let vocab = log_probs.vocab();
        let search = &*self;
        let candidates: Vec<Vec<Candidate>> = log_probs
            .par_sentences(rows_per_sentence)
            .zip(search.live.par_iter())
            .map(|(rows, sentence)| search.candidates(sentence, rows, vocab))
            .collect();

        let mut next = Reorder {
            rows: Vec::new(),
            sentences: Vec::new(),
        };
        let mut going_on = Vec::with_capacity(self.live.len());
        self.prev_output_tokens.clear();
        for (number, mut sentence) in std::mem::take(&mut self.live).into_iter().enumerate() {
            match self.advance(&mut sentence, &candidates[number]) {
                Some(parents) => {
                    next.sentences.push(number);
                    next.rows
                        .extend(parents.iter().map(|row| number * rows_per_sentence + row));
                    self.prev_output_tokens
                        .extend(sentence.rows.iter().flat_map(|live| live.tokens.last()));
                    going_on.push(sentence);
                }
                None => self.finished[sentence.index] = sentence.finished,
            }
        }
        self.live = going_on;
        self.step += 1;
        next
    }

    fn finished(&self) -> bool {
        self.live.is_empty()
    }

    fn into_hypotheses(mut self) -> Vec<Vec<Hypothesis>> {
        for hypotheses in &mut self.finished {
            // Stable: of two with the same score the one that ended first comes first.
            hypotheses.sort_by(|a, b| b.score.total_cmp(&a.score));
            hypotheses.truncate(self.nbest);
        }
        self.finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NextToken, search};

    const VOCAB: Vocab = Vocab {
        src: 8,
        tgt: 8,
        pad: 1,
        eos: 2,
    };

    /// A model whose next token depends on the last one only: `table[last]` are probabilities of tokens 4, 5, 6 and
    /// the end, in that order.
    struct Markov {
        table: Vec<(u32, [f32; 4])>,
        fed: Vec<Vec<u32>>,
        reordered: Vec<Reorder>,
    }

    impl NextToken for Markov {
        fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
            self.fed.push(prev_output_tokens.to_vec());
            let mut scores = Vec::new();
            for last in prev_output_tokens {
                let (_, p) = self.table.iter().find(|(token, _)| token == last).unwrap();
                scores.extend([0.0, 0.9, p[3], 0.0, p[0], p[1], p[2], 0.0].map(f32::ln));
            }
            LogProbs::from_scores(scores, 8)
        }

        fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
            self.reordered.push(Reorder {
                rows: rows.to_vec(),
                sentences: sentences.to_vec(),
            });
        }
    }

    fn markov(table: &[(u32, [f32; 4])]) -> Markov {
        Markov {
            table: table.to_vec(),
            fed: Vec::new(),
            reordered: Vec::new(),
        }
    }

    fn options(beam: usize) -> GenerateOptions {
        GenerateOptions {
            beam,
            nbest: beam,
            lenpen: 0.0,
            max_len_b: 10,
            ..GenerateOptions::default()
        }
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
        let greedy = search::run(
            BeamSearch::new(&options(1), &VOCAB, &[10]),
            &mut markov(&GARDEN_PATH),
        );
        assert_eq!(greedy[0][0].tokens, [4, 6, 2]); // 0.6 * 1 * 0.5, the end is the lower id of two equals
        let beam = search::run(
            BeamSearch::new(&options(2), &VOCAB, &[10]),
            &mut markov(&GARDEN_PATH),
        );
        assert_eq!(beam[0][0].tokens, [5, 2]); // 0.4 * 0.9
        assert!((beam[0][0].score - 0.36_f32.ln()).abs() < 1e-6);
        assert_eq!(beam[0][1].tokens, [4, 6, 2]);
        assert!((beam[0][1].positional_scores[2] - 0.5_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn finished_sentences_leave_the_batch_and_the_first_step_has_one_row_each() {
        let mut model = markov(&GARDEN_PATH);
        search::run(BeamSearch::new(&options(2), &VOCAB, &[1, 10]), &mut model);
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
        let found = search::run(BeamSearch::new(&options(1), &VOCAB, &[3]), &mut markov(&endless));
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
            search::run(BeamSearch::new(&options, &VOCAB, &[10]), &mut markov(&table))[0][0]
                .tokens
                .len()
        };
        assert_eq!([0, 1, 4].map(length), [1, 2, 5]);
    }

    #[test]
    fn a_sentence_without_any_probability_has_no_hypothesis_and_ends() {
        let table = [(2, [f32::NAN; 4])];
        let found = search::run(BeamSearch::new(&options(2), &VOCAB, &[10]), &mut markov(&table));
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
        let found = search::run(BeamSearch::new(&options, &VOCAB, &[10]), &mut markov(&table));
        assert_eq!(found[0].len(), 1);
        assert_eq!(found[0][0].tokens, [4, 2]);
    }
}
