//! Weight normalisation (Salimans and Kingma 2016): a weight is a direction times a length.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use burnseq_kernels::{Precision, ops};

use crate::init::Init;

/// An affine map whose weight has been computed.
#[derive(Debug, Clone)]
pub struct Affine {
    /// `[out, in]`
    weight: Tensor<2>,
    /// `[out]`
    bias: Tensor<1>,
    precision: Precision,
}

impl Affine {
    /// With rows of the weight of lengths `weight_g` `[out, 1]` in the directions `weight_v` `[out, in]`.
    pub(crate) fn of_weight_norm(
        weight_g: Tensor<2>,
        weight_v: Tensor<2>,
        bias: Tensor<1>,
        precision: Precision,
    ) -> Self {
        let length = weight_v.clone().square().sum_dim(1).sqrt(); // [out, 1]
        Self {
            weight: weight_v * (weight_g / length),
            bias,
            precision,
        }
    }

    /// `[batch, len, in]` to `[batch, len, out]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        ops::linear(x, self.weight.clone(), Some(self.bias.clone()), self.precision)
    }

    /// The same in the form that decoding reads: see [`ops::laid_out_for_decoding`].
    pub(crate) fn laid_out_for_decoding(self) -> Self {
        Self {
            weight: ops::laid_out_for_decoding(self.weight, self.precision),
            ..self
        }
    }
}

/// `y = x Wᵀ + b`, in PyTorch's order of parameters, where row `o` of `W` is `weight_g[o] * weight_v[o] / |weight_v[o]|`.
#[derive(Module, Debug)]
pub struct WeightNormLinear {
    /// `[out]`
    pub bias: Param<Tensor<1>>,
    /// Lengths, `[out, 1]`.
    pub weight_g: Param<Tensor<2>>,
    /// Directions, `[out, in]`.
    pub weight_v: Param<Tensor<2>>,
    #[module(skip)]
    precision: Precision,
}

impl WeightNormLinear {
    /// Weight N(0, (1 - `dropout`) / `input`) as Gehring et al. 2017, section 3.5; bias zero.
    pub(crate) fn new(input: usize, output: usize, dropout: f64, init: &mut Init) -> Self {
        let std = ((1.0 - dropout) / input as f64).sqrt();
        let weight = init.normal_values([output, input], std);
        let norm = |row: &[f32]| row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32;
        let lengths = weight.chunks_exact(input).map(norm).collect();
        Self {
            weight_g: init.param(lengths, [output, 1]),
            weight_v: init.param(weight, [output, input]),
            bias: init.constant_param(output, 0.0),
            precision: init.precision(),
        }
    }

    /// The map with its weight computed.
    pub fn affine(&self) -> Affine {
        Affine::of_weight_norm(
            self.weight_g.val(),
            self.weight_v.val(),
            self.bias.val(),
            self.precision,
        )
    }
}

/// Convolution over time. The filters of output channel `o` are `weight_g[o] * weight_v[.., o] / |weight_v[.., o]|`.
#[derive(Module, Debug)]
pub struct WeightNormConv {
    /// `[out]`
    pub bias: Param<Tensor<1>>,
    /// Lengths, `[1, 1, out]`.
    pub weight_g: Param<Tensor<3>>,
    /// Directions, `[kernel_size, in, out]`.
    pub weight_v: Param<Tensor<3>>,
    #[module(skip)]
    precision: Precision,
}

impl WeightNormConv {
    /// Weight N(0, 4 (1 - `dropout`) / (`kernel_size` * `input`)) as Gehring et al. 2017, section 3.5; bias zero.
    pub(crate) fn new(
        input: usize,
        output: usize,
        kernel_size: usize,
        dropout: f64,
        init: &mut Init,
    ) -> Self {
        let std = (4.0 * (1.0 - dropout) / (kernel_size * input) as f64).sqrt();
        let weight = init.normal_values([kernel_size, input, output], std);
        let mut squares = vec![0f64; output];
        for row in weight.chunks_exact(output) {
            for (square, x) in squares.iter_mut().zip(row) {
                *square += f64::from(*x).powi(2);
            }
        }
        let lengths = squares.into_iter().map(|square| square.sqrt() as f32).collect();
        Self {
            weight_g: init.param(lengths, [1, 1, output]),
            weight_v: init.param(weight, [kernel_size, input, output]),
            bias: init.constant_param(output, 0.0),
            precision: init.precision(),
        }
    }

