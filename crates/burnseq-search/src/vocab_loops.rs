//! The two loops over the vocabulary that every step of every row runs: the normaliser of a softmax, and the search
//! for values above a threshold.
//!
//! Each is written over blocks of [`LANES`] numbers and compiled for the vector instructions at hand. Rust does not
//! contract `a * b + c`, and blocks are summed in a fixed order, so all versions give the same bits.

use burnseq_numerics::simd::vectorised;

/// Numbers that are worked on side by side.
const LANES: usize = 16;

vectorised! {
    /// `ln(sum(exp(row)))`; NaN when the row has NaN or positive infinity, or nothing that is finite.
    pub(crate) fn log_sum_exp(row: &[f32]) -> f32 {
        log_sum_exp_body(row)
    }

    /// Calls `found(index, score)` in order of index for every `(row[index] - minus) + plus` above `threshold`;
    /// `found` returns the threshold from then on, which must not fall.
    pub(crate) fn for_each_above(
        row: &[f32],
        minus: f32,
        plus: f32,
        threshold: f32,
        found: &mut dyn FnMut(usize, f32) -> f32,
    ) {
        for_each_above_body(row, minus, plus, threshold, found)
    }
}

#[inline(always)]
fn log_sum_exp_body(row: &[f32]) -> f32 {
    let (blocks, rest) = row.as_chunks::<LANES>();
    let mut max = [f32::NEG_INFINITY; LANES];
    for block in blocks {
        for lane in 0..LANES {
            max[lane] = if block[lane] > max[lane] {
                block[lane]
            } else {
                max[lane]
            };
        }
    }
    let max = max
        .iter()
        .chain(rest)
        .fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max });
    let mut sums = [0.0; LANES];
    for block in blocks {
        for lane in 0..LANES {
            sums[lane] += exp(block[lane] - max);
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        sums[lane] += exp(x - max);
    }
    max + sums.iter().sum::<f32>().ln()
}

#[inline(always)]
fn for_each_above_body(
    row: &[f32],
    minus: f32,
    plus: f32,
    mut threshold: f32,
    found: &mut dyn FnMut(usize, f32) -> f32,
) {
    let (blocks, rest) = row.as_chunks::<LANES>();
    for (number, block) in blocks.iter().enumerate() {
        let mut any = false;
        for &x in block {
            any |= (x - minus) + plus > threshold;
        }
        // Few blocks hold anything once the threshold has risen.
        if any {
            for (lane, &x) in block.iter().enumerate() {
                let score = (x - minus) + plus;
                if score > threshold {
                    threshold = found(number * LANES + lane, score);
                }
            }
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        let score = (x - minus) + plus;
        if score > threshold {
            threshold = found(blocks.len() * LANES + lane, score);
        }
    }
}

/// `e^x` for `x <= 0` within 2 units in the last place; what is below `e^-87` counts as `e^-87`. NaN stays NaN, by which
/// a row without a distribution is known.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`; `2^n` goes into the exponent bits, `e^r` is its Taylor series, whose first
/// missing term `r^8 / 8!` is below `6e-9`.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it to a number rounds that to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    /// `ln 2` in two parts; the first has so few bits that its product with `n` is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut series = 1.0 / 5040.0;
    series = series * r + 1.0 / 720.0;
    series = series * r + 1.0 / 120.0;
    series = series * r + 1.0 / 24.0;
    series = series * r + 1.0 / 6.0;
    series = series * r + 0.5;
    series = series * r + 1.0;
    series = series * r + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    series * power
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in `[-30, 10)` that look random.
    fn numbers(n: usize) -> Vec<f32> {
        (0..n as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 16_777_216.0 * 40.0 - 30.0)
            .collect()
    }

    #[test]
    fn the_exponential_is_within_two_units_in_the_last_place() {
        for i in 0..=87_000 {
            let x = -(i as f32) / 1000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2.0 * f64::from(f32::EPSILON), "{x}: {error}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn the_normaliser_agrees_with_double_precision_for_every_length() {
        for n in [1, 2, 15, 16, 17, 100, 3480, 33_000] {
            let row = numbers(n);
            let exact = row.iter().map(|&x| f64::from(x).exp()).sum::<f64>().ln();
            assert!((f64::from(log_sum_exp(&row)) - exact).abs() < 2e-6, "{n}");
        }
    }

    #[test]
    fn a_row_without_a_distribution_gives_nan() {
        for bad in [f32::NAN, f32::INFINITY] {
            for place in [0, 20, 35] {
                let mut row = numbers(36);
                row[place] = bad;
                assert!(log_sum_exp(&row).is_nan(), "{bad} at {place}");
            }
        }
        assert!(log_sum_exp(&[f32::NEG_INFINITY; 20]).is_nan());
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let row = numbers(3480);
        assert_eq!(log_sum_exp(&row).to_bits(), log_sum_exp_body(&row).to_bits());
    }

    #[test]
    fn all_values_above_a_rising_threshold_are_found_in_order() {
        let row = numbers(1003);
        let mut maxima = Vec::new();
        for_each_above(&row, 1.0, 0.5, -100.0, &mut |index, score| {
            maxima.push((index, score));
            score
        });
        let mut expected = Vec::new();
        let mut best = -100.0;
        for (index, &x) in row.iter().enumerate() {
            if (x - 1.0) + 0.5 > best {
                best = (x - 1.0) + 0.5;
                expected.push((index, best));
            }
        }
        assert_eq!(maxima, expected);
    }
}
