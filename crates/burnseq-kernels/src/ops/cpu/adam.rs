//! One update of Adam in one pass over a parameter.

use burn::{backend::Flex, tensor::Tensor};
use burnseq_numerics::simd::vectorised;
use rayon::prelude::*;

use super::Values;
use crate::ops::AdamStep;

/// Elements that one task takes.
const RUN: usize = 1 << 15;

/// See [`crate::ops::adam_step`]; all tensors are on the flex device, without autodiff.
pub(in super::super) fn adam_step<const D: usize>(
    tensors: [Tensor<D>; 4],
    step: &AdamStep,
) -> [Tensor<D>; 3] {
    let [mut param, grad, mut exp_avg, mut exp_avg_sq] = tensors.map(|tensor| {
        let tensor = tensor
            .try_into_primitive::<Flex>()
            .expect("the caller checked the device");
        Values::from_tensor(tensor)
    });
    let moments = exp_avg
        .as_mut_slice()
        .par_chunks_mut(RUN)
        .zip(exp_avg_sq.as_mut_slice().par_chunks_mut(RUN));
    let values = param
        .as_mut_slice()
        .par_chunks_mut(RUN)
        .zip(grad.as_slice().par_chunks(RUN));
    values
        .zip(moments)
        .for_each(|((param, grad), (exp_avg, exp_avg_sq))| {
            adam_run(param, grad, exp_avg, exp_avg_sq, step);
        });
    [param, exp_avg, exp_avg_sq].map(|values| Tensor::from_primitive::<Flex>(values.0))
}

vectorised! {
    fn adam_run(param: &mut [f32], grad: &[f32], exp_avg: &mut [f32], exp_avg_sq: &mut [f32], step: &AdamStep) {
        let (beta1, beta2) = (step.beta1 as f32, step.beta2 as f32);
        let (rest1, rest2) = ((1.0 - step.beta1) as f32, (1.0 - step.beta2) as f32);
        let (eps, factor) = (step.eps as f32, step.grad_factor as f32);
        let (decay, step_size) = (step.decay as f32, step.step_size as f32);
        let moments = exp_avg.iter_mut().zip(exp_avg_sq.iter_mut());
        for ((param, &grad), (first, second)) in param.iter_mut().zip(grad).zip(moments) {
            let grad = grad * factor;
            *first = first.mul_add(beta1, grad * rest1);
            *second = second.mul_add(beta2, grad * grad * rest2);
            *param = *param * decay - *first / (second.sqrt() + eps) * step_size;
        }
    }
}