    /// The convolution with its weight computed.
    pub fn computed(&self) -> Conv {
        let v = self.weight_v.val();
        let [kernel_size, input, output] = v.dims();
        let length = v.clone().square().sum_dim(0).sum_dim(1).sqrt(); // [1, 1, out]
        let weight = v * (self.weight_g.val() / length);
        Conv {
            affine: Affine {
                weight: weight.reshape([kernel_size * input, output]).transpose(),
                bias: self.bias.val(),
                precision: self.precision,
            },
            kernel_size,
        }
    }
}

/// A convolution over time whose weight has been computed: an affine map of the inputs that an output sees.
#[derive(Debug, Clone)]
pub struct Conv {
    /// `[out, kernel_size * in]`
    affine: Affine,
    kernel_size: usize,
}

impl Conv {
    pub(crate) fn laid_out_for_decoding(self) -> Self {
        Self {
            affine: self.affine.laid_out_for_decoding(),
            ..self
        }
    }

    /// Taps.
    pub fn kernel_size(&self) -> usize {
        self.kernel_size
    }

    /// Whole sentences with `padding_left` zeros before each, and as many after it as keep its length.
    ///
    /// # Shapes
    /// `[batch, len, in]` to `[batch, len, out]`
    pub fn forward(&self, x: Tensor<3>, padding_left: usize) -> Tensor<3> {
        let [batch, len, width] = x.dims();
        let zeros = |count: usize| Tensor::<3>::zeros([batch, count, width], (&x.device(), x.dtype()));
        let shifted = (0..self.kernel_size).map(|tap| {
            // Place t of it is input t + tap - padding_left.
            let before = padding_left.saturating_sub(tap).min(len);
            let first = tap.saturating_sub(padding_left).min(len);
            let count = len - before.max(first);
            let after = len - before - count;
            let mut parts = Vec::with_capacity(3);
            if before > 0 {
                parts.push(zeros(before));
            }
            if count > 0 {
                parts.push(x.clone().slice([0..batch, first..first + count]));
            }
            if after > 0 {
                parts.push(zeros(after));
            }
            Tensor::cat(parts, 1)
        });
        let seen = Tensor::cat(shifted.collect(), 2); // [batch, len, kernel_size * in]
        self.affine.forward(seen)
    }

    /// One output of every row of a window: `[rows, kernel_size, in]` to `[rows, 1, out]`.
    pub fn step(&self, window: Tensor<3>) -> Tensor<3> {
        let [rows, kernel_size, width] = window.dims();
        self.affine
            .forward(window.reshape([rows, 1, kernel_size * width]))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use burnseq_kernels::Compute;

    use super::*;

    #[test]
    fn fresh_weights_have_the_length_of_their_direction() {
        let mut init = Init::new(3, &Compute::from(&Device::flex()));
        let linear = WeightNormLinear::new(40, 30, 0.1, &mut init);
        let off = (linear.affine().weight - linear.weight_v.val()).abs().max();
        assert!(off.into_scalar::<f32>() < 1e-6);
        let conv = WeightNormConv::new(20, 10, 3, 0.1, &mut init);
        let weight: Tensor<2> = conv.weight_v.val().reshape([60, 10]);
        let off = (conv.computed().affine.weight.transpose() - weight.clone())
            .abs()
            .max();
        assert!(off.into_scalar::<f32>() < 1e-6);
        // 600 numbers of variance 4 * 0.9 / 60.
        let variance: f32 = weight.square().mean().into_scalar();
        assert!((variance / 0.06 - 1.0).abs() < 0.3, "{variance}");
    }

    #[test]
    fn a_convolution_sees_as_many_inputs_before_and_after_as_its_padding_says() {
        let device = Device::flex();
        let x = Tensor::<3>::from_floats([[[1.0], [10.0], [100.0]]], &device);
        let conv = |taps: Vec<f32>| Conv {
            kernel_size: taps.len(),
            affine: Affine {
                weight: Tensor::<1>::from_floats(taps.as_slice(), &device).unsqueeze(),
                bias: Tensor::from_floats([0.5], &device),
                precision: Precision::Fp32,
            },
        };
        for (taps, padding_left, expected) in [
            (vec![2.0, 3.0, 4.0], 1, [43.5, 432.5, 320.5]),
            (vec![2.0, 3.0, 4.0], 2, [4.5, 43.5, 432.5]),
            (vec![2.0, 3.0], 0, [32.5, 320.5, 200.5]),
            (vec![2.0, 3.0, 4.0, 5.0, 6.0], 4, [6.5, 65.5, 654.5]),
        ] {
            let y = conv(taps).forward(x.clone(), padding_left).into_data();
            assert_eq!(y.as_slice::<f32>().unwrap(), expected);
        }
    }
}
