//! Gaussian error linear unit (Hendrycks and Gimpel 2016).

use burn::tensor::{Tensor, activation};

use super::{cpu, node};

/// `x Φ(x)` of every element; `by_tanh` takes the approximation of section 2 of the paper.
pub fn gelu<const D: usize>(x: Tensor<D>, by_tanh: bool) -> Tensor<D> {
    if cpu::takes(&x) {
        return apply!(cpu::GeluOp { by_tanh }, x);
    }
    composed_gelu(x, by_tanh)
}

/// [`gelu`] from Burn's operations.
pub(super) fn composed_gelu<const D: usize>(x: Tensor<D>, by_tanh: bool) -> Tensor<D> {
    if !by_tanh {
        return activation::gelu(x);
    }
    const SQRT_2_OVER_PI: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    // Products, as a power of a negative number is not a number on every device.
    let cube = x.clone() * x.clone() * x.clone();
    let inner = (x.clone() + cube * 0.044_715) * SQRT_2_OVER_PI;
    x * 0.5 * (inner.tanh() + 1.0)
}
