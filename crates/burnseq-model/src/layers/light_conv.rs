//! Lightweight and dynamic convolution.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use burnseq_kernels::{
    Stepping,
    ops::{self, DepthwiseConv},
};
use serde::{Deserialize, Serialize};

use super::{ConvWindow, Projection, Seen};
use crate::{
    Dropout, DropoutModule,
    init::{Init, xavier_bound},
};

/// Where the filters of a convolution come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConvType {
    /// A linear map of the input at each position: DynamicConv.
    #[default]
    Dynamic,
    /// Parameters, the same at all positions: LightConv.
    Lightweight,
}

impl ConvType {
    /// Names, as in flags and files.
    pub const NAMES: [(&'static str, Self); 2] =
        [("dynamic", Self::Dynamic), ("lightweight", Self::Lightweight)];
}

/// Depthwise convolution over time whose channels share a filter within each head (Wu et al. 2019).
///
/// With softmax, a filter is normalised over **all** its taps, those that lie before the sentence included, in the whole
/// pass and in stepwise decoding alike. fairseq does so in stepwise decoding, and in the whole pass of LightConv. In the
/// whole pass of its DynamicConv, a causal filter that is longer than the batch is cut to the length of the batch first
/// and normalised then: what a sentence gets there depends on the longest one of its batch, and is not what decoding
/// gets. `cut_to_batch` does the same, to reproduce such runs.
#[derive(Module, Debug)]
pub struct LightConv {
    /// `[heads, 1, kernel_size]`; LightConv only.
    pub weight: Option<Param<Tensor<3>>>,
    /// The input to `heads * kernel_size` taps; DynamicConv only.
    pub weight_linear: Option<Projection>,
    heads: usize,
    kernel_size: usize,
    padding_left: usize,
    softmax: bool,
    weight_dropout: f64,
    cut_to_batch: bool,
}

/// How a [`LightConv`] is made.
pub(crate) struct LightConvSettings {
    pub conv_type: ConvType,
    pub width: usize,
    pub heads: usize,
    pub kernel_size: usize,
    /// Inputs after the present one are seen by none of the taps.
    pub causal: bool,
    pub softmax: bool,
    pub weight_dropout: f64,
    pub cut_to_batch: bool,
}

impl LightConv {
    /// LightConv: filters after Glorot and Bengio 2010; DynamicConv: PyTorch's default.
    pub(crate) fn new(settings: &LightConvSettings, init: &mut Init) -> Self {
        let &LightConvSettings {
            conv_type,
            width,
            heads,
            kernel_size,
            causal,
            softmax,
            weight_dropout,
            cut_to_batch,
        } = settings;
        let lightweight = conv_type == ConvType::Lightweight;
        // PyTorch counts the last dimension of [heads, 1, kernel] as the receptive field.
        let bound = xavier_bound(heads * kernel_size, kernel_size, 1.0);
        Self {
            weight: lightweight.then(|| init.uniform_param([heads, 1, kernel_size], bound)),
            weight_linear: (!lightweight).then(|| Projection::uniform(width, heads * kernel_size, init)),
            heads,
            kernel_size,
            // Of an even number of taps, one more lies after the present input than before it. (fairseq means the same,
            // but fails.)
            padding_left: if causal {
                kernel_size - 1
            } else {
                (kernel_size - 1) / 2
            },
            softmax,
            weight_dropout,
            cut_to_batch: cut_to_batch && causal && !lightweight,
        }
    }

    pub(crate) fn lay_out_for_decoding(&mut self) {
        if let Some(linear) = &mut self.weight_linear {
            linear.lay_out_for_decoding();
        }
    }

    /// The memory of this convolution before the first step of decoding; it is causal.
    pub(crate) fn window(&self, stepping: Stepping) -> ConvWindow {
        ConvWindow::new(self.kernel_size, stepping)
    }

    /// Whole sentences: `[batch, len, width]` to the same shape. Padding must be zero.
    pub fn forward(&self, x: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
        let [_, len, _] = x.dims();
        self.convolve(x.clone(), x, len, self.padding_left, self.cut_to_batch, dropout)
    }

    /// One more input of every row: `x` `[rows, 1, width]` to the same shape.
    pub fn step(&self, x: Tensor<3>, window: &mut ConvWindow, dropout: &Dropout) -> Tensor<3> {
        match window.push(x.clone()) {
            Seen::Window(seen) => self.convolve(seen, x, 1, 0, false, dropout),
            Seen::Scattered(inputs) => {
                let conv = self.settings(0, dropout);
                let filters = match &self.weight_linear {
                    Some(linear) => linear.forward(x), // [rows, 1, heads * kernel_size]
                    None => self.filters().reshape([1, 1, self.heads * self.kernel_size]),
                };
                ops::scattered_conv(&inputs.steps, &inputs.ancestors, filters, &conv)
            }
        }
    }

    /// LightConv's filters, `[heads, kernel_size]`.
    fn filters(&self) -> Tensor<2> {
        let weight = self
            .weight
            .as_ref()
            .expect("a convolution has filters of either kind");
        weight.val().squeeze_dim(1)
    }

    /// The operation, with its next dropout mask.
    fn settings(&self, padding_left: usize, dropout: &Dropout) -> DepthwiseConv {
        let module = match self.weight {
            Some(_) => DropoutModule::LightweightConv,
            None => DropoutModule::DynamicConv,
        };
        DepthwiseConv {
            heads: self.heads,
            kernel_size: self.kernel_size,
            padding_left,
            softmax: self.softmax,
            dropout: dropout.draw(module, self.weight_dropout),
        }
    }

    /// `x` `[batch, in_len, width]` to `[batch, len, width]`; `queries` `[batch, len, width]` are the present inputs.
    fn convolve(
        &self,
        x: Tensor<3>,
        queries: Tensor<3>,
        len: usize,
        padding_left: usize,
        cut_to_batch: bool,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let mut conv = self.settings(padding_left, dropout);
        if let Some(linear) = &self.weight_linear {
            let mut filters = linear.forward(queries); // [batch, len, heads * kernel_size]
            if cut_to_batch && conv.kernel_size > len {
                let [batch, ..] = filters.dims();
                let cut = conv.kernel_size - len;
                let by_head = filters.reshape([batch, len, conv.heads, conv.kernel_size]);
                let kept = by_head.slice([0..batch, 0..len, 0..conv.heads, cut..conv.kernel_size]);
                filters = kept.reshape([batch, len, conv.heads * len]);
                conv.kernel_size = len;
                conv.padding_left = len - 1;
            }
            return ops::dynamic_conv(x, filters, &conv);
        }
        ops::lightweight_conv(x, self.filters(), len, &conv)
    }
}
