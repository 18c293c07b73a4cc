//! What a model family provides beside its model.

use std::collections::HashMap;
use std::fmt::{self, Debug};

use burn::{module::Module, tensor::TensorData};
use burnseq_kernels::Compute;
use burnseq_text::Vocab;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    ModelConfig,
    fairseq::{Fairseq, FairseqNames},
    hugging_face::HuggingFace,
    setting::Setting,
};
use crate::{DropoutModule, Init, ModelError, load_state_dict};

/// A name for `--arch`, and the configuration that it stands for.
pub type Preset<C> = (&'static str, fn() -> C);

/// A model of more weights than this (1 GiB) is not built before the number of given weights is compared; smaller ones
/// are, so that a mismatch is reported by parameter name.
const LARGE: u128 = 1 << 28;

/// The configuration of a model family: plain data with a default for each field, without unknown fields.
pub trait FamilyConfig: Debug + Clone + PartialEq + Serialize + DeserializeOwned + 'static {
    /// The model.
    type Model: Module;

    /// What the family is called.
    const NAME: &'static str;

    /// A model of the family, within a sentence: the name, with an article where it needs one.
    const PHRASE: &'static str;

    /// What `--arch` can name.
    const ARCHS: &'static [Preset<Self>];

    /// What users set by name: every field once.
    const SETTINGS: &'static [Setting];

    /// The models in fairseq; none where there are none.
    const FAIRSEQ: Option<&'static Fairseq<Self>> = None;

    /// The models in Hugging Face's transformers, one entry for each `model_type`.
    const HUGGING_FACE: &'static [HuggingFace<Self>] = &[];

    /// Fields that shape no weight, so that a run may continue with other values: drop probabilities.
    const FREE_FIELDS: &'static [&'static str];

    /// Where the family drops values, as `--retain-dropout-modules` of fairseq names the places.
    const DROPOUT_MODULES: &'static [DropoutModule];

    /// Tensors with a row for each token of the first dictionary, and of the second one. Those that a model does not have
    /// are shared with another one.
    const DICTIONARY_TABLES: [&'static [&'static str]; 2];

    /// What the family can do beyond the role of its model.
    const FEATURES: &'static [Feature] = &[];

    /// Checks ranges and combinations.
    ///
    /// # Errors
    /// The first field that no model can be built from.
    fn validate(&self, vocab: &Vocab) -> Result<(), ModelError>;

    /// A model with fresh weights from `init`, as fairseq distributes them.
    fn build(&self, vocab: &Vocab, init: &mut Init) -> Self::Model;

    /// A model with fresh weights, drawn from `seed`. Call [`Self::validate`] first.
    fn init(&self, vocab: &Vocab, seed: u64, compute: impl Into<Compute>) -> Self::Model {
        self.build(vocab, &mut Init::new(seed, &compute.into()))
    }

    /// Longest source and target in tokens, the end of sentence included.
    fn max_positions(&self) -> (usize, usize);

    /// How many numbers a model learns, tied ones once; `u128::MAX` when there are more. Call [`Self::validate`] first,
    /// which bounds the time that this takes.
    fn num_params(&self, vocab: &Vocab) -> u128 {
        Init::count(|init| self.build(vocab, init)).learned
    }

    /// Bytes of a model in float32, tables that are not learned included; saturates.
    fn num_bytes(&self, vocab: &Vocab) -> u128 {
        let numbers = Init::count(|init| self.build(vocab, init));
        numbers.learned.saturating_add(numbers.fixed).saturating_mul(4)
    }

    /// Multiplications and additions in the matrix products of a forward and a backward pass over a batch of `shape`
    /// `[batch, src_len, tgt_len]`, padding included; `None` where they are not counted.
    #[expect(unused_variables, reason = "families without matrix products do not count")]
    fn training_flops(&self, vocab: &Vocab, shape: [usize; 3]) -> Option<f64> {
        None
    }

    /// The field that cuts the dictionary into bands of frequent and of rare tokens; no table of such a model has a row for
    /// each token.
    fn cut_into_bands_by(&self) -> Option<&'static str> {
        None
    }

    /// Whether source, target and output share one table of embeddings.
    fn shares_all_embeddings(&self) -> bool {
        false
    }

    /// The same model with every field that stands for something else where it is left open written out, and what can be
    /// written in several ways in one of them.
    #[must_use]
    fn resolved(&self) -> Self {
        self.clone()
    }

    /// Fits other fields to those that were `given` new values, where the old ones were made for other values of these.
    #[expect(unused_variables, reason = "most fields depend on no other")]
    fn settle(&mut self, given: &Map<String, Value>) {}

    /// Fields of the preset `arch` that take the value of another field where only that one is given: (field, other).
    #[expect(unused_variables, reason = "most presets fix all fields")]
    fn followers(arch: &str) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The model with these weights, by fairseq's names. Call [`Self::validate`] first.
    ///
    /// # Errors
    /// See [`load_state_dict`]; also a configuration out of all proportion to the weights, whose model might not fit into
    /// the memory.
    fn load(
        &self,
        vocab: &Vocab,
        tensors: &HashMap<String, TensorData>,
        compute: impl Into<Compute>,
    ) -> Result<Self::Model, ModelError> {
        let held = tensors.values().map(|data| data.num_elements() as u128).sum();
        let needed = self.num_params(vocab);
        if needed > LARGE && needed / 2 > held {
            return Err(ModelError::TooFewWeights { needed, held });
        }
        load_state_dict(self.build(vocab, &mut Init::blank(&compute.into())), tensors)
    }
}

/// A family as its users see it.
#[derive(Debug, Clone)]
pub struct Family {
    /// See [`FamilyConfig::NAME`].
    pub name: &'static str,
    /// See [`FamilyConfig::SETTINGS`].
    pub settings: &'static [Setting],
    /// See [`FamilyConfig::DROPOUT_MODULES`].
    pub dropout_modules: &'static [DropoutModule],
    /// See [`FamilyConfig::FAIRSEQ`].
    pub fairseq: Option<FairseqNames>,
    /// Its presets: what `--arch` can name.
    pub presets: Vec<(&'static str, ModelConfig)>,
}

impl Family {
    pub(super) fn of<C: FamilyConfig + Into<ModelConfig>>() -> Self {
        Self {
            name: C::NAME,
            settings: C::SETTINGS,
            dropout_modules: C::DROPOUT_MODULES,
            fairseq: C::FAIRSEQ.map(|fairseq| FairseqNames {
                signature: fairseq.signature,
                checked: fairseq.checked,
            }),
            presets: C::ARCHS
                .iter()
                .map(|(name, preset)| (*name, preset().into()))
                .collect(),
        }
    }

    /// The setting of that name.
    pub fn setting(&self, name: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.is_called(name))
    }
}

/// What some families can do, and others refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// [`EncoderDecoder::backward_recomputing`](crate::EncoderDecoder::backward_recomputing) in less memory.
    RecomputedActivations,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RecomputedActivations => "recomputed activations ('checkpoint_activations')",
        })
    }
}

/// Makes sure that parameters are counted as a model has them.
#[cfg(test)]
pub(super) fn assert_counted<C: FamilyConfig>(config: &C, vocab: &Vocab) {
    config.validate(vocab).unwrap();
    let model = config.init(vocab, 1, &burn::tensor::Device::flex());
    assert_eq!(config.num_params(vocab), model.num_params() as u128, "{config:?}");
}
