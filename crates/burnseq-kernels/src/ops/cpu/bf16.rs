//! Matrix products of operands rounded to bfloat16, summed in `f32`.
//!
//! Processors with AVX512-BF16 multiply and add pairs of bfloat16 values twice as fast as `f32` values. Operands stay
//! `f32` in memory and are rounded (to nearest, ties to even) while they are packed. Elsewhere the same rounding comes
//! before a product in `f32`: the same results up to the order of the sums, without the gain.

use burn::tensor::bf16;

use super::matmul::{self, Mat};

/// `c = a b`, or `c += a b`, with `c` row-major, on all threads.
///
/// Every element is summed in the same order whatever the number of threads.
pub(super) fn matmul(c: &mut [f32], a: Mat, b: Mat, accumulate: bool) {
    assert_eq!(a.cols(), b.rows(), "inner sizes differ");
    assert_eq!(c.len(), a.rows() * b.cols(), "the result has another size");
    #[cfg(target_arch = "x86_64")]
    if avx512::available() {
        return avx512::matmul(c, a, b, accumulate);
    }
    rounded_matmul(c, a, b, accumulate);
}

/// Whether products of bfloat16 are faster than those of `f32` on this processor.
pub(in super::super) fn is_fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return avx512::available();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The definition: operands are rounded, then multiplied in `f32`.
fn rounded_matmul(c: &mut [f32], a: Mat, b: Mat, accumulate: bool) {
    let round = |m: Mat| -> Vec<f32> {
        let values = m.values().iter();
        values.map(|&x| bf16::from_f32(x).to_f32()).collect()
    };
    let (a_values, b_values) = (round(a), round(b));
    matmul::matmul(c, a.with_values(&a_values), b.with_values(&b_values), accumulate);
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    //! Packed panels and a register tile, after Goto and van de Geijn 2008.
    //!
    //! Everything is packed in *lanes* of 32 bits, each a pair of neighbours along the inner dimension, which is what
    //! `vdpbf16ps` multiplies. A panel holds `P` rows of an operand (of the second one, columns) lane by lane; missing
    //! rows are zero.

    use std::arch::x86_64::*;
    use std::cell::Cell;
    use std::thread::LocalKey;

    use rayon::prelude::*;

    use super::super::matmul::Out;
    use super::Mat;

    /// Rows of the register tile.
    const MR: usize = 12;
    /// Columns of the register tile, two vectors.
    const NR: usize = 32;
    /// Inner elements packed at a time: a panel of each operand fits the first-level cache.
    const KC: usize = 512;
    /// Rows packed at a time: with `KC`, a block fits the second-level cache.
    const MC: usize = 240;
    /// Values in a vector.
    const LANES: usize = 16;

    thread_local! {
        /// Memory for the packed operands, kept between products.
        static PACKED_A: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
        static PACKED_B: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
    }

    pub(super) fn available() -> bool {
        is_x86_feature_detected!("avx512bf16")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
    }

    /// See [`super::matmul`]; the processor is one that [`available`] accepts.
    pub(super) fn matmul(c: &mut [f32], a: Mat, b: Mat, accumulate: bool) {
        let (height, width, inner) = (a.rows(), b.cols(), a.cols());
        if height == 0 || width == 0 || inner == 0 {
            if !accumulate {
                c.fill(0.0);
            }
            return;
        }
        let b = b.t(); // its rows are what panels are made of
        let (a_source, b_source) = (Source(a), Source(b));
        let panels = width.div_ceil(NR);
        let steps: Vec<Step> = Step::all(inner, panels).collect();
        let length = steps.iter().map(|step| step.lanes() * panels * NR).sum();
        with_memory(&PACKED_B, length, |packed_b| {
            let b = Packed(packed_b.as_mut_ptr());
            (0..panels).into_par_iter().with_min_len(2).for_each(|panel| {
                for step in &steps {
                    // SAFETY: `available` holds; every task writes to panels of its own, inside the memory.
                    unsafe { pack::<NR>(b.at(step.panel_of_b(panel)), b_source, panel * NR, step) };
                }
            });
            let rows = rows_per_block(height);
            let out = Out(c.as_mut_ptr());
            (0..height.div_ceil(rows)).into_par_iter().for_each(|block| {
                let first = block * rows;
                let block = Block {
                    rows: first..(first + rows).min(height),
                    width,
                    accumulate,
                };
                // SAFETY: blocks are disjoint runs of rows of `c`, which is borrowed exclusively until all are done;
                // all panels of `b` are packed by now.
                unsafe { block.multiply(out, a_source, b, &steps) };
            });
        });
    }

    /// Blocks of rows: at least four of a tall matrix, so that no thread waits long for another.
    fn rows_per_block(height: usize) -> usize {
        let fewest = if height >= 16 * MR { 4 } else { 1 };
        let blocks = height.div_ceil(MC).next_multiple_of(2).max(fewest);
        height.div_ceil(blocks).next_multiple_of(MR)
    }

    /// Runs `work` on at least `length` lanes of this thread's memory.
    ///
    /// The memory is away meanwhile: a thread that waits may take up another product.
    fn with_memory(key: &'static LocalKey<Cell<Vec<u32>>>, length: usize, work: impl FnOnce(&mut [u32])) {
        let mut memory = key.take();
        if memory.len() < length {
            memory.resize(length, 0);
        }
        work(&mut memory);
        key.set(memory);
    }

    /// An operand that threads read together.
    #[derive(Clone, Copy)]
    struct Source<'a>(Mat<'a>);

    /// Packed panels, written by several threads at once, each to its own, and then read by all.
    #[derive(Clone, Copy)]
    struct Packed(*mut u32);

    // SAFETY: writers touch disjoint panels and are done before the first reader starts; see `matmul`.
    unsafe impl Send for Packed {}
    // SAFETY: as above.
    unsafe impl Sync for Packed {}

    impl Packed {
        fn at(self, offset: usize) -> *mut u32 {
            self.0.wrapping_add(offset)
        }
    }

    /// A run of the inner dimension that is packed at a time.
    #[derive(Debug, Clone, Copy)]
    struct Step {
        /// First inner element.
        first: usize,
        /// Inner elements.
        inner: usize,
        /// Where the packed panels of the second operand begin.
        offset: usize,
    }

    impl Step {
        fn all(inner: usize, panels: usize) -> impl Iterator<Item = Self> {
            (0..inner).step_by(KC).map(move |first| Self {
                first,
                inner: KC.min(inner - first),
                // `KC` is even: all steps before this one are full.
                offset: first / 2 * panels * NR,
            })
        }

        fn lanes(&self) -> usize {
            self.inner.div_ceil(2)
        }

        fn panel_of_b(&self, panel: usize) -> usize {
            self.offset + panel * self.lanes() * NR
        }
    }

    /// A run of rows of the result.
    struct Block {
        rows: std::ops::Range<usize>,
        width: usize,
        accumulate: bool,
    }

    impl Block {
        /// # Safety
        /// The processor is one that [`available`] accepts, `out` is valid for the rows of the block, which no other
        /// thread touches, and `b` holds all panels of all steps.
        unsafe fn multiply(&self, out: Out, a: Source, b: Packed, steps: &[Step]) {
            let (height, panels) = (self.rows.len().div_ceil(MR), self.width.div_ceil(NR));
            with_memory(&PACKED_A, height * MR * KC.div_ceil(2), |packed_a| {
                for step in steps {
                    let panel_size = step.lanes() * MR;
                    for (i, panel) in packed_a.chunks_exact_mut(panel_size).take(height).enumerate() {
                        // SAFETY: the panel has the size of `MR` rows.
                        unsafe { pack::<MR>(panel.as_mut_ptr(), a, self.rows.start + i * MR, step) };
                    }
                    for j in 0..panels {
                        let b = b.at(step.panel_of_b(j));
                        for (i, a) in packed_a.chunks_exact(panel_size).take(height).enumerate() {
                            let (row, col) = (self.rows.start + i * MR, j * NR);
                            let tile = Tile {
                                rows: MR.min(self.rows.end - row),
                                cols: NR.min(self.width - col),
                                stride: self.width,
                                accumulate: self.accumulate || step.first > 0,
                            };
                            // SAFETY: both panels have `step.lanes()` lanes, and the tile lies inside the block.
                            unsafe {
                                tile.multiply(out.at(row * self.width + col), a.as_ptr(), b, step.lanes())
                            };
                        }
                    }
                }
            });
        }
    }

    /// As much of the result as the registers hold.
    struct Tile {
        /// At most `MR`.
        rows: usize,
        /// At most `NR`.
        cols: usize,
        /// Values between rows of the result.
        stride: usize,
        accumulate: bool,
    }

    impl Tile {
        /// # Safety
        /// `a` and `b` are valid for `lanes` times `MR` and `NR` lanes, `c` for the tile.
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
        unsafe fn multiply(&self, c: *mut f32, mut a: *const u32, mut b: *const u32, lanes: usize) {
            let mut sums = [[_mm512_setzero_ps(); 2]; MR];
            for _ in 0..lanes {
                // SAFETY: the pointers advance `lanes` times.
                unsafe {
                    let left: __m512bh = std::mem::transmute(_mm512_loadu_si512(b.cast()));
                    let right: __m512bh = std::mem::transmute(_mm512_loadu_si512(b.add(LANES).cast()));
                    for (i, [left_sum, right_sum]) in sums.iter_mut().enumerate() {
                        let pair: __m512bh = std::mem::transmute(_mm512_set1_epi32(a.add(i).read() as i32));
                        *left_sum = _mm512_dpbf16_ps(*left_sum, pair, left);
                        *right_sum = _mm512_dpbf16_ps(*right_sum, pair, right);
                    }
                    a = a.add(MR);
                    b = b.add(NR);
                }
            }
            let columns = [first(self.cols), first(self.cols.saturating_sub(LANES))];
            for (i, sums) in sums.iter_mut().enumerate() {
                if i >= self.rows {
                    break;
                }
                for (half, (sum, columns)) in sums.iter_mut().zip(columns).enumerate() {
                    let c = c.wrapping_add(i * self.stride + half * LANES);
                    // SAFETY: the mask keeps to the columns of the tile.
                    unsafe {
                        if self.accumulate {
                            *sum = _mm512_add_ps(*sum, _mm512_maskz_loadu_ps(columns, c));
                        }
                        _mm512_mask_storeu_ps(c, columns, *sum);
                    }
                }
            }
        }
    }

    /// Mask of the first `count` values of a vector.
    fn first(count: usize) -> __mmask16 {
        if count < LANES { (1 << count) - 1 } else { !0 }
    }

    /// Packs `P` rows of `source` from row `first_row` on, those of `step`'s inner elements.
    ///
    /// # Safety
    /// The processor is one that [`available`] accepts, and `panel` is valid for `step.lanes() * P` lanes.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
    unsafe fn pack<const P: usize>(panel: *mut u32, source: Source, first_row: usize, step: &Step) {
        let source = source.0;
        let [row_stride, inner_stride] = source.strides();
        let there = source.rows() - first_row;
        for group in (0..P).step_by(LANES) {
            let width = LANES.min(P - group);
            let group = Group {
                source: source
                    .values()
                    .as_ptr()
                    .wrapping_add((first_row + group) * row_stride + step.first * inner_stride),
                inner: step.inner,
                rows: there.saturating_sub(group).min(width),
                stride: P,
                store: first(width),
                panel: panel.wrapping_add(group),
            };
            // SAFETY: `Mat` keeps its rows and columns inside its slice, and the group is part of both.
            unsafe {
                if inner_stride == 1 {
                    group.pack_rows(row_stride);
                } else {
                    assert_eq!(row_stride, 1, "one dimension of a matrix is contiguous");
                    group.pack_columns(inner_stride);
                }
            }
        }
    }

    /// Up to sixteen rows of a panel.
    struct Group {
        /// First element of the first row.
        source: *const f32,
        /// Elements of a row.
        inner: usize,
        /// Rows there are; the others are zero.
        rows: usize,
        panel: *mut u32,
        /// Lanes of the panel between one inner pair and the next.
        stride: usize,
        /// Which of sixteen lanes belong to the panel.
        store: __mmask16,
    }

    impl Group {
        /// Rows whose elements lie next to each other: sixteen pairs of each are loaded and transposed.
        ///
        /// # Safety
        /// `source` is valid for `rows` rows of `inner` values, `panel` for all lanes of the group.
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
        unsafe fn pack_rows(&self, row_stride: usize) {
            for from in (0..self.inner).step_by(2 * LANES) {
                let rest = self.inner - from;
                let masks = [first(rest), first(rest.saturating_sub(LANES))];
                let mut rows = [_mm512_setzero_si512(); LANES];
                for (i, row) in rows.iter_mut().enumerate() {
                    if i >= self.rows {
                        break;
                    }
                    let source = self.source.wrapping_add(i * row_stride + from);
                    // SAFETY: the masks keep to the elements of the row.
                    unsafe {
                        let low = _mm512_maskz_loadu_ps(masks[0], source);
                        let high = _mm512_maskz_loadu_ps(masks[1], source.wrapping_add(LANES));
                        *row = std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
                    }
                }
                transpose(&mut rows);
                for (i, lanes) in rows.iter().enumerate().take(rest.div_ceil(2)) {
                    let panel = self.panel.wrapping_add((from / 2 + i) * self.stride);
                    // SAFETY: the mask keeps to the lanes of the group.
                    unsafe { _mm512_mask_storeu_epi32(panel.cast(), self.store, *lanes) };
                }
            }
        }

        /// Rows whose elements lie `inner_stride` apart and which lie next to each other.
        ///
        /// # Safety
        /// As for [`Self::pack_rows`].
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
        unsafe fn pack_columns(&self, inner_stride: usize) {
            let rows = first(self.rows);
            // SAFETY: the mask keeps to the rows there are.
            let half = |inner: usize| unsafe {
                let values = _mm512_maskz_loadu_ps(rows, self.source.wrapping_add(inner * inner_stride));
                let rounded: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(values));
                _mm512_cvtepu16_epi32(rounded)
            };
            for inner in (0..self.inner).step_by(2) {
                let mut lanes = half(inner);
                if inner + 1 < self.inner {
                    lanes = _mm512_or_si512(lanes, _mm512_slli_epi32::<16>(half(inner + 1)));
                }
                let panel = self.panel.wrapping_add(inner / 2 * self.stride);
                // SAFETY: the mask keeps to the lanes of the group.
                unsafe { _mm512_mask_storeu_epi32(panel.cast(), self.store, lanes) };
            }
        }
    }

    /// Exchanges rows and columns of 16 by 16 lanes.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn transpose(rows: &mut [__m512i; LANES]) {
        let mut other = [_mm512_setzero_si512(); LANES];
        for i in 0..8 {
            other[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
            other[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
        }
        for i in 0..4 {
            rows[4 * i] = _mm512_unpacklo_epi64(other[4 * i], other[4 * i + 2]);
            rows[4 * i + 1] = _mm512_unpackhi_epi64(other[4 * i], other[4 * i + 2]);
            rows[4 * i + 2] = _mm512_unpacklo_epi64(other[4 * i + 1], other[4 * i + 3]);
            rows[4 * i + 3] = _mm512_unpackhi_epi64(other[4 * i + 1], other[4 * i + 3]);
        }
        // Part p of 128 bits of `rows[4 * g + c]` now holds rows 4g to 4g + 3 of column 4p + c.
        for c in 0..4 {
            let even = [0, 8].map(|g| _mm512_shuffle_i32x4::<0x88>(rows[g + c], rows[g + 4 + c]));
            let odd = [0, 8].map(|g| _mm512_shuffle_i32x4::<0xDD>(rows[g + c], rows[g + 4 + c]));
            other[c] = _mm512_shuffle_i32x4::<0x88>(even[0], even[1]);
            other[4 + c] = _mm512_shuffle_i32x4::<0x88>(odd[0], odd[1]);
            other[8 + c] = _mm512_shuffle_i32x4::<0xDD>(even[0], even[1]);
            other[12 + c] = _mm512_shuffle_i32x4::<0xDD>(odd[0], odd[1]);
        }
        *rows = other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values between -1 and 1 that bfloat16 cannot hold.
    fn values(len: usize, seed: usize) -> Vec<f32> {
        (0..len)
            .map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0)
            .collect()
    }

    fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
        burnseq_testing::largest_difference("products", a, b) as f32
    }

    #[test]
    fn products_of_every_layout_and_size_equal_rounding_first() {
        for (m, k, n) in [
            (1, 1, 1),
            (3, 4, 5),
            (12, 32, 32),
            (13, 33, 31),
            (1, 513, 100),
            (257, 1030, 33),
            (500, 64, 200),
        ] {
            let (a, b) = (values(m * k, 1), values(k * n, 2));
            let transposed = |x: &[f32], rows: usize, cols: usize| -> Vec<f32> {
                (0..rows * cols).map(|i| x[i % rows * cols + i / rows]).collect()
            };
            let (a_t, b_t) = (transposed(&a, m, k), transposed(&b, k, n));
            let mut expected = vec![0.0; m * n];
            rounded_matmul(&mut expected, Mat::new(&a, m, k), Mat::new(&b, k, n), false);
            for (a, b) in [
                (Mat::new(&a, m, k), Mat::new(&b, k, n)),
                (Mat::new(&a_t, k, m).t(), Mat::new(&b_t, n, k).t()),
                (Mat::new(&a_t, k, m).t(), Mat::new(&b, k, n)),
                (Mat::new(&a, m, k), Mat::new(&b_t, n, k).t()),
            ] {
                let mut c = vec![7.0; m * n];
                matmul(&mut c, a, b, false);
                let off = largest_difference(&c, &expected);
                assert!(off < 1e-4, "{m} {k} {n}: {off:e}");
                matmul(&mut c, a, b, true);
                let twice: Vec<f32> = expected.iter().map(|x| 2.0 * x).collect();
                let off = largest_difference(&c, &twice);
                assert!(off < 2e-4, "{m} {k} {n}, added: {off:e}");
            }
            let mut exact = vec![0.0; m * n];
            matmul::matmul(&mut exact, Mat::new(&a, m, k), Mat::new(&b, k, n), false);
            let off = largest_difference(&exact, &expected);
            assert!(
                off < 4e-3 * (k as f32).sqrt() + 4e-3,
                "{m} {k} {n}, rounding: {off:e}"
            );
        }
    }

    #[test]
    fn an_empty_product_is_zero_or_leaves_the_sum() {
        let mut c = vec![3.0; 4];
        matmul(&mut c, Mat::new(&[], 2, 0), Mat::new(&[], 0, 2), true);
        assert_eq!(c, [3.0; 4]);
        matmul(&mut c, Mat::new(&[], 2, 0), Mat::new(&[], 0, 2), false);
        assert_eq!(c, [0.0; 4]);
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let (m, k, n) = (300, 700, 130);
        let (a, b) = (values(m * k, 3), values(k * n, 4));
        let product = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let mut c = vec![0.0; m * n];
            pool.install(|| matmul(&mut c, Mat::new(&a, m, k), Mat::new(&b, k, n), false));
            c
        };
        assert_eq!(product(1), product(3));
    }
}
