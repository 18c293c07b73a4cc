//! Tokens to vectors: embeddings and a stack of layers, which may share their weights.

use burn::{
    module::Module,
    tensor::{Bool, DType, Int, Tensor},
};
use burnseq_kernels::ops;
use burnseq_text::Vocab;

use super::EncoderConfig;
use crate::{
    Dropout, DropoutModule, EncoderInput, Init,
    layers::{Embedding, LayerNorm, LayerSettings, Linear, TransformerLayer, position_ids},
};

/// Standard deviation of initial weights (Devlin et al. 2019).
pub(super) const STD: f64 = 0.02;

/// Where values are dropped, beside the layers and attention.
pub(super) const DROPOUT: DropoutModule = DropoutModule::TransformerEncoder;

/// Embeddings and layers, under fairseq's names.
#[derive(Module, Debug)]
pub struct SentenceEncoder {
    /// `[types, encoder_input_dim]`
    pub embed_tokens: Embedding,
    /// `[positions, encoder_input_dim]`
    pub embed_positions: Embedding,
    /// `[segment_types, encoder_input_dim]`
    pub segment_embeddings: Option<Embedding>,
    /// Of the sum of the three.
    pub layernorm_embedding: Option<LayerNorm>,
    /// From the width of the embeddings to that of the layers, where they differ.
    pub project_in_dim: Option<Linear>,
    /// The layers; those of a group follow each other.
    pub layers: Vec<TransformerLayer>,
    /// After the last layer of a pre-norm stack.
    pub layer_norm: Option<LayerNorm>,
    #[module(skip)]
    plan: Plan,
}

/// How the parameters are used.
#[derive(Debug, Clone, Copy)]
struct Plan {
    pad: usize,
    /// Position of the first column; none: of the first token that is not padding, behind the id of padding.
    position_offset: Option<usize>,
    /// How often a group of layers is applied, all groups together.
    applications: usize,
    groups: usize,
    /// Layers of a group.
    group_len: usize,
    dropout: f64,
    layerdrop: f64,
    /// Type of what passes between the layers.
    activations: DType,
}

impl SentenceEncoder {
    pub(super) fn new(config: &EncoderConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let (width, input) = (config.encoder_embed_dim, config.input_dim());
        let offset = config.position_offset.unwrap_or(vocab.pad() + 1);
        let plan = Plan {
            pad: vocab.pad(),
            position_offset: config.position_offset,
            applications: config.encoder_layers,
            groups: config.encoder_layer_groups.unwrap_or(config.encoder_layers),
            group_len: config.encoder_group_len,
            dropout: config.dropout,
            layerdrop: config.encoder_layerdrop,
            activations: init.activations(),
        };
        let layer = LayerSettings {
            width,
            ffn_dim: config.encoder_ffn_embed_dim,
            heads: config.encoder_attention_heads,
            causal: false,
            normalize_before: config.encoder_normalize_before,
            layer_norm_eps: config.layer_norm_eps,
            activation_fn: config.activation_fn,
            dropout: config.dropout,
            attention_dropout: config.attention_dropout,
            activation_dropout: config.activation_dropout,
            module: DropoutModule::TransformerEncoderLayer,
            std: Some([STD; 2]),
        };
        let norm = |is_there: bool, width: usize, init: &mut Init| {
            is_there.then(|| LayerNorm::new(width, config.layer_norm_eps, init))
        };
        Self {
            embed_tokens: Embedding::normal(vocab.src, input, STD, Some(plan.pad), init),
            embed_positions: Embedding::normal(
                config.max_source_positions + offset,
                input,
                STD,
                // Rows before the first one are those of padding, where only tokens count.
                config.position_offset.is_none().then_some(plan.pad),
                init,
            ),
            segment_embeddings: (config.segment_types > 0)
                .then(|| Embedding::normal(config.segment_types, input, STD, None, init)),
            layernorm_embedding: norm(config.layernorm_embedding, input, init),
            project_in_dim: (input != width).then(|| Linear::normal(input, width, STD, init)),
            layers: (0..plan.groups * plan.group_len)
                .map(|_| TransformerLayer::new(layer, init))
                .collect(),
            layer_norm: norm(config.encoder_normalize_before, width, init),
            plan,
        }
    }

