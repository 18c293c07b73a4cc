//! A cache with one tensor for the past of all rows.

use burn::tensor::{Bool, Device, Int, Tensor};

use super::selection;
use crate::{Mask, ops};

/// Tokens by which the tensors grow. Between two growths all steps have the same shapes, so that their kernels are
/// compiled and tuned once; what is not used yet costs at most so many masked places.
const ROOM: usize = 32;

/// Keys and values `[rows, heads, capacity, head_dim]`, written in place, and copied when rows are reordered.
#[derive(Debug, Clone)]
pub(super) struct ContiguousCache {
    /// Keys and values of each layer; none before its first step.
    layers: Vec<Option<(Tensor<4>, Tensor<4>)>>,
    /// Tokens so far.
    steps: usize,
    /// Rows of the latest step.
    rows: usize,
    /// True at the places after the latest step, `[capacity]`; none before the first one.
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

    pub fn begin_step(&mut self, rows: usize, device: &Device) {
        self.steps += 1;
        self.rows = rows;
        let capacity = self.steps.next_multiple_of(ROOM);
        let places = Tensor::<1, Int>::arange(0..capacity as i64, device);
        self.unused = Some(places.greater_equal_elem(self.steps as i64));
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
        let (past_keys, past_values) = self.layers[layer].take().unzip();
        let keys = written(past_keys, split(keys), place);
        let values = written(past_values, split(values), place);
        self.layers[layer] = Some((keys.clone(), values.clone()));
        let unused = self.unused.clone().expect("a step begins before it attends");
        let found = ops::attention_of_heads(split(queries), keys, values, unused, dropout); // [rows, heads, 1, head_dim]
        found.reshape([rows, 1, d_model])
    }

    pub fn reorder(&mut self, rows: &[usize]) {
        let Some(unused) = &self.unused else {
            return;
        };
        if let Some(index) = selection(rows, self.rows, &unused.device()) {
            self.select(index);
        }
    }

    /// As [`reorder`](Self::reorder), with `rows` `[rows]` on the device.
    pub fn select(&mut self, rows: Tensor<1, Int>) {
        [self.rows] = rows.dims();
        for (keys, values) in self.layers.iter_mut().flatten() {
            keys.inplace(|keys| keys.select(0, rows.clone()));
            values.inplace(|values| values.select(0, rows.clone()));
        }
    }
}

/// `past` with `x` `[rows, heads, 1, head_dim]` at `place`, and more room where there was none for it.
fn written(past: Option<Tensor<4>>, x: Tensor<4>, place: usize) -> Tensor<4> {
    let [rows, heads, _, head_dim] = x.dims();
    // Zeros rather than whatever memory held: what is masked is still multiplied by zero, and must not be NaN.
    let room = || Tensor::zeros([rows, heads, ROOM, head_dim], (&x.device(), x.dtype()));
    let past = match past {
        None => room(),
        Some(past) if past.dims()[2] == place => Tensor::cat(vec![past, room()], 2),
        Some(past) => past,
    };
    past.slice_assign([0..rows, 0..heads, place..place + 1, 0..head_dim], x)
}
