//! Products of a few rows with a weight, as in the decoding of one sentence.
//!
//! Each element is one sum in the order of the inner dimension, as in products of many rows. The weight is read once and
//! nothing is packed. Where it lies with its inner dimension outermost ([`product_in_columns`]), its rows are added as
//! they are; else ([`product`]) eight rows are transposed in registers, eight columns at a time.

use burnseq_numerics::simd::{self, Level, vectorised};

/// Most rows of a product that is computed here; more pay for packing the weight.
pub(super) const MOST_ROWS: usize = 8;

/// Rows of the weight that are transposed together, and values of a vector.
#[cfg(target_arch = "x86_64")]
const LANES: usize = 8;

/// Values in a line of the cache.
#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 16;

/// `c = a wᵀ`, or `c += a wᵀ`, or nothing and `false` where this processor or layout is another.
///
/// # Shapes
/// - `c`: `[rows, out]`, rows `c_stride` values apart
/// - `a`: `[rows, inner]`, rows `a_stride` values apart, at most [`MOST_ROWS`]
/// - `w`: `[out, inner]`, rows `w_stride` values apart
///
/// # Safety
/// `c` is valid for writing its rows, and no other thread touches them.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn product(c: *mut f32, c_stride: usize, a: Rows, w: Rows, accumulate: bool) -> bool {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
        return false;
    }
    a.check();
    w.check();
    assert_eq!(a.width, w.width, "inner sizes differ");
    // SAFETY: the processor has the features; sizes are checked; the caller answers for `c`.
    unsafe {
        match a.len {
            1 => avx2::<1, 4>(c, c_stride, a, w, accumulate),
            2 => avx2::<2, 2>(c, c_stride, a, w, accumulate),
            3 => avx2::<3, 2>(c, c_stride, a, w, accumulate),
            4 => avx2::<4, 2>(c, c_stride, a, w, accumulate),
            5 => avx2::<5, 1>(c, c_stride, a, w, accumulate),
            6 => avx2::<6, 1>(c, c_stride, a, w, accumulate),
            7 => avx2::<7, 1>(c, c_stride, a, w, accumulate),
            8 => avx2::<8, 1>(c, c_stride, a, w, accumulate),
            _ => return false,
        }
    }
    true
}

/// See the other one: this is no such processor.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn product(_: *mut f32, _: usize, _: Rows, _: Rows, _: bool) -> bool {
    false
}

/// [`product`] with a weight whose inner dimension is outermost, `c = a w` or `c += a w`; nothing and `false` where this
/// processor has no fused multiplication and addition.
///
/// # Shapes
/// - `c`: `[rows, out]`, rows `c_stride` values apart
/// - `a`: `[rows, inner]`, at most [`MOST_ROWS`] rows
/// - `w`: `[inner, out]`
///
/// # Safety
/// `c` is valid for writing its rows, and no other thread touches them.
pub(super) unsafe fn product_in_columns(
    c: *mut f32,
    c_stride: usize,
    a: Rows,
    w: Rows,
    accumulate: bool,
) -> bool {
    if cfg!(target_arch = "x86_64") && simd::level() == Level::Baseline {
        return false;
    }
    assert_eq!(a.width, w.len, "inner sizes differ");
    let mut sums = vec![0f32; a.len * COLUMNS.min(w.width)];
    for first in (0..w.width).step_by(COLUMNS) {
        let width = COLUMNS.min(w.width - first);
        let sums = &mut sums[..a.len * width];
        sums.fill(0.0);
        add_rows(
            sums,
            a,
            Rows {
                values: &w.values[first..],
                width,
                ..w
            },
        );
        for (row, sums) in sums.chunks_exact(width).enumerate() {
            // SAFETY: these elements lie inside the result, which the caller answers for.
            unsafe { put(c.add(row * c_stride + first), sums, accumulate) };
        }
    }
    true
}

/// `c = sums`, or `c += sums`.
///
/// # Safety
/// `c` is valid for writing as many values, and initialised where that is added to.
pub(super) unsafe fn put(c: *mut f32, sums: &[f32], accumulate: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        if accumulate {
            let c = std::slice::from_raw_parts_mut(c, sums.len());
            c.iter_mut().zip(sums).for_each(|(c, sum)| *c += sum);
        } else {
            c.copy_from_nonoverlapping(sums.as_ptr(), sums.len());
        }
    }
}

/// Columns that are summed together: their sums stay in the cache, and what is read of a row of the weight is a page.
const COLUMNS: usize = 1024;

