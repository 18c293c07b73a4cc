//! Vector instructions of the processor at hand, chosen at run time, and loops that vectorise.

/// Defines functions whose bodies are compiled for AVX-512, for AVX2 and for the baseline; a call takes the widest one
/// the processor has.
///
/// Everything a body calls must be `#[inline(always)]`, or it is compiled for the baseline only. Closures are not: use
/// [`lanes_sum!`] where a reduction takes an expression.
#[macro_export]
macro_rules! vectorised {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)+) => {$(
        $(#[$doc])*
        $vis fn $name($($arg: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($arg: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($arg: $type),*) $(-> $result)? {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) $(-> $result)? {
                    body($($arg),*)
                }
                match $crate::simd::level() {
                    // SAFETY: the processor has every feature that the function is compiled for.
                    $crate::simd::Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::simd::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::simd::Level::Baseline => {}
                }
            }
            body($($arg),*)
        }
    )+};
}

/// Sum over slices of one length, in 16 lanes: `lanes_sum!(|x in xs, y in ys| x * y)`.
#[macro_export]
macro_rules! lanes_sum {
    (|$($x:ident in $xs:ident),+| $value:expr) => {{
        let len = [$($xs.len()),+][0];
        let whole = len / 16 * 16;
        let mut lanes = [0f32; 16];
        for start in (0..whole).step_by(16) {
            $(let $x: &[f32; 16] = $xs[start..][..16].try_into().expect("16 values");)+
            for (lane, sum) in lanes.iter_mut().enumerate() {
                $(let $x = $x[lane];)+
                *sum += $value;
            }
        }
        let mut rest = 0f32;
        for i in whole..len {
            $(let $x = $xs[i];)+
            rest += $value;
        }
        // Where the compiler sees the last sum it keeps each lane in a register of its own, and nothing is vectorised.
        std::hint::black_box(lanes).iter().sum::<f32>() + rest
    }};
}
pub use crate::{lanes_sum, vectorised};

/// Sum of `x` in 16 lanes that zeros behind it leave as it is, so that rows of a batch may end in padding.
#[inline(always)]
pub fn padded_sum(x: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for chunk in whole {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += x;
    }
    std::hint::black_box(lanes).iter().sum()
}

/// Vector instructions there are versions for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// 512-bit vectors.
    Avx512,
    /// 256-bit vectors.
    Avx2,
    /// What every processor of the target has.
    Baseline,
}

/// The widest vectors of this processor; looked up once by the standard library.
#[inline]
#[cfg(target_arch = "x86_64")]
pub fn level() -> Level {
    if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("fma")
    {
        Level::Avx512
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        Level::Avx2
    } else {
        Level::Baseline
    }
}

/// Asks the processor to have these values in its second-level cache before they are used; changes no result.
#[inline(always)]
pub fn prefetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(16) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every processor of this architecture has the instruction, and it reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// `e^x` to about one unit in the last place, without branches; 0 below -87 and finite for every finite `x`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the lowest bits; taking that away gives it back.
    const ROUND: f32 = 12_582_912.0;
    let inside = x >= -87.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    // Minimax polynomial of Cephes' expf (Moshier 1989).
    let p = 1.987_569_1e-4f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 0.5);
    let y = p.mul_add(r * r, r) + 1.0;
    let scale = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    if inside { y * scale } else { 0.0 }
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    // Beyond 87 the result is 1 in `f32`, and below -87 it is as good as 0.
    1.0 / (1.0 + exp(-x.clamp(-87.0, 87.0)))
}

/// `tanh(x)` to about one unit in the last place, without branches.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    // Polynomial of Cephes' tanhf (Moshier 1989) for small numbers, where the other form cancels.
    let z = x * x;
    let p = -5.704_988_7e-3f32;
    let p = p.mul_add(z, 2.063_909e-2);
    let p = p.mul_add(z, -5.373_971_6e-2);
    let p = p.mul_add(z, 1.333_144_2e-1);
    let p = p.mul_add(z, -3.333_328e-1);
    let small = p.mul_add(z * x, x);
    let large = (1.0 - 2.0 / (exp(2.0 * size.min(40.0)) + 1.0)).copysign(x);
    if size < 0.625 { small } else { large }
}

