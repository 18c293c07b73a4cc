//! Matrix products on strided views, cut into bands of rows for the threads.

use std::ops::Range;

use burnseq_numerics::simd::vectorised;
use gemm::{Parallelism, gemm};
use rayon::prelude::*;

use super::few_rows::{self, Rows};
use super::unpacked;

/// A matrix inside a slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mat<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Mat<'a> {
    /// Rows of `cols` values, one starting every `row_stride`.
    pub fn strided(values: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        if rows > 0 && cols > 0 {
            assert!(
                (rows - 1) * row_stride + cols <= values.len(),
                "{rows} rows do not fit the slice"
            );
        }
        Self {
            values,
            rows,
            cols,
            row_stride,
            col_stride: 1,
        }
    }

    /// Rows of `cols` values back to back.
    pub fn new(values: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(values, rows, cols, cols)
    }

    /// Rows become columns, in place.
    pub fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// The slice the matrix lies in.
    pub fn values(self) -> &'a [f32] {
        self.values
    }

    /// The same matrix in a slice of other values.
    pub fn with_values(self, values: &[f32]) -> Mat<'_> {
        assert_eq!(values.len(), self.values.len());
        Mat {
            values,
            rows: self.rows,
            cols: self.cols,
            row_stride: self.row_stride,
            col_stride: self.col_stride,
        }
    }

    /// Number of rows.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(self) -> usize {
        self.cols
    }

    /// Values between rows, and between columns.
    pub fn strides(self) -> [usize; 2] {
        [self.row_stride, self.col_stride]
    }

    fn as_rows(self) -> Rows<'a> {
        debug_assert_eq!(self.col_stride, 1);
        Rows {
            values: self.values,
            len: self.rows,
            width: self.cols,
            stride: self.row_stride,
        }
    }

    fn rows_from(self, first: usize, rows: usize) -> Self {
        assert!(first + rows <= self.rows);
        Self {
            values: &self.values[first * self.row_stride..],
            rows,
            ..self
        }
    }

    fn cols_from(self, first: usize, cols: usize) -> Self {
        assert!(first + cols <= self.cols);
        Self {
            values: &self.values[first * self.col_stride..],
            cols,
            ..self
        }
    }
}

/// `c = a b`, or `c += a b`; rows of `c` start every `c_stride` values and the values between are left alone.
pub(super) fn matmul_strided(c: &mut [f32], c_stride: usize, a: Mat, b: Mat, accumulate: bool) {
    if a.rows == 0 || b.cols == 0 {
        return;
    }
    assert!(
        (a.rows - 1) * c_stride + b.cols <= c.len(),
        "the result does not fit"
    );
    // SAFETY: the assertion keeps the result inside `c`, which is borrowed exclusively.
    unsafe { product(c.as_mut_ptr(), c_stride, a, b, accumulate) }
}

/// `c = a b`, or `c += a b`, on this thread. Each element is the sum of its products in the order of the inner dimension,
/// in blocks of [`DEPTH`], whatever the other sizes are; so a row of the result does not depend on how many others there
/// are. (Without AVX2, a result of up to [`few_rows::MOST_ROWS`] rows is summed in another order.)
///
/// # Safety
/// `c` is valid for writing `b.cols` values from every `c_stride`-th on, `a.rows` times, initialised where that is added
/// to, and no other thread touches those.
unsafe fn product(c: *mut f32, c_stride: usize, a: Mat, b: Mat, accumulate: bool) {
    assert_eq!(a.cols, b.rows, "inner sizes differ");
    let inner = a.cols;
    if inner == 0 && !accumulate {
        for row in 0..a.rows {
            // SAFETY: the caller's promise.
            unsafe { c.add(row * c_stride).write_bytes(0, b.cols) };
        }
    }
    for first in (0..inner).step_by(DEPTH) {
        let depth = DEPTH.min(inner - first);
        let (a, b) = (a.cols_from(first, depth), b.rows_from(first, depth));
        let accumulate = accumulate || first > 0;
        // SAFETY: the caller's promise.
        unsafe {
            let few = a.rows <= few_rows::MOST_ROWS && a.col_stride == 1;
            let done = if few && b.row_stride == 1 {
                few_rows::product(c, c_stride, a.as_rows(), b.t().as_rows(), accumulate)
            } else if few && b.col_stride == 1 {
                few_rows::product_in_columns(c, c_stride, a.as_rows(), b.as_rows(), accumulate)
            } else if unpacked::pays(a, b) {
                unpacked::product(c, c_stride, a, b, accumulate)
            } else {
                false
            };
            if done {
                continue;
            }
            if !few && (is_small(a.rows, b.cols) || b.cols == 1) {
                small_product(c, c_stride, a, b, accumulate);
            } else {
                library_product(c, c_stride, a, b, accumulate);
            }
        }
    }
}

/// Inner elements that are summed before their sum is added to the result. The library's blocks are as long, but the
/// number depends on the other sizes.
const DEPTH: usize = 512;

/// Results of at most so many elements are summed by the library in several lanes instead of in order.
const SMALL: usize = 256;

