//! Models on Burn as searches know them.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burnseq_kernels::Stepping;
use burnseq_model::Stepwise;
use burnseq_search::search::Beam;
use burnseq_search::{BatchSearch, LogProbs, NextToken, Predictions, Wanted};

use crate::device_beam::{self, DeviceNextToken};
use crate::device_choice::{MOST, choose};
use crate::tensor_ops;

/// Any model that is decoded token by token as a [`NextToken`].
#[derive(Debug)]
pub struct ModelNextToken<'a, M: Stepwise> {
    model: &'a M,
    state: M::State,
    temperature: f32,
    device: Device,
    stepping: Stepping,
}

impl<'a, M: Stepwise> ModelNextToken<'a, M> {
    /// Continues from `state`, which its role has given the model for this way of `stepping` on `device`. Logits are
    /// divided by `temperature`.
    pub fn from_state(
        model: &'a M,
        state: M::State,
        temperature: f64,
        device: Device,
        stepping: Stepping,
    ) -> Self {
        Self {
            model,
            state,
            temperature: temperature as f32,
            device,
            stepping,
        }
    }

    /// What the model knows of the batch, to be changed between two steps.
    pub(crate) fn state_mut(&mut self) -> &mut M::State {
        &mut self.state
    }

    /// Whether the device chooses what is `wanted`, rather than the host from all logits.
    fn chooses(&self, wanted: &Wanted) -> bool {
        self.stepping == Stepping::Device && wanted.best <= MOST
    }

    /// Feeds a token to every row: logits `[rows, vocab]`.
    fn step(&mut self, prev_output_tokens: &[u32]) -> Tensor<2> {
        let tokens: Vec<i32> = prev_output_tokens.iter().map(|&token| token as i32).collect();
        let tokens = Tensor::from_data(TensorData::new(tokens, [prev_output_tokens.len()]), &self.device);
        self.model.step(tokens, &mut self.state)
    }
}

impl<M: Stepwise> NextToken for ModelNextToken<'_, M> {
    fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
        let logits = self.step(prev_output_tokens);
        let [_, vocab] = logits.dims();
        let logits = logits
            .into_data_dtype(DType::F32)
            .try_into_vec()
            .expect("the data was asked for as f32");
        LogProbs::from_logits(logits, vocab, self.temperature)
    }

    fn predict(&mut self, prev_output_tokens: &[u32], wanted: Option<&Wanted>) -> Predictions {
        match wanted {
            Some(wanted) if self.chooses(wanted) => {
                let logits = self.step(prev_output_tokens);
                Predictions::Sparse(choose(logits, self.temperature, wanted))
            }
            _ => self.log_probs(prev_output_tokens).into(),
        }
    }

    fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        self.model.reorder(&mut self.state, rows, sentences);
    }

    fn run_beam(&mut self, search: &mut BatchSearch<'_, Beam>) {
        if self.stepping == Stepping::Device && device_beam::takes(search) {
            device_beam::run(search, self);
        }
    }
}

impl<M: Stepwise> DeviceNextToken for ModelNextToken<'_, M> {
    fn device(&self) -> Device {
        self.device.clone()
    }

    fn logits(&mut self, prev_output_tokens: Tensor<1, Int>) -> Tensor<2> {
        let logits = self.model.step(prev_output_tokens, &mut self.state);
        tensor_ops::scaled(logits, self.temperature)
    }

    fn reorder_rows(&mut self, rows: Tensor<1, Int>) {
        self.model.reorder_rows(&mut self.state, rows);
    }
}
