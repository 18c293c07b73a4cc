//! The largest batches that fit in the memory of a device: `--max-tokens auto`.
//!
//! Budgets are tried by doing what an update does, on a model of its own, with the largest batches that the budget makes
//! of the data. It leaves no trace in a run: weights are drawn from the run's seed, dropout masks are seeded one by one,
//! and the batches of training are cut anew.

use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use burnseq_data::Dataset;

use super::backprop::{Backprop, Pass};
use super::config::TrainConfig;
use super::training_epochs;
use crate::criterions::Criterion;
use crate::ema::Ema;
use crate::error::{Error, Result};
use crate::optim::Optimizer;
use crate::out_of_memory::{OutOfMemory, Part, catch, free, is_intact};

/// Budgets are multiples of this many tokens.
const STEP: usize = 512;

/// The search ends when what fits and what does not differ by less than one part in so many.
const RESOLUTION: usize = 32;

/// One part in so many of what fits is left free: memory that is in pieces, other segmentations of the sentences,
/// kernels that are tuned with buffers of their own.
const MARGIN: usize = 10;

/// What the search has found, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundMaxTokens {
    /// What to use.
    pub max_tokens: usize,
    /// The largest budget that was seen to fit.
    pub fits: usize,
    /// Budgets that were tried.
    pub tried: usize,
    /// Seconds that it took.
    pub seconds: f64,
}

/// The longest sentences of `data` that a model of `max_positions` learns from, of either side.
pub fn longest_sentences(data: &impl Dataset, max_positions: (usize, usize)) -> (usize, usize) {
    let lengths = (0..data.len()).map(|index| data.sizes(index));
    lengths
        .filter(|&[src, tgt]| src <= max_positions.0 && tgt <= max_positions.1)
        .fold((0, 0), |longest, [src, tgt]| {
            (longest.0.max(src), longest.1.max(tgt))
        })
}