/// Whether the library sums the products of a result of this size in several lanes.
pub(super) fn is_small(rows: usize, cols: usize) -> bool {
    rows * cols <= SMALL
}

/// [`product`] in the order of the inner dimension.
///
/// # Safety
/// Those of [`product`].
unsafe fn small_product(c: *mut f32, c_stride: usize, a: Mat, b: Mat, accumulate: bool) {
    let mut sums = vec![0f32; a.rows * b.cols];
    sums_in_order(&mut sums, a, b);
    for (row, sums) in sums.chunks_exact(b.cols).enumerate() {
        // SAFETY: the row lies inside the result, which the caller answers for.
        unsafe { few_rows::put(c.add(row * c_stride), sums, accumulate) };
    }
}

vectorised! {
    /// `sums += a b`, one product after the other along the inner dimension.
    fn sums_in_order(sums: &mut [f32], a: Mat, b: Mat) {
        for (row, sums) in sums.chunks_exact_mut(b.cols).enumerate() {
            for inner in 0..a.cols {
                let factor = a.values[row * a.row_stride + inner * a.col_stride];
                let b_row = &b.values[inner * b.row_stride..];
                if b.col_stride == 1 {
                    for (sum, &value) in sums.iter_mut().zip(b_row) {
                        *sum = factor.mul_add(value, *sum);
                    }
                } else {
                    for (sum, &value) in sums.iter_mut().zip(b_row.iter().step_by(b.col_stride)) {
                        *sum = factor.mul_add(value, *sum);
                    }
                }
            }
        }
    }
}

