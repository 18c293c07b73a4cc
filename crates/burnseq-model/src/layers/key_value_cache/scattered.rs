//! A cache whose entries stay where they were computed.

use burn::tensor::Tensor;

use burnseq_kernels::{dropout_mask::Mask, ops};

/// Keys and values as each step computed them.
///
/// Beam search reorders rows at every step. Copying the past along would make a step cost as much as the past is long;
/// here it stays in place, and whoever reads it is told where every row's past lies.
#[derive(Debug, Clone)]
pub(super) struct ScatteredCache {
    layers: Vec<Entries>,
    /// Where the rows come from: row `r` was row `ancestors[step][r]` when step `step` was computed.
    ancestors: Vec<Vec<u32>>,
}

/// Keys and values of one layer: for every step `[rows of the step, d_model]`.
#[derive(Debug, Clone, Default)]
struct Entries {
    keys: Vec<Tensor<2>>,
    values: Vec<Tensor<2>>,
}

impl ScatteredCache {
    pub fn new(layers: usize) -> Self {
        Self {
            layers: vec![Entries::default(); layers],
            ancestors: Vec::new(),
        }
    }

    pub fn steps(&self) -> usize {
        self.ancestors.len()
    }

    pub fn begin_step(&mut self, rows: usize) {
        self.ancestors.push((0..rows as u32).collect());
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
        let entries = &mut self.layers[layer];
        entries.keys.push(keys.squeeze_dim(1));
        entries.values.push(values.squeeze_dim(1));
        ops::cached_attention(
            queries,
            &entries.keys,
            &entries.values,
            &self.ancestors,
            heads,
            dropout,
        )
    }

    pub fn reorder(&mut self, rows: &[usize]) {
        // What was computed stays where it is; only who descends from whom changes.
        for ancestors in &mut self.ancestors {
            *ancestors = rows.iter().map(|&row| ancestors[row]).collect();
        }
    }
}
