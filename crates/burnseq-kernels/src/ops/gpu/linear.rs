//! Affine map, optionally with ReLU.

use burn::{
    backend::tensor::FloatTensor,
    tensor::{DType, Tensor, activation},
};

use super::{Gpu, Kernels, column_sums, float_primitive, product, tensor, wide_product, with_bias};
use crate::{
    Precision,
    ops::{as_type, node::Operation},
};

/// `x Wᵀ + b`; inputs are `x` `[rows, in]`, the weight `[out, in]` and, if there is one, the bias `[out]`. The
/// product takes the weight in the type of `x`.
#[derive(Debug, Clone)]
pub(in super::super) struct Linear {
    /// Cut the result off below zero.
    pub relu: bool,
    /// Whether products in `f32` may be rounded.
    pub precision: Precision,
}

/// What the way back needs.
#[derive(Debug, Clone)]
pub(in super::super) struct Saved {
    x: Tensor<2>,
    /// In the type of `x`.
    weight: Tensor<2>,
    /// Where it was cut off.
    y: Option<Tensor<2>>,
    /// The type of the parameters, and so of their gradients.
    param_dtype: DType,
}

impl Linear {
    fn forward(
        &self,
        x: FloatTensor<Gpu>,
        weight: FloatTensor<Gpu>,
        bias: Option<FloatTensor<Gpu>>,
    ) -> (FloatTensor<Gpu>, Saved) {
        let (x, weight): (Tensor<2>, Tensor<2>) = (tensor(x), tensor(weight));
        let param_dtype = weight.dtype();
        let weight = as_type(weight, x.dtype());
        let mut y = product(x.clone(), weight.clone().transpose(), self.precision);
        y = match bias {
            Some(bias) => with_bias(y, tensor(bias), self.relu),
            None if self.relu => activation::relu(y),
            None => y,
        };
        let saved = Saved {
            x,
            weight,
            y: self.relu.then(|| y.clone()),
            param_dtype,
        };
        (float_primitive(y), saved)
    }

    /// Gradients of x, weight and bias.
    fn backward(
        &self,
        saved: Saved,
        grad: FloatTensor<Gpu>,
        needed: [bool; 3],
    ) -> [Option<FloatTensor<Gpu>>; 3] {
        let Saved {
            x,
            weight,
            y,
            param_dtype,
        } = saved;
        let mut grad: Tensor<2> = tensor(grad);
        if let Some(y) = y {
            grad = tensor(Gpu::relu_gradient(float_primitive(y), float_primitive(grad)));
        }
        let of_weight = needed[1].then(|| {
            let of_weight = wide_product(grad.clone().transpose(), x, self.precision);
            float_primitive(as_type(of_weight, param_dtype))
        });
        let of_bias = needed[2].then(|| float_primitive(as_type(column_sums(grad.clone()), param_dtype)));
        let of_x = needed[0].then(|| float_primitive(product(grad, weight, self.precision)));
        [of_x, of_weight, of_bias]
    }
}

impl Operation<Gpu, 3> for Linear {
    type Saved = Saved;

    fn forward(&self, [x, weight, bias]: [FloatTensor<Gpu>; 3]) -> (FloatTensor<Gpu>, Saved) {
        self.forward(x, weight, Some(bias))
    }

    fn backward(
        &self,
        saved: Saved,
        grad: FloatTensor<Gpu>,
        needed: [bool; 3],
    ) -> [Option<FloatTensor<Gpu>>; 3] {
        self.backward(saved, grad, needed)
    }
}

impl Operation<Gpu, 2> for Linear {
    type Saved = Saved;

    fn forward(&self, [x, weight]: [FloatTensor<Gpu>; 2]) -> (FloatTensor<Gpu>, Saved) {
        self.forward(x, weight, None)
    }

    fn backward(
        &self,
        saved: Saved,
        grad: FloatTensor<Gpu>,
        [x, weight]: [bool; 2],
    ) -> [Option<FloatTensor<Gpu>>; 2] {
        let [of_x, of_weight, _] = self.backward(saved, grad, [x, weight, false]);
        [of_x, of_weight]
    }
}
