//! Beam search that the device runs by itself for some steps.
//!
//! The device keeps scores, last tokens and caches of all rows, chooses the candidates of every sentence, and goes on
//! with those that do not end. Every [`STEPS`] steps the host reads the candidates of all of them at once and makes the
//! same steps with them, so that hypotheses, scores and the end of a sentence come from [`BatchSearch`] alone. A sentence
//! that has ended leaves the batch then; what the device made of it since is not looked at.

mod edits;

use burn::tensor::{Device, Int, Tensor, TensorData, Transaction};
use burnseq_search::search::{Beam, Candidate};
use burnseq_search::{BatchSearch, NextToken, Reorder, Search};

use crate::device_choice::MOST;
use crate::tensor_ops;
use edits::Edits;

/// A [`NextToken`] that also takes and gives tensors on its device, and does not wait for them.
pub trait DeviceNextToken: NextToken {
    /// Where the tensors are.
    fn device(&self) -> Device;

    /// Feeds `prev_output_tokens` `[rows]` and gives the logits of the token after each: `[rows, vocab]`, in `f32`.
    fn logits(&mut self, prev_output_tokens: Tensor<1, Int>) -> Tensor<2>;

    /// As [`reorder`](NextToken::reorder), with `rows` `[rows]`, for sentences that all stay.
    fn reorder_rows(&mut self, rows: Tensor<1, Int>);
}

/// Steps between two reads. A read makes host and device wait for each other, by our estimate for a quarter of a step.
/// Reading every `n` steps, the end of a batch is noticed `(n - 1) / 2` steps late on average. For a batch of thirty steps
/// the sum of both is least at 4, and little more from 3 to 6.
const STEPS: usize = 4;

/// The score of what is impossible: the least that CubeCL's top-k takes. What is added to it leaves it there or makes it
/// minus infinity.
const IMPOSSIBLE: f32 = f32::MIN;

/// Whether the device can make the steps of `search`: its rules are about single tokens and lengths.
pub fn takes(search: &BatchSearch<'_, Beam>) -> bool {
    !search.ignores_eos() && !search.cuts() && search.wanted().is_some_and(|wanted| wanted.best <= MOST)
}

/// Runs `search`, which has made no step yet, to its end on `model`.
pub fn run(search: &mut BatchSearch<'_, Beam>, model: &mut dyn DeviceNextToken) {
    run_with(search, model, Transaction::execute);
}

/// [`run`]; `read` is called for all that the host gets to know of it.
fn run_with(
    search: &mut BatchSearch<'_, Beam>,
    model: &mut dyn DeviceNextToken,
    mut read: impl FnMut(Transaction) -> Vec<TensorData>,
) {
    let mut rows = Rows::start(search, model.device());
    while !search.finished() {
        let left = search.steps_left();
        let made: Vec<Candidates> = (0..left.min(STEPS))
            .map(|later| rows.step(search, later, model))
            .collect();
        let made = made.into_iter().fold(Transaction::default(), |reads, step| {
            reads.register(step.scores).register(step.places)
        });
        let going_on = follow(search, read(made));
        if !search.finished() && going_on.len() < rows.sentences() {
            let kept = rows.keep(&going_on);
            model.reorder(&kept.rows, &kept.sentences);
        }
    }
}

/// Makes the steps that the device has made; gives the sentences that go on, by their number before the first of them.
///
/// `made` are scores and places of candidates of each step, as in [`Candidates`].
fn follow(search: &mut BatchSearch<'_, Beam>, made: Vec<TensorData>) -> Vec<usize> {
    let mut live: Vec<usize> = (0..search.sentences()).collect();
    for step in made.chunks_exact(2) {
        if live.is_empty() {
            break;
        }
        let [_, width] = step[0].shape().dims();
        let scores: Vec<f32> = step[0].iter().collect();
        let places: Vec<i64> = step[1].iter().collect();
        let candidates = |&sentence: &usize| {
            let first = sentence * width;
            (first..first + width)
                .filter(|&at| scores[at] > IMPOSSIBLE)
                .map(|at| Candidate {
                    score: scores[at],
                    row: places[at] as usize / search.vocab(),
                    token: places[at] as usize % search.vocab(),
                })
                .collect()
        };
        let candidates = live.iter().map(candidates).collect();
        let next = search.advance(candidates);
        live = next.sentences.iter().map(|&number| live[number]).collect();
    }
    live
}

