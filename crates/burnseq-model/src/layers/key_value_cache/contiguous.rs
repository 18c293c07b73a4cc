//! A cache with one tensor for the past of all rows.

use burn::tensor::{Bool, Int, Tensor};
use burnseq_kernels::{dropout_mask::Mask, ops};

use super::selection;

/// Tokens by which the tensors grow. Between two growths all steps have the same shapes, so that their kernels are
/// compiled and tuned once; what is not used yet costs at most so many masked places.
const ROOM: usize = 32;

/// Keys and values, written in place, and copied when rows are reordered.
#[derive(Debug, Clone)]
pub(super) struct ContiguousCache {
    /// Of each layer, none before its first step: `[rows, 2 * heads, capacity, head_dim]`, the heads of keys before those of
    /// values.
    layers: Vec<Option<Tensor<4>>>,
    /// Tokens so far.
    steps: usize,
    /// Rows of the latest step.
    rows: usize,
    /// True at the places after the latest step, `[capacity]`; none before a layer has asked for it.
    unused: Option<Tensor<1, Bool>>,
}

impl ContiguousCache {
    pub fn new(layers: usize) -> Self {
        Self {
            layers: vec![None; layers],
            steps: 0,
            rows: 0,
            unused: None,
        }
    }

    pub fn steps(&self) -> usize {
        self.steps
    }

    pub fn begin_fill(&mut self, lengths: &[usize]) {
        self.steps = lengths.first().copied().unwrap_or(0);
        self.rows = lengths.len();
        assert!(
            lengths.iter().all(|&length| length == self.steps),
            "the lengths {lengths:?} differ"
        );
        self.unused = None;
    }

    pub fn fill(&mut self, layer: usize, keys: Tensor<3>, values: Tensor<3>, heads: usize) {
        let [rows, len, d_model] = keys.dims();
        let head_dim = d_model / heads;
        let split = |x: Tensor<3>| x.reshape([rows, len, heads, head_dim]).swap_dims(1, 2);
        let capacity = len.next_multiple_of(ROOM);
        let past = Tensor::zeros(
            [rows, 2 * heads, capacity, head_dim],
            (&keys.device(), keys.dtype()),
        );
        let keys_values = Tensor::cat(vec![split(keys), split(values)], 1); // [rows, 2 * heads, len, head_dim]
        let past = past.slice_assign([0..rows, 0..2 * heads, 0..len, 0..head_dim], keys_values);
        self.layers[layer] = Some(past);
    }

    pub fn begin_step(&mut self, rows: usize) {
        self.steps += 1;
        self.rows = rows;
        self.unused = None;
    }

    pub fn attend(
        &mut self,
        layer: usize,
        queries: Tensor<3>,
        keys: Tensor<3>,
        values: Tensor<3>,
        heads: usize,
        dropout: Option<Mask>,
    ) -> Tensor<3> {
        let [rows, _, d_model] = queries.dims();
        // With one token per row, splitting the heads moves nothing.
        let split = |x: Tensor<3>| x.reshape([rows, heads, 1, d_model / heads]);
        let place = self.steps - 1;
        let head_dim = d_model / heads;
        let past = self.with_room(layer, &queries, heads);
        let keys_values = Tensor::cat(vec![split(keys), split(values)], 1); // [rows, 2 * heads, 1, head_dim]
        let past = past.slice_assign(
            [0..rows, 0..2 * heads, place..place + 1, 0..head_dim],
            keys_values,
        );
        let capacity = past.dims()[2];
        let [keys, values] = [0, heads].map(|first| {
            past.clone()
                .slice([0..rows, first..first + heads, 0..capacity, 0..head_dim])
        });
        self.layers[layer] = Some(past);
        let unused = self.unused.get_or_insert_with(|| {
            let places = Tensor::<1, Int>::arange(0..capacity as i64, &queries.device());
            places.greater_equal_elem(self.steps as i64)
        });
        let found = ops::attention_of_heads(split(queries), keys, values, unused.clone(), dropout); // [rows, heads, 1, head_dim]
        found.reshape([rows, 1, d_model])
    }

    /// See [`KeyValueCache::attend_stacked`](super::KeyValueCache::attend_stacked).
    pub fn attend_stacked(
        &mut self,
        layer: usize,
        x: Tensor<3>,
        projections: &ops::Affine,
        heads: usize,
    ) -> Tensor<3> {
        let past = self.with_room(layer, &x, heads);
        let (found, past) = ops::attend_past(x, projections, past, self.steps - 1, heads);
        self.layers[layer] = Some(past);
        found
    }

    /// Takes the past of a layer out, with room for the token of this step; `like` `[rows, 1, d_model]` is of it.
    fn with_room(&mut self, layer: usize, like: &Tensor<3>, heads: usize) -> Tensor<4> {
        let [rows, _, d_model] = like.dims();
        // Zeros rather than whatever memory held: what is masked is still multiplied by zero, and must not be NaN.
        let shape = [rows, 2 * heads, ROOM, d_model / heads];
        let room = || Tensor::zeros(shape, (&like.device(), like.dtype()));
        match self.layers[layer].take() {
            None => room(),
            Some(past) if past.dims()[2] == self.steps - 1 => Tensor::cat(vec![past, room()], 2),
            Some(past) => past,
        }
    }

    pub fn reorder(&mut self, rows: &[usize]) {
        let Some(past) = self.layers.iter().flatten().next() else {
            return;
        };
        if let Some(index) = selection(rows, self.rows, &past.device()) {
            self.select(index);
        }
    }

    /// As [`reorder`](Self::reorder), with `rows` `[rows]` on the device.
    pub fn select(&mut self, rows: Tensor<1, Int>) {
        [self.rows] = rows.dims();
        for past in self.layers.iter_mut().flatten() {
            past.inplace(|past| past.select(0, rows.clone()));
        }
    }
}
