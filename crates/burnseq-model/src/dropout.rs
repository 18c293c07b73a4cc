//! Where dropout masks come from: a seed per forward pass, so that a run can be repeated and resumed bit for bit.
//!
//! Training drops values everywhere; decoding nowhere, or where `--retain-dropout` asks for it.

use std::cell::Cell;

use burn::tensor::Tensor;
use burnseq_kernels::dropout_mask::Mask;
use burnseq_kernels::ops;
use burnseq_numerics::split_mix::{mix_in, seed_of, uniform};
use serde::{Deserialize, Serialize};

/// A place of dropout, named after fairseq's module that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DropoutModule {
    /// The embeddings of the source.
    TransformerEncoder,
    /// The embeddings of the target.
    TransformerDecoder,
    /// The sub-layers of the encoder.
    TransformerEncoderLayer,
    /// The sub-layers of the decoder.
    TransformerDecoderLayer,
    /// The attention probabilities of either side.
    MultiheadAttention,
    /// The embeddings of the source, in LightConv and DynamicConv.
    LightConvEncoder,
    /// The embeddings of the target, in LightConv and DynamicConv.
    LightConvDecoder,
    /// The sub-layers of the encoder of LightConv and DynamicConv.
    LightConvEncoderLayer,
    /// The sub-layers of the decoder of LightConv and DynamicConv.
    LightConvDecoderLayer,
    /// The filters of LightConv.
    LightweightConv,
    /// The filters of DynamicConv.
    DynamicConv,
    /// Embeddings and outputs of the encoder of the LSTM.
    LstmEncoder,
    /// Embeddings, cells and outputs of the decoder of the LSTM.
    LstmDecoder,
    /// Embeddings and inputs of convolutions, in the encoder of fconv.
    FConvEncoder,
    /// Embeddings, inputs of convolutions and outputs, in the decoder of fconv.
    FConvDecoder,
}

impl DropoutModule {
    /// All places; those of a family are in [`FamilyConfig::DROPOUT_MODULES`](crate::FamilyConfig::DROPOUT_MODULES).
    pub const ALL: [Self; 15] = [
        Self::TransformerEncoder,
        Self::TransformerDecoder,
        Self::TransformerEncoderLayer,
        Self::TransformerDecoderLayer,
        Self::MultiheadAttention,
        Self::LightConvEncoder,
        Self::LightConvDecoder,
        Self::LightConvEncoderLayer,
        Self::LightConvDecoderLayer,
        Self::LightweightConv,
        Self::DynamicConv,
        Self::LstmEncoder,
        Self::LstmDecoder,
        Self::FConvEncoder,
        Self::FConvDecoder,
    ];

    /// The place of a name that [`name`](Self::name) gives.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|module| module.name() == name)
    }

    /// The name of fairseq's class.
    pub fn name(self) -> &'static str {
        match self {
            Self::TransformerEncoder => "TransformerEncoder",
            Self::TransformerDecoder => "TransformerDecoder",
            Self::TransformerEncoderLayer => "TransformerEncoderLayer",
            Self::TransformerDecoderLayer => "TransformerDecoderLayer",
            Self::MultiheadAttention => "MultiheadAttention",
            Self::LightConvEncoder => "LightConvEncoder",
            Self::LightConvDecoder => "LightConvDecoder",
            Self::LightConvEncoderLayer => "LightConvEncoderLayer",
            Self::LightConvDecoderLayer => "LightConvDecoderLayer",
            Self::LightweightConv => "LightweightConv1dTBC",
            // In fairseq's spelling.
            Self::DynamicConv => "DynamicConv_scripatable",
            Self::LstmEncoder => "LSTMEncoder",
            Self::LstmDecoder => "LSTMDecoder",
            Self::FConvEncoder => "FConvEncoder",
            Self::FConvDecoder => "FConvDecoder",
        }
    }
}

/// Source of the dropout masks of one forward pass.
///
/// Every use draws the next mask of a sequence that depends on the seed alone: not on threads, and not on
/// what was drawn for earlier batches. Reseeding it from the run's seed and the update number makes resuming
/// exact without a saved generator.
#[derive(Debug, Clone)]
pub struct Dropout {
    /// `None`: nothing is dropped.
    seed: Option<u64>,
    /// Whether whole blocks may be dropped, which decoding never does.
    training: bool,
    /// `None`: everywhere.
    modules: Option<Vec<DropoutModule>>,
    drawn: Cell<u64>,
}

