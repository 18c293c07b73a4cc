//! Long short-term memory: one step of a cell, and a layer over whole sentences as one node of the autodiff graph.

use burnseq_numerics::simd::{self, vectorised};
use rayon::prelude::*;

use super::{CpuOp, Values, buffer, linear::multiply, matmul::Mat};
use crate::Precision;

/// One step: `gates` `[rows, 4 * hidden]` before their non-linearities and `cell` `[rows, hidden]` to the new hidden
/// state and cell, `[rows, 2 * hidden]`.
#[derive(Debug, Clone)]
pub(in super::super) struct LstmCellOp;

/// Rows that one task takes.
pub(super) const ROWS: usize = 8;

/// Gates after their non-linearities, the old cell, and the result.
#[derive(Debug, Clone)]
pub(in super::super) struct LstmCellSaved {
    gates: Values,
    cell: Values,
    state: Values,
}

impl CpuOp<2> for LstmCellOp {
    type Saved = LstmCellSaved;

    fn forward(&self, [mut gates, cell]: [Values; 2]) -> (Values, LstmCellSaved) {
        let hidden = cell.width();
        let rows = cell.as_slice().len() / hidden;
        let mut state = buffer(rows * 2 * hidden);
        state
            .par_chunks_mut(ROWS * 2 * hidden)
            .zip(gates.as_mut_slice().par_chunks_mut(ROWS * 4 * hidden))
            .zip(cell.as_slice().par_chunks(ROWS * hidden))
            .for_each(|((state, gates), cell)| {
                let rows = state
                    .chunks_exact_mut(2 * hidden)
                    .zip(gates.chunks_exact_mut(4 * hidden));
                for ((state, gates), cell) in rows.zip(cell.chunks_exact(hidden)) {
                    step(state, gates, cell);
                }
            });
        let state = Values::new(state, [rows, 2 * hidden]);
        (state.clone(), LstmCellSaved { gates, cell, state })
    }

    fn backward(&self, saved: LstmCellSaved, grad: Values, _: [bool; 2]) -> [Option<Values>; 2] {
        let LstmCellSaved { gates, cell, state } = saved;
        let hidden = cell.width();
        let mut of_gates = buffer(gates.as_slice().len());
        let mut of_cell = buffer(cell.as_slice().len());
        let (gate_values, cells) = (gates.as_slice(), cell.as_slice());
        let (states, grads) = (state.as_slice(), grad.as_slice());
        of_gates
            .par_chunks_mut(4 * hidden)
            .zip(of_cell.par_chunks_mut(hidden))
            .enumerate()
            .with_min_len(ROWS)
            .for_each(|(row, (of_gates, of_cell))| {
                let gates = &gate_values[row * 4 * hidden..][..4 * hidden];
                let cell = &cells[row * hidden..][..hidden];
                let new_cell = &states[row * 2 * hidden + hidden..][..hidden];
                let (of_hidden, of_new) = grads[row * 2 * hidden..][..2 * hidden].split_at(hidden);
                of_cell.copy_from_slice(of_new);
                step_gradient(of_gates, of_cell, of_hidden, gates, cell, new_cell);
            });
        [
            Some(Values::new(of_gates, gates.shape())),
            Some(Values::new(of_cell, cell.shape())),
        ]
    }
}

/// A layer over sentences from a zero state: `gates` `[batch, len, 4 * hidden]`, what the inputs give, and the
/// recurrent weight `[4 * hidden, hidden]` to hidden state and cell after every token, `[batch, len, 2 * hidden]`.
#[derive(Debug, Clone)]
pub(in super::super) struct LstmOp {
    /// From the last token to the first.
    pub reverse: bool,
    /// `[batch, len]`, true where the state is kept as it is.
    pub is_pad: Vec<bool>,
    /// What the operands of products are rounded to.
    pub precision: Precision,
}

/// Gates after their non-linearities, the recurrent weight, and the result.
#[derive(Debug, Clone)]
pub(in super::super) struct LstmSaved {
    gates: Values,
    weight: Values,
    states: Values,
}

/// What one sentence knows between two tokens.
struct Row<'a> {
    /// `[len, 2 * hidden]`
    states: &'a mut [f32],
    /// `[len, 4 * hidden]`
    gates: &'a mut [f32],
    /// `[4 * hidden]`: those of this token.
    now: &'a mut [f32],
    /// `[hidden]`
    hidden: &'a mut [f32],
    /// `[hidden]`
    cell: &'a mut [f32],
}