/// The error function, at most 5e-7 off, without branches.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    // Rational approximation as in Eigen (Eigen/src/Core/MathFunctionsImpl.h): odd over even, 1 from 4 on.
    let x = x.clamp(-4.0, 4.0);
    let z = x * x;
    let p = -2.726_142_3e-10f32;
    let p = p.mul_add(z, 2.770_681_4e-8);
    let p = p.mul_add(z, -2.101_024e-6);
    let p = p.mul_add(z, -5.692_506_3e-5);
    let p = p.mul_add(z, -7.349_906_3e-4);
    let p = p.mul_add(z, -2.954_6e-3);
    let p = p.mul_add(z, -1.609_603_3e-2);
    let q = -1.456_607_2e-5f32;
    let q = q.mul_add(z, -2.133_740_5e-4);
    let q = q.mul_add(z, -1.682_827e-3);
    let q = q.mul_add(z, -7.373_329e-3);
    let q = q.mul_add(z, -1.426_474e-2);
    x * p / q
}

/// Largest value, at least `-f32::MAX`.
#[inline(always)]
pub fn max(x: &[f32]) -> f32 {
    let mut lanes = [-f32::MAX; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    let greater = |max: f32, &x: &f32| if x > max { x } else { max };
    let rest = rest.iter().fold(-f32::MAX, greater);
    std::hint::black_box(lanes).iter().fold(rest, greater)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_a_few_units_in_the_last_place() {
        let mut worst = 0f64;
        for i in -86_990..88_000 {
            let x = i as f32 * 1e-3;
            let exact = (x as f64).exp();
            worst = burnseq_testing::larger(worst, ((exp(x) as f64 - exact) / exact).abs());
        }
        assert!(worst < 2.5e-7, "{worst:e}");
        assert_eq!(exp(-1e30), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn the_error_function_is_that_of_its_table() {
        // Abramowitz and Stegun 1964, table 7.1.
        let table = [
            (0.0, 0.0),
            (0.1, 0.112_462_916),
            (0.5, 0.520_499_877_8),
            (1.0, 0.842_700_792_9),
            (1.5, 0.966_105_146_5),
            (2.0, 0.995_322_265),
            (3.0, 0.999_977_909_5),
            (9.0, 1.0),
        ];
        for (x, exact) in table {
            for sign in [1.0, -1.0] {
                let found = f64::from(erf(sign as f32 * x));
                assert!((found - sign * exact).abs() < 5e-7, "erf({x}) = {found}");
            }
        }
    }

    #[test]
    fn sigmoid_and_tanh_are_exact_to_a_few_units_in_the_last_place() {
        let (mut sigmoids, mut tanhs) = (0f64, 0f64);
        for i in -40_000..40_000 {
            let x = i as f32 * 5e-4;
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            sigmoids = burnseq_testing::larger(sigmoids, (f64::from(sigmoid(x)) / exact - 1.0).abs());
            if i != 0 {
                let exact = f64::from(x).tanh();
                tanhs = burnseq_testing::larger(tanhs, (f64::from(tanh(x)) / exact - 1.0).abs());
            }
        }
        assert!(sigmoids < 5e-7 && tanhs < 4e-7, "{sigmoids:e} {tanhs:e}");
        assert_eq!((sigmoid(1e30), tanh(1e30), tanh(-1e30)), (1.0, 1.0, -1.0));
        assert!(sigmoid(-1e30) < 1e-30 && tanh(0.0) == 0.0);
    }

    #[test]
    fn zeros_behind_change_no_sum() {
        let x: Vec<f32> = (1..40).map(|i| 1.0 / i as f32).collect();
        for len in [1, 15, 16, 17, 31, 32, 39] {
            let sum = padded_sum(&x[..len]);
            assert!((sum - x[..len].iter().sum::<f32>()).abs() < 1e-5);
            for zeros in [1, 5, 16, 40] {
                let padded = [&x[..len], &vec![0.0; zeros]].concat();
                assert_eq!(padded_sum(&padded).to_bits(), sum.to_bits());
            }
        }
    }

    #[test]
    fn reductions_take_every_element() {
        let x: Vec<f32> = (0..37).map(|i| i as f32).collect();
        assert_eq!(lanes_sum!(|x in x| x), 666.0);
        assert_eq!(lanes_sum!(|a in x, b in x| a * b), 16206.0);
        assert_eq!(max(&x), 36.0);
        assert_eq!(max(&[f32::NEG_INFINITY]), -f32::MAX);
    }

    vectorised! {
        fn doubled(x: &mut [f32]) {
            x.iter_mut().for_each(|x| *x *= 2.0);
        }
    }

    #[test]
    fn a_vectorised_function_does_its_work() {
        let mut x = [1.0, 2.0, 3.0];
        doubled(&mut x);
        assert_eq!(x, [2.0, 4.0, 6.0]);
    }
}
