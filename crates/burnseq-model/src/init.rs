//! Initial weights, drawn on the host from one seeded stream so that they are the same on every device; or none, where a
//! checkpoint's weights take their place or numbers are only counted.

use burn::{
    module::{Param, ParamId},
    tensor::{DType, Device, Tensor, TensorData},
};
use burnseq_numerics::split_mix::{SplitMix64, mix};

use burnseq_kernels::{Compute, Precision};

use crate::layers::{SinusoidFrequencies, sinusoids};

/// A seeded stream of uniform and normal numbers, from which the parameters of a model are drawn.
#[derive(Debug)]
pub struct Init {
    source: Source,
    device: Device,
    precision: Precision,
    activations: DType,
}

/// Where initial values come from.
#[derive(Debug)]
enum Source {
    Drawn(SplitMix64),
    /// Nowhere: a checkpoint's values take the place of all that is learned.
    Blank,
    /// Nowhere: what is made has a shape, and no values.
    Counted(Numbers),
}

/// How many numbers a model holds; they saturate where no memory would hold them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Numbers {
    /// Parameters.
    pub learned: u128,
    /// Tables that are not learned.
    pub fixed: u128,
}

impl Init {
    /// A stream whose tensors are made on the device of `compute`, for layers that compute in its precision.
    pub fn new(seed: u64, compute: &Compute) -> Self {
        Self {
            source: Source::Drawn(SplitMix64::new(mix(seed ^ 0x6275_726E_7365_7131))),
            device: compute.device.clone(),
            precision: compute.precision,
            activations: compute.activations(),
        }
    }

    /// For a model whose parameters have a shape and, until others take their place, the value zero.
    pub(crate) fn blank(compute: &Compute) -> Self {
        Self {
            source: Source::Blank,
            ..Self::new(0, compute)
        }
    }

    /// How many numbers there are in the model that `build` makes; it takes no memory for them.
    pub(crate) fn count<M>(build: impl FnOnce(&mut Self) -> M) -> Numbers {
        let mut init = Self {
            source: Source::Counted(Numbers::default()),
            ..Self::new(0, &Compute::from(&Device::flex()))
        };
        build(&mut init);
        match init.source {
            Source::Counted(numbers) => numbers,
            Source::Drawn(_) | Source::Blank => unreachable!("the source stays what it is"),
        }
    }

    /// These values, row-major.
    pub(crate) fn param<const D: usize>(&mut self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        match &mut self.source {
            Source::Drawn(_) => Param::from_data(TensorData::new(values, shape), &self.device),
            Source::Blank => unset(shape, &self.device),
            Source::Counted(numbers) => {
                add(&mut numbers.learned, shape);
                unset(shape, &self.device)
            }
        }
    }

    /// A table of sinusoids, which is not learned: see [`sinusoids`].
    pub(crate) fn sinusoids(
        &mut self,
        frequencies: SinusoidFrequencies,
        rows: usize,
        width: usize,
        pad: usize,
    ) -> Tensor<2> {
        match &mut self.source {
            Source::Drawn(_) | Source::Blank => sinusoids(frequencies, rows, width, pad, &self.device),
            Source::Counted(numbers) => {
                add(&mut numbers.fixed, [rows, width]);
                Tensor::zeros([0, 0], &self.device)
            }
        }
    }

    /// Uniform on `[-bound, bound)`.
    pub(crate) fn uniform_param<const D: usize>(
        &mut self,
        shape: [usize; D],
        bound: f64,
    ) -> Param<Tensor<D>> {
        let values = self.uniform_values(shape, bound);
        self.param(values, shape)
    }

    /// Numbers of this shape, uniform on `[-bound, bound)`; none where none are drawn.
    pub(crate) fn uniform_values<const D: usize>(&mut self, shape: [usize; D], bound: f64) -> Vec<f32> {
        self.values(shape, |rng| (rng.uniform() * 2.0 - 1.0) * bound)
    }

    /// Numbers of this shape, normal with mean 0 and the given standard deviation; none where none are drawn.
    pub(crate) fn normal_values<const D: usize>(&mut self, shape: [usize; D], std: f64) -> Vec<f32> {
        self.values(shape, |rng| normal(rng) * std)
    }

    fn values<const D: usize>(
        &mut self,
        shape: [usize; D],
        mut draw: impl FnMut(&mut SplitMix64) -> f64,
    ) -> Vec<f32> {
        match &mut self.source {
            Source::Drawn(rng) => (0..shape.iter().product()).map(|_| draw(rng) as f32).collect(),
            Source::Blank | Source::Counted(_) => Vec::new(),
        }
    }

    /// Normal with mean 0 and the given standard deviation; row `zero_row` is zero.
    pub(crate) fn normal_param(
        &mut self,
        [rows, width]: [usize; 2],
        std: f64,
        zero_row: Option<usize>,
    ) -> Param<Tensor<2>> {
        let mut values = self.normal_values([rows, width], std);
        if let Some(row) = zero_row {
            clear_row(&mut values, width, row);
        }
        self.param(values, [rows, width])
    }

    /// The same value everywhere.
    pub(crate) fn constant_param(&mut self, size: usize, value: f32) -> Param<Tensor<1>> {
        let values = self.values([size], |_| f64::from(value));
        self.param(values, [size])
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

/// A parameter of this shape that takes no memory before it is used; it is zero then.
fn unset<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    let zeros = move |device: &Device, _| Tensor::zeros(shape, device);
    Param::uninitialized(ParamId::new(), zeros, device.clone(), true, shape.into())
}

/// Standard normal (Box and Muller 1958).
fn normal(rng: &mut SplitMix64) -> f64 {
    let radius = (-2.0 * (1.0 - rng.uniform()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.uniform()).cos()
}

/// Zeros in a row of a matrix of rows of `width` numbers; nothing where none are drawn.
pub(crate) fn clear_row(values: &mut [f32], width: usize, row: usize) {
    if let Some(values) = values.chunks_exact_mut(width).nth(row) {
        values.fill(0.0);
    }
}

/// Adds the numbers of a tensor.
fn add<const D: usize>(count: &mut u128, shape: [usize; D]) {
    let numbers = shape
        .iter()
        .fold(1u128, |product, &size| product.saturating_mul(size as u128));
    *count = count.saturating_add(numbers);
}

/// Bound of the uniform distribution of Glorot and Bengio 2010 for a `[fan_out, fan_in]` matrix.
pub(crate) fn xavier_bound(fan_out: usize, fan_in: usize, gain: f64) -> f64 {
    gain * (6.0 / (fan_in + fan_out) as f64).sqrt()
}
