//! Positions as fairseq counts them, and tables of sinusoids.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// Frequencies of sinusoidal positions; all tables have the sines first and the cosines behind them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinusoidFrequencies {
    /// `10000^(-k / (d_model / 2 - 1))`, as fairseq and tensor2tensor have them.
    #[default]
    Fairseq,
    /// `10000^(-2k / d_model)` (Vaswani et al. 2017, section 3.5), as Hugging Face runs Marian's models.
    Vaswani,
}

impl SinusoidFrequencies {
    /// Names, as in flags and files.
    pub const NAMES: [(&'static str, Self); 2] = [("fairseq", Self::Fairseq), ("vaswani", Self::Vaswani)];
}

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

/// Sinusoidal positions (Vaswani et al. 2017, section 3.5), sines before cosines; the row of `pad` is zero, an odd width
/// ends with a zero column.
///
/// # Shapes
/// `[rows, d_model]`
pub fn sinusoids(
    frequencies: SinusoidFrequencies,
    rows: usize,
    d_model: usize,
    pad: usize,
    device: &Device,
) -> Tensor<2> {
    let half = d_model / 2;
    let table = |sin_cos: &dyn Fn(usize, usize) -> (f32, f32)| {
        let mut values = vec![0f32; rows * d_model];
        for (position, row) in values.chunks_exact_mut(d_model).enumerate() {
            if position == pad {
                continue;
            }
            for k in 0..half {
                (row[k], row[half + k]) = sin_cos(position, k);
            }
        }
        values
    };
    let values = match frequencies {
        SinusoidFrequencies::Fairseq => {
            // fairseq computes in f32: at large angles the rounding of the angle shows.
            let step = -(10_000f64.ln() / (half as f64 - 1.0)) as f32;
            let frequencies: Vec<f32> = (0..half).map(|k| (k as f32 * step).exp()).collect();
            table(&|position, k| (position as f32 * frequencies[k]).sin_cos())
        }
        SinusoidFrequencies::Vaswani => {
            let divisors: Vec<f64> = (0..half)
                .map(|k| 10_000f64.powf(2.0 * k as f64 / d_model as f64))
                .collect();
            table(&|position, k| {
                let (sin, cos) = (position as f64 / divisors[k]).sin_cos();
                (sin as f32, cos as f32)
            })
        }
    };
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
