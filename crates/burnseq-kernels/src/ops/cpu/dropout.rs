//! Dropout, alone and on its way into a residual sum.

use burnseq_numerics::simd::vectorised;
use rayon::prelude::*;

use super::{CpuOp, Values, buffer};
use crate::dropout_mask::{Keep, Mask};

/// Elements that one task takes.
const RUN: usize = 1 << 14;

/// `out = base + x * mask`, or `x * mask` without a base.
pub(super) fn masked(x: &[f32], base: Option<&[f32]>, keep: Keep) -> Vec<f32> {
    let mut y = buffer(x.len());
    y.par_chunks_mut(RUN).enumerate().for_each(|(run, y)| {
        let first = run * RUN;
        let x = &x[first..first + y.len()];
        let base = base.map(|base| &base[first..first + y.len()]);
        match base {
            Some(base) => masked_sum(y, x, base, keep, first),
            None => masked_run(y, x, keep, first),
        }
    });
    y
}

vectorised! {
    /// `y = x * mask`, where `x` starts at element `first` of the mask.
    fn masked_run(y: &mut [f32], x: &[f32], keep: Keep, first: usize) {
        for (i, (y, &x)) in y.iter_mut().zip(x).enumerate() {
            *y = x * keep.factor((first + i) as u32);
        }
    }

    /// `y = base + x * mask`.
    fn masked_sum(y: &mut [f32], x: &[f32], base: &[f32], keep: Keep, first: usize) {
        for (i, ((y, &x), &base)) in y.iter_mut().zip(x).zip(base).enumerate() {
            *y = x.mul_add(keep.factor((first + i) as u32), base);
        }
    }

    /// `x *= mask`.
    pub(super) fn mask_in_place(x: &mut [f32], keep: Keep, first: usize) {
        for (i, x) in x.iter_mut().enumerate() {
            *x *= keep.factor((first + i) as u32);
        }
    }
}

/// `x * mask`.
#[derive(Debug, Clone)]
pub(in super::super) struct DropoutOp(pub Mask);

impl CpuOp<1> for DropoutOp {
    type Saved = ();

    fn forward(&self, [x]: [Values; 1]) -> (Values, ()) {
        (
            Values::new(masked(x.as_slice(), None, Keep::new(self.0)), x.shape()),
            (),
        )
    }

    fn backward(&self, _: (), grad: Values, _: [bool; 1]) -> [Option<Values>; 1] {
        [Some(Values::new(
            masked(grad.as_slice(), None, Keep::new(self.0)),
            grad.shape(),
        ))]
    }
}

/// `residual + x * mask`.
#[derive(Debug, Clone)]
pub(in super::super) struct DropoutAdd(pub Mask);

impl CpuOp<2> for DropoutAdd {
    type Saved = ();

    fn forward(&self, [residual, x]: [Values; 2]) -> (Values, ()) {
        (
            Values::new(
                masked(x.as_slice(), Some(residual.as_slice()), Keep::new(self.0)),
                x.shape(),
            ),
            (),
        )
    }

    fn backward(&self, _: (), grad: Values, needed: [bool; 2]) -> [Option<Values>; 2] {
        let of_x =
            needed[1].then(|| Values::new(masked(grad.as_slice(), None, Keep::new(self.0)), grad.shape()));
        [needed[0].then_some(grad), of_x]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_drop_their_share_and_differ_by_seed() {
        let kept = |seed| {
            let keep = Keep::new(Mask {
                seed,
                probability: 0.3,
            });
            (0..100_000).map(move |i| keep.factor(i) > 0.0)
        };
        for seed in [1, 2, 1 << 40] {
            let share = kept(seed).filter(|kept| *kept).count() as f64 / 1e5;
            assert!((share - 0.7).abs() < 0.01, "{share}");
        }
        let both = kept(1).zip(kept(2)).filter(|(a, b)| *a && *b).count() as f64 / 1e5;
        assert!(
            (both - 0.49).abs() < 0.01,
            "masks of two seeds are not independent: {both}"
        );
        let neighbours = kept(1).zip(kept(1).skip(1)).filter(|(a, b)| *a && *b).count() as f64 / 1e5;
        assert!(
            (neighbours - 0.49).abs() < 0.01,
            "neighbours are not independent: {neighbours}"
        );
    }
}
