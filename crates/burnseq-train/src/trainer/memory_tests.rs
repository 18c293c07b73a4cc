//! Runs on devices whose memory does not hold every batch.

use std::sync::Arc;

use burnseq_data::{LanguagePairDataset, PairOptions, Sentences};

use super::fixture::{LR, Poisonable, assert_moved, clean, config, distance, run, trainer_with, weights};
use super::{TrainConfig, Trainer};
use crate::log::Meters;
use crate::{DeviceMemory, Error, Result, ValidSet};

/// Enough for any batch here.
const ENOUGH: usize = 1000;

/// Sixteen sentences of two to nine tokens.
fn sentences() -> Vec<Vec<u32>> {
    let sentence = |number: usize| {
        let words = (0..1 + number / 2).map(|word| 4 + ((3 * word + number) % 6) as u32);
        words.chain([2]).collect()
    };
    (0..16).map(sentence).collect()
}

/// A run on a device that holds batches of `places`.
fn trainer(
    places: usize,
    dropout: f64,
    change: impl FnOnce(&mut TrainConfig),
) -> Result<Trainer<Poisonable, LanguagePairDataset>> {
    let mut config = config();
    config.dataset.batch_size = Some(4);
    config.dataset.curriculum = u32::MAX;
    change(&mut config);
    trainer_with(config, sentences(), dropout, |inner| {
        Poisonable::with_memory(inner, places)
    })
}

/// Weights, sums of the last epoch and notes of a run without dropout.
fn train(places: usize, change: impl FnOnce(&mut TrainConfig)) -> (Vec<f32>, Meters, Vec<String>) {
    let mut trainer = trainer(places, 0.0, change).unwrap();
    let before = weights(&trainer);
    let notes = run(&mut trainer).unwrap();
    let after = weights(&trainer);
    // Farther than the first of at least six updates.
    assert_moved(&before, &after, 2.0 * LR);
    (after, trainer.state().epoch.clone(), notes)
}

fn assert_close(found: &[f32], expected: &[f32]) {
    let far = distance(found, expected);
    assert!(far < 1e-5, "{far}");
}

#[test]
fn batches_that_do_not_fit_are_learned_from_in_parts() {
    let (whole, sums, notes) = train(ENOUGH, |_| ());
    assert!(notes.is_empty());
    for places in [40, 18] {
        let (parts, part_sums, notes) = train(places, |_| ());
        assert_close(&parts, &whole);
        assert!(
            notes[0].starts_with("out of memory: a batch of 4 training sentences x "),
            "{notes:?}"
        );
        // One for every size that did not fit, and none in later epochs.
        assert!(notes.len() <= 3, "{notes:?}");
        let loss = |meters: &Meters| meters.sums.get("loss");
        assert!((loss(&part_sums) / loss(&sums) - 1.0).abs() < 1e-5);
        assert_eq!(
            (
                part_sums.ntokens,
                part_sums.nsentences,
                part_sums.updates,
                part_sums.sample_size
            ),
            (sums.ntokens, sums.nsentences, sums.updates, sums.sample_size)
        );
    }
}

#[test]
fn accumulated_batches_and_replicas_are_learned_from_in_parts() {
    let accumulate = |config: &mut TrainConfig| config.optimization.update_freq = vec![2];
    let share = |config: &mut TrainConfig| config.distributed_world_size = 2;
    let (whole, ..) = train(ENOUGH, accumulate);
    let (accumulated, _, notes) = train(40, accumulate);
    assert_close(&accumulated, &whole);
    assert!(!notes.is_empty());
    let (shared, _, notes) = train(40, share);
    assert_close(&shared, &whole);
    assert!(!notes.is_empty());
}

#[test]
fn the_pieces_of_a_batch_have_their_own_dropout_masks_every_time_the_same() {
    let train = |places| {
        let mut trainer = trainer(places, 0.2, |_| ()).unwrap();
        run(&mut trainer).unwrap();
        weights(&trainer)
    };
    let halves = train(18);
    assert!(halves == train(18));
    // Without dropout it would be less than 1e-5, for rounding.
    let far = distance(&halves, &train(ENOUGH));
    assert!(far > 1e-3, "{far}: the halves have masks of their own");
}

#[test]
fn a_sentence_that_does_not_fit_ends_the_run_by_name() {
    for replicas in [1, 2] {
        // The longest have nine tokens, the others seven at most.
        let longest = |config: &mut TrainConfig| config.distributed_world_size = replicas;
        let mut trainer = trainer(17, 0.0, longest).unwrap();
        let error = run(&mut trainer).unwrap_err();
        let Error::SentenceOutOfMemory { number, sizes, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((number / 2, sizes.as_str()), (7, "9 source and 9 target tokens"));
    }
}

#[test]
fn validation_batches_that_do_not_fit_are_computed_in_parts() {
    let valid = |places: usize| -> Result<(Meters, Vec<String>)> {
        let trainer = trainer(places, 0.0, |_| ())?;
        let side = || Sentences::Memory(sentences());
        let pairs = LanguagePairDataset::new(side(), Some(side()), 12, 12, PairOptions::default())?;
        let set = ValidSet::new(
            "valid".to_owned(),
            Arc::new(pairs),
            &trainer.config().dataset,
            None,
            (99, 99),
        )?;
        let learner = &trainer.learner;
        let mut memory = DeviceMemory::new(learner.backprop.device.clone(), "valid");
        let model = trainer.valid_model();
        let mut meters = crate::validation_sums(&model, &*learner.backprop.criterion, &set, &mut memory)?;
        meters.seconds = 0.0;
        Ok((meters, memory.take_notes()))
    };
    let (whole, notes) = valid(ENOUGH).unwrap();
    assert!(notes.is_empty());
    let (parts, notes) = valid(40).unwrap();
    assert!(notes[0].contains("4 valid sentences"), "{notes:?}");
    for sum in ["loss", "nll_loss"] {
        assert!((parts.sums.get(sum) / whole.sums.get(sum) - 1.0).abs() < 1e-6);
    }
    let sizes = |meters: &Meters| (meters.ntokens, meters.sample_size, meters.updates);
    assert_eq!(sizes(&parts), sizes(&whole));
    let error = valid(17).unwrap_err().to_string();
    assert!(error.starts_with("valid sentence 1"), "{error}");
}

#[test]
fn a_run_with_validation_notes_each_size_once() {
    let mut trainer = trainer(30, 0.0, |config| config.validation.disable_validation = false).unwrap();
    let side = || Sentences::Memory(clean());
    let pairs = LanguagePairDataset::new(side(), Some(side()), 12, 12, PairOptions::default()).unwrap();
    let dataset = super::DatasetConfig {
        batch_size_valid: Some(8),
        required_batch_size_multiple: 1,
        ..trainer.config().dataset.clone()
    };
    let set = ValidSet::new("valid".to_owned(), Arc::new(pairs), &dataset, None, (99, 99)).unwrap();
    let memory = DeviceMemory::new(trainer.learner.backprop.device.clone(), "valid");
    trainer.valid = vec![(set, memory)];
    let notes = run(&mut trainer).unwrap();
    // Four sentences of five tokens on both sides have 40 places; each of three epochs ends with them.
    let valid = notes.iter().filter(|note| note.contains("4 valid sentences"));
    assert_eq!(valid.count(), 1, "{notes:?}");
}
