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
    /// Where the rows come from: row `r` was row `ancestors[step][r]` when step `step` was computed. Rows that began with
    /// fewer tokens than others have none in the steps between.
    ancestors: Vec<Vec<u32>>,
    /// Steps that each row lacks; empty where none lacks any.
    lacking: Vec<usize>,
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
            lacking: Vec::new(),
        }
    }

    pub fn steps(&self) -> usize {
        self.ancestors.len()
    }

    pub fn begin_fill(&mut self, lengths: &[usize]) {
        let longest = lengths.iter().copied().max().unwrap_or(0);
        self.ancestors = (0..longest)
            .map(|step| {
                let present = |(row, &length)| {
                    if step < length {
                        row as u32
                    } else {
                        ops::NO_ANCESTOR
                    }
                };
                lengths.iter().enumerate().map(present).collect()
            })
            .collect();
        if lengths.iter().any(|&length| length < longest) {
            self.lacking = lengths.iter().map(|length| longest - length).collect();
        }
    }

    pub fn fill(&mut self, layer: usize, keys: Tensor<3>, values: Tensor<3>) {
        let [rows, len, d_model] = keys.dims();
        let by_step = |x: Tensor<3>| -> Vec<Tensor<2>> {
            let step = |step| {
                x.clone()
                    .slice([0..rows, step..step + 1, 0..d_model])
                    .squeeze_dim(1)
            };
            (0..len).map(step).collect()
        };
        self.layers[layer] = Entries {
            keys: by_step(keys),
            values: by_step(values),
        };
    }

    pub fn lengths(&self) -> Option<Vec<usize>> {
        let steps = self.steps();
        let lengths = || self.lacking.iter().map(|lacking| steps - lacking).collect();
        (!self.lacking.is_empty()).then(lengths)
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
        if !self.lacking.is_empty() {
            self.lacking = rows.iter().map(|&row| self.lacking[row]).collect();
        }
    }
}
