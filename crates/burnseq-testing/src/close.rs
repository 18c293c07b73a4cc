//! Comparison of arrays of numbers that no NaN passes.

/// How far a number may be from the expected one: `absolute + relative * |expected|`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// In units of the numbers.
    pub absolute: f64,
    /// As a share of the expected number.
    pub relative: f64,
}

impl Tolerance {
    /// The same distance for all numbers.
    pub const fn absolute(absolute: f64) -> Self {
        Self {
            absolute,
            relative: 0.0,
        }
    }
}

/// Asserts that two arrays have one length, which is not 0, and that each number is within `tolerance` of the expected
/// one, and returns the largest difference. Numbers that are equal are close, infinite ones included; NaN is close to
/// nothing.
///
/// # Panics
/// Otherwise; the message names `what`, the worst element, and how many are too far away.
#[track_caller]
pub fn assert_close<T: Into<f64> + Copy>(what: &str, got: &[T], expected: &[T], tolerance: Tolerance) -> f64 {
    assert_eq!(got.len(), expected.len(), "{what}: number of elements");
    assert!(!expected.is_empty(), "{what}: nothing is compared");
    let mut largest = 0.0_f64;
    let mut too_far = 0;
    // Excess over the tolerance, and where; NaN counts as infinitely far.
    let mut worst: Option<(f64, usize)> = None;
    for (index, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let (got, expected): (f64, f64) = (got.into(), expected.into());
        if got == expected {
            continue;
        }
        let difference = (got - expected).abs();
        let difference = if difference.is_nan() {
            f64::INFINITY
        } else {
            difference
        };
        largest = largest.max(difference);
        let excess = difference - (tolerance.absolute + tolerance.relative * expected.abs());
        // NaN where the expected number is infinite and the tolerance with it.
        let excess = if excess.is_nan() { f64::INFINITY } else { excess };
        if excess > 0.0 {
            too_far += 1;
            if worst.is_none_or(|(most, _)| excess > most) {
                worst = Some((excess, index));
            }
        }
    }
    if let Some((_, index)) = worst {
        let (got, expected): (f64, f64) = (got[index].into(), expected[index].into());
        panic!(
            "{what}: {too_far} elements are too far away; the worst is [{index}]: got {got:e}, expected {expected:e} \
             (tolerance {:e} + {:e} of the expected)",
            tolerance.absolute, tolerance.relative
        );
    }
    largest
}

/// The largest difference of two arrays of one length.
///
/// # Panics
/// When one holds NaN, or they are not equally long; see [`assert_close`].
#[track_caller]
pub fn largest_difference<T: Into<f64> + Copy>(what: &str, got: &[T], expected: &[T]) -> f64 {
    assert_close(what, got, expected, Tolerance::absolute(f64::MAX))
}

/// The larger of the largest difference so far and one more.
///
/// # Panics
/// When the new one is NaN, which `f64::max` would leave out.
#[track_caller]
pub fn larger(largest: f64, difference: f64) -> f64 {
    assert!(!difference.is_nan(), "a difference is NaN");
    largest.max(difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_close(got: &[f32], expected: &[f32], tolerance: Tolerance) -> bool {
        std::panic::catch_unwind(|| assert_close("test", got, expected, tolerance)).is_ok()
    }

    #[test]
    fn no_nan_passes() {
        let exact = Tolerance::absolute(0.0);
        let loose = Tolerance {
            absolute: f64::MAX,
            relative: 1.0,
        };
        for (got, expected) in [(f32::NAN, 1.0), (1.0, f32::NAN), (f32::NAN, f32::NAN)] {
            assert!(!is_close(&[0.0, got], &[0.0, expected], loose));
            let largest = || largest_difference("test", &[0.0, got], &[0.0, expected]);
            assert!(std::panic::catch_unwind(largest).is_err());
        }
        assert!(std::panic::catch_unwind(|| larger(1.0, f64::NAN)).is_err());
        assert_eq!(larger(1.0, 2.0), 2.0);
        assert_eq!(largest_difference("test", &[1.0, 5.0], &[2.0, 3.0]), 2.0);
        assert!(is_close(&[f32::INFINITY, 1.0], &[f32::INFINITY, 1.0], exact));
        assert!(!is_close(&[1.0], &[f32::INFINITY], loose));
        assert!(!is_close(&[f32::NEG_INFINITY], &[f32::INFINITY], loose));
        assert!(!is_close(&[f32::INFINITY], &[1.0], Tolerance::absolute(1e300)));
    }

    #[test]
    fn the_tolerance_is_absolute_plus_relative() {
        let tolerance = Tolerance {
            absolute: 0.5,
            relative: 0.25,
        };
        assert!(is_close(&[5.5], &[4.0], tolerance));
        assert!(!is_close(&[5.6], &[4.0], tolerance));
        assert!(!is_close(&[1.0], &[1.0, 1.0], tolerance), "of another length");
        assert!(!is_close(&[], &[], tolerance), "without numbers");
        assert_eq!(
            assert_close("largest", &[1.0, 2.25], &[1.0, 2.0], tolerance),
            0.25
        );
    }

    #[test]
    #[should_panic(
        expected = "weights: 2 elements are too far away; the worst is [2]: got 3e0, expected 1e0"
    )]
    fn the_worst_element_is_named() {
        assert_close("weights", &[1.0, 2.0, 3.0], &[1.0; 3], Tolerance::absolute(0.1));
    }
}
