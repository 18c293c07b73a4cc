//! Initial weights, drawn on the host from one seeded stream so that they are the same on every device.

use burn::{
    module::Param,
    tensor::{DType, Device, Tensor, TensorData},
};
use burnseq_numerics::split_mix::{SplitMix64, mix};

use burnseq_kernels::{Compute, Precision};

/// A seeded stream of uniform and normal numbers.
#[derive(Debug)]
pub struct Init {
    rng: SplitMix64,
    device: Device,
    precision: Precision,
    activations: DType,
}

impl Init {
    /// A stream whose tensors are made on the device of `compute`, for layers that compute in its precision.
    pub fn new(seed: u64, compute: &Compute) -> Self {
        Self {
            rng: SplitMix64::new(mix(seed ^ 0x6275_726E_7365_7131)),
            device: compute.device.clone(),
            precision: compute.precision,
            activations: compute.activations(),
        }
    }

    /// Standard normal (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.rng.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.rng.uniform()).cos()
    }

    /// These values, row-major.
    pub(crate) fn param<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_data(TensorData::new(values, shape), &self.device)
    }

    /// Uniform on `[-bound, bound)`.
    pub(crate) fn uniform_param<const D: usize>(
        &mut self,
        shape: [usize; D],
        bound: f64,
    ) -> Param<Tensor<D>> {
        let values = self.uniform_values(shape.iter().product(), bound);
        self.param(values, shape)
    }

    /// `count` numbers, uniform on `[-bound, bound)`.
    pub(crate) fn uniform_values(&mut self, count: usize, bound: f64) -> Vec<f32> {
        (0..count)
            .map(|_| ((self.rng.uniform() * 2.0 - 1.0) * bound) as f32)
            .collect()
    }

    /// `count` numbers, normal with mean 0 and the given standard deviation.
    pub(crate) fn normal_values(&mut self, count: usize, std: f64) -> Vec<f32> {
        (0..count).map(|_| (self.normal() * std) as f32).collect()
    }

    /// Normal with mean 0 and the given standard deviation; row `zero_row` is zero.
    pub(crate) fn normal_param(
        &mut self,
        [rows, width]: [usize; 2],
        std: f64,
        zero_row: Option<usize>,
    ) -> Param<Tensor<2>> {
        let mut values = self.normal_values(rows * width, std);
        if let Some(row) = zero_row {
            values[row * width..(row + 1) * width].fill(0.0);
        }
        self.param(values, [rows, width])
    }

    /// The same value everywhere.
    pub(crate) fn constant_param(&mut self, size: usize, value: f32) -> Param<Tensor<1>> {
        self.param(vec![value; size], [size])
    }

    /// The device the tensors are made on.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// What the layers compute in.
    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// Type of what passes between the layers.
    pub(crate) fn activations(&self) -> DType {
        self.activations
    }

    /// Lets vectors of this type pass between the layers, whatever the device prefers.
    #[cfg(test)]
    pub(crate) fn with_activations(self, activations: DType) -> Self {
        Self { activations, ..self }
    }
}

/// Bound of the uniform distribution of Glorot and Bengio 2010 for a `[fan_out, fan_in]` matrix.
pub(crate) fn xavier_bound(fan_out: usize, fan_in: usize, gain: f64) -> f64 {
    gain * (6.0 / (fan_in + fan_out) as f64).sqrt()
}
