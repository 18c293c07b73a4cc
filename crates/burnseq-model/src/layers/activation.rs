//! Non-linearities of the feed-forward blocks, by fairseq's names.

use burn::tensor::{Tensor, activation};
use burnseq_kernels::ops;
use serde::{Deserialize, Serialize};

/// Non-linearity of the feed-forward blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationFn {
    /// `max(x, 0)`
    #[default]
    Relu,
    /// `max(x, 0)²` (So et al. 2021)
    ReluSquared,
    /// `x Φ(x)` (Hendrycks and Gimpel 2016), exact form.
    Gelu,
    /// `x Φ(x)`, approximated by a hyperbolic tangent (Hendrycks and Gimpel 2016, section 2).
    #[serde(alias = "gelu_fast")]
    GeluAccurate,
    /// `tanh(x)`
    Tanh,
    /// `x σ(x)` (Elfwing et al. 2018; Ramachandran et al. 2017). fairseq names it, but applies the class in place of the
    /// function, which fails.
    Swish,
    /// `x`
    Linear,
}

impl ActivationFn {
    /// Names, as in flags and files; `gelu_fast` is an old one of `gelu_accurate`.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("relu", Self::Relu),
        ("relu_squared", Self::ReluSquared),
        ("gelu", Self::Gelu),
        ("gelu_accurate", Self::GeluAccurate),
        ("gelu_fast", Self::GeluAccurate),
        ("tanh", Self::Tanh),
        ("swish", Self::Swish),
        ("linear", Self::Linear),
    ];

    /// The function of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, function)| *function)
    }

    /// Each element by itself.
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => activation::relu(x),
            Self::ReluSquared => {
                let x = activation::relu(x);
                x.clone() * x
            }
            Self::Gelu => ops::gelu(x, false),
            Self::GeluAccurate => ops::gelu(x, true),
            Self::Tanh => activation::tanh(x),
            Self::Swish => activation::silu(x),
            Self::Linear => x,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn values_are_those_of_the_formulas() {
        let x = [-2.0_f64, -0.5, 0.0, 1.0, 3.0];
        // erf(|x| / sqrt 2) of these numbers, to ten digits.
        let erf = [
            -0.954_499_736_1,
            -0.382_924_922_5,
            0.0,
            0.682_689_492_1,
            0.997_300_203_9,
        ];
        /// The value of an activation at the number of this index.
        type Formula<'a> = Box<dyn Fn(usize) -> f64 + 'a>;
        let expected: [(ActivationFn, Formula<'_>); 7] = [
            (ActivationFn::Relu, Box::new(|i| x[i].max(0.0))),
            (ActivationFn::ReluSquared, Box::new(|i| x[i].max(0.0).powi(2))),
            (ActivationFn::Gelu, Box::new(|i| 0.5 * x[i] * (1.0 + erf[i]))),
            (
                ActivationFn::GeluAccurate,
                Box::new(|i| {
                    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x[i] + 0.044_715 * x[i].powi(3));
                    0.5 * x[i] * (1.0 + inner.tanh())
                }),
            ),
            (ActivationFn::Tanh, Box::new(|i| x[i].tanh())),
            (ActivationFn::Swish, Box::new(|i| x[i] / (1.0 + (-x[i]).exp()))),
            (ActivationFn::Linear, Box::new(|i| x[i])),
        ];
        for (function, formula) in expected {
            let input = Tensor::<1>::from_floats(x.map(|x| x as f32), &Device::flex());
            let found = function.apply(input).into_data();
            for (i, found) in found.as_slice::<f32>().unwrap().iter().enumerate() {
                let expected = formula(i);
                let off = (f64::from(*found) - expected).abs();
                assert!(off < 1e-6, "{function:?}({}) = {found}, not {expected}", x[i]);
            }
        }
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let device = Device::flex().autodiff();
        for (name, function) in ActivationFn::NAMES {
            // Away from 0, where relu has none.
            let at = [-1.5_f32, -0.4, 0.7, 2.0];
            let x = Tensor::<1>::from_floats(at, &device).require_grad();
            let gradients = function.apply(x.clone()).sum().backward();
            let gradient = x.grad(&gradients).unwrap().into_data();
            let value = |x: f64| {
                let y = function.apply(Tensor::<1>::from_floats([x as f32], &Device::flex()));
                f64::from(y.into_scalar::<f32>())
            };
            for (x, gradient) in at.iter().zip(gradient.as_slice::<f32>().unwrap()) {
                let (x, step) = (f64::from(*x), 1e-2);
                let difference = (value(x + step) - value(x - step)) / (2.0 * step);
                let off = (f64::from(*gradient) - difference).abs();
                assert!(off < 1e-3, "{name} at {x}: {gradient} and {difference}");
            }
        }
    }

    #[test]
    fn names_are_those_of_files() {
        for (name, function) in ActivationFn::NAMES {
            assert_eq!(ActivationFn::from_name(name), Some(function));
            let read: ActivationFn = serde_json::from_str(&format!("\"{name}\"")).unwrap();
            assert_eq!(read, function);
        }
        assert_eq!(
            serde_json::to_string(&ActivationFn::GeluAccurate).unwrap(),
            "\"gelu_accurate\""
        );
        assert_eq!(ActivationFn::from_name("softmax"), None);
    }
}