impl LstmOp {
    /// Tokens in the order in which they are read.
    fn order(&self, len: usize) -> Vec<usize> {
        if self.reverse {
            (0..len).rev().collect()
        } else {
            (0..len).collect()
        }
    }
}

impl CpuOp<2> for LstmOp {
    type Saved = LstmSaved;

    fn forward(&self, [mut gates, weight]: [Values; 2]) -> (Values, LstmSaved) {
        let [batch, len, _] = gates.shape().dims();
        let width = weight.width();
        let recurrent = Mat::new(weight.as_slice(), 4 * width, width).t();
        let mut states = buffer(batch * len * 2 * width);
        let (mut hidden, mut cell) = (buffer(batch * width), buffer(batch * width));
        let mut now = buffer(batch * 4 * width);
        let gate_values = gates.as_mut_slice();
        for (count, t) in self.order(len).into_iter().enumerate() {
            now.par_chunks_exact_mut(4 * width)
                .zip(gate_values.par_chunks_exact(len * 4 * width))
                .with_min_len(ROWS)
                .for_each(|(now, gates)| now.copy_from_slice(&gates[t * 4 * width..][..4 * width]));
            if count > 0 {
                multiply(
                    self.precision,
                    &mut now,
                    Mat::new(&hidden, batch, width),
                    recurrent,
                    true,
                );
            }
            states
                .par_chunks_exact_mut(len * 2 * width)
                .zip(gate_values.par_chunks_exact_mut(len * 4 * width))
                .zip(now.par_chunks_exact_mut(4 * width))
                .zip(hidden.par_chunks_exact_mut(width))
                .zip(cell.par_chunks_exact_mut(width))
                .enumerate()
                .with_min_len(ROWS)
                .for_each(|(row, ((((states, gates), now), hidden), cell))| {
                    let row_state = Row {
                        states,
                        gates,
                        now,
                        hidden,
                        cell,
                    };
                    advance(row_state, t, width, self.is_pad[row * len + t]);
                });
        }
        let states = Values::new(states, [batch, len, 2 * width]);
        (
            states.clone(),
            LstmSaved {
                gates,
                weight,
                states,
            },
        )
    }

    fn backward(&self, saved: LstmSaved, grad: Values, needed: [bool; 2]) -> [Option<Values>; 2] {
        let LstmSaved {
            gates,
            weight,
            states,
        } = saved;
        let [batch, len, _] = gates.shape().dims();
        let width = weight.width();
        let recurrent = Mat::new(weight.as_slice(), 4 * width, width);
        let (gate_values, state_values, grad) = (gates.as_slice(), states.as_slice(), grad.as_slice());
        let mut of_gates = buffer(gate_values.len());
        let (mut of_hidden, mut of_cell) = (buffer(batch * width), buffer(batch * width));
        let mut now = buffer(batch * 4 * width);
        // What was the hidden state before each token, for the gradient of the recurrent weight.
        let mut before = buffer(batch * len * width);
        let zeros = vec![0f32; 2 * width];
        let order = self.order(len);
        for (count, &t) in order.iter().enumerate().rev() {
            of_gates
                .par_chunks_exact_mut(len * 4 * width)
                .zip(now.par_chunks_exact_mut(4 * width))
                .zip(of_hidden.par_chunks_exact_mut(width))
                .zip(of_cell.par_chunks_exact_mut(width))
                .zip(before.par_chunks_exact_mut(len * width))
                .enumerate()
                .with_min_len(ROWS)
                .for_each(|(row, ((((of_gates, now), of_hidden), of_cell), before))| {
                    let state_at = |t: usize| &state_values[(row * len + t) * 2 * width..][..2 * width];
                    let old = if count > 0 {
                        state_at(order[count - 1])
                    } else {
                        &zeros[..]
                    };
                    before[t * width..][..width].copy_from_slice(&old[..width]);
                    add(of_hidden, &grad[(row * len + t) * 2 * width..][..width]);
                    add(of_cell, &grad[(row * len + t) * 2 * width + width..][..width]);
                    if self.is_pad[row * len + t] {
                        now.fill(0.0);
                    } else {
                        let gates = &gate_values[(row * len + t) * 4 * width..][..4 * width];
                        step_gradient(
                            now,
                            of_cell,
                            of_hidden,
                            gates,
                            &old[width..],
                            &state_at(t)[width..],
                        );
                        of_hidden.fill(0.0);
                    }
                    of_gates[t * 4 * width..][..4 * width].copy_from_slice(now);
                });
            multiply(
                self.precision,
                &mut of_hidden,
                Mat::new(&now, batch, 4 * width),
                recurrent,
                true,
            );
        }
        let of_weight = needed[1].then(|| {
            let mut of_weight = buffer(4 * width * width);
            let of_gates = Mat::new(&of_gates, batch * len, 4 * width).t();
            multiply(
                self.precision,
                &mut of_weight,
                of_gates,
                Mat::new(&before, batch * len, width),
                false,
            );
            Values::new(of_weight, weight.shape())
        });
        [Some(Values::new(of_gates, gates.shape())), of_weight]
    }
}

