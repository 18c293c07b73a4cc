//! Numbers without tensors, for every crate that computes.
//!
//! - [`simd`]: loops that are compiled for the vector instructions at hand ([`vectorised!`]), and functions for them.
//! - [`split_mix`]: random numbers that are the same on every machine ([`SplitMix64`](split_mix::SplitMix64)).
//!
//! ```
//! use burnseq_numerics::split_mix::{SplitMix64, seed_of};
//!
//! // What is drawn for a sentence depends on the seed and its number alone.
//! let mut rng = SplitMix64::new(seed_of(&[7, 42]));
//! assert!((0.0..1.0).contains(&rng.uniform()));
//! ```

pub mod simd;
pub mod split_mix;
