//! Numbers of parameters without a model; they saturate where no memory would hold them.

use std::collections::HashMap;

use burn::tensor::TensorData;

use crate::ModelError;

/// A model of so many weights, which take 1 GiB, is made before one looks whether there is a tensor for each, so that
/// mismatches are reported by parameter name.
const LARGE: u128 = 1 << 28;

/// Refuses a model out of all proportion to the weights that are there, which might not fit into memory.
pub(super) fn check_weights(needed: u128, tensors: &HashMap<String, TensorData>) -> Result<(), ModelError> {
    let held = tensors.values().map(|data| data.num_elements() as u128).sum();
    if needed > LARGE && needed / 2 > held {
        return Err(ModelError::TooFewWeights { needed, held });
    }
    Ok(())
}

/// Numbers of a matrix.
pub(super) fn matrix(rows: usize, columns: usize) -> u128 {
    (rows as u128).saturating_mul(columns as u128)
}

/// Numbers of a linear map with its bias.
pub(super) fn linear(from: usize, to: usize) -> u128 {
    matrix(to, from).saturating_add(to as u128)
}

/// A sum.
pub(super) fn sum(parts: impl IntoIterator<Item = u128>) -> u128 {
    parts.into_iter().fold(0, u128::saturating_add)
}