impl Dropout {
    /// No dropout: validation and decoding.
    pub fn off() -> Self {
        Self {
            seed: None,
            training: false,
            modules: None,
            drawn: Cell::new(0),
        }
    }

    /// Masks of the sequence that `seed` starts, for training.
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed: Some(seed),
            training: true,
            modules: None,
            drawn: Cell::new(0),
        }
    }

    /// Masks of the sequence that several numbers start together, such as a seed and the number of a sentence, for
    /// decoding.
    pub fn seeded_by(numbers: &[u64]) -> Self {
        Self {
            training: false,
            ..Self::seeded(seed_of(numbers))
        }
    }

    /// The same masks, but only in `modules`.
    pub fn only_in(self, modules: &[DropoutModule]) -> Self {
        Self {
            modules: Some(modules.to_vec()),
            ..self
        }
    }

    /// The mask for the next use in `module` with drop `probability`, or `None` where nothing is dropped.
    pub(crate) fn draw(&self, module: DropoutModule, probability: f64) -> Option<Mask> {
        let seed = self.seed.filter(|_| probability > 0.0)?;
        if self
            .modules
            .as_ref()
            .is_some_and(|modules| !modules.contains(&module))
        {
            return None;
        }
        Some(Mask {
            seed: self.next(seed),
            probability,
        })
    }

    /// Whether a block is left out of this pass (LayerDrop, Fan et al. 2020): with `probability`, in training only.
    pub(crate) fn drops_layer(&self, probability: f64) -> bool {
        let Some(seed) = self.seed.filter(|_| self.training && probability > 0.0) else {
            return false;
        };
        uniform(self.next(seed)) < probability
    }

    /// The next number of the sequence.
    fn next(&self, seed: u64) -> u64 {
        let number = self.drawn.get();
        self.drawn.set(number + 1);
        mix_in(seed, number)
    }

    /// Zeroes each value with `probability` and scales the others by `1 / (1 - probability)`.
    pub(crate) fn apply<const D: usize>(
        &self,
        x: Tensor<D>,
        module: DropoutModule,
        probability: f64,
    ) -> Tensor<D> {
        match self.draw(module, probability) {
            Some(mask) => ops::dropout(x, mask),
            None => x,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_follow_the_seed_and_stay_within_the_modules() {
        let (a, b) = (Dropout::seeded(3), Dropout::seeded(3));
        let encoder = DropoutModule::TransformerEncoder;
        assert_eq!(a.draw(encoder, 0.1), b.draw(encoder, 0.1));
        assert_ne!(a.draw(encoder, 0.1), Dropout::seeded(3).draw(encoder, 0.1)); // the second of the sequence
        let by = |numbers: &[u64]| Dropout::seeded_by(numbers).draw(encoder, 0.1);
        assert_eq!(by(&[3, 1]), by(&[3, 1]));
        assert!(by(&[3, 1]) != by(&[1, 3]) && by(&[3, 0]) != by(&[3]));
        assert_eq!(a.draw(encoder, 0.0), None);
        assert_eq!(Dropout::off().draw(encoder, 0.1), None);
        let attention = Dropout::seeded(3).only_in(&[DropoutModule::MultiheadAttention]);
        assert_eq!(attention.draw(encoder, 0.1), None);
        assert!(attention.draw(DropoutModule::MultiheadAttention, 0.1).is_some());
    }

    #[test]
    fn blocks_are_left_out_as_often_as_asked_and_never_outside_training() {
        let left_out = |probability| {
            let passes = (0..500).map(Dropout::seeded);
            let count = |pass: Dropout| (0..20).filter(|_| pass.drops_layer(probability)).count();
            passes.map(count).sum::<usize>()
        };
        // Of 10,000 draws; the standard deviation of 0.2 is 40.
        assert!((1840..2160).contains(&left_out(0.2)), "{}", left_out(0.2));
        assert_eq!(left_out(0.0), 0);
        assert!(!Dropout::off().drops_layer(0.9) && !Dropout::seeded_by(&[3]).drops_layer(0.999_999));
    }
}
