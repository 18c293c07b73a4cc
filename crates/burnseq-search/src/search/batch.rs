//! What all searches share: the hypotheses of a batch of sentences, how they end and how they go on.

use std::fmt::Debug;

use burnseq_text::Vocab;
use rayon::{iter::Either, prelude::*};

use super::candidates::Candidate;
use super::{Reorder, Search};
use crate::hypothesis::normalised;
use crate::log_probs::{Row, SentenceRows};
use crate::rules::{self, Position, Rule};
use crate::{
    AtMaxLen, EarlyStopping, GenerateOptions, Hypothesis, Predictions, Source, SparseLogProbs, Wanted,
};

/// How the continuations of a sentence are chosen: what makes one search differ from another.
pub trait Strategy: Debug + Sync {
    /// What it keeps of a sentence from step to step, besides the hypotheses.
    type Memory: Default + Debug + Send;

    /// How many of the best continuations of each row suffice to choose from; none when it looks at all of them.
    fn best_per_row(&self) -> Option<usize> {
        None
    }

    /// The continuations of a sentence in the order in which they count. Among the first `beam` an end finishes a
    /// hypothesis; the first `beam` others go on.
    fn candidates(
        &self,
        sentence: &Sentence<'_>,
        offers: Offers<'_>,
        memory: &mut Self::Memory,
    ) -> Vec<Candidate>;
}

/// A search over a batch of sentences, none of which takes note of another.
///
/// A sentence is done when `beam` hypotheses are finished or its longest length is reached, and leaves the batch at
/// once.
#[derive(Debug)]
pub struct BatchSearch<'a, S: Strategy> {
    strategy: S,
    beam: usize,
    eos: usize,
    /// Id that hypotheses start from.
    decoder_start: usize,
    /// Hypotheses end at the longest length, and not with `eos`.
    ignore_eos: bool,
    /// Hypotheses end at the longest length if they have not before.
    cut: bool,
    early_stopping: EarlyStopping,
    /// Target types.
    vocab: usize,
    nbest: usize,
    lenpen: Option<f64>,
    rules: Vec<Box<dyn Rule>>,
    wanted: Option<Wanted>,
    /// Sentences that are still decoded, in the order of the model's rows.
    live: Vec<(Sentence<'a>, S::Memory)>,
    /// Tokens so far, the same for every live row.
    step: usize,
    /// Last token of every row.
    prev_output_tokens: Vec<u32>,
    /// Hypotheses of all sentences, by their place in the batch.
    finished: Vec<Vec<Hypothesis>>,
}

/// A sentence to decode.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The sentence, and what is asked of its hypotheses.
    pub source: &'a Source,
    /// Most tokens before `</s>`.
    pub max_len: usize,
}

/// A sentence that is not done.
#[derive(Debug)]
pub struct Sentence<'a> {
    /// What is decoded.
    pub source: &'a Source,
    /// Most tokens before `</s>`.
    pub max_len: usize,
    /// Hypotheses that go on: one before the first step, then `beam`, the last of which may be [dead](Live::dead).
    pub rows: Vec<Live>,
    /// Hypotheses that have ended.
    pub finished: Vec<Hypothesis>,
    /// Its place in the batch.
    index: usize,
}

impl Sentence<'_> {
    /// The rows that can go on, with their numbers.
    pub fn live(&self) -> impl Iterator<Item = (usize, &Live)> {
        self.rows.iter().enumerate().filter(|(_, live)| !live.dead)
    }

    /// Whether nothing was chosen yet, so that one row stands for all.
    pub fn is_first_step(&self) -> bool {
        self.rows[0].tokens.is_empty()
    }
}

/// A hypothesis that may go on.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Tokens without the leading `</s>`.
    pub tokens: Vec<u32>,
    /// Score of the tokens up to each place, in nats: their log-probability and what the search takes from it.
    pub cumulative: Vec<f32>,
    /// A filler that only keeps the number of rows; it has no continuation.
    pub dead: bool,
}

