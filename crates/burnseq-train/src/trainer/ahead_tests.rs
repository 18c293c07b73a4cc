//! Updates whose gradients are computed before the update ahead of them is settled: they are those that are waited for.

use burn::tensor::Device;
use burnseq_model::state_dict;

use super::fixture::{
    LR, Poisonable, assert_moved, clean, config, distance, poisoned, run, trainer, trainer_on, weights,
};
use super::{Event, TrainConfig, TrainState};
use crate::Error;
use crate::ema::EmaConfig;
use crate::loss_scaler::LossScalingConfig;
use crate::optim::OptimizerConfig;

/// Where updates are computed ahead.
fn device() -> Device {
    #[cfg(feature = "wgpu")]
    let device = Device::enumerate(burn::tensor::DeviceType::Wgpu)
        .into_iter()
        .next()
        .expect("the tests with this feature are for a GPU, or what stands in for one");
    #[cfg(not(feature = "wgpu"))]
    let device = Device::flex();
    device
}

/// How far weights may be apart for rounding.
const ROUNDING: f32 = if cfg!(feature = "wgpu") { 1e-3 } else { 1e-6 };
/// The same as a share of the largest move of a weight.
const SHARE: f32 = if cfg!(feature = "wgpu") { 0.1 } else { 1e-3 };

/// What is the same whether or not updates are computed ahead: weights, but for rounding, and what is counted.
fn assert_runs_ahead_alike(change: impl Fn(&mut TrainConfig), sentences: &[Vec<u32>], dropout: f64) {
    let train = |runs_ahead| {
        let mut config = config();
        change(&mut config);
        let device = if runs_ahead { device() } else { Device::flex() };
        let sentences = sentences.to_vec();
        let is_adam = matches!(config.optimizer, OptimizerConfig::Adam(_));
        let has_average = config.ema.is_some();
        let mut trainer = trainer_on(&device, config, sentences, dropout, Poisonable::new).unwrap();
        trainer.runs_ahead = runs_ahead;
        let before = weights(&trainer);
        let notes = run(&mut trainer).unwrap();
        // The updates of the others are as small as the gradients.
        let moved = assert_moved(&before, &weights(&trainer), if is_adam { 0.9 * LR } else { 1e-4 });
        let average = trainer.valid_model();
        let average = state_dict(&average).swap_remove(0).1.try_to_vec::<f32>().unwrap();
        assert_eq!(average != weights(&trainer), has_average);
        (
            weights(&trainer),
            average,
            notes,
            trainer.state().clone(),
            trainer.optimizer.state_dict(trainer.model()),
            moved,
        )
    };
    let (waiting, ahead) = (train(false), train(true));
    let tolerance = ROUNDING.min(SHARE * waiting.5);
    for (waiting, ahead) in [(&waiting.0, &ahead.0), (&waiting.1, &ahead.1)] {
        let far = distance(waiting, ahead);
        assert!(far < tolerance, "{far} of {tolerance}");
    }
    // A poisoned batch is noted, whatever becomes of it.
    assert_eq!(waiting.2.is_empty(), sentences.len() == clean().len());
    assert_eq!(waiting.2, ahead.2);
    assert_eq!(waiting.4.step, ahead.4.step);
    let counts = |state: &TrainState| {
        let (epoch, interval) = (&state.epoch, &state.interval);
        (
            (state.num_updates, state.skipped_in_a_row, state.data.clone()),
            (
                epoch.updates,
                epoch.skipped,
                epoch.clipped,
                epoch.ntokens,
                epoch.lr,
            ),
            (interval.updates, interval.skipped, interval.sample_size),
        )
    };
    assert_eq!(counts(&waiting.3), counts(&ahead.3));
    let losses = [&waiting, &ahead].map(|run| run.3.epoch.sums.get("loss"));
    assert!((losses[0] / losses[1] - 1.0).abs() < 1e-5);
    assert!((waiting.3.epoch.gnorm / ahead.3.epoch.gnorm - 1.0).abs() < 1e-5);
}

#[test]
fn updates_that_are_computed_ahead_are_those_that_are_waited_for() {
    let small = |config: &mut TrainConfig| config.dataset.batch_size = Some(2);
    let all = [clean(), poisoned()].concat();
    assert_runs_ahead_alike(small, &clean(), 0.0);
    // A batch of NaN is skipped, and the masks of those after it are the ones of a run without it.
    assert_runs_ahead_alike(small, &all, 0.2);
    assert_runs_ahead_alike(
        |config| {
            small(config);
            config.optimization.clip_norm = 0.01;
            config.optimization.update_freq = vec![2];
        },
        &all,
        0.2,
    );
    assert_runs_ahead_alike(
        |config| {
            config.dataset.batch_size = Some(1);
            config.optimization.update_freq = vec![3];
            config.optimization.skip_remainder_batch = true;
            config.ema = Some(EmaConfig {
                decay: 0.5,
                ..EmaConfig::default()
            });
        },
        &all,
        0.2,
    );
    assert_runs_ahead_alike(
        |config| {
            small(config);
            // Falls at every NaN, and rises after two updates without one.
            config.loss_scaling = Some(LossScalingConfig {
                fp16_init_scale: 4.0,
                fp16_scale_window: Some(2),
                ..LossScalingConfig::default()
            });
            config.stop.max_epoch = Some(8);
        },
        &all,
        0.2,
    );
    for optimizer in ["nag", "sgd"] {
        assert_runs_ahead_alike(
            |config| {
                small(config);
                let json = format!(r#"{{"type": "{optimizer}", "momentum": 0.9}}"#);
                config.optimizer = serde_json::from_str(&json).unwrap();
            },
            &all,
            0.2,
        );
    }
}

#[test]
fn an_update_is_counted_before_the_failure_of_the_next_ends_the_run() {
    let order = |runs_ahead| {
        let mut config = config();
        config.dataset.batch_size = Some(2);
        config.dataset.curriculum = u32::MAX;
        // Two short sentences fit; of two longer ones neither does.
        let sentences = vec![vec![4, 2], vec![5, 2], vec![4, 5, 6, 7, 2], vec![7, 6, 5, 4, 2]];
        let model = |inner| Poisonable::with_memory(inner, 8);
        let mut trainer = trainer(config, sentences, model).unwrap();
        trainer.runs_ahead = runs_ahead;
        let mut order = Vec::new();
        let error = trainer.run(&mut |event| match event {
            Event::Update(_) => order.push("update"),
            Event::Note(note) if note.starts_with("out of memory") => order.push("out of memory"),
            _ => {}
        });
        assert!(
            matches!(error, Err(Error::SentenceOutOfMemory { .. })),
            "{error:?}"
        );
        assert_eq!(trainer.state().num_updates, 1);
        order
    };
    assert_eq!(order(false), ["update", "out of memory"]);
    assert_eq!(order(true), ["out of memory", "update"]);
}