/// The candidates of a step, best first.
struct Candidates {
    /// Their scores in nats, or [`IMPOSSIBLE`], `[sentences, candidates]`.
    scores: Tensor<2>,
    /// `row * vocab + token` with the row within the sentence, `[sentences, candidates]`; anything where impossible.
    places: Tensor<2, Int>,
}

/// The hypotheses of all sentences, as far as the device needs them.
struct Rows {
    device: Device,
    /// In nats, [`IMPOSSIBLE`] for rows that only keep their number, `[sentences, rows]`.
    scores: Tensor<2>,
    /// Last tokens, `[sentences * rows]`.
    prev_output_tokens: Tensor<1, Int>,
    /// Of the latest step.
    edits: Option<Edits>,
}

impl Rows {
    /// One row per sentence, before the first step.
    fn start(search: &BatchSearch<'_, Beam>, device: Device) -> Self {
        let sentences = search.sentences();
        Self {
            scores: Tensor::zeros([sentences, 1], &device),
            prev_output_tokens: Tensor::full([sentences], search.decoder_start() as i64, &device),
            edits: None,
            device,
        }
    }

    fn sentences(&self) -> usize {
        self.scores.dims()[0]
    }

    /// Makes the step that is `later` steps after those that `search` has made.
    fn step(
        &mut self,
        search: &BatchSearch<'_, Beam>,
        later: usize,
        model: &mut dyn DeviceNextToken,
    ) -> Candidates {
        let [sentences, rows] = self.scores.dims();
        let logits = model.logits(self.prev_output_tokens.clone()); // [sentences * rows, vocab]
        let edits = Edits::of_step(search, later, &self.device, self.edits.take());
        let scores = self.continuations(logits, &edits); // [sentences, rows * vocab]
        self.edits = Some(edits);

        let limit = search.strategy().limit(rows, search.vocab());
        let (scores, places) = tensor_ops::top_k(scores, limit); // [sentences, limit]
        let candidates = Candidates { scores, places };
        let parents = self.go_on(search, &candidates); // [sentences, beam]
        // A beam of one goes on with its only row.
        if search.beam() > 1 {
            let first_rows = Tensor::<1, Int>::arange(0..sentences as i64, &self.device) * rows as i64;
            let parents = parents + first_rows.unsqueeze_dim(1);
            model.reorder_rows(parents.reshape([sentences * search.beam()]));
        }
        candidates
    }

    /// Goes on with the first `beam` candidates of each sentence that do not end, and gives the rows that they continue,
    /// within the sentence: `[sentences, beam]`.
    fn go_on(&mut self, search: &BatchSearch<'_, Beam>, candidates: &Candidates) -> Tensor<2, Int> {
        let Candidates { scores, places } = candidates;
        let [sentences, limit] = scores.dims();
        let impossible = scores.clone().lower_equal_elem(IMPOSSIBLE);
        let places = places.clone().mask_fill(impossible.clone(), 0);
        let parents = places.clone() / search.vocab() as i64;
        let tokens = places - parents.clone() * search.vocab() as i64;
        let stays = tokens.clone().equal_elem(search.eos() as i64).bool_or(impossible);

        // As in fairseq, those that stay come last; where they are needed, it is as rows that only keep their number.
        let rank = Tensor::<1, Int>::arange(0..limit as i64, &self.device).float();
        let order = -rank.unsqueeze() - stays.clone().float() * limit as f32; // [sentences, limit]
        let (_, chosen) = tensor_ops::top_k(order, search.beam()); // [sentences, beam]
        let scores = scores.clone().mask_fill(stays, IMPOSSIBLE);
        self.scores = scores.gather(1, chosen.clone());
        self.prev_output_tokens = tokens
            .gather(1, chosen.clone())
            .reshape([sentences * search.beam()]);
        parents.gather(1, chosen)
    }

