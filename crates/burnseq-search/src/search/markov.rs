//! A model for tests, whose probabilities can be read off a table.

use burnseq_text::Vocab;

use super::{Reorder, Request, run_options};
use crate::{GenerateOptions, Hypothesis, LogProbs, NextToken, Source};

pub(super) const VOCAB: Vocab = Vocab::fairseq(8, 8);

/// A model whose next token depends on the last one only: `table[last]` are probabilities of tokens 4, 5, 6 and the
/// end, in that order.
pub(super) struct Markov {
    table: Vec<(u32, [f32; 4])>,
    pub(super) fed: Vec<Vec<u32>>,
    pub(super) reordered: Vec<Reorder>,
}

impl Markov {
    pub(super) fn new(table: &[(u32, [f32; 4])]) -> Self {
        Self {
            table: table.to_vec(),
            fed: Vec::new(),
            reordered: Vec::new(),
        }
    }

    /// The hypotheses that `options` find in a model with this table, for one source.
    pub(super) fn decode_one(
        table: &[(u32, [f32; 4])],
        options: &GenerateOptions,
        source: &Source,
    ) -> Vec<Hypothesis> {
        let request = Request { source, max_len: 10 };
        run_options(options, &VOCAB, &[request], &mut Self::new(table)).remove(0)
    }
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

/// All of `beam` hypotheses, scored by their plain log-probabilities.
pub(super) fn options(beam: usize) -> GenerateOptions {
    GenerateOptions {
        beam,
        nbest: beam,
        lenpen: 0.0,
        max_len_b: 10,
        ..GenerateOptions::default()
    }
}
