//! What self-attention remembers while a batch is decoded step by step.

mod contiguous;
mod scattered;

use burn::tensor::{Device, Int, Tensor, TensorData};

use burnseq_kernels::{Stepping, dropout_mask::Mask, ops};
use contiguous::ContiguousCache;
use scattered::ScatteredCache;

/// Keys and values of the target so far, in the self-attention of every layer.
#[derive(Debug, Clone)]
pub struct KeyValueCache(Layout);

/// How keys and values lie in memory; see [`Stepping`].
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a batch has one of them, which is not moved"
)]
enum Layout {
    /// For [`Stepping::Processor`].
    Scattered(ScatteredCache),
    /// For [`Stepping::Device`].
    Contiguous(ContiguousCache),
}

impl KeyValueCache {
    /// An empty cache for a decoder of `layers` layers.
    pub fn new(layers: usize, stepping: Stepping) -> Self {
        Self(match stepping {
            Stepping::Processor => Layout::Scattered(ScatteredCache::new(layers)),
            Stepping::Device => Layout::Contiguous(ContiguousCache::new(layers)),
        })
    }

    /// Whether [`begin_fill`](Self::begin_fill) takes rows of several lengths, and rows of a cache that is not empty.
    pub fn fills_unequal(stepping: Stepping) -> bool {
        stepping == Stepping::Processor
    }

    /// Makes place for many tokens of some rows at once, `lengths[i]` of row `rows[i]`, whose past is forgotten. Each layer
    /// then [fills](Self::fill) its own.
    ///
    /// # Panics
    /// Where the cache does not [take](Self::fills_unequal) other lengths or rows than equally many first tokens of all.
    pub fn begin_fill(&mut self, rows: &[usize], lengths: &[usize]) {
        match &mut self.0 {
            Layout::Scattered(cache) => cache.begin_fill(rows, lengths),
            Layout::Contiguous(cache) => {
                assert_eq!(cache.steps(), 0, "all rows are filled before their first step");
                cache.begin_fill(lengths);
            }
        }
    }

    /// Takes in the keys and values of the rows that are filled, in layer `layer`.
    ///
    /// # Shapes
    /// - `keys`, `values`: `[rows, len, d_model]`, padded on the right
    pub fn fill(&mut self, layer: usize, (keys, values): (Tensor<3>, Tensor<3>), heads: usize) {
        match &mut self.0 {
            Layout::Scattered(cache) => cache.fill(layer, keys, values),
            Layout::Contiguous(cache) => cache.fill(layer, keys, values, heads),
        }
    }

    /// Tokens fed to each row so far, where they are not [`steps`](Self::steps) for all of them.
    pub fn lengths(&self) -> Option<Vec<usize>> {
        match &self.0 {
            Layout::Scattered(cache) => cache.lengths(),
            Layout::Contiguous(_) => None,
        }
    }

    /// Tokens fed so far to the longest row.
    pub fn steps(&self) -> usize {
        match &self.0 {
            Layout::Scattered(cache) => cache.steps(),
            Layout::Contiguous(cache) => cache.steps(),
        }
    }

    /// Makes place for one more token of each of `rows` rows. Each layer then [attends](Self::attend) once.
    pub fn begin_step(&mut self, rows: usize) {
        match &mut self.0 {
            Layout::Scattered(cache) => cache.begin_step(rows),
            Layout::Contiguous(cache) => cache.begin_step(rows),
        }
    }

    /// Takes in the keys and values of this step in layer `layer`, and gives what the queries find in the past of their
    /// rows, this step included.
    ///
    /// # Shapes
    /// - `queries`, `keys`, `values` and the result: `[rows, 1, d_model]`
    /// - `dropout`: mask over `[rows, heads, 1, places]` probabilities, where the places are the steps so far or more
    pub fn attend(
        &mut self,
        layer: usize,
        queries: Tensor<3>,
        (keys, values): (Tensor<3>, Tensor<3>),
        heads: usize,
        dropout: Option<Mask>,
    ) -> Tensor<3> {
        match &mut self.0 {
            Layout::Scattered(cache) => cache.attend(layer, queries, keys, values, heads, dropout),
            Layout::Contiguous(cache) => cache.attend(layer, queries, keys, values, heads, dropout),
        }
    }

    /// [`attend`](Self::attend) where `projections` of [`ops::stacked_for_decoding`] make queries, keys and values of `x`
    /// `[rows, 1, d_model]` and nothing is dropped; none where the cache is not laid out for it.
    pub(crate) fn attend_stacked(
        &mut self,
        layer: usize,
        x: &Tensor<3>,
        projections: &ops::Affine,
        heads: usize,
    ) -> Option<Tensor<3>> {
        match &mut self.0 {
            Layout::Scattered(_) => None,
            Layout::Contiguous(cache) => Some(cache.attend_stacked(layer, x.clone(), projections, heads)),
        }
    }

    /// Makes new row `r` continue old row `rows[r]`.
    pub fn reorder(&mut self, rows: &[usize]) {
        match &mut self.0 {
            Layout::Scattered(cache) => cache.reorder(rows),
            Layout::Contiguous(cache) => cache.reorder(rows),
        }
    }

    /// As [`reorder`](Self::reorder), with `rows` `[rows]` on the device.
    pub fn reorder_rows(&mut self, rows: Tensor<1, Int>) {
        match &mut self.0 {
            Layout::Scattered(cache) => {
                let rows: Vec<usize> = rows.into_data().iter::<i64>().map(|row| row as usize).collect();
                cache.reorder(&rows);
            }
            Layout::Contiguous(cache) => cache.select(rows),
        }
    }
}

/// The index by which `select` brings `len` things into `order`; none where each stays in its place.
pub(crate) fn selection(order: &[usize], len: usize, device: &Device) -> Option<Tensor<1, Int>> {
    if order.len() == len && order.iter().enumerate().all(|(i, &from)| i == from) {
        return None;
    }
    let index: Vec<i32> = order.iter().map(|&i| i as i32).collect();
    Some(Tensor::from_data(TensorData::new(index, [order.len()]), device))
}
