//! Gated linear unit (Dauphin et al. 2017).

use burn::tensor::{Tensor, activation};

use super::{cpu, node};

/// `a * sigmoid(b)`, where `a` and `b` are the halves of the last dimension.
///
/// # Shapes
/// `[batch, len, 2 * width]` to `[batch, len, width]`
pub fn glu(x: Tensor<3>) -> Tensor<3> {
    if cpu::takes(&x) {
        return apply!(cpu::GluOp, x);
    }
    composed_glu(x)
}

/// [`glu`] from Burn's operations.
pub(super) fn composed_glu(x: Tensor<3>) -> Tensor<3> {
    let [first, second] = halves(x);
    first * activation::sigmoid(second)
}

fn halves(x: Tensor<3>) -> [Tensor<3>; 2] {
    let [batch, len, width] = x.dims();
    [0..width / 2, width / 2..width].map(|columns| x.clone().slice([0..batch, 0..len, columns]))
}