/// The largest number of tokens for the batches of `data`, less a margin, with which an update of the model that `init`
/// makes fits in the memory of `device`, off autodiff; sentences longer than `max_positions` are left out.
///
/// # Errors
/// Settings that make no sense, data that cannot be read, or a device that does not even hold a batch as large as the
/// longest sentence.
pub fn find_max_tokens<M: Module, D: Dataset>(
    init: impl Fn() -> M,
    criterion: Arc<dyn Criterion<M, D::Batch>>,
    data: &D,
    max_positions: (usize, usize),
    config: &TrainConfig,
    device: &Device,
) -> Result<FoundMaxTokens> {
    let started = Instant::now();
    let mut trial = Trial {
        state: Some(State::new(&init, config)?),
        init,
        data,
        config: config.clone(),
        backprop: Backprop::new(config, criterion, device),
        max_positions,
    };
    let (src, tgt) = longest_sentences(data, trial.max_positions);
    let longest = src.max(tgt).next_multiple_of(data.seq_len_multiple());
    let rows = config.dataset.batch_size.unwrap_or(usize::MAX).min(data.len());
    let mut tried = 0;
    let found = largest(longest, rows.saturating_mul(longest), |budget| {
        tried += 1;
        let fits = trial.fits(budget);
        // Each budget finds the memory as a run would.
        free(device);
        fits
    })?;
    drop(trial);
    free(device);
    let Some((fits, max_tokens)) = found else {
        return Err(Error::NoBatchFits {
            max_tokens: longest.next_multiple_of(STEP),
        });
    };
    Ok(FoundMaxTokens {
        max_tokens,
        fits,
        tried,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// The largest budget of at least `least` tokens for which `fits` is true, and the same less the margin; there is
/// nothing to gain beyond `most`. `None` when not even the least fits.
///
/// Budgets double until one does not fit; then the gap is halved.
///
/// # Errors
/// Those of `fits`.
fn largest(
    least: usize,
    most: usize,
    mut fits: impl FnMut(usize) -> Result<bool>,
) -> Result<Option<(usize, usize)>> {
    let least = least.max(1).next_multiple_of(STEP);
    let most = most.max(least).div_ceil(STEP).saturating_mul(STEP);
    let mut good = least;
    if !fits(good)? {
        return Ok(None);
    }
    let mut bad = loop {
        if good == most {
            return Ok(Some((most, most)));
        }
        let next = good.saturating_mul(2).min(most);
        if !fits(next)? {
            break next;
        }
        good = next;
    };
    while bad - good > STEP.max(good / RESOLUTION) {
        let middle = good + (bad - good) / 2 / STEP * STEP;
        if fits(middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    let with_margin = (good - good / MARGIN) / STEP * STEP;
    Ok(Some((good, with_margin.max(least))))
}

/// Updates on a model that only exists for them.
struct Trial<'a, M: Module, D: Dataset, F> {
    init: F,
    data: &'a D,
    config: TrainConfig,
    backprop: Backprop<M, D::Batch>,
    max_positions: (usize, usize),
    /// What stays in memory between updates; `None` after an update that did not fit.
    state: Option<State<M>>,
}

struct State<M> {
    model: M,
    optimizer: Optimizer,
    /// Only there to take memory.
    _ema: Option<Ema<M>>,
}

impl<M: Module> State<M> {
    fn new(init: impl Fn() -> M, config: &TrainConfig) -> Result<Self> {
        let model = init().train();
        Ok(Self {
            optimizer: config.optimizer.init(&model)?,
            _ema: config.ema.clone().map(|ema| Ema::new(ema, model.valid())),
            model,
        })
    }
}

impl<M: Module, D: Dataset, F: Fn() -> M> Trial<'_, M, D, F> {
    /// Whether updates with the largest batches of at most `budget` tokens fit.
    fn fits(&mut self, budget: usize) -> Result<bool> {
        self.config.dataset.max_tokens = Some(budget);
        let (epochs, _) = training_epochs(self.data, &self.config, self.max_positions)?;
        for batch in worst_batches(self.data, epochs.epoch_batches()) {
            if !self.update_fits(batch)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn update_fits(&mut self, batch: &[usize]) -> Result<bool> {
        let mut state = match self.state.take() {
            Some(state) => state,
            None => State::new(&self.init, &self.config)?,
        };
        let part = Part::whole(0, self.data.collate(batch, 0)?);
        // While the gradients of a second batch are computed, those of the first are kept.
        let accumulates = self.config.optimization.update_freq.iter().any(|&freq| freq > 1);
        let parts = vec![part; 1 + usize::from(accumulates)];
        let pass = Pass {
            seed: self.config.seed,
            num_updates: 0,
            loss_scale: 1.0,
        };
        let computed = catch(|| self.backprop.at_once(&state.model, &parts, pass));
        let Ok(gradients) = computed else {
            self.state = Some(state);
            return Ok(false);
        };
        // A learning rate of 0 moves nothing; the state of the optimiser is there from then on.
        let updated = catch(|| {
            state.model = state.optimizer.step(state.model, gradients.sum, 0.0);
            if is_intact(&state.model) {
                Ok(state)
            } else {
                Err(OutOfMemory)
            }
        });
        self.state = updated.ok();
        Ok(self.state.is_some())
    }
}

/// The batches that need most memory, each once: the one with most target tokens, whose logits are largest; the one with
/// the largest attention matrices; and the largest altogether. Padding counts.
fn worst_batches<'a>(data: &impl Dataset, batches: &'a [Vec<usize>]) -> Vec<&'a [usize]> {
    let needs: [fn([usize; 3]) -> usize; 3] = [
        |[rows, _, tgt]| rows * tgt,
        |[rows, src, tgt]| rows * (src * src + tgt * tgt + src * tgt),
        |[rows, src, tgt]| rows * (src + tgt),
    ];
    let mut worst: Vec<&[usize]> = Vec::new();
    for need in needs {
        let batch = batches.iter().max_by_key(|batch| need(data.shape(batch)));
        let batch = batch.map(Vec::as_slice);
        worst.extend(batch.filter(|batch| worst.iter().all(|known| data.shape(known) != data.shape(batch))));
    }
    worst
}

#[cfg(test)]
mod tests {
    use burnseq_data::{LanguagePairDataset, PairOptions, Sentences};
    use burnseq_model::{FamilyConfig, Transformer, TransformerConfig};
    use burnseq_text::Vocab;

    use super::*;
    use crate::criterions::Seq2Seq;
    use crate::trainer::fixture::{Poisonable, config};

    /// What is found on a device that holds `capacity` tokens, and the budgets that are tried.
    fn search(least: usize, most: usize, capacity: usize) -> (Option<(usize, usize)>, Vec<usize>) {
        let mut tried = Vec::new();
        let found = largest(least, most, |budget| {
            tried.push(budget);
            Ok(budget <= capacity)
        });
        (found.unwrap(), tried)
    }

    #[test]
    fn budgets_double_until_one_does_not_fit_and_then_close_in() {
        let (found, tried) = search(40, 1_000_000, 5000);
        assert_eq!(tried, [512, 1024, 2048, 4096, 8192, 6144, 5120, 4608]);
        // 4608 less a tenth is 4148.
        assert_eq!(found, Some((4608, 4096)));
    }

    #[test]
    fn what_is_found_fits_and_is_close_to_what_the_device_holds() {
        for capacity in (512..300_000).step_by(997) {
            let (found, tried) = search(1, usize::MAX, capacity);
            let (fits, max_tokens) = found.unwrap();
            assert!(fits <= capacity && capacity - fits < 512 + capacity / RESOLUTION);
            assert!(max_tokens <= fits && max_tokens.is_multiple_of(STEP) && max_tokens > 0);
            assert!(max_tokens as f64 > 0.9 * fits as f64 - 512.0);
            assert!(tried.len() < 20, "{}", tried.len());
        }
    }

    #[test]
    fn the_ends_of_the_search() {
        assert_eq!(search(600, 9999, 1000), (None, vec![1024]), "not even the least");
        assert_eq!(
            search(600, 9999, 1024).0,
            Some((1024, 1024)),
            "the margin stops at the least"
        );
        let (found, tried) = search(1, 3000, 1 << 30);
        assert_eq!(found, Some((3072, 3072)), "all of the data in one batch");
        assert_eq!(tried, [512, 1024, 2048, 3072]);
        assert_eq!(search(1, 0, 1 << 30).0, Some((512, 512)));
    }

    fn pairs(lengths: impl Iterator<Item = (usize, usize)> + Clone) -> LanguagePairDataset {
        let sentence = |length: usize| [vec![5; length - 1], vec![2]].concat();
        let src = Sentences::Memory(lengths.clone().map(|(src, _)| sentence(src)).collect());
        let tgt = Sentences::Memory(lengths.map(|(_, tgt)| sentence(tgt)).collect());
        LanguagePairDataset::new(src, Some(tgt), 12, 12, PairOptions::default()).unwrap()
    }

    #[test]
    fn the_worst_batches_are_those_with_the_largest_tensors() {
        let data = pairs([(1, 9), (2, 8), (30, 1), (4, 4), (4, 4), (4, 4)].into_iter());
        let batches = [vec![0, 1], vec![2], vec![3, 4, 5], vec![3, 4]];
        // 18, 1, 12 and 8 target places; 206, 931, 144 and 96 cells; 22, 31, 24 and 16 places.
        let expected: Vec<&[usize]> = vec![&[0, 1], &[2]];
        assert_eq!(worst_batches(&data, &batches), expected);
        assert_eq!(longest_sentences(&data, (10, 10)), (4, 9), "30 is left out");
    }

    /// What is found on a device that holds batches of `places`, both sides counted.
    fn find(places: usize, change: impl FnOnce(&mut TrainConfig)) -> Result<FoundMaxTokens> {
        let vocab = Vocab::fairseq(12, 12);
        let transformer = TransformerConfig::sized(4, 4, 1, 1);
        let device = Device::flex();
        let init = || {
            let model: Transformer = transformer.init(&vocab, 1, &device);
            Poisonable::with_memory(model, places)
        };
        let mut config = config();
        change(&mut config);
        // 300 pairs of 2 to 11 tokens: 3300 tokens at most.
        let data = pairs((0..300).map(|index| (2 + index % 10, 2 + index % 10)));
        let criterion = Arc::new(Seq2Seq::new(&config.criterion, vocab.pad(), false)?);
        find_max_tokens(init, criterion, &data, (1024, 1024), &config, &device)
    }

    #[test]
    fn updates_are_tried_until_they_do_not_fit() {
        let found = find(2 * 1600, |_| ()).unwrap();
        assert_eq!((found.fits, found.max_tokens, found.tried), (1536, 1024, 4));
        let accumulated = find(2 * 1600, |config| config.optimization.update_freq = vec![2]).unwrap();
        assert_eq!(
            accumulated.fits, 1536,
            "batches of an update are computed one by one"
        );
        let all = find(usize::MAX, |_| ()).unwrap();
        assert_eq!((all.fits, all.max_tokens), (3584, 3584));
        let few = find(usize::MAX, |config| config.dataset.batch_size = Some(16)).unwrap();
        assert_eq!(few.max_tokens, 512, "16 sentences of 11 tokens");
    }

    #[test]
    fn a_device_that_holds_no_batch_is_an_error() {
        let error = find(100, |_| ()).unwrap_err().to_string();
        assert!(error.contains("512 tokens"), "{error}");
    }
}
