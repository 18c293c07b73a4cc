//! Dropout masks: which elements of a tensor are dropped.

/// One dropout mask: element `i` of the tensor it is laid over is kept or dropped by a hash of `seed` and `i`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mask {
    /// Seed of this mask alone.
    pub seed: u64,
    /// Share of the elements that are dropped, in `(0, 1)`.
    pub probability: f64,
}

/// A [`Mask`] ready for use: cheap to evaluate for a run of elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    /// Lower half of the seed.
    pub low: u32,
    /// Upper half of the seed.
    pub high: u32,
    /// Elements whose hash is below it are dropped.
    pub threshold: u32,
    /// What the others are multiplied by.
    pub scale: f32,
}

impl Keep {
    /// Nothing is dropped.
    #[cfg(feature = "gpu")]
    pub const ALL: Self = Self {
        low: 0,
        high: 0,
        threshold: 0,
        scale: 1.0,
    };

    pub fn new(mask: Mask) -> Self {
        Self {
            low: mask.seed as u32,
            high: (mask.seed >> 32) as u32,
            threshold: (mask.probability * 2f64.powi(32)) as u32,
            scale: (1.0 / (1.0 - mask.probability)) as f32,
        }
    }

    /// What element `index` is multiplied by: 0 or `1 / (1 - p)`.
    ///
    /// The hash is the 32-bit finaliser of MurmurHash3 (Appleby 2011), with half of the seed before it and half inside.
    #[inline(always)]
    pub fn factor(self, index: u32) -> f32 {
        let mut hash = index.wrapping_mul(0x9E37_79B1) ^ self.low;
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x85EB_CA6B) ^ self.high;
        hash = (hash ^ (hash >> 13)).wrapping_mul(0xC2B2_AE35);
        hash ^= hash >> 16;
        if hash >= self.threshold { self.scale } else { 0.0 }
    }
}
