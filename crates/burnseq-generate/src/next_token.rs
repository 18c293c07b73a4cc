//! What a search knows of a model.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burnseq_model::{Stepping, Stepwise};

use crate::{LogProbs, SparseLogProbs, Wanted, tensor_ops};

/// A model in the middle of decoding a batch: it takes one token per row and tells what may follow.
///
/// Rows are hypotheses, sentence by sentence, the same number for each. Models, ensembles and language models
/// implement it, and nothing else of them reaches a [`Search`](crate::Search).
pub trait NextToken {
    /// Feeds `prev_output_tokens[row]` to every row and gives the log-probabilities of the token after it.
    fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs;

    /// As [`log_probs`](Self::log_probs) for a search that looks at what is `wanted` of every row, or at everything.
    ///
    /// A model on a device from which reading takes long gives what is wanted alone; others need not care.
    #[expect(unused_variables, reason = "everything is more than what is wanted")]
    fn predict(&mut self, prev_output_tokens: &[u32], wanted: Option<&Wanted>) -> Predictions {
        Predictions::Dense(self.log_probs(prev_output_tokens))
    }

    /// Makes new row `r` continue old row `rows[r]`, and new sentence `s` be old sentence `sentences[s]`.
    ///
    /// `rows.len()` is a multiple of `sentences.len()`; row `r` belongs to new sentence
    /// `r / (rows.len() / sentences.len())`, and `rows[r]` to the same sentence.
    fn reorder(&mut self, rows: &[usize], sentences: &[usize]);

    /// The model as one that a search can run on its device for some steps; none where the host has a part in its steps,
    /// or would be faster.
    fn on_device(&mut self) -> Option<&mut dyn DeviceNextToken> {
        None
    }
}

/// A [`NextToken`] that also takes and gives tensors on its device, and does not wait for them.
pub trait DeviceNextToken: NextToken {
    /// Where the tensors are.
    fn device(&self) -> Device;

    /// Feeds `prev_output_tokens` `[rows]` and gives the logits of the token after each: `[rows, vocab]`, in `f32`.
    fn logits(&mut self, prev_output_tokens: Tensor<1, Int>) -> Tensor<2>;

    /// As [`reorder`](NextToken::reorder), with `rows` `[rows]`, for sentences that all stay.
    fn reorder_rows(&mut self, rows: Tensor<1, Int>);
}

/// What a model says of the next token of every row.
#[derive(Debug, Clone)]
pub enum Predictions {
    /// Log-probabilities of all tokens.
    Dense(LogProbs),
    /// Log-probabilities of the tokens that a search looks at.
    Sparse(SparseLogProbs),
}

impl Predictions {
    /// Hypotheses.
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(log_probs) => log_probs.rows(),
            Self::Sparse(log_probs) => log_probs.rows(),
        }
    }
}

impl From<LogProbs> for Predictions {
    fn from(log_probs: LogProbs) -> Self {
        Self::Dense(log_probs)
    }
}

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

    /// Whether the device chooses what is `wanted`, rather than the host from all logits.
    fn chooses(&self, wanted: &Wanted) -> bool {
        self.stepping == Stepping::Device && wanted.best <= SparseLogProbs::MOST
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
                Predictions::Sparse(SparseLogProbs::from_logits(logits, self.temperature, wanted))
            }
            _ => self.log_probs(prev_output_tokens).into(),
        }
    }

    fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        self.model.reorder(&mut self.state, rows, sentences);
    }

    fn on_device(&mut self) -> Option<&mut dyn DeviceNextToken> {
        match self.stepping {
            Stepping::Processor => None,
            Stepping::Device => Some(self),
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
