//! Positions as fairseq counts them, and its table of sinusoids.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

/// Position of every token: `offset + k` for the k-th token (from 0) that is not padding, and the position before the
/// first one, if there is one, for padding. fairseq's offset is the id of padding plus one.
///
/// Only tokens count, so padding on the left or on the right gives a sentence the same positions.
///
/// # Shapes
/// `is_pad` and the result: `[batch, len]`
pub fn position_ids(is_pad: Tensor<2, Bool>, offset: usize) -> Tensor<2, Int> {
    let is_token = is_pad.bool_not().int();
    let number = is_token.clone().cumsum(1) * is_token.clone(); // from 1, padding has 0
    match offset.checked_sub(1) {
        Some(before) => number + before as i64,
        None => number - is_token,
    }
}

/// Sinusoidal positions (Vaswani et al. 2017, section 3.5) in fairseq's form: sines, then cosines, with frequency
/// `10000^(-k / (d_model / 2 - 1))`; the row of `pad` is zero, an odd width ends with a zero column.
///
/// # Shapes
/// `[rows, d_model]`
pub fn sinusoids(rows: usize, d_model: usize, pad: usize, device: &Device) -> Tensor<2> {
    let half = d_model / 2;
    // The arithmetic is fairseq's, in f32: at large angles the rounding of the angle shows.
    let step = -(10_000f64.ln() / (half as f64 - 1.0)) as f32;
    let frequencies: Vec<f32> = (0..half).map(|k| (k as f32 * step).exp()).collect();
    let mut values = vec![0f32; rows * d_model];
    for (position, row) in values.chunks_exact_mut(d_model).enumerate() {
        if position == pad {
            continue;
        }
        for (k, frequency) in frequencies.iter().enumerate() {
            let angle = position as f32 * frequency;
            row[k] = angle.sin();
            row[half + k] = angle.cos();
        }
    }
    Tensor::from_data(TensorData::new(values, [rows, d_model]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_on_either_side_leaves_the_positions_of_a_sentence() {
        let device = Device::flex();
        let is_pad = Tensor::<2, Bool>::from_bool(
            TensorData::from([[true, true, false, false], [false, false, true, true]]),
            &device,
        );
        let ids = |offset| position_ids(is_pad.clone(), offset).into_data_as::<i64>();
        assert_eq!(ids(2).as_slice::<i64>().unwrap(), [1, 1, 2, 3, 2, 3, 1, 1]);
        assert_eq!(ids(0).as_slice::<i64>().unwrap(), [0, 0, 0, 1, 0, 1, 0, 0]);
    }
}