vectorised! {
    /// `sums += a w`, one product after the other along the inner dimension; `sums` are rows of `w.width` values.
    fn add_rows(sums: &mut [f32], a: Rows, w: Rows) {
        let whole = a.width / 8 * 8;
        for inner in (0..whole).step_by(8) {
            let w = |i: usize| &w.values[(inner + i) * w.stride..][..w.width];
            let [w0, w1, w2, w3, w4, w5, w6, w7] = [w(0), w(1), w(2), w(3), w(4), w(5), w(6), w(7)];
            for (row, sums) in sums.chunks_exact_mut(w0.len()).enumerate() {
                let a = &a.values[row * a.stride + inner..][..8];
                for (i, sum) in sums.iter_mut().enumerate() {
                    let mut s = a[0].mul_add(w0[i], *sum);
                    s = a[1].mul_add(w1[i], s);
                    s = a[2].mul_add(w2[i], s);
                    s = a[3].mul_add(w3[i], s);
                    s = a[4].mul_add(w4[i], s);
                    s = a[5].mul_add(w5[i], s);
                    s = a[6].mul_add(w6[i], s);
                    *sum = a[7].mul_add(w7[i], s);
                }
            }
        }
        for inner in whole..a.width {
            let w = &w.values[inner * w.stride..][..w.width];
            for (row, sums) in sums.chunks_exact_mut(w.len()).enumerate() {
                let factor = a.values[row * a.stride + inner];
                for (sum, &value) in sums.iter_mut().zip(w) {
                    *sum = factor.mul_add(value, *sum);
                }
            }
        }
    }
}

/// Rows of `width` values, `stride` values apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub values: &'a [f32],
    pub len: usize,
    pub width: usize,
    pub stride: usize,
}

impl Rows<'_> {
    /// # Panics
    /// When the last row does not end inside the values.
    #[cfg(target_arch = "x86_64")]
    fn check(&self) {
        let last = self.len.saturating_sub(1) * self.stride;
        assert!(self.len == 0 || last + self.width <= self.values.len());
    }
}

/// Computes `BLOCKS` times eight elements of `ROWS` rows at a time: several sums are on their way at once, since each
/// waits for its own last addition.
///
/// # Safety
/// The processor has AVX2 and FMA; `a` and `w` are checked and equally wide, `a` has `ROWS` rows; see [`product`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const ROWS: usize, const BLOCKS: usize>(
    c: *mut f32,
    c_stride: usize,
    a: Rows,
    w: Rows,
    accumulate: bool,
) {
    use std::arch::x86_64::*;
    let (out, inner) = (w.len, w.width);
    let whole = inner / LANES * LANES;
    for first in (0..out).step_by(BLOCKS * LANES) {
        let mut sums = [[_mm256_setzero_ps(); ROWS]; BLOCKS];
        let is_full = first + BLOCKS * LANES <= out;
        for column in (0..whole).step_by(LANES) {
            for (block, sums) in sums.iter_mut().enumerate() {
                let row = first + block * LANES;
                let tile = if is_full {
                    let at = w.values.as_ptr().wrapping_add(row * w.stride + column);
                    if column.is_multiple_of(CACHE_LINE) {
                        // The rows that come next; so many at once are too many for the processor to foresee.
                        let ahead = at.wrapping_add(BLOCKS * LANES * w.stride);
                        for i in 0..LANES {
                            _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(i * w.stride).cast());
                        }
                    }
                    // SAFETY: eight rows of eight values, all inside the slice.
                    unsafe { full_tile(at, w.stride) }
                } else {
                    part_of_tile(w, row, column, LANES)
                };
                // SAFETY: `a` has `ROWS` rows of `inner` values.
                unsafe { add_products::<ROWS, LANES>(sums, a, column, tile) };
            }
        }
        for column in whole..inner {
            for (block, sums) in sums.iter_mut().enumerate() {
                let tile = part_of_tile(w, first + block * LANES, column, 1);
                // SAFETY: as above, for one column.
                unsafe { add_products::<ROWS, 1>(sums, a, column, tile) };
            }
        }
        for (block, sums) in sums.iter().enumerate() {
            let column = first + block * LANES;
            for (row, &sum) in sums.iter().enumerate() {
                let mut values = [0f32; LANES];
                // SAFETY: the array holds eight values.
                unsafe { _mm256_storeu_ps(values.as_mut_ptr(), sum) };
                for (i, value) in values.iter().enumerate().take(out.saturating_sub(column)) {
                    // SAFETY: an element of the result, which the caller answers for.
                    unsafe {
                        let c = c.add(row * c_stride + column + i);
                        c.write(if accumulate { *c + value } else { *value });
                    }
                }
            }
        }
    }
}