    /// Scores of all continuations `[sentences, rows * vocab]`, by the same sums in the same order as on the host.
    fn continuations(&self, logits: Tensor<2>, edits: &Edits) -> Tensor<2> {
        let [sentences, rows] = self.scores.dims();
        let [_, vocab] = logits.dims();
        let all = [sentences, rows, vocab];
        let max = logits.clone().max_dim(1);
        let normalisers = tensor_ops::log_sum_exp(logits.clone(), max).reshape([sentences, rows, 1]);
        let mut values = logits.reshape(all);
        if let Some(decided) = &edits.decided {
            let free = normalisers.clone().expand(all);
            values = values.mask_where(decided.clone().expand(all), free);
        }
        let before = self.scores.clone().reshape([sentences, rows, 1]);
        let scores = (values + edits.added.clone() - normalisers) + before;
        // A row without a distribution has NaN here, or less than is possible.
        let impossible = scores.clone().greater_elem(IMPOSSIBLE).bool_not();
        scores
            .mask_fill(impossible, IMPOSSIBLE)
            .reshape([sentences, rows * vocab])
    }

    /// Leaves `sentences` alone, by their numbers, and tells how the model's rows go on.
    fn keep(&mut self, sentences: &[usize]) -> Reorder {
        let [_, rows] = self.scores.dims();
        let next = Reorder {
            rows: sentences
                .iter()
                .flat_map(|sentence| sentence * rows..(sentence + 1) * rows)
                .collect(),
            sentences: sentences.to_vec(),
        };
        let index = |order: &[usize]| {
            let order: Vec<i32> = order.iter().map(|&from| from as i32).collect();
            let len = order.len();
            Tensor::<1, Int>::from_data(TensorData::new(order, [len]), &self.device)
        };
        self.scores = self.scores.clone().select(0, index(&next.sentences));
        self.prev_output_tokens = self.prev_output_tokens.clone().select(0, index(&next.rows));
        next
    }
}

#[cfg(test)]
mod tests {
    use burnseq_search::search::{Request, run};
    use burnseq_search::{GenerateOptions, Hypothesis, LogProbs, Source};
    use burnseq_text::{SpecialSymbols, Vocab};

    use super::*;

    /// Where the searches run that are compared with those of the host.
    pub(super) fn device() -> Device {
        #[cfg(feature = "wgpu")]
        let device = Device::enumerate(burn::tensor::DeviceType::Wgpu)
            .into_iter()
            .next()
            .expect("the tests with this feature are for a GPU, or what stands in for one");
        #[cfg(not(feature = "wgpu"))]
        let device = Device::flex();
        device
    }

    const NEVER: f32 = f32::NEG_INFINITY;

    /// Steps until [`random`] logits come round again; no hypothesis is longer.
    const PERIOD: usize = 18;

    /// A model whose next token depends on the sentence, the step and the last token.
    struct Table {
        /// `[sentences, period, vocab, vocab]`; they come round again after `period` steps.
        logits: Vec<f32>,
        vocab: usize,
        period: usize,
        /// Those that are still decoded.
        sentences: Vec<usize>,
        steps: usize,
        /// The steps after which sentences left.
        left_at: Vec<usize>,
    }

    impl Table {
        fn new(logits: &[f32], vocab: usize, sentences: usize) -> Self {
            Self {
                logits: logits.to_vec(),
                vocab,
                period: logits.len() / (sentences * vocab * vocab),
                sentences: (0..sentences).collect(),
                steps: 0,
                left_at: Vec::new(),
            }
        }

        /// For each of `rows` rows the first row of the logits of its sentence in this step.
        fn first_rows(&self, rows: usize) -> Vec<usize> {
            let step = self.steps % self.period;
            let first = |&sentence: &usize| (sentence * self.period + step) * self.vocab;
            let per_sentence = rows / self.sentences.len();
            let repeated = |sentence| std::iter::repeat_n(first(sentence), per_sentence);
            self.sentences.iter().flat_map(repeated).collect()
        }
    }

    impl NextToken for Table {
        fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
            let first_rows = self.first_rows(prev_output_tokens.len());
            self.steps += 1;
            let logits = first_rows
                .iter()
                .zip(prev_output_tokens)
                .flat_map(|(first, &token)| {
                    &self.logits[(first + token as usize) * self.vocab..][..self.vocab]
                })
                .copied()
                .collect();
            LogProbs::from_logits(logits, self.vocab, 1.0)
        }

