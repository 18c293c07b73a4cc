//! Matrix products on strided views, cut into bands of rows for the threads.

use gemm::{Parallelism, gemm};
use rayon::prelude::*;

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

/// `c = a b`, or `c += a b`, on this thread.
///
/// # Safety
/// `c` is valid for writing `b.cols` values from every `c_stride`-th on, `a.rows` times, and no other thread touches
/// those.
unsafe fn product(c: *mut f32, c_stride: usize, a: Mat, b: Mat, accumulate: bool) {
    assert_eq!(a.cols, b.rows, "inner sizes differ");
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
///
/// Bands are cut by the shape alone, so that results do not depend on how many threads there are: rows of a tall
/// result and columns of a wide one, since every band packs the whole of the other operand.
pub(super) fn matmul(c: &mut [f32], a: Mat, b: Mat, accumulate: bool) {
    let (height, width) = (a.rows, b.cols);
    assert_eq!(c.len(), height * width, "the result has another size");
    if height * width * a.cols < PARALLEL_FROM {
        return matmul_strided(c, width, a, b, accumulate);
    }
    let out = Out(c.as_mut_ptr());
    let tall = height >= width;
    let band = if tall { height } else { width }
        .div_ceil(BANDS)
        .next_multiple_of(16);
    (0..BANDS).into_par_iter().for_each(|i| {
        let first = i * band;
        if tall && first < height {
            let rows = band.min(height - first);
            // SAFETY: the bands are disjoint runs of rows of the matrix that `c` holds, and `c` is borrowed exclusively
            // until all are done.
            unsafe {
                product(
                    out.at(first * width),
                    width,
                    a.rows_from(first, rows),
                    b,
                    accumulate,
                )
            }
        } else if !tall && first < width {
            let cols = band.min(width - first);
            // SAFETY: as above, with columns for rows.
            unsafe { product(out.at(first), width, a, b.cols_from(first, cols), accumulate) }
        }
    });
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
