//! Attention of one decoder layer (Gehring et al. 2017, section 3.3).

use burn::{module::Module, tensor::Tensor};
use burnseq_kernels::ops;

use super::FConvEncoderOut;
use crate::{
    Init,
    layers::{Affine, WeightNormLinear},
};

/// Attention whose queries are the decoder's states with the target embeddings, whose keys are the encoder's output, and
/// whose values are that output with the source embeddings. The values' sum is multiplied by the root of the source's
/// length.
#[derive(Module, Debug)]
pub struct ConvAttention {
    /// Channels to the width of the embeddings.
    pub in_projection: WeightNormLinear,
    /// Back to the channels.
    pub out_projection: WeightNormLinear,
}

impl ConvAttention {
    pub(super) fn new(channels: usize, embed_dim: usize, init: &mut Init) -> Self {
        Self {
            in_projection: WeightNormLinear::new(channels, embed_dim, 0.0, init),
            out_projection: WeightNormLinear::new(embed_dim, channels, 0.0, init),
        }
    }

    pub(super) fn computed(&self) -> Attending {
        Attending {
            in_projection: self.in_projection.affine(),
            out_projection: self.out_projection.affine(),
        }
    }
}

/// A [`ConvAttention`] whose weights have been computed.
#[derive(Debug, Clone)]
pub(super) struct Attending {
    in_projection: Affine,
    out_projection: Affine,
}

impl Attending {
    pub(super) fn laid_out_for_decoding(self) -> Self {
        Self {
            in_projection: self.in_projection.laid_out_for_decoding(),
            out_projection: self.out_projection.laid_out_for_decoding(),
        }
    }

    /// Queries `[batch, len of a sentence's rows, embed_dim]`, so that the scores of [`ops::attention`], which are
    /// divided by the root of the width, are plain products.
    fn queries(&self, x: Tensor<3>, target: Tensor<3>, source: &FConvEncoderOut) -> Tensor<3> {
        let ([rows, len, width], [batch, ..]) = (target.dims(), source.keys.dims());
        let queries = (self.in_projection.forward(x) + target) * 0.5f64.sqrt();
        (queries * (width as f64).sqrt()).reshape([batch, rows / batch * len, width])
    }

    /// States `x` with what they find in the source.
    ///
    /// # Shapes
    /// - `x` and the result: `[rows, len, channels]`; the rows of a sentence are back to back
    /// - `target`: `[rows, len, embed_dim]`, embeddings of the target
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        target: Tensor<3>,
        source: &FConvEncoderOut,
        stepwise: bool,
    ) -> Tensor<3> {
        let ([rows, len, _], [_, _, width]) = (x.dims(), target.dims());
        let FConvEncoderOut {
            keys,
            values,
            is_pad,
            scale,
        } = source.clone();
        let queries = self.queries(x.clone(), target, source);
        let found = if stepwise {
            ops::step_attention(queries, keys, values, 1, is_pad, None)
        } else {
            ops::attention(queries, keys, values, 1, Some(is_pad), false, None)
        };
        let found = (found * scale).reshape([rows, len, width]);
        (self.out_projection.forward(found) + x) * 0.5f64.sqrt()
    }

    /// The attention weights of [`forward`](Self::forward), `[batch, len, src_len]`; rows add up to 1.
    pub(super) fn weights(&self, x: Tensor<3>, target: Tensor<3>, source: &FConvEncoderOut) -> Tensor<3> {
        let queries = self.queries(x, target, source);
        let (keys, is_pad) = (source.keys.clone(), source.is_pad.clone());
        ops::attention_probabilities(queries, keys, 1, Some(is_pad), false).squeeze_dim(1)
    }
}
