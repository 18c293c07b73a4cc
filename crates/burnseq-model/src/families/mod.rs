//! The model families there are, and what each of them provides.
//!
//! A family is a file or folder here, and a line of `families!`. The line adds the family to [`ModelConfig`], which
//! checkpoints and `--arch` choose from, and to [`Model`], which plays the role of its families.

mod checks;
mod config;
mod extras;
pub mod fairseq;
mod family;
pub mod fconv;
pub mod lightconv;
pub mod lstm;
mod positions;
mod python;
mod setting;
pub mod transformer;
pub mod transformer_lm;

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Bool, Int, Tensor, TensorData},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;

use burnseq_kernels::{Compute, Stepping};
use burnseq_text::Vocab;
pub use extras::{Extra, ExtraValue};
pub use fairseq::{Fairseq, InFairseq};
pub use family::{Family, FamilyConfig, Feature, Preset};
pub use python::LiteralError;
pub use setting::{Kind, Setting};

use crate::{Dropout, DropoutModule, EncoderDecoder, ModelError, Stepwise};

/// Writes [`ModelConfig`], [`Model`] and [`ModelState`] for families of encoder-decoders.
///
/// A line is `Family = module::{Config, Model};`: `module::Model` is the model, an [`EncoderDecoder`], and `module::Config`
/// its [`FamilyConfig`]. The name of the family in files is `Family` in snake case.
macro_rules! families {
    ($( $(#[$doc:meta])* $family:ident = $module:ident::{$config:ident, $model:ident}; )+) => {
        /// The complete configuration of a model, as a checkpoint stores it.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "a program holds few of them")]
        pub enum ModelConfig {
            $( $(#[$doc])* $family($module::$config), )+
        }

        /// A model of any family.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant, reason = "a program holds few of them")]
        pub enum Model {
            $( $(#[$doc])* $family($module::$model), )+
        }

        /// The decoding state of a [`Model`].
        #[derive(Debug, Clone)]
        #[allow(clippy::large_enum_variant, reason = "a batch has one of them")]
        pub enum ModelState {
            $( $(#[$doc])* $family(<$module::$model as Stepwise>::State), )+
        }

        $(
            impl From<$module::$config> for ModelConfig {
                fn from(config: $module::$config) -> Self {
                    Self::$family(config)
                }
            }

            impl From<$module::$model> for Model {
                fn from(model: $module::$model) -> Self {
                    Self::$family(model)
                }
            }
        )+

        impl ModelConfig {
            /// All families, in the order in which they are listed.
            pub fn families() -> Vec<Family> {
                vec![$( Family::of::<$module::$config>(), )+]
            }

            /// The family of this model.
            pub fn family(&self) -> Family {
                match self {
                    $( Self::$family(_) => Family::of::<$module::$config>(), )+
                }
            }

            /// See [`FamilyConfig::PHRASE`].
            pub fn phrase(&self) -> &'static str {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::PHRASE, )+
                }
            }

            /// Checks ranges and combinations.
            ///
            /// # Errors
            /// The first field that no model can be built from.
            pub fn validate(&self, vocab: &Vocab) -> Result<(), ModelError> {
                match self {
                    $( Self::$family(config) => config.validate(vocab), )+
                }
            }

            /// A model with fresh weights, drawn from `seed`. Call [`Self::validate`] first.
            pub fn init(&self, vocab: &Vocab, seed: u64, compute: impl Into<Compute>) -> Model {
                match self {
                    $( Self::$family(config) => Model::$family(config.init(vocab, seed, compute)), )+
                }
            }

            /// The model with these weights, by fairseq's names. Call [`Self::validate`] first.
            ///
            /// # Errors
            /// See [`FamilyConfig::load`].
            pub fn load(
                &self,
                vocab: &Vocab,
                tensors: &HashMap<String, TensorData>,
                compute: impl Into<Compute>,
            ) -> Result<Model, ModelError> {
                Ok(match self {
                    $( Self::$family(config) => Model::$family(config.load(vocab, tensors, compute)?), )+
                })
            }

            /// Longest source and target in tokens.
            pub fn max_positions(&self) -> (usize, usize) {
                match self {
                    $( Self::$family(config) => config.max_positions(), )+
                }
            }

            /// Numbers that are learned; saturates where no memory would hold them.
            pub fn num_params(&self, vocab: &Vocab) -> u128 {
                match self {
                    $( Self::$family(config) => config.num_params(vocab), )+
                }
            }

            /// Bytes of a model in float32, tables that are not learned included; saturates.
            pub fn num_bytes(&self, vocab: &Vocab) -> u128 {
                match self {
                    $( Self::$family(config) => config.num_bytes(vocab), )+
                }
            }

            /// See [`FamilyConfig::training_flops`].
            pub fn training_flops(&self, vocab: &Vocab, shape: [usize; 3]) -> Option<f64> {
                match self {
                    $( Self::$family(config) => config.training_flops(vocab, shape), )+
                }
            }

            /// See [`FamilyConfig::shares_all_embeddings`].
            pub fn shares_all_embeddings(&self) -> bool {
                match self {
                    $( Self::$family(config) => config.shares_all_embeddings(), )+
                }
            }

            /// See [`FamilyConfig::FREE_FIELDS`].
            pub fn free_fields(&self) -> &'static [&'static str] {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::FREE_FIELDS, )+
                }
            }

            /// See [`FamilyConfig::DICTIONARY_TABLES`].
            pub fn dictionary_tables(&self) -> [&'static [&'static str]; 2] {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::DICTIONARY_TABLES, )+
                }
            }

            /// The model as fairseq describes and stores it; none where there is no such model.
            pub fn in_fairseq(&self) -> Option<InFairseq> {
                let resolved = self.resolved();
                match &resolved {
                    $(
                        Self::$family(config) => {
                            let fairseq = <$module::$config as FamilyConfig>::FAIRSEQ?;
                            Some(fairseq.describe(config, resolved.fields()))
                        }
                    )+
                }
            }

            /// See [`FamilyConfig::resolved`].
            #[must_use]
            pub fn resolved(&self) -> Self {
                match self {
                    $( Self::$family(config) => Self::$family(config.resolved()), )+
                }
            }

            /// See [`Fairseq::check`].
            ///
            /// # Errors
            /// An option that there is no support for.
            pub fn check_fairseq(&self, options: &Map<String, Value>) -> Result<(), String> {
                match self {
                    $(
                        Self::$family(config) => match <$module::$config as FamilyConfig>::FAIRSEQ {
                            Some(fairseq) => (fairseq.check)(config, options),
                            None => Ok(()),
                        },
                    )+
                }
            }

            /// See [`Fairseq::settled`].
            fn settled_from_fairseq(self) -> Self {
                match self {
                    $(
                        Self::$family(config) => Self::$family(match <$module::$config as FamilyConfig>::FAIRSEQ {
                            Some(fairseq) => (fairseq.settled)(config),
                            None => config,
                        }),
                    )+
                }
            }

            /// See [`FamilyConfig::settle`].
            fn settle(&mut self, given: &Map<String, Value>) {
                match self {
                    $( Self::$family(config) => config.settle(given), )+
                }
            }

            /// See [`FamilyConfig::followers`].
            pub fn followers(&self, arch: &str) -> &'static [(&'static str, &'static str)] {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::followers(arch), )+
                }
            }

            /// What this family can do beyond its role.
            fn features(&self) -> &'static [Feature] {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::FEATURES, )+
                }
            }
        }

        impl Model {
            /// See [`FamilyConfig::DROPOUT_MODULES`].
            pub fn dropout_modules(&self) -> &'static [DropoutModule] {
                match self {
                    $( Self::$family(_) => <$module::$config as FamilyConfig>::DROPOUT_MODULES, )+
                }
            }
        }

        impl Stepwise for Model {
            type State = ModelState;

            fn step(&self, prev_output_tokens: Tensor<1, Int>, state: &mut ModelState) -> Tensor<2> {
                match (self, state) {
                    $( (Self::$family(model), ModelState::$family(state)) => model.step(prev_output_tokens, state), )+
                    #[allow(unreachable_patterns, reason = "one family makes no other pair")]
                    _ => panic!("a state of another family"),
                }
            }

            fn reorder(&self, state: &mut ModelState, rows: &[usize], sentences: &[usize]) {
                match (self, state) {
                    $( (Self::$family(model), ModelState::$family(state)) => model.reorder(state, rows, sentences), )+
                    #[allow(unreachable_patterns, reason = "one family makes no other pair")]
                    _ => panic!("a state of another family"),
                }
            }

            fn reorder_rows(&self, state: &mut ModelState, rows: Tensor<1, Int>) {
                match (self, state) {
                    $( (Self::$family(model), ModelState::$family(state)) => model.reorder_rows(state, rows), )+
                    #[allow(unreachable_patterns, reason = "one family makes no other pair")]
                    _ => panic!("a state of another family"),
                }
            }

            fn laid_out_for_decoding(self) -> Self {
                match self {
                    $( Self::$family(model) => Self::$family(model.laid_out_for_decoding()), )+
                }
            }
        }

        impl EncoderDecoder for Model {
            fn forward(
                &self,
                src_tokens: Tensor<2, Int>,
                prev_output_tokens: Tensor<2, Int>,
                dropout: &Dropout,
            ) -> Tensor<3> {
                match self {
                    $( Self::$family(model) => model.forward(src_tokens, prev_output_tokens, dropout), )+
                }
            }

            fn backward_recomputing<T>(
                &self,
                src_tokens: Tensor<2, Int>,
                prev_output_tokens: Tensor<2, Int>,
                dropout: &Dropout,
                loss: impl FnOnce(Tensor<3>) -> (Tensor<1>, T),
                add: &mut dyn FnMut(GradientsParams),
            ) -> T {
                match self {
                    $(
                        Self::$family(model) => {
                            model.backward_recomputing(src_tokens, prev_output_tokens, dropout, loss, add)
                        }
                    )+
                }
            }

            fn forward_with_attention(
                &self,
                src_tokens: Tensor<2, Int>,
                prev_output_tokens: Tensor<2, Int>,
                dropout: &Dropout,
            ) -> (Tensor<3>, Tensor<3>) {
                match self {
                    $(
                        Self::$family(model) => {
                            model.forward_with_attention(src_tokens, prev_output_tokens, dropout)
                        }
                    )+
                }
            }

            fn start(&self, src_tokens: Tensor<2, Int>, dropout: Dropout, stepping: Stepping) -> ModelState {
                match self {
                    $(
                        Self::$family(model) => {
                            ModelState::$family(model.start(src_tokens, dropout, stepping))
                        }
                    )+
                }
            }

            fn vocab(&self) -> Vocab {
                match self {
                    $( Self::$family(model) => model.vocab(), )+
                }
            }

            fn max_positions(&self) -> (usize, usize) {
                match self {
                    $( Self::$family(model) => EncoderDecoder::max_positions(model), )+
                }
            }
        }
    };
}