/// `sums += a tile`, one column of `a` after the other: `COLUMNS` of them from `column` on.
///
/// # Safety
/// `a` has `ROWS` rows with these columns.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn add_products<const ROWS: usize, const COLUMNS: usize>(
    sums: &mut [std::arch::x86_64::__m256; ROWS],
    a: Rows,
    column: usize,
    tile: [std::arch::x86_64::__m256; LANES],
) {
    use std::arch::x86_64::*;
    for (i, &weights) in tile.iter().enumerate().take(COLUMNS) {
        for (row, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            let factor = unsafe { *a.values.as_ptr().add(row * a.stride + column + i) };
            *sum = _mm256_fmadd_ps(_mm256_set1_ps(factor), weights, *sum);
        }
    }
}

/// Eight columns of eight rows that are `stride` values apart.
///
/// # Safety
/// All of them can be read.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn full_tile(w: *const f32, stride: usize) -> [std::arch::x86_64::__m256; LANES] {
    use std::arch::x86_64::*;
    let mut rows = [_mm256_setzero_ps(); LANES];
    for (i, row) in rows.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        *row = unsafe { _mm256_loadu_ps(w.add(i * stride)) };
    }
    transpose(rows)
}

/// `columns` columns of up to eight rows from `row` on; what is missing is zero.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn part_of_tile(w: Rows, row: usize, column: usize, columns: usize) -> [std::arch::x86_64::__m256; LANES] {
    use std::arch::x86_64::*;
    let mut rows = [_mm256_setzero_ps(); LANES];
    for (i, vector) in rows.iter_mut().enumerate().take(w.len.saturating_sub(row)) {
        let mut values = [0f32; LANES];
        values[..columns].copy_from_slice(&w.values[(row + i) * w.stride + column..][..columns]);
        // SAFETY: the array holds eight values.
        *vector = unsafe { _mm256_loadu_ps(values.as_ptr()) };
    }
    transpose(rows)
}

/// Eight vectors of eight columns as eight vectors of eight rows.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn transpose(rows: [std::arch::x86_64::__m256; LANES]) -> [std::arch::x86_64::__m256; LANES] {
    use std::arch::x86_64::*;
    let [a, b, c, d, e, f, g, h] = rows;
    // Pairs of rows, in each half of the vectors.
    let pairs = [
        _mm256_unpacklo_ps(a, b),
        _mm256_unpackhi_ps(a, b),
        _mm256_unpacklo_ps(c, d),
        _mm256_unpackhi_ps(c, d),
        _mm256_unpacklo_ps(e, f),
        _mm256_unpackhi_ps(e, f),
        _mm256_unpacklo_ps(g, h),
        _mm256_unpackhi_ps(g, h),
    ];
    // Fours of rows: columns 0 to 3 and 4 to 7 share a vector.
    let fours = [
        _mm256_shuffle_ps::<0x44>(pairs[0], pairs[2]),
        _mm256_shuffle_ps::<0xee>(pairs[0], pairs[2]),
        _mm256_shuffle_ps::<0x44>(pairs[1], pairs[3]),
        _mm256_shuffle_ps::<0xee>(pairs[1], pairs[3]),
        _mm256_shuffle_ps::<0x44>(pairs[4], pairs[6]),
        _mm256_shuffle_ps::<0xee>(pairs[4], pairs[6]),
        _mm256_shuffle_ps::<0x44>(pairs[5], pairs[7]),
        _mm256_shuffle_ps::<0xee>(pairs[5], pairs[7]),
    ];
    [
        _mm256_permute2f128_ps::<0x20>(fours[0], fours[4]),
        _mm256_permute2f128_ps::<0x20>(fours[1], fours[5]),
        _mm256_permute2f128_ps::<0x20>(fours[2], fours[6]),
        _mm256_permute2f128_ps::<0x20>(fours[3], fours[7]),
        _mm256_permute2f128_ps::<0x31>(fours[0], fours[4]),
        _mm256_permute2f128_ps::<0x31>(fours[1], fours[5]),
        _mm256_permute2f128_ps::<0x31>(fours[2], fours[6]),
        _mm256_permute2f128_ps::<0x31>(fours[3], fours[7]),
    ]
}
