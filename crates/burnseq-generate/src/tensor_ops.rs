//! What is computed of logits on the device that has them.

use std::cmp::Ordering;

use burn::tensor::{DType, Int, Tensor, TensorData};
use burnseq_kernels::Stepping;

/// Logits `[rows, vocab]` in `f32`, divided by `temperature`.
pub(crate) fn scaled(logits: Tensor<2>, temperature: f32) -> Tensor<2> {
    let logits = logits.cast(DType::F32);
    if temperature == 1.0 {
        logits
    } else {
        logits / temperature
    }
}

/// `ln(sum(exp(row)))` of logits `[rows, vocab]` whose largest values are `max`, both `[rows, 1]`. It is not finite where
/// a row has NaN or positive infinity, or nothing that is finite.
pub(crate) fn log_sum_exp(logits: Tensor<2>, max: Tensor<2>) -> Tensor<2> {
    (logits - max.clone()).exp().sum_dim(1).log() + max
}

/// The `k` largest values of each row of `values` `[rows, width]`, largest first, and their places: both `[rows, k]`. Of
/// equal values the first ones are taken, first ones first.
///
/// CubeCL takes nothing below [`f32::MIN`]; where it finds less than `k` values, it gives that number and a place that is
/// none.
pub(crate) fn top_k(values: Tensor<2>, k: usize) -> (Tensor<2>, Tensor<2, Int>) {
    match Stepping::on(&values.device()) {
        // Burn sorts there, and leaves the order of equals open.
        Stepping::Processor => top_k_on_processor(values, k),
        Stepping::Device => values.topk_with_indices(k, 1),
    }
}

/// [`top_k`] of values in the memory of the processor.
fn top_k_on_processor(values: Tensor<2>, k: usize) -> (Tensor<2>, Tensor<2, Int>) {
    let device = values.device();
    let [rows, width] = values.dims();
    let values: Vec<f32> = values
        .into_data_dtype(DType::F32)
        .try_into_vec()
        .expect("the data was asked for as f32");
    let (mut best, mut places) = (Vec::with_capacity(rows * k), Vec::with_capacity(rows * k));
    for row in values.chunks_exact(width) {
        // Adding zero makes the negative zero equal to the other one.
        let by_value = |&a: &usize, &b: &usize| -> Ordering {
            (row[b] + 0.0).total_cmp(&(row[a] + 0.0)).then(a.cmp(&b))
        };
        let mut order: Vec<usize> = (0..width).collect();
        if k < width {
            order.select_nth_unstable_by(k, by_value);
            order.truncate(k);
        }
        order.sort_unstable_by(by_value);
        best.extend(order.iter().map(|&place| row[place]));
        places.extend(order.iter().map(|&place| place as i32));
    }
    (
        Tensor::from_data(TensorData::new(best, [rows, k]), &device),
        Tensor::from_data(TensorData::new(places, [rows, k]), &device),
    )
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// Values and places of `k` of each row, as `top_k` finds them.
    fn found(
        values: &[[f32; 6]],
        k: usize,
        top_k: impl FnOnce(Tensor<2>, usize) -> (Tensor<2>, Tensor<2, Int>),
    ) -> (Vec<f32>, Vec<i64>) {
        let values = TensorData::new(values.concat(), [values.len(), 6]);
        let (values, places) = top_k(Tensor::from_data(values, &Device::flex()), k);
        assert_eq!(values.dims(), places.dims());
        let places = places.into_data().iter::<i64>().collect();
        (values.into_data().try_into_vec().unwrap(), places)
    }

    #[test]
    fn the_largest_values_are_those_that_burn_finds() {
        let values = [
            [0.5, -1.0, 3.0, 2.0, -4.0, 1.5],
            [-2.0, 6.0, f32::NEG_INFINITY, 0.25, 1.0, -3.0],
        ];
        for k in [1, 3, 6] {
            let burn = |values: Tensor<2>, k| values.topk_with_indices(k, 1);
            assert_eq!(found(&values, k, top_k), found(&values, k, burn));
        }
    }

    #[test]
    fn the_first_of_equals_are_taken_in_their_order() {
        let values = [[1.0, 2.0, 1.0, 2.0, 1.0, 2.0], [0.0, -0.0, 0.0, -0.0, 0.0, -0.0]];
        assert_eq!(found(&values, 4, top_k).1, [1, 3, 5, 0, 0, 1, 2, 3]);
    }
}