        fn reorder(&mut self, _rows: &[usize], sentences: &[usize]) {
            self.sentences = sentences.iter().map(|&from| self.sentences[from]).collect();
            self.left_at.push(self.steps);
        }
    }

    impl DeviceNextToken for Table {
        fn device(&self) -> Device {
            device()
        }

        fn logits(&mut self, prev_output_tokens: Tensor<1, Int>) -> Tensor<2> {
            let [rows] = prev_output_tokens.dims();
            let first_rows = self.first_rows(rows).into_iter().map(|row| row as i32);
            let first_rows = TensorData::new(first_rows.collect::<Vec<_>>(), [rows]);
            self.steps += 1;
            let shape = [self.logits.len() / self.vocab, self.vocab];
            let table = TensorData::new(self.logits.clone(), shape);
            let rows = prev_output_tokens + Tensor::from_data(first_rows, &device());
            Tensor::<2>::from_data(table, &device()).select(0, rows)
        }

        fn reorder_rows(&mut self, _rows: Tensor<1, Int>) {}
    }

    pub(super) fn vocab(types: usize) -> Vocab {
        Vocab {
            src: 9,
            tgt: types,
            special_symbols: SpecialSymbols {
                pad: 1.min(types - 1),
                eos: 2.min(types - 1),
                ..SpecialSymbols::FAIRSEQ
            },
        }
    }

    /// Numbers that look random, in `0..below`.
    fn numbers(n: usize, seed: u32, below: u32) -> impl Iterator<Item = u32> {
        let mut state = seed.wrapping_mul(747_796_405) + 1;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 12) % below
        })
        .take(n)
    }

    /// Logits between -3 and 3 for `sentences` sentences. No two hypotheses take the same ways in another order, as their
    /// scores would then differ by rounding alone.
    fn random(sentences: usize, vocab: usize, seed: u32) -> Vec<f32> {
        let numbers = numbers(sentences * PERIOD * vocab * vocab, seed, 60_000);
        numbers.map(|number| number as f32 / 10_000.0 - 3.0).collect()
    }

    /// What the host and the device find, and how often the host read.
    struct Found {
        host: Vec<Vec<Hypothesis>>,
        device: Vec<Vec<Hypothesis>>,
        model: Table,
        reads: usize,
    }

    fn decode(logits: &[f32], types: usize, options: &GenerateOptions, max_lens: &[usize]) -> Found {
        let source = Source::default();
        let requests: Vec<Request> = max_lens
            .iter()
            .map(|&max_len| Request {
                source: &source,
                max_len,
            })
            .collect();
        let options = GenerateOptions {
            nbest: options.beam,
            beam: options.beam.min(types - 1).max(1),
            ..options.clone()
        };
        let search = || BatchSearch::new(Beam::new(&options), &options, &vocab(types), &requests);
        let host = run(search(), &mut Table::new(logits, types, max_lens.len()));
        let (mut model, mut reads) = (Table::new(logits, types, max_lens.len()), 0);
        let read = |transaction: Transaction| {
            reads += 1;
            transaction.execute()
        };
        let mut on_device = search();
        assert!(takes(&on_device));
        run_with(&mut on_device, &mut model, read);
        let device = on_device.into_hypotheses();
        Found {
            host,
            device,
            model,
            reads,
        }
    }

    /// Checks that both find the same.
    fn assert_alike(found: &Found, what: &str) {
        assert_eq!(found.host.len(), found.device.len(), "{what}");
        for (host, device) in found.host.iter().zip(&found.device) {
            assert_eq!(host.len(), device.len(), "{what}: {host:?} {device:?}");
            for (host, device) in host.iter().zip(device) {
                assert_eq!(host.tokens, device.tokens, "{what}");
                assert!((host.score - device.score).abs() < 1e-5, "{what}");
                let scores = host.positional_scores.iter().zip(&device.positional_scores);
                scores.for_each(|(host, device)| assert!((host - device).abs() < 1e-5, "{what}"));
            }
        }
    }

    #[test]
    fn host_and_device_find_the_same() {
        for seed in 0..6 {
            for beam in 1..=5 {
                for types in [4, 9, 40] {
                    let max_lens = [3, 14, 0, 9, 14, 1, 6];
                    let logits = random(max_lens.len(), types, seed);
                    let options = GenerateOptions {
                        beam,
                        min_len: seed as usize % 4,
                        unkpen: f64::from(seed % 3) - 1.0,
                        lenpen: 0.6,
                        match_source_len: seed == 4,
                        ..GenerateOptions::default()
                    };
                    let found = decode(&logits, types, &options, &max_lens);
                    assert!(found.device.iter().all(|hypotheses| !hypotheses.is_empty()));
                    assert_alike(&found, &format!("seed {seed}, beam {beam}, {types} types"));
                }
            }
        }
    }

    /// Of each row half of the tokens are possible, and equally likely, so that all hypotheses of a length have the same
    /// score, to the bit and whatever a device's logarithm is.
    #[test]
    fn of_equal_scores_the_first_row_and_the_lower_id_come_first() {
        let mut ties = 0;
        for seed in 0..100 {
            for (beam, types) in [(1, 6), (2, 4), (3, 8), (5, 24)] {
                let max_lens = [7, 4, 9];
                let logits: Vec<f32> = numbers(3 * types, seed, types as u32)
                    .flat_map(|shift| (0..types).map(move |token| (token * 5 + shift as usize) % types))
                    .map(|place| if place < types / 2 { 0.0 } else { NEVER })
                    .collect();
                let options = GenerateOptions {
                    beam,
                    lenpen: 0.0,
                    ..GenerateOptions::default()
                };
                let found = decode(&logits, types, &options, &max_lens);
                assert_alike(&found, &format!("seed {seed}, beam {beam}"));
                for two in found.host.iter().flat_map(|hypotheses| hypotheses.windows(2)) {
                    ties += usize::from(two[0].score == two[1].score);
                }
            }
        }
        assert!(ties > 50, "{ties}");
    }

    #[test]
    fn all_tokens_alike_are_searched_alike() {
        for beam in 1..=5 {
            let options = GenerateOptions {
                beam,
                ..GenerateOptions::default()
            };
            let found = decode(&[0.0; 2 * 8 * 8], 8, &options, &[5, 30]);
            assert_eq!(found.host, found.device);
            assert_eq!(found.device[1].len(), beam);
        }
    }

    #[test]
    fn the_smallest_vocabularies_are_searched_alike() {
        for types in 1..=3 {
            for beam in [1, 2, 5] {
                for min_len in [0, 1] {
                    let options = GenerateOptions {
                        beam,
                        min_len,
                        ..GenerateOptions::default()
                    };
                    let logits = random(2, types, 3);
                    let found = decode(&logits, types, &options, &[6, 2]);
                    assert_alike(&found, &format!("{types} types, beam {beam}"));
                    // Of one type, that is padding; of two, the other is the end, which padding is, too.
                    assert_eq!(found.device[0].is_empty(), types < 3);
                }
            }
        }
    }

    #[test]
    fn rows_without_a_distribution_offer_nothing() {
        let (types, eos) = (6, 2);
        for bad in [f32::NAN, f32::INFINITY, NEVER] {
            let mut logits = random(3, types, 5);
            let row = |sentence: usize, step: usize, token: usize| {
                ((sentence * PERIOD + step) * types + token) * types
            };
            // The second sentence never begins; the third breaks off after its likeliest first token.
            logits[row(1, 0, eos)..][..types].fill(bad);
            let start = &logits[row(2, 0, eos)..][..types];
            let tokens = (0..types).filter(|token| ![1, eos].contains(token));
            let first = tokens.max_by(|&a, &b| start[a].total_cmp(&start[b])).unwrap();
            logits[row(2, 1, first)..][..types].fill(bad);
            for beam in [1, 2, 4] {
                let options = GenerateOptions {
                    beam,
                    ..GenerateOptions::default()
                };
                let found = decode(&logits, types, &options, &[8, 8, 8]);
                assert_alike(&found, &format!("{bad}, beam {beam}"));
                let none: Vec<bool> = found.device.iter().map(Vec::is_empty).collect();
                assert_eq!(none, [false, true, beam == 1]);
            }
        }
    }

    #[test]
    fn the_host_reads_once_every_few_steps_and_sentences_leave_then() {
        // No sentence ends before its longest length, after as many steps and one.
        let options = GenerateOptions {
            beam: 2,
            match_source_len: true,
            ..GenerateOptions::default()
        };
        let found = decode(&random(3, 9, 1), 9, &options, &[2, 17, 6]);
        assert_alike(&found, "lengths of the source");
        // Of 18 steps, 4 are made at a time. The first sentence has ended after 3 steps, the last one after 7.
        assert_eq!((found.model.steps, found.reads), (18, 5));
        assert_eq!(found.model.left_at, [4, 8]);
        assert_eq!(found.model.sentences, [1]);
    }
}