/// One token of one sentence.
fn advance(row: Row, t: usize, width: usize, is_pad: bool) {
    let state = &mut row.states[t * 2 * width..][..2 * width];
    if is_pad {
        state[..width].copy_from_slice(row.hidden);
        state[width..].copy_from_slice(row.cell);
        return;
    }
    step(state, row.now, row.cell);
    row.gates[t * 4 * width..][..4 * width].copy_from_slice(row.now);
    row.hidden.copy_from_slice(&state[..width]);
    row.cell.copy_from_slice(&state[width..]);
}

vectorised! {
    /// `sum += x`
    pub(super) fn add(sum: &mut [f32], x: &[f32]) {
        for (sum, &x) in sum.iter_mut().zip(x) {
            *sum += x;
        }
    }

    /// New hidden state and cell `state` `[2 * hidden]`; `gates` `[4 * hidden]` (input, forget, candidate, output) get
    /// their non-linearities.
    pub(super) fn step(state: &mut [f32], gates: &mut [f32], cell: &[f32]) {
        let width = cell.len();
        let (input, gates) = gates.split_at_mut(width);
        let (forget, gates) = gates.split_at_mut(width);
        let (candidate, output) = gates.split_at_mut(width);
        let (hidden, new_cell) = state.split_at_mut(width);
        let output = &mut output[..width];
        for i in 0..width {
            input[i] = simd::sigmoid(input[i]);
            forget[i] = simd::sigmoid(forget[i]);
            candidate[i] = simd::tanh(candidate[i]);
            output[i] = simd::sigmoid(output[i]);
            new_cell[i] = forget[i].mul_add(cell[i], input[i] * candidate[i]);
            hidden[i] = output[i] * simd::tanh(new_cell[i]);
        }
    }

    /// Gradients of the gates before their non-linearities; `of_cell` is that of the new cell and becomes that of the
    /// old one. `gates` are those after their non-linearities.
    pub(super) fn step_gradient(
        of_gates: &mut [f32],
        of_cell: &mut [f32],
        of_hidden: &[f32],
        gates: &[f32],
        cell: &[f32],
        new_cell: &[f32],
    ) {
        let width = cell.len();
        let (input, gates) = gates.split_at(width);
        let (forget, gates) = gates.split_at(width);
        let (candidate, output) = gates.split_at(width);
        let (of_input, of_gates) = of_gates.split_at_mut(width);
        let (of_forget, of_gates) = of_gates.split_at_mut(width);
        let (of_candidate, of_output) = of_gates.split_at_mut(width);
        let (output, of_output) = (&output[..width], &mut of_output[..width]);
        let (of_cell, of_hidden, new_cell) = (&mut of_cell[..width], &of_hidden[..width], &new_cell[..width]);
        for i in 0..width {
            let squashed = simd::tanh(new_cell[i]);
            let of_new = (of_hidden[i] * output[i]).mul_add(1.0 - squashed * squashed, of_cell[i]);
            of_input[i] = of_new * candidate[i] * input[i] * (1.0 - input[i]);
            of_forget[i] = of_new * cell[i] * forget[i] * (1.0 - forget[i]);
            of_candidate[i] = of_new * input[i] * (1.0 - candidate[i] * candidate[i]);
            of_output[i] = of_hidden[i] * squashed * output[i] * (1.0 - output[i]);
            of_cell[i] = of_new * forget[i];
        }
    }
}
