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

    pub fn begin_fill(&mut self, rows: &[usize], lengths: &[usize]) {
        // Every row of the cache is filled before its first step.
        let all = self.ancestors.first().map_or(rows.len(), Vec::len);
        for ancestors in &mut self.ancestors {
            rows.iter().for_each(|&row| ancestors[row] = ops::NO_ANCESTOR);
        }
        self.forget_unused();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        for step in 0..longest {
            let mut ancestors = vec![ops::NO_ANCESTOR; all];
            for (place, (&row, &length)) in rows.iter().zip(lengths).enumerate() {
                if step < length {
                    ancestors[row] = place as u32;
                }
            }
            self.ancestors.push(ancestors);
        }
        let held = |row: usize| {
            self.ancestors
                .iter()
                .filter(|step| step[row] != ops::NO_ANCESTOR)
                .count()
        };
        self.lacking = (0..all).map(|row| self.ancestors.len() - held(row)).collect();
        if self.lacking.iter().all(|&lacking| lacking == 0) {
            self.lacking.clear();
        }
    }

    /// Drops steps that no row comes from any more.
    fn forget_unused(&mut self) {
        let unused = |ancestors: &Vec<u32>| ancestors.iter().all(|&row| row == ops::NO_ANCESTOR);
        let kept: Vec<bool> = self
            .ancestors
            .iter()
            .map(|ancestors| !unused(ancestors))
            .collect();
        let keep = |entries: &mut Vec<Tensor<2>>| {
            let mut kept = kept.iter();
            entries.retain(|_| *kept.next().expect("an entry for each step"));
        };
        for layer in &mut self.layers {
            keep(&mut layer.keys);
            keep(&mut layer.values);
        }
        self.ancestors.retain(|ancestors| !unused(ancestors));
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
        self.layers[layer].keys.extend(by_step(keys));
        self.layers[layer].values.extend(by_step(values));
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
