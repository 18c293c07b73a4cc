//! Forward pass, loss and backward pass: from the batches of an update to the sum of their gradients, on one device.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use burnseq_data::Batch;
use burnseq_model::Dropout;

use super::config::TrainConfig;
use super::state::dropout_seed;
use crate::criterions::{Criterion, GradientSink, PassContext};
use crate::error::{Error, Result};
use crate::gradients::Accumulated;
use crate::log::Tally;
use crate::out_of_memory::{DeviceMemory, OutOfMemory, Part};

/// What all shares of an update have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pass {
    /// Seed of the run.
    pub(super) seed: u32,
    /// Updates before this one.
    pub(super) num_updates: u64,
    /// Factor of the loss.
    pub(super) loss_scale: f64,
}

/// Gradients of some batches, and what these add up to.
#[derive(Debug, Default)]
pub(super) struct Gradients {
    pub(super) sum: Accumulated,
    pub(super) tally: Tally,
    /// The loss, summed over the batches, `[1]` on the device; `None` without batches.
    pub(super) loss: Option<Tensor<1>>,
}

impl Gradients {
    /// Adds those of other batches.
    fn add<M: Module>(&mut self, model: &M, other: Self) {
        self.sum.add_sum(model, other.sum);
        self.tally.add_share(other.tally);
        self.loss = [self.loss.take(), other.loss]
            .into_iter()
            .flatten()
            .reduce(|sum, loss| sum + loss);
    }
}

/// How batches become gradients.
#[derive(Debug)]
pub(super) struct Backprop<M, B> {
    pub(super) criterion: Arc<dyn Criterion<M, B>>,
    /// The autodiff side of the device.
    pub(super) device: Device,
    /// Recompute the activations of the model's blocks in the backward pass.
    checkpoint_activations: bool,
}

impl<M: Module, B: Batch> Backprop<M, B> {
    pub(super) fn new(config: &TrainConfig, criterion: Arc<dyn Criterion<M, B>>, device: &Device) -> Self {
        Self {
            criterion,
            device: device.clone().autodiff(),
            checkpoint_activations: config.optimization.checkpoint_activations,
        }
    }

    /// Gradients of `parts`, summed and with the factor of the loss, and what they add up to.
    ///
    /// # Errors
    /// When they do not fit in memory together.
    pub(super) fn at_once(&self, model: &M, parts: &[Part<B>], pass: Pass) -> Result<Gradients, OutOfMemory> {
        let mut gradients = Accumulated::new();
        let mut tally = Tally::default();
        let mut sums = Vec::with_capacity(parts.len());
        let mut loss: Option<Tensor<1>> = None;
        for part in parts {
            let dropout = Dropout::seeded(dropout_seed(pass.seed, pass.num_updates, part));
            let context = PassContext {
                dropout: &dropout,
                device: &self.device,
            };
            let to = GradientSink {
                scale: pass.loss_scale,
                add: &mut |grads| gradients.add(model, grads),
            };
            let batch = &part.batch;
            let output = if self.checkpoint_activations {
                self.criterion.backward_recomputing(model, batch, context, to)
            } else {
                self.criterion.backward(model, batch, context, to)
            };
            tally.add_batch(batch, output.sample_size);
            loss = Some(match loss {
                None => output.loss.clone(),
                Some(sum) => sum + output.loss.clone(),
            });
            sums.push((output.loss, output.sums));
        }
        // Asked for last and at once: whatever is asked of a device drains its queue of operations.
        tally.add_sums(sums)?;
        gradients.measure_once(model)?;
        Ok(Gradients {
            sum: gradients,
            tally,
            loss,
        })
    }
}

/// From batches to gradients, on one device.
#[derive(Debug)]
pub(super) struct Learner<M, B> {
    pub(super) backprop: Backprop<M, B>,
    pub(super) memory: DeviceMemory,
}

impl<M: Module, B: Batch> Learner<M, B> {
    /// The same on another device.
    pub(super) fn on(&self, device: &Device) -> Self {
        Self {
            backprop: Backprop {
                criterion: Arc::clone(&self.backprop.criterion),
                device: device.clone().autodiff(),
                checkpoint_activations: self.backprop.checkpoint_activations,
            },
            memory: self.memory.of(device),
        }
    }

    /// Gradients of a share, summed and with the factor of the loss, and what its batches add up to; what does not fit
    /// in memory is computed in parts.
    ///
    /// # Errors
    /// A single sentence that does not fit, or a model that was lost in an update that did not fit.
    pub(super) fn gradients(&mut self, model: &M, share: Vec<Part<B>>, pass: Pass) -> Result<Gradients> {
        let Self { backprop, memory } = self;
        let at_once = |parts: &[Part<B>]| backprop.at_once(model, parts, pass);
        let mut all: Option<Gradients> = None;
        memory.compute(model, share, at_once, |gradients| match &mut all {
            None => all = Some(gradients),
            Some(all) => all.add(model, gradients),
        })?;
        if let Some(all) = &mut all {
            let measured = all.sum.measure_once(model);
            measured.map_err(|OutOfMemory| Error::UpdateOutOfMemory)?;
        }
        Ok(all.unwrap_or_default())
    }
}