impl Live {
    /// Score of all tokens, in nats.
    pub fn score(&self) -> f32 {
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

/// What the model offers to the rows of one sentence, once the rules have edited it.
#[derive(Debug)]
pub struct Offers<'a> {
    sentence: &'a Sentence<'a>,
    /// What hypotheses without a context continue.
    start: &'a [u32],
    rules: &'a [Box<dyn Rule>],
    rows: OfferedRows<'a>,
}

/// Where the rows of a sentence come from.
#[derive(Debug)]
enum OfferedRows<'a> {
    /// All tokens.
    Dense(SentenceRows<'a>),
    /// Some tokens of the rows from `first` on.
    Sparse { rows: &'a SparseLogProbs, first: usize },
}

impl Offers<'_> {
    /// Target types.
    pub fn vocab(&self) -> usize {
        match &self.rows {
            OfferedRows::Dense(rows) => rows.vocab(),
            OfferedRows::Sparse { rows, .. } => rows.vocab(),
        }
    }

    /// Row `number`, in which the rules leave `wanted` tokens possible where they can; take every row at most once.
    pub fn row(&mut self, number: usize, wanted: &[u32]) -> Row<'_> {
        let mut row = match &mut self.rows {
            OfferedRows::Dense(rows) => rows.row(number),
            OfferedRows::Sparse { rows, first } => rows.row(*first + number),
        };
        let context = &self.sentence.source.context;
        let position = Position {
            context: if context.is_empty() { self.start } else { context },
            tokens: &self.sentence.rows[number].tokens,
            max_len: self.sentence.max_len,
            prefix: &self.sentence.source.prefix,
            wanted,
        };
        self.rules.iter().for_each(|rule| rule.apply(&position, &mut row));
        row
    }
}