/// [`product`] by the library, whose order of sums depends on the sizes.
///
/// # Safety
/// Those of [`product`].
unsafe fn library_product(c: *mut f32, c_stride: usize, a: Mat, b: Mat, accumulate: bool) {
    // SAFETY: `Mat::strided` keeps every index of `a` and `b` inside their slices, `t`, `rows_from` and `cols_from`
    // stay within it; the caller answers for `c`.
    unsafe {
        gemm(
            a.rows,
            b.cols,
            a.cols,
            c,
            1,
            c_stride as isize,
            accumulate,
            a.values.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Below this many multiplications one thread is faster than several.
const PARALLEL_FROM: usize = 1 << 19;

/// Bands a product is cut into.
const BANDS: usize = 4;

/// The result of a product, written by several threads at once, each to a part of its own.
#[derive(Clone, Copy)]
pub(super) struct Out(pub *mut f32);

// SAFETY: every user writes to elements that no other user touches; see `matmul`.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

impl Out {
    /// The address of element `offset`, which lies inside the result.
    pub fn at(self, offset: usize) -> *mut f32 {
        self.0.wrapping_add(offset)
    }
}

/// `c = a b`, or `c += a b`, with `c` row-major, on all threads.
pub(super) fn matmul(c: &mut [f32], a: Mat, b: Mat, accumulate: bool) {
    assert_eq!(c.len(), a.rows * b.cols, "the result has another size");
    let begin = if accumulate {
        Begin::Accumulate
    } else {
        Begin::Zero
    };
    // SAFETY: `c` has the size of the result and is borrowed exclusively.
    unsafe { in_bands(Out(c.as_mut_ptr()), a, b, begin) }
}

/// `a b` in new memory, or `a b + bias` with `bias` of as many values as there are columns, on all threads.
pub(super) fn product_of(a: Mat, b: Mat, bias: Option<&[f32]>) -> Vec<f32> {
    let mut c = Vec::with_capacity(a.rows * b.cols);
    if let Some(bias) = bias {
        assert_eq!(bias.len(), b.cols, "the bias has another size");
    }
    let begin = bias.map_or(Begin::Zero, Begin::Bias);
    // SAFETY: the memory has the size of the result and nobody else knows of it; every element is written.
    unsafe {
        in_bands(Out(c.as_mut_ptr()), a, b, begin);
        c.set_len(a.rows * b.cols);
    }
    c
}

/// What the sums of a result begin with.
#[derive(Debug, Clone, Copy)]
enum Begin<'a> {
    /// Nothing.
    Zero,
    /// These values in every row.
    Bias(&'a [f32]),
    /// What is there.
    Accumulate,
}

/// Writes every element of `a b` to `out`, row-major.
///
/// Bands are cut by the shape alone, so that results do not depend on how many threads there are: rows of a tall
/// result and columns of a wide one, since every band packs the whole of the other operand.
///
/// # Safety
/// `out` is valid for writing the result, and initialised where that is added to; no other thread touches it.
unsafe fn in_bands(out: Out, a: Mat, b: Mat, begin: Begin) {
    let (height, width) = (a.rows, b.cols);
    if height == 0 || width == 0 {
        return;
    }
    let tall = height >= width;
    let (length, across) = if tall { (height, width) } else { (width, height) };
    let band = |band: Range<usize>| {
        let (first, size) = (band.start, band.len());
        let (start, a, b, columns) = if tall {
            (first * width, a.rows_from(first, size), b, 0..width)
        } else {
            (first, a, b.cols_from(first, size), band)
        };
        // SAFETY: the bands are disjoint runs of rows or of columns of the result, which the caller answers for.
        unsafe {
            if let Begin::Bias(bias) = begin {
                let bias = &bias[columns];
                for row in 0..a.rows {
                    out.at(start + row * width)
                        .copy_from_nonoverlapping(bias.as_ptr(), bias.len());
                }
            }
            product(out.at(start), width, a, b, !matches!(begin, Begin::Zero));
        }
    };
    if height * width * a.cols < PARALLEL_FROM {
        return band(0..length);
    }
    // A band of a few rows or columns would be summed in another order than the rest: see `product`.
    let least = (few_rows::MOST_ROWS + 1).max(SMALL / across + 1);
    bands(length, least).into_par_iter().for_each(band);
}

/// Parts of `length`, at most [`BANDS`], each of at least `least` unless it is the only one.
fn bands(length: usize, least: usize) -> Vec<Range<usize>> {
    let size = length.div_ceil(BANDS).max(least).next_multiple_of(16);
    let starts = (0..length).step_by(size);
    let mut bands: Vec<Range<usize>> = starts.map(|first| first..(first + size).min(length)).collect();
    if bands.len() > 1
        && let Some(short) = bands.pop_if(|last| last.len() < least)
    {
        bands.last_mut().expect("there was more than one").end = short.end;
    }
    bands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(a: &[f32], b: &[f32], m: usize, k: usize, n: usize) -> Vec<f32> {
        (0..m * n)
            .map(|i| (0..k).map(|j| a[i / n * k + j] * b[j * n + i % n]).sum())
            .collect()
    }

    #[test]
    fn bands_cover_everything_and_none_is_short() {
        for length in [1, 5, 16, 63, 64, 65, 66, 193, 256, 257, 1000, 6632] {
            for least in [5, 17, 52, 129] {
                let bands = bands(length, least);
                assert!(bands.len() <= BANDS);
                assert_eq!((bands[0].start, bands[bands.len() - 1].end), (0, length));
                assert!(bands.windows(2).all(|pair| pair[0].end == pair[1].start));
                assert!(bands.len() == 1 || bands.iter().all(|band| band.len() >= least));
            }
        }
    }

    /// Numbers that no order of sums leaves alone.
    fn noise(len: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn a_row_does_not_depend_on_how_many_others_there_are() {
        for (inner, width) in [
            (8, 8),
            (13, 9),
            (64, 40),
            (64, 200),
            (256, 512),
            (1100, 256),
            (300, 1003),
        ] {
            let most = 700;
            let (a, b) = (noise(most * inner), noise(inner * width));
            let weight = Mat::new(&b, width, inner).t();
            let columns: Vec<f32> = (0..inner * width)
                .map(|i| b[i % width * inner + i / width])
                .collect();
            let in_columns = Mat::new(&columns, inner, width);
            let product = |rows: usize, weight: Mat| {
                let mut c = vec![0.5; rows * width];
                matmul(&mut c, Mat::new(&a[..rows * inner], rows, inner), weight, true);
                c
            };
            let whole = product(most, weight);
            for rows in [
                1, 2, 3, 4, 5, 6, 8, 9, 15, 16, 17, 40, 64, 65, 66, 129, 193, 257, 513, 700,
            ] {
                for (layout, weight) in [("[out, in]", weight), ("[in, out]", in_columns)] {
                    let part = product(rows, weight);
                    let same = part
                        .iter()
                        .zip(&whole)
                        .filter(|(a, b)| a.to_bits() == b.to_bits())
                        .count();
                    assert_eq!(
                        same,
                        part.len(),
                        "{rows} of {most} rows, {inner} x {width}, weight {layout}"
                    );
                }
            }
        }
    }

    #[test]
    fn products_of_every_layout_are_right() {
        for (m, k, n) in [
            (3, 4, 5),
            (130, 70, 90),
            (1, 200, 3),
            (257, 64, 33),
            (40, 90, 200),
            (1, 600, 1000),
        ] {
            let a: Vec<f32> = (0..m * k).map(|i| (i % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..k * n).map(|i| (i % 5) as f32 - 2.0).collect();
            let expected = naive(&a, &b, m, k, n);
            let mut c = vec![1.0; m * n];
            matmul(&mut c, Mat::new(&a, m, k), Mat::new(&b, k, n), false);
            assert_eq!(c, expected);
            matmul(&mut c, Mat::new(&a, m, k), Mat::new(&b, k, n), true);
            assert!(c.iter().zip(&expected).all(|(c, e)| *c == 2.0 * e));

            let a_t: Vec<f32> = (0..k * m).map(|i| a[i % m * k + i / m]).collect();
            let b_t: Vec<f32> = (0..k * n).map(|i| b[i % k * n + i / k]).collect();
            matmul(&mut c, Mat::new(&a_t, k, m).t(), Mat::new(&b_t, n, k).t(), false);
            assert_eq!(c, expected);
        }
    }
}
