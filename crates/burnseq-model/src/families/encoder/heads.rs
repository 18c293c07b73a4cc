//! What is predicted from the vectors of an encoder.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use burnseq_kernels::{Precision, ops};
use burnseq_text::Vocab;
use serde::{Deserialize, Serialize};

use super::EncoderConfig;
use super::sentence_encoder::{DROPOUT, STD};
use crate::{
    Dropout, Init,
    layers::{ActivationFn, Embedding, LayerNorm, Linear},
};

/// Logits of all types (Devlin et al. 2019): a layer of the width of the embeddings, whose table then serves as output.
#[derive(Module, Debug)]
pub struct LmHead {
    /// `[vocab, encoder_input_dim]`; none where the embeddings serve.
    pub weight: Option<Param<Tensor<2>>>,
    /// `[vocab]`
    pub bias: Param<Tensor<1>>,
    /// To the width of the embeddings.
    pub dense: Linear,
    /// Of its activation.
    pub layer_norm: LayerNorm,
    #[module(skip)]
    activation_fn: ActivationFn,
    #[module(skip)]
    precision: Precision,
}

impl LmHead {
    pub(super) fn new(config: &EncoderConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let (width, input) = (config.encoder_embed_dim, config.input_dim());
        // PyTorch's default where it is a layer of its own, as in fairseq.
        let own = |init: &mut Init| init.uniform_param([vocab.src, input], (input as f64).powf(-0.5));
        Self {
            weight: config.untie_weights_roberta.then(|| own(init)),
            bias: init.constant_param(vocab.src, 0.0),
            dense: Linear::normal(width, input, STD, init),
            layer_norm: LayerNorm::new(input, config.layer_norm_eps, init),
            activation_fn: config.activation_fn,
            precision: init.precision(),
        }
    }

    /// `[batch, len, d_model]` to `[batch, len, vocab]`.
    pub(super) fn forward(&self, x: Tensor<3>, embeddings: &Embedding) -> Tensor<3> {
        let x = self.activation_fn.apply(self.dense.forward(x));
        let x = self.layer_norm.forward(x);
        match &self.weight {
            Some(weight) => ops::linear(x, weight.val(), Some(self.bias.val()), self.precision),
            None => embeddings.project_with_bias(x, self.bias.val()),
        }
    }
}

/// Whether a token was replaced (Clark et al. 2020).
#[derive(Module, Debug)]
pub struct ReplacedTokenHead {
    /// Of the width of the layers.
    pub dense: Linear,
    /// To one number.
    pub dense_prediction: Linear,
    #[module(skip)]
    activation_fn: ActivationFn,
}

impl ReplacedTokenHead {
    pub(super) fn new(config: &EncoderConfig, init: &mut Init) -> Self {
        let width = config.encoder_embed_dim;
        Self {
            dense: Linear::normal(width, width, STD, init),
            dense_prediction: Linear::normal(width, 1, STD, init),
            activation_fn: config.activation_fn,
        }
    }

    /// `[batch, len, d_model]` to `[batch, len]`.
    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let x = self.activation_fn.apply(self.dense.forward(x));
        self.dense_prediction.forward(x).squeeze_dim(2)
    }
}

/// What the head over pairs of texts was trained on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentencePairHead {
    /// There is none.
    #[default]
    None,
    /// Whether the second text follows the first one, or is of another document (Devlin et al. 2019).
    NextSentence,
    /// Whether two texts that follow each other are in order (Lan et al. 2020); dropped out before.
    SentenceOrder,
}

impl SentencePairHead {
    /// Names, as in flags and files.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("none", Self::None),
        ("next_sentence", Self::NextSentence),
        ("sentence_order", Self::SentenceOrder),
    ];
}

/// What is classified, and by which layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Classifier {
    /// Nothing.
    #[default]
    None,
    /// Texts: a layer over the pooled vector, as in BERT and ALBERT.
    Pooled,
    /// Texts: two layers over the first vector with tanh between, dropped out before both, as in RoBERTa.
    Roberta,
    /// The same with GELU, as in ELECTRA.
    Electra,
    /// The same with ReLU, dropped out before the second one alone, as in DistilBERT.
    Distilbert,
    /// Each token.
    Tokens,
    /// Start and end of a span, such as the answer to a question.
    Span,
}

impl Classifier {
    /// Names, as in flags and files.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("none", Self::None),
        ("pooled", Self::Pooled),
        ("roberta", Self::Roberta),
        ("electra", Self::Electra),
        ("distilbert", Self::Distilbert),
        ("tokens", Self::Tokens),
        ("span", Self::Span),
    ];

    /// Whether it gives classes of tokens instead of texts.
    pub(super) fn is_of_tokens(self) -> bool {
        matches!(self, Self::Tokens | Self::Span)
    }

    /// Whether it has a layer before the last one.
    fn has_dense(self) -> bool {
        matches!(self, Self::Roberta | Self::Electra | Self::Distilbert)
    }
}

/// Heads by name, as in fairseq.
#[derive(Module, Debug)]
pub struct ClassificationHeads {
    /// The one there is.
    pub sentence_classification_head: ClassificationHead,
}

/// Logits of classes.
#[derive(Module, Debug)]
pub struct ClassificationHead {
    /// Of the width of the layers.
    pub dense: Option<Linear>,
    /// To the classes.
    pub out_proj: Linear,
    #[module(skip)]
    kind: Classifier,
    #[module(skip)]
    activation_fn: ActivationFn,
    dropout: f64,
}

impl ClassificationHead {
    pub(super) fn new(config: &EncoderConfig, init: &mut Init) -> Self {
        let width = config.encoder_embed_dim;
        let kind = config.classifier;
        // fairseq leaves what it adds for a task as PyTorch makes it.
        let linear = |output: usize, init: &mut Init| match kind {
            Classifier::Roberta => Linear::uniform(width, output, init),
            _ => Linear::normal(width, output, STD, init),
        };
        Self {
            dense: kind.has_dense().then(|| linear(width, init)),
            out_proj: linear(config.num_classes, init),
            kind,
            activation_fn: match kind {
                Classifier::Electra => ActivationFn::Gelu,
                Classifier::Distilbert => ActivationFn::Relu,
                _ => config.pooler_activation_fn,
            },
            dropout: config.pooler_dropout,
        }
    }

    /// `[batch, len, d_model]` to `[batch, len, classes]`, each vector by itself.
    pub(super) fn forward(&self, x: Tensor<3>, dropout: &Dropout) -> Tensor<3> {
        let drop = |x: Tensor<3>| dropout.apply(x, DROPOUT, self.dropout);
        let Some(dense) = &self.dense else {
            return self.out_proj.forward(drop(x));
        };
        let x = if self.kind == Classifier::Distilbert {
            x
        } else {
            drop(x)
        };
        let x = self.activation_fn.apply(dense.forward(x));
        self.out_proj.forward(drop(x))
    }
}

/// The first vector of each text: `[batch, len, d_model]` to `[batch, 1, d_model]`.
pub(super) fn first(x: Tensor<3>) -> Tensor<3> {
    x.narrow(1, 0, 1)
}
