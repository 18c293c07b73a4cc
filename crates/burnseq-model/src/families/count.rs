//! Numbers of parameters without a model; they saturate where no memory would hold them.

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
