//! Products whose right operand is read where it lies, row by row: sums in registers, nothing packed. They are those of
//! some tens of rows, as in the decoding of a batch and in attention, and the gradients of narrow layers.
//!
//! Each element is one sum in the order of the inner dimension, as in products of many rows.

use super::matmul::Mat;

/// Whether products are faster here than where the operands are packed: either few rows of the result would use what was
/// packed, or the rows of `b` lie so close together that the second-level cache holds a column of tiles.
pub(super) fn pays(a: Mat, b: Mat) -> bool {
    let [b_row_stride, b_col_stride] = b.strides();
    b_col_stride == 1 && (a.rows() <= 64 || b_row_stride <= 512)
}

/// `c = a b`, or `c += a b`, or nothing and `false` where this processor is another.
///
/// # Shapes
/// - `c`: `[rows, out]`, rows `c_stride` values apart
/// - `a`: `[rows, inner]`
/// - `b`: `[inner, out]`, its columns one value apart
///
/// # Safety
/// `c` is valid for writing its rows, initialised where that is added to, and no other thread touches them.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn product(c: *mut f32, c_stride: usize, a: Mat, b: Mat, accumulate: bool) -> bool {
    use burnseq_numerics::simd::{self, Level};

    if simd::level() != Level::Avx512 {
        return false;
    }
    assert_eq!(a.cols(), b.rows(), "inner sizes differ");
    // SAFETY: the processor has the instructions; sizes are checked; the caller answers for `c`.
    unsafe { avx512::product(c, c_stride, a, b, accumulate) }
    true
}

/// See the other one: this is no such processor.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn product(_: *mut f32, _: usize, _: Mat, _: Mat, _: bool) -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::Mat;

    /// Values of a vector.
    const LANES: usize = 16;
    /// Columns of the register tile, in vectors. With [`HEIGHT`] rows it fills 24 of 32 registers.
    const VECTORS: usize = 3;
    /// Rows of the register tile.
    const HEIGHT: usize = 8;
    /// Rows of the right operand that are asked for before their turn: they lie too far apart to be foreseen.
    const AHEAD: usize = 24;

    /// # Safety
    /// The processor has AVX-512; sizes are checked; see [`super::product`].
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn product(c: *mut f32, c_stride: usize, a: Mat, b: Mat, accumulate: bool) {
        let ([a_row_stride, a_col_stride], [b_stride, _]) = (a.strides(), b.strides());
        for column in (0..b.cols()).step_by(VECTORS * LANES) {
            let width = (VECTORS * LANES).min(b.cols() - column);
            for row in (0..a.rows()).step_by(HEIGHT) {
                let tile = Tile {
                    c: c.wrapping_add(row * c_stride + column),
                    c_stride,
                    a: a.values().as_ptr().wrapping_add(row * a_row_stride),
                    a_row_stride,
                    a_col_stride,
                    b: b.values().as_ptr().wrapping_add(column),
                    b_stride,
                    inner: a.cols(),
                    width,
                    is_first: row == 0,
                    accumulate,
                };
                // SAFETY: the tile lies inside all three.
                unsafe {
                    match HEIGHT.min(a.rows() - row) {
                        1 => tile.rows::<1>(),
                        2 => tile.rows::<2>(),
                        3 => tile.rows::<3>(),
                        4 => tile.rows::<4>(),
                        5 => tile.rows::<5>(),
                        6 => tile.rows::<6>(),
                        7 => tile.rows::<7>(),
                        _ => tile.rows::<HEIGHT>(),
                    }
                }
            }
        }
    }

    /// A part of the result that is summed in registers.
    struct Tile {
        c: *mut f32,
        c_stride: usize,
        a: *const f32,
        a_row_stride: usize,
        a_col_stride: usize,
        b: *const f32,
        b_stride: usize,
        inner: usize,
        /// Columns, from 1 to all that the registers hold.
        width: usize,
        /// Whether these columns of `b` are read for the first time.
        is_first: bool,
        accumulate: bool,
    }

    impl Tile {
        /// # Safety
        /// Those of [`product`], with `ROWS` rows.
        #[target_feature(enable = "avx512f")]
        unsafe fn rows<const ROWS: usize>(&self) {
            // SAFETY: the caller's promise.
            unsafe {
                match self.width.div_ceil(LANES) {
                    1 => self.sum::<ROWS, 1>(),
                    2 => self.sum::<ROWS, 2>(),
                    _ => self.sum::<ROWS, VECTORS>(),
                }
            }
        }

        /// # Safety
        /// Those of [`product`], with `ROWS` rows and columns of which the last vector holds the last.
        #[target_feature(enable = "avx512f")]
        unsafe fn sum<const ROWS: usize, const COLUMNS: usize>(&self) {
            let last = self.width - (COLUMNS - 1) * LANES;
            let masks: [__mmask16; COLUMNS] = std::array::from_fn(|i| {
                if i + 1 == COLUMNS {
                    (!0u32 >> (32 - last)) as u16
                } else {
                    !0
                }
            });
            let mut sums = [[_mm512_setzero_ps(); COLUMNS]; ROWS];
            for inner in 0..self.inner {
                let a = self.a.wrapping_add(inner * self.a_col_stride);
                let b = self.b.wrapping_add(inner * self.b_stride);
                if self.is_first {
                    let ahead = b.wrapping_add(AHEAD * self.b_stride);
                    for i in 0..COLUMNS {
                        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(i * LANES).cast());
                    }
                }
                // SAFETY: columns outside the masks are not read, the others lie inside the slice.
                let b: [__m512; COLUMNS] = std::array::from_fn(|i| unsafe {
                    _mm512_maskz_loadu_ps(masks[i], b.wrapping_add(i * LANES))
                });
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: an element of `a`.
                    let factor = _mm512_set1_ps(unsafe { *a.wrapping_add(row * self.a_row_stride) });
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum = _mm512_fmadd_ps(factor, b, *sum);
                    }
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (i, sum) in sums.into_iter().enumerate() {
                    let c = self.c.wrapping_add(row * self.c_stride + i * LANES);
                    // SAFETY: columns outside the mask are left alone, the others lie inside the result.
                    unsafe {
                        let sum = if self.accumulate {
                            _mm512_add_ps(_mm512_maskz_loadu_ps(masks[i], c), sum)
                        } else {
                            sum
                        };
                        _mm512_mask_storeu_ps(c, masks[i], sum);
                    }
                }
            }
        }
    }
}