    /// `[batch, len]` to `[batch, len, d_model]`; `observe` sees the input of the first layer and what each application of a
    /// group gives, the last one normalised where the stack ends with a norm.
    pub(super) fn forward(
        &self,
        input: EncoderInput,
        dropout: &Dropout,
        observe: &mut dyn FnMut(&Tensor<3>),
    ) -> Tensor<3> {
        let (mut x, is_pad) = self.embed(input, dropout);
        observe(&x);
        for application in 0..self.plan.applications {
            if !dropout.drops_layer(self.plan.layerdrop) {
                for layer in self.group(application) {
                    x = layer.forward(x, is_pad.clone(), dropout);
                }
            }
            if application + 1 == self.plan.applications {
                x = LayerNorm::forward_if(self.layer_norm.as_ref(), x);
            }
            observe(&x);
        }
        x
    }

    /// Attention probabilities of every layer in the order in which they are applied, `[batch, heads, len, len]`.
    pub(super) fn attention_probabilities(&self, input: EncoderInput) -> Vec<Tensor<4>> {
        let (mut x, is_pad) = self.embed(input, &Dropout::off());
        let mut attentions = Vec::new();
        for application in 0..self.plan.applications {
            for layer in self.group(application) {
                let attention;
                (x, attention) = layer.forward_with_attention(x, is_pad.clone());
                attentions.push(attention);
            }
        }
        attentions
    }

    /// The layers of an application (Lan et al. 2020, section 3.1): each group is applied as often as every other.
    fn group(&self, application: usize) -> &[TransformerLayer] {
        let Plan {
            applications,
            groups,
            group_len,
            ..
        } = self.plan;
        let group = application * groups / applications;
        &self.layers[group * group_len..][..group_len]
    }

    /// The input of the first layer, and where padding is.
    fn embed(&self, input: EncoderInput, dropout: &Dropout) -> (Tensor<3>, Tensor<2, Bool>) {
        let EncoderInput { tokens, segments } = input;
        let is_pad = tokens.clone().equal_elem(self.plan.pad as i64);
        let mut x = untrained_at(self.embed_tokens.forward(tokens.clone()), &is_pad);
        if let Some(table) = &self.segment_embeddings {
            let segments = segments.unwrap_or_else(|| tokens.zeros_like());
            x = x + table.forward(segments);
        }
        x = x + self.positions(&tokens, &is_pad);
        let x = LayerNorm::forward_if(self.layernorm_embedding.as_ref(), x);
        let x = ops::as_type(x, self.plan.activations);
        let x = dropout.apply(x, DROPOUT, self.plan.dropout);
        let x = match &self.project_in_dim {
            Some(projection) => projection.forward(x),
            None => x,
        };
        (x, is_pad)
    }

    /// Vectors of positions, `[batch, len, encoder_input_dim]`.
    fn positions(&self, tokens: &Tensor<2, Int>, is_pad: &Tensor<2, Bool>) -> Tensor<3> {
        let [batch, len] = tokens.dims();
        match self.plan.position_offset {
            Some(offset) => {
                let columns =
                    Tensor::<1, Int>::arange(offset as i64..(offset + len) as i64, &tokens.device());
                let columns = columns.unsqueeze_dim::<2>(0).expand([batch, len]);
                self.embed_positions.forward(columns)
            }
            None => {
                let ids = position_ids(is_pad.clone(), self.plan.pad + 1);
                untrained_at(self.embed_positions.forward(ids), is_pad)
            }
        }
    }

    /// See [`crate::Stepwise::laid_out_for_decoding`].
    pub(super) fn lay_out_for_decoding(&mut self) {
        if let Some(projection) = &mut self.project_in_dim {
            projection.lay_out_for_decoding();
        }
        self.layers
            .iter_mut()
            .for_each(|layer| layer.lay_out_for_decoding(false));
    }
}

/// `x` `[batch, len, width]`, where what lies at padding passes no gradient on: the row of padding is not trained, even
/// where a loss looks at padding.
fn untrained_at(x: Tensor<3>, is_pad: &Tensor<2, Bool>) -> Tensor<3> {
    if !x.device().is_autodiff() {
        return x;
    }
    let is_pad = is_pad.clone().unsqueeze_dim::<3>(2).expand(x.dims());
    let fixed = x.clone().detach();
    x.mask_where(is_pad, fixed)
}
