//! A small run for tests, with a model whose loss can be made NaN by the data.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use burnseq_data::{LanguagePairDataset, PairOptions, Sentences};
use burnseq_kernels::Stepping;
use burnseq_model::{
    Dropout, EncoderDecoder, FamilyConfig, Stepwise, Tokens, Transformer, TransformerConfig, state_dict,
};
use burnseq_text::Vocab;

use super::{Event, TrainConfig, TrainContext, TrainData, Trainer};
use crate::checkpoint::{Dictionaries, TaskInfo};
use crate::criterions::Seq2Seq;
use crate::error::Result;
use crate::lr_scheduler::{FixedConfig, LrSchedulerConfig};
use crate::validation::{LossOnly, Objective};
use crate::{Interrupt, StopRule};

/// Token of a source that makes the loss of [`Poisonable`] NaN.
const POISON: u32 = 11;

/// Token of a source that makes [`Poisonable`] panic.
pub(super) const FATAL: u32 = 3;

/// Four sentences of different lengths, the longest last.
pub(super) fn clean() -> Vec<Vec<u32>> {
    vec![vec![6, 2], vec![4, 5, 2], vec![7, 4, 9, 2], vec![8, 5, 10, 6, 2]]
}

/// Two sentences that are longer than the others, with [`POISON`].
pub(super) fn poisoned() -> Vec<Vec<u32>> {
    vec![vec![POISON, 4, 5, 6, 7, 2], vec![6, POISON, 7, 8, 9, 10, 2]]
}

/// Three epochs, nothing saved.
pub(super) fn config() -> TrainConfig {
    let mut config = TrainConfig {
        lr_scheduler: LrSchedulerConfig::Fixed(FixedConfig::default()),
        stop: StopRule {
            max_epoch: Some(3),
            ..StopRule::endless()
        },
        log_interval: 0,
        ..TrainConfig::default()
    };
    config.optimization.lr = vec![LR];
    config.validation.disable_validation = true;
    config.checkpoint.no_save = true;
    config.checkpoint.restore_file = String::new();
    config
}

/// A run that learns to copy `sentences` without dropout, with a model made of a tiny Transformer.
pub(super) fn trainer<M: EncoderDecoder>(
    config: TrainConfig,
    sentences: Vec<Vec<u32>>,
    model: impl FnOnce(Transformer) -> M,
) -> Result<Trainer<M, LanguagePairDataset>> {
    trainer_with(config, sentences, 0.0, model)
}

/// [`trainer`] with dropout.
pub(super) fn trainer_with<M: EncoderDecoder>(
    config: TrainConfig,
    sentences: Vec<Vec<u32>>,
    dropout: f64,
    model: impl FnOnce(Transformer) -> M,
) -> Result<Trainer<M, LanguagePairDataset>> {
    trainer_on(&Device::flex(), config, sentences, dropout, model)
}

/// [`trainer_with`] on a device.
pub(super) fn trainer_on<M: EncoderDecoder>(
    device: &Device,
    config: TrainConfig,
    sentences: Vec<Vec<u32>>,
    dropout: f64,
    model: impl FnOnce(Transformer) -> M,
) -> Result<Trainer<M, LanguagePairDataset>> {
    let [src, tgt] = [(); 2].map(|()| Sentences::Memory(sentences.clone()));
    let data = LanguagePairDataset::new(src, Some(tgt), 12, 12, PairOptions::default())?;
    let vocab = Vocab::fairseq(12, 12);
    let transformer = TransformerConfig {
        dropout,
        ..TransformerConfig::sized(8, 8, 2, 1)
    };
    let context = TrainContext {
        model: transformer.clone().into(),
        dictionaries: Dictionaries::source_and_target(&vocab),
        task: TaskInfo::new("translation", [("source_lang", "a"), ("target_lang", "b")]),
        task_config: serde_json::Value::Null,
        files: Vec::new(),
        importer: None,
    };
    let data = TrainData {
        train: Arc::new(data),
        valid: Vec::new(),
    };
    let model = model(transformer.init(&vocab, 1, device));
    let replicas = vec![device.clone(); config.distributed_world_size.saturating_sub(1)];
    let criterion = Seq2Seq::new(&config.criterion, vocab.pad(), config.optimization.sentence_avg)?;
    let objective = Objective {
        criterion: Arc::new(criterion),
        validator: Box::new(LossOnly),
    };
    let trainer = Trainer::new(
        config,
        context,
        model,
        data,
        objective,
        device,
        Interrupt::default(),
    )?;
    Ok(trainer.with_replicas(replicas))
}