families! {
    /// Encoder-decoder Transformer.
    Transformer = transformer::{TransformerConfig, Transformer};
    /// LightConv and DynamicConv.
    Lightconv = lightconv::{LightConvConfig, LightConvModel};
    /// Long short-term memory with attention.
    Lstm = lstm::{LstmConfig, LstmModel};
    /// Fully convolutional encoder-decoder.
    Fconv = fconv::{FConvConfig, FConvModel};
}

/// Vectors of the source that the decoder attends to.
#[derive(Debug, Clone)]
pub struct EncoderOut {
    /// `[batch, src_len, width]`
    pub x: Tensor<3>,
    /// True at padding, `[batch, src_len]`.
    pub is_pad: Tensor<2, Bool>,
}

/// Every intermediate vector of one pass, embeddings first; used to compare implementations.
#[derive(Debug, Clone, Default)]
pub struct HiddenStates {
    /// Input of the encoder's first block, then the output of each: `[batch, src_len, width]`.
    pub encoder: Vec<Tensor<3>>,
    /// The same of the decoder: `[batch, tgt_len, width]`.
    pub decoder: Vec<Tensor<3>>,
}

/// `x` `[batch, len, width]` with zeros at padding, `is_pad` `[batch, len]`.
fn clear_padding(x: Tensor<3>, is_pad: &Tensor<2, Bool>) -> Tensor<3> {
    let shape = x.dims();
    x.mask_fill(is_pad.clone().unsqueeze_dim::<3>(2).expand(shape), 0.0)
}