impl<'a, S: Strategy> BatchSearch<'a, S> {
    /// A search over sentences; `strategy` must be for the beam of `options`.
    pub fn new(strategy: S, options: &GenerateOptions, vocab: &Vocab, requests: &[Request<'a>]) -> Self {
        let sentence = |(index, &Request { source, max_len })| {
            let sentence = Sentence {
                source,
                max_len,
                rows: vec![Live::default()],
                finished: Vec::new(),
                index,
            };
            (sentence, S::Memory::default())
        };
        let prefixes = requests.iter().any(|request| !request.source.prefix.is_empty());
        let rules = rules::from_options(options, vocab, prefixes);
        Self {
            wanted: wanted(&strategy, &rules),
            strategy,
            beam: options.beam,
            eos: vocab.eos(),
            decoder_start: vocab.decoder_start(),
            ignore_eos: options.ignore_eos,
            cut: options.at_max_len == AtMaxLen::Cut,
            early_stopping: options.early_stopping,
            vocab: vocab.tgt,
            nbest: options.nbest,
            lenpen: (!options.unnormalized).then_some(options.lenpen),
            rules,
            live: requests.iter().enumerate().map(sentence).collect(),
            step: 0,
            prev_output_tokens: vec![vocab.decoder_start() as u32; requests.len()],
            finished: vec![Vec::new(); requests.len()],
        }
    }

    /// How the continuations are chosen.
    pub fn strategy(&self) -> &S {
        &self.strategy
    }

    /// Live hypotheses per sentence after the first step.
    pub fn beam(&self) -> usize {
        self.beam
    }

    /// Id that hypotheses start from.
    pub fn decoder_start(&self) -> usize {
        self.decoder_start
    }

    /// Id of `</s>`.
    pub fn eos(&self) -> usize {
        self.eos
    }

    /// Whether `</s>` is a token like others.
    pub fn ignores_eos(&self) -> bool {
        self.ignore_eos
    }

    /// Whether hypotheses are cut at the longest length.
    pub fn cuts(&self) -> bool {
        self.cut
    }

    /// Target types.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// The rules, in the order in which they apply.
    pub fn rules(&self) -> &[Box<dyn Rule>] {
        &self.rules
    }

    /// Sentences that are still decoded.
    pub fn sentences(&self) -> usize {
        self.live.len()
    }

    /// Their longest lengths, in tokens before `</s>`.
    pub fn max_lens(&self) -> impl Iterator<Item = usize> {
        self.live.iter().map(|(sentence, _)| sentence.max_len)
    }

    /// Steps so far.
    pub fn steps(&self) -> usize {
        self.step
    }

    /// Steps after which every sentence is done, or has been before.
    pub fn steps_left(&self) -> usize {
        self.max_lens()
            .max()
            .map_or(0, |max_len| (max_len + 1).saturating_sub(self.step))
    }

    /// Rows of each live sentence.
    fn rows_per_sentence(&self) -> usize {
        self.live.first().map_or(1, |(sentence, _)| sentence.rows.len())
    }

    /// Makes a step with the candidates of every live sentence, in the order of the strategy, and tells how rows go on.
    pub fn advance(&mut self, candidates: Vec<Vec<Candidate>>) -> Reorder {
        let rows_per_sentence = self.rows_per_sentence();
        let mut next = Reorder {
            rows: Vec::new(),
            sentences: Vec::new(),
        };
        let mut going_on = Vec::with_capacity(self.live.len());
        self.prev_output_tokens.clear();
        let live = std::mem::take(&mut self.live);
        for (number, ((mut sentence, memory), candidates)) in live.into_iter().zip(candidates).enumerate() {
            match self.advance_sentence(&mut sentence, &candidates) {
                Some(parents) => {
                    next.sentences.push(number);
                    next.rows
                        .extend(parents.iter().map(|row| number * rows_per_sentence + row));
                    self.prev_output_tokens
                        .extend(sentence.rows.iter().flat_map(|live| live.tokens.last()));
                    going_on.push((sentence, memory));
                }
                None => self.finished[sentence.index] = sentence.finished,
            }
        }
        self.live = going_on;
        self.step += 1;
        next
    }

    /// Keeps a hypothesis that has ended, if it is one of the best `beam`; of two with the same score the earlier one.
    fn finish(&self, sentence: &mut Sentence<'_>, hypothesis: Hypothesis) {
        let finished = &mut sentence.finished;
        if finished.len() < self.beam {
            finished.push(hypothesis);
            return;
        }
        let worst = (0..finished.len())
            .rev()
            .min_by(|&a, &b| finished[a].score.total_cmp(&finished[b].score));
        if let Some(worst) = worst.filter(|&worst| finished[worst].score < hypothesis.score) {
            finished.remove(worst);
            finished.push(hypothesis);
        }
    }

    /// Whether the search for hypotheses of a sentence ends, of which `best` is the best that goes on.
    fn is_done(&self, sentence: &Sentence<'_>, best: Option<&Candidate>) -> bool {
        if sentence.finished.len() < self.beam {
            return false;
        }
        let length = match self.early_stopping {
            EarlyStopping::True => return true,
            EarlyStopping::Never if self.lenpen.is_some_and(|lenpen| lenpen > 0.0) => {
                sentence.max_len + usize::from(!self.cut)
            }
            EarlyStopping::False | EarlyStopping::Never => self.step + 1,
        };
        let worst = sentence.finished.iter().map(|hypothesis| hypothesis.score);
        let worst = worst.fold(f32::INFINITY, f32::min);
        best.is_none_or(|best| normalised(best.score, length, self.lenpen) <= worst)
    }

    /// Finishes and continues hypotheses of a sentence; gives the old row, within the sentence, of each new one, or
    /// nothing when the sentence is done.
    fn advance_sentence(&self, sentence: &mut Sentence<'_>, candidates: &[Candidate]) -> Option<Vec<usize>> {
        let is_last = self.step + 1 >= sentence.max_len;
        let ends = |candidate: &&Candidate| match self.ignore_eos {
            true => is_last,
            false => candidate.token == self.eos || (self.cut && is_last),
        };
        for candidate in candidates.iter().take(self.beam).filter(ends) {
            if sentence.finished.len() < self.beam || self.early_stopping != EarlyStopping::True {
                let Live {
                    tokens, cumulative, ..
                } = sentence.rows[candidate.row].continued(candidate);
                let hypothesis = Hypothesis::new(tokens, &cumulative, self.lenpen);
                self.finish(sentence, hypothesis);
            }
        }
        let best_going_on = candidates.iter().find(|candidate| !ends(candidate));
        if self.step >= sentence.max_len || self.is_done(sentence, best_going_on) {
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

/// What `strategy` looks at in each row when `rules` have edited it. Rules make so many of a row's best tokens worse as
/// they change tokens, and may make those better, so that these are wanted whatever their place.
fn wanted(strategy: &impl Strategy, rules: &[Box<dyn Rule>]) -> Option<Wanted> {
    let mut tokens = rules
        .iter()
        .map(|rule| Some(rule.as_token_rule()?.token()))
        .collect::<Option<Vec<_>>>()?;
    tokens.sort_unstable();
    tokens.dedup();
    Some(Wanted {
        best: strategy.best_per_row()? + tokens.len(),
        tokens,
    })
}

impl<S: Strategy> Search for BatchSearch<'_, S> {
    fn prev_output_tokens(&self) -> &[u32] {
        &self.prev_output_tokens
    }

    fn wanted(&self) -> Option<&Wanted> {
        self.wanted.as_ref()
    }

    fn step(&mut self, mut predictions: Predictions) -> Reorder {
        let rows_per_sentence = self.rows_per_sentence();
        assert_eq!(
            predictions.rows(),
            self.live.len() * rows_per_sentence,
            "one row of log-probabilities per token fed"
        );
        let rows = match &mut predictions {
            Predictions::Dense(rows) => {
                Either::Left(rows.par_sentences(rows_per_sentence).map(OfferedRows::Dense))
            }
            Predictions::Sparse(rows) => {
                let rows = &*rows;
                Either::Right((0..self.live.len()).into_par_iter().map(move |sentence| {
                    let first = sentence * rows_per_sentence;
                    OfferedRows::Sparse { rows, first }
                }))
            }
        };
        let (strategy, rules) = (&self.strategy, self.rules.as_slice());
        let start = &[self.decoder_start as u32];
        let candidates: Vec<Vec<Candidate>> = rows
            .zip(self.live.par_iter_mut())
            .map(|(rows, (sentence, memory))| {
                let sentence = &*sentence;
                let offers = Offers {
                    sentence,
                    start,
                    rules,
                    rows,
                };
                strategy.candidates(sentence, offers, memory)
            })
            .collect();
        self.advance(candidates)
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
    use crate::search::markov::{Markov, VOCAB, options};
    use crate::search::{Beam, Sampling};

    fn wanted_by<S: Strategy>(strategy: S, options: &GenerateOptions, prefix: &[u32]) -> Option<Wanted> {
        let source = Source {
            prefix: prefix.to_vec(),
            ..Source::default()
        };
        let request = Request {
            source: &source,
            max_len: 9,
        };
        let search = BatchSearch::new(strategy, options, &VOCAB, &[request]);
        search.wanted().cloned()
    }

    #[test]
    fn what_is_wanted_of_a_row_leaves_room_for_the_tokens_that_rules_change() {
        let plain = GenerateOptions::default();
        let wanted = wanted_by(Beam::new(&plain), &plain, &[]).unwrap();
        assert_eq!((wanted.best, wanted.tokens), (2 * 5 + 2, vec![1, 2]));
        let unk = GenerateOptions {
            beam: 3,
            unkpen: -1.0,
            ..plain
        };
        let wanted = wanted_by(Beam::new(&unk), &unk, &[]).unwrap();
        assert_eq!((wanted.best, wanted.tokens), (2 * 3 + 3, vec![1, 2, 3]));
    }

    #[test]
    fn hypotheses_that_ignore_the_end_have_the_longest_length() {
        let table: [(u32, [f32; 4]); 4] = [
            (2, [0.6, 0.1, 0.1, 0.2]),
            (4, [0.0, 0.3, 0.0, 0.7]),
            (5, [0.5, 0.0, 0.0, 0.5]),
            (6, [1.0, 0.0, 0.0, 0.0]),
        ];
        let plain = options(1);
        let ended = Markov::decode_one(&table, &plain, &Source::new(0, vec![2]));
        assert_eq!(ended[0].tokens.last(), Some(&2));
        let ignoring = GenerateOptions {
            ignore_eos: true,
            ..plain.clone()
        };
        let found = Markov::decode_one(&table, &ignoring, &Source::new(0, vec![2]));
        assert_eq!(found[0].tokens, [4, 2].repeat(5));
        let total = 5.0 * (0.6_f32.ln() + 0.7_f32.ln());
        assert!((found[0].score - total).abs() < 1e-5);
        for sampling in [false, true] {
            let several = GenerateOptions {
                beam: 3,
                nbest: 3,
                sampling,
                ..ignoring.clone()
            };
            let found = Markov::decode_one(&table, &several, &Source::new(0, vec![2]));
            assert_eq!(
                found.iter().map(|one| one.tokens.len()).collect::<Vec<_>>(),
                [10; 3]
            );
        }
    }

    #[test]
    fn everything_is_wanted_where_rules_or_search_may_need_any_token() {
        let plain = GenerateOptions::default();
        let ngrams = GenerateOptions {
            no_repeat_ngram_size: 2,
            ..plain.clone()
        };
        assert_eq!(wanted_by(Beam::new(&plain), &plain, &[5]), None);
        assert_eq!(wanted_by(Beam::new(&ngrams), &ngrams, &[]), None);
        assert_eq!(wanted_by(Sampling::new(&plain), &plain, &[]), None);
    }
}
