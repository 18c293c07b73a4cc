//! Kernels of our own for GPUs, written in CubeCL, so that CUDA and Vulkan run the same source: dropout, for which Burn
//! would draw a mask, store it, and wait for the device to take a new seed.

mod dropout;
#[cfg(test)]
mod tests;

use burn::{
    backend::{Backend, backend_extension, tensor::FloatTensor},
    tensor::{Device, Tensor},
};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};

pub(super) use self::dropout::{Dropout, DropoutAdd};

/// The backend of all GPUs.
type Gpu = burn_cubecl::Cube;

/// Whether the kernels of this module take tensors of this device.
pub(super) fn takes<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.device() != Device::flex()
}

/// The kernels, as Burn calls them.
#[backend_extension(Cube, Fusion)]
pub(crate) trait Kernels: Backend {
    /// `x`, with elements zeroed and scaled by the hash of `low`, `high` and their number; see [`dropout`].
    #[fusion(dtype = x, shape = x)]
    fn masked(x: FloatTensor<Self>, low: u32, high: u32, threshold: u32, scale: f32) -> FloatTensor<Self>;

    /// `base + masked(x)`.
    #[fusion(dtype = x, shape = x)]
    fn masked_sum(
        base: FloatTensor<Self>,
        x: FloatTensor<Self>,
        low: u32,
        high: u32,
        threshold: u32,
        scale: f32,
    ) -> FloatTensor<Self>;
}

impl Kernels for CubeBackend {
    fn masked(x: CubeTensor, low: u32, high: u32, threshold: u32, scale: f32) -> CubeTensor {
        dropout::launch(None, x, [low, high, threshold], scale)
    }

    fn masked_sum(
        base: CubeTensor,
        x: CubeTensor,
        low: u32,
        high: u32,
        threshold: u32,
        scale: f32,
    ) -> CubeTensor {
        dropout::launch(Some(base), x, [low, high, threshold], scale)
    }
}
