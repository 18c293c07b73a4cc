//! Encoders of texts: BERT, RoBERTa and XLM-R, ALBERT, ELECTRA, DistilBERT.
//!
//! They are one model with different settings. Parameters have the names of fairseq's RoBERTa; those that it does not
//! have stand beside them.

mod config;
mod heads;
mod hugging_face;
mod sentence_encoder;
mod settings;

use burn::{module::Module, tensor::Tensor};
use burnseq_text::Vocab;

pub use config::EncoderConfig;
pub use heads::{
    ClassificationHead, ClassificationHeads, Classifier, LmHead, ReplacedTokenHead, SentencePairHead,
};
pub use sentence_encoder::SentenceEncoder;

use crate::{
    Dropout, Encoder, EncoderInput, Init,
    layers::{ActivationFn, Linear},
};
use heads::first;
use sentence_encoder::{DROPOUT, STD};

/// Transformer encoder (Vaswani et al. 2017) of texts: BERT (Devlin et al. 2019), RoBERTa (Liu et al. 2019), ALBERT (Lan et
/// al. 2020), ELECTRA (Clark et al. 2020), DistilBERT (Sanh et al. 2019).
#[derive(Module, Debug)]
pub struct TransformerEncoder {
    /// Vectors of tokens, and the masked language model; the name is part of the names of weights.
    pub encoder: EncoderBody,
    /// Of the first vector of a text.
    pub pooler: Option<Linear>,
    /// Over pairs of texts.
    pub sentence_pair_head: Option<Linear>,
    /// Over each token.
    pub replaced_token_head: Option<ReplacedTokenHead>,
    /// Over texts or tokens.
    pub classification_heads: Option<ClassificationHeads>,
    #[module(skip)]
    settings: HeadSettings,
    #[module(skip)]
    vocab: Vocab,
}

/// What fairseq's RoBERTa calls its encoder.
#[derive(Module, Debug)]
pub struct EncoderBody {
    /// Tokens to vectors.
    pub sentence_encoder: SentenceEncoder,
    /// Vectors to logits of types.
    pub lm_head: Option<LmHead>,
}

#[derive(Debug, Clone, Copy)]
struct HeadSettings {
    pooler_activation_fn: ActivationFn,
    sentence_pair_head: SentencePairHead,
    classifier: Classifier,
    dropout: f64,
    max_positions: usize,
}

impl TransformerEncoder {
    fn new(config: &EncoderConfig, vocab: &Vocab, init: &mut Init) -> Self {
        let width = config.encoder_embed_dim;
        Self {
            encoder: EncoderBody {
                sentence_encoder: SentenceEncoder::new(config, vocab, init),
                lm_head: config.masked_lm_head.then(|| LmHead::new(config, vocab, init)),
            },
            pooler: config.pooler.then(|| Linear::normal(width, width, STD, init)),
            sentence_pair_head: (config.sentence_pair_head != SentencePairHead::None)
                .then(|| Linear::normal(width, 2, STD, init)),
            replaced_token_head: config
                .replaced_token_head
                .then(|| ReplacedTokenHead::new(config, init)),
            classification_heads: (config.classifier != Classifier::None).then(|| ClassificationHeads {
                sentence_classification_head: ClassificationHead::new(config, init),
            }),
            settings: HeadSettings {
                pooler_activation_fn: config.pooler_activation_fn,
                sentence_pair_head: config.sentence_pair_head,
                classifier: config.classifier,
                dropout: config.pooler_dropout,
                max_positions: config.max_source_positions,
            },
            vocab: *vocab,
        }
    }

    /// The same model with its weights in the form that passes without gradients read fastest: see
    /// [`Stepwise::laid_out_for_decoding`](crate::Stepwise::laid_out_for_decoding).
    #[must_use]
    pub fn laid_out_for_decoding(mut self) -> Self {
        self.encoder.sentence_encoder.lay_out_for_decoding();
        self
    }

    fn head(&self) -> Option<&ClassificationHead> {
        let heads = self.classification_heads.as_ref()?;
        Some(&heads.sentence_classification_head)
    }
}

impl Encoder for TransformerEncoder {
    fn encode(&self, input: EncoderInput, dropout: &Dropout) -> Tensor<3> {
        self.encoder.sentence_encoder.forward(input, dropout, &mut |_| ())
    }

    fn hidden_states(&self, input: EncoderInput) -> Vec<Tensor<3>> {
        let mut states = Vec::new();
        let encoder = &self.encoder.sentence_encoder;
        encoder.forward(input, &Dropout::off(), &mut |x| states.push(x.clone()));
        states
    }

    fn attention_probabilities(&self, input: EncoderInput) -> Vec<Tensor<4>> {
        self.encoder.sentence_encoder.attention_probabilities(input)
    }

    fn pool(&self, x: Tensor<3>) -> Option<Tensor<2>> {
        let pooler = self.pooler.as_ref()?;
        let x = self.settings.pooler_activation_fn.apply(pooler.forward(first(x)));
        Some(x.squeeze_dim(1))
    }

    fn masked_lm(&self, x: Tensor<3>) -> Option<Tensor<3>> {
        let head = self.encoder.lm_head.as_ref()?;
        Some(head.forward(x, &self.encoder.sentence_encoder.embed_tokens))
    }

    fn sentence_pair(&self, pooled: Tensor<2>, dropout: &Dropout) -> Option<Tensor<2>> {
        let head = self.sentence_pair_head.as_ref()?;
        let pooled: Tensor<3> = pooled.unsqueeze_dim(1);
        let pooled = match self.settings.sentence_pair_head {
            SentencePairHead::SentenceOrder => dropout.apply(pooled, DROPOUT, self.settings.dropout),
            SentencePairHead::NextSentence | SentencePairHead::None => pooled,
        };
        Some(head.forward(pooled).squeeze_dim(1))
    }

    fn replaced_tokens(&self, x: Tensor<3>) -> Option<Tensor<2>> {
        Some(self.replaced_token_head.as_ref()?.forward(x))
    }

    fn classify(&self, x: Tensor<3>, dropout: &Dropout) -> Option<Tensor<2>> {
        let head = self.head()?;
        let x = match self.settings.classifier {
            kind if kind.is_of_tokens() => return None,
            Classifier::Pooled => self.pool(x)?.unsqueeze_dim(1),
            _ => first(x),
        };
        Some(head.forward(x, dropout).squeeze_dim(1))
    }

    fn classify_tokens(&self, x: Tensor<3>, dropout: &Dropout) -> Option<Tensor<3>> {
        let head = self.head().filter(|_| self.settings.classifier.is_of_tokens())?;
        Some(head.forward(x, dropout))
    }

    fn vocab(&self) -> Vocab {
        self.vocab
    }

    fn max_positions(&self) -> usize {
        self.settings.max_positions
    }
}
