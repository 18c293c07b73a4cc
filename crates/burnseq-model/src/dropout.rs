//! Where dropout masks come from: a seed per forward pass, so that a run can be repeated and resumed bit for bit.

use std::cell::Cell;

use burn::tensor::Tensor;

use crate::ops;

/// Source of the dropout masks of one forward pass.
///
/// Every use draws the next mask of a sequence that depends on the seed alone: not on threads, and not on
/// what was drawn for earlier batches. Reseeding it from the run's seed and the update number makes resuming
/// exact without a saved generator.
#[derive(Debug, Clone)]
pub struct Dropout {
    /// `None` outside training.
    seed: Option<u64>,
    drawn: Cell<u64>,
}

impl Dropout {
    /// No dropout: validation and decoding.
    pub fn off() -> Self {
        Self {
            seed: None,
            drawn: Cell::new(0),
        }
    }

    /// Masks of the sequence that `seed` starts.
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed: Some(seed),
            drawn: Cell::new(0),
        }
    }

    /// The mask for the next use with drop `probability`, or `None` where nothing is dropped.
    pub(crate) fn draw(&self, probability: f64) -> Option<Mask> {
        let seed = self.seed.filter(|_| probability > 0.0)?;
        let number = self.drawn.get();
        self.drawn.set(number + 1);
        Some(Mask {
            seed: mix(seed ^ mix(number.wrapping_add(0x9E37_79B9_7F4A_7C15))),
            probability,
        })
    }

    /// Zeroes each value with `probability` and scales the others by `1 / (1 - probability)`.
    pub fn apply<const D: usize>(&self, x: Tensor<D>, probability: f64) -> Tensor<D> {
        match self.draw(probability) {
            Some(mask) => ops::dropout(x, mask),
            None => x,
        }
    }
}

/// One dropout mask: element `i` of the tensor it is laid over is kept or dropped by a hash of `seed` and `i`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mask {
    /// Seed of this mask alone.
    pub seed: u64,
    /// Share of the elements that are dropped, in `(0, 1)`.
    pub probability: f64,
}

/// A bijection that spreads every input bit over all output bits (finaliser of SplitMix64, Steele et al. 2014).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