/// Values of the first parameter, the source embeddings.
pub(super) fn weights<M: EncoderDecoder>(trainer: &Trainer<M, LanguagePairDataset>) -> Vec<f32> {
    let (_, weights) = state_dict(trainer.model()).swap_remove(0);
    weights.try_to_vec().unwrap()
}

/// Largest difference of two lists of weights.
///
/// # Panics
/// When they are not equally long, or one holds NaN.
pub(super) fn distance(a: &[f32], b: &[f32]) -> f32 {
    burnseq_testing::largest_difference("weights", a, b) as f32
}

/// Learning rate of [`config`]. The first update of Adam moves every weight with a gradient by it.
pub(super) const LR: f64 = 0.01;

/// Checks that some weight is at least `least` away from where it was before training, and gives the largest move.
/// Without it, runs that learn nothing would be alike too.
#[track_caller]
pub(super) fn assert_moved(before: &[f32], after: &[f32], least: f64) -> f32 {
    let moved = distance(before, after);
    assert!(
        f64::from(moved) >= least,
        "no weight moved by more than {moved:e}, at least {least:e} is expected"
    );
    moved
}

/// Runs to the end; what it noted.
pub(super) fn run(trainer: &mut Trainer<Poisonable, LanguagePairDataset>) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    trainer.run(&mut |event| {
        if let Event::Note(note) = event {
            notes.push(note.to_owned());
        }
    })?;
    Ok(notes)
}

/// A Transformer whose logits are NaN for a batch with [`POISON`], and that panics at one with [`FATAL`], or, as Burn
/// does when memory runs out, at one of too many places.
#[derive(Module, Debug)]
pub(super) struct Poisonable {
    inner: Transformer,
    /// Most places of a batch, both sides and padding included.
    places: usize,
}

impl Poisonable {
    pub(super) fn new(inner: Transformer) -> Self {
        Self::with_memory(inner, usize::MAX)
    }

    /// One whose device holds batches of at most so many places.
    pub(super) fn with_memory(inner: Transformer, places: usize) -> Self {
        Self { inner, places }
    }

    /// # Panics
    /// As Burn does where memory runs out.
    fn check_places(&self, src_tokens: &Tokens, prev_output_tokens: &Tokens) {
        let places: usize = [src_tokens.dims(), prev_output_tokens.dims()]
            .iter()
            .map(|[rows, width]| rows * width)
            .sum();
        assert!(
            places <= self.places,
            "out of device memory allocating {places} bytes"
        );
    }

    /// Whether the logits of a batch are to be NaN.
    ///
    /// # Panics
    /// At [`FATAL`].
    fn is_poisoned(src_tokens: &Tokens) -> bool {
        let has = |token: u32| {
            let tokens = src_tokens.clone().equal_elem(i64::from(token));
            tokens.any().into_scalar::<bool>()
        };
        assert!(!has(FATAL), "a fatal token");
        has(POISON)
    }
}

impl Stepwise for Poisonable {
    type State = <Transformer as Stepwise>::State;

    fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut Self::State) -> Tensor<2> {
        self.inner.step(prev_output_tokens, state)
    }

    fn reorder(&self, state: &mut Self::State, rows: &[usize], sentences: &[usize]) {
        self.inner.reorder(state, rows, sentences);
    }

    fn reorder_rows(&self, state: &mut Self::State, rows: Tensor<1, Int>) {
        self.inner.reorder_rows(state, rows);
    }
}

impl EncoderDecoder for Poisonable {
    fn forward(&self, src_tokens: Tokens, prev_output_tokens: Tokens, dropout: &Dropout) -> Tensor<3> {
        self.check_places(&src_tokens, &prev_output_tokens);
        let is_poisoned = Self::is_poisoned(&src_tokens);
        let logits = self.inner.forward(src_tokens, prev_output_tokens, dropout);
        if is_poisoned { logits * f32::NAN } else { logits }
    }

    fn forward_with_attention(&self, src: Tokens, prev: Tokens, dropout: &Dropout) -> (Tensor<3>, Tensor<3>) {
        self.inner.forward_with_attention(src, prev, dropout)
    }

    fn start(&self, src_tokens: Tokens, dropout: Dropout, stepping: Stepping) -> Self::State {
        self.inner.start(src_tokens, dropout, stepping)
    }

    fn vocab(&self) -> Vocab {
        self.inner.vocab()
    }

    fn max_positions(&self) -> (usize, usize) {
        self.inner.max_positions()
    }
}
