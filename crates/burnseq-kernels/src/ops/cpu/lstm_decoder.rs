//! The LSTM decoder with input feeding over whole targets, as one node of the autodiff graph.
//!
//! Steps depend on each other, but the gradients of the parameters do not: the backward pass keeps what each step gives
//! to them, and multiplies once for all steps. Inside, time comes first: `[len, batch, ..]`.

use burnseq_numerics::simd::{self, vectorised};
use rayon::prelude::*;

use super::{
    CpuOp, Values,
    attention::{Sizes, few_scores, few_sums, softmax_gradient, softmax_rows},
    buffer,
    dropout::masked,
    linear::{column_sums, multiply},
    lstm::{ROWS, add, step, step_gradient},
    matmul::{Mat, matmul_strided},
};
use crate::{
    Precision,
    dropout_mask::{Keep, Mask},
};

/// A decoder of `layers` layers over `len` steps, whose first one is fed the output of the step before.
///
/// # Shapes
/// - gates: `[batch, len, 4 * hidden]`, what the tokens give to those of the first layer
/// - weight: `[layers, 4 * hidden, 2 * hidden]`, of a layer's other input, then of its hidden state
/// - bias: `[layers, 4 * hidden]`
/// - state: `[layers, batch, 2 * hidden]`, hidden state and cell before the first step
/// - with attention: source `[batch, src_len, width]`, the projection of queries `[width, hidden]` and that of the output
///   `[hidden, width + hidden]`
/// - result: `[batch, len, 2 * hidden]`, output and last hidden state of every step
#[derive(Debug, Clone)]
pub(in super::super) struct LstmDecoderOp {
    /// `[batch, src_len]`, true where the source must not be seen.
    pub is_pad: Vec<bool>,
    /// `[len, layers]`: of a layer's hidden state on its way to the next one, of the last layer on the way out.
    pub masks: Vec<Option<Mask>>,
    /// What the operands of products are rounded to.
    pub precision: Precision,
}

/// What the backward pass needs.
#[derive(Debug, Clone)]
pub(in super::super) struct LstmDecoderSaved {
    layers: Vec<Layer>,
    attention: Option<Attention>,
}

/// One layer.
#[derive(Debug, Clone)]
struct Layer {
    /// `[4 * hidden, 2 * hidden]`
    weight: Vec<f32>,
    /// Input and hidden state before each step, `[len, batch, 2 * hidden]`.
    inputs: Vec<f32>,
    /// After their non-linearities, `[len, batch, 4 * hidden]`.
    gates: Vec<f32>,
    /// Hidden state and cell before the first step and after each one, `[len + 1, batch, 2 * hidden]`.
    states: Vec<f32>,
    hidden: usize,
    precision: Precision,
}

/// Gradients of a [`Layer`].
struct LayerGradients {
    /// Before their non-linearities, `[len, batch, 4 * hidden]`.
    gates: Vec<f32>,
    /// `[batch, hidden]`
    hidden: Vec<f32>,
    /// `[batch, hidden]`
    cell: Vec<f32>,
}

impl Layer {
    /// One step of inputs `[batch, hidden]` to hidden states, which are also given in the last step's place.
    fn advance(&mut self, t: usize, x: &[f32], before: &[f32]) -> Vec<f32> {
        let (width, batch) = (self.hidden, x.len() / self.hidden);
        let inputs = &mut self.inputs[t * 2 * x.len()..][..2 * x.len()];
        join(inputs, x, before, width);
        let gates = &mut self.gates[t * 4 * x.len()..][..4 * x.len()];
        let weight = Mat::new(&self.weight, 4 * width, 2 * width).t();
        multiply(
            self.precision,
            gates,
            Mat::new(inputs, batch, 2 * width),
            weight,
            true,
        );
        let (old, new) = self.states.split_at_mut((t + 1) * 2 * x.len());
        let mut hidden = buffer(x.len());
        hidden
            .par_chunks_exact_mut(width)
            .zip(gates.par_chunks_exact_mut(4 * width))
            .zip(new.par_chunks_exact_mut(2 * width))
            .zip(old[t * 2 * x.len()..].par_chunks_exact(2 * width))
            .with_min_len(ROWS)
            .for_each(|(((hidden, gates), new), old)| {
                step(new, gates, &old[width..]);
                hidden.copy_from_slice(&new[..width]);
            });
        hidden
    }

    /// From the gradient of the hidden state after step `t` to that of its input.
    fn backward(&self, t: usize, of_output: &[f32], grads: &mut LayerGradients) -> Vec<f32> {
        let (width, size) = (self.hidden, of_output.len());
        let of_gates = &mut grads.gates[t * 4 * size..][..4 * size];
        of_gates
            .par_chunks_exact_mut(4 * width)
            .zip(grads.cell.par_chunks_exact_mut(width))
            .zip(grads.hidden.par_chunks_exact_mut(width))
            .zip(of_output.par_chunks_exact(width))
            .zip(self.gates[t * 4 * size..].par_chunks_exact(4 * width))
            .zip(self.states[t * 2 * size..].par_chunks_exact(2 * width))
            .zip(self.states[(t + 1) * 2 * size..].par_chunks_exact(2 * width))
            .with_min_len(ROWS)
            .for_each(
                |((((((of_gates, of_cell), of_hidden), of_output), gates), old), new)| {
                    add(of_hidden, of_output);
                    step_gradient(of_gates, of_cell, of_hidden, gates, &old[width..], &new[width..]);
                },
            );
        let of_gates = Mat::new(of_gates, size / width, 4 * width);
        let part = |first: usize| Mat::strided(&self.weight[first..], 4 * width, width, 2 * width);
        let mut of_x = buffer(size);
        multiply(self.precision, &mut of_x, of_gates, part(0), false);
        multiply(self.precision, &mut grads.hidden, of_gates, part(width), false);
        of_x
    }
}

/// Attention to the source.
#[derive(Debug, Clone)]
struct Attention {
    source: Values,
    input_proj: Values,
    output_proj: Values,
    /// Multiplied by the root of the width, by which scores are divided: `[len, batch, width]`.
    queries: Vec<f32>,
    /// `[len, batch, src_len]`
    probabilities: Vec<f32>,
    /// Context and hidden state, `[len, batch, width + hidden]`.
    found: Vec<f32>,
    /// After the non-linearity, `[len, batch, hidden]`.
    outputs: Vec<f32>,
    sizes: Sizes,
    hidden: usize,
    precision: Precision,
}

/// What each step gives to the gradients of an [`Attention`].
struct AttentionGradients {
    /// `[len, batch, width]`
    queries: Vec<f32>,
    /// `[len, batch, src_len]`
    scores: Vec<f32>,
    /// `[len, batch, width]`
    context: Vec<f32>,
    /// Before the non-linearity, `[len, batch, hidden]`.
    outputs: Vec<f32>,
}

impl Attention {
    fn new([source, input_proj, output_proj]: [Values; 3], len: usize, precision: Precision) -> Self {
        let [batch, src_len, width] = source.shape().dims();
        let (rows, hidden) = (len * batch, input_proj.width());
        Self {
            queries: buffer(rows * width),
            probabilities: buffer(rows * src_len),
            found: buffer(rows * (width + hidden)),
            outputs: buffer(rows * hidden),
            sizes: Sizes::of_one_query(src_len, width),
            source,
            input_proj,
            output_proj,
            hidden,
            precision,
        }
    }

    /// `src_len` and `width`.
    fn source_sizes(&self) -> (usize, usize) {
        let [_, src_len, width] = self.source.shape().dims();
        (src_len, width)
    }

    /// One step of hidden states `[batch, hidden]` to outputs of the same shape.
    fn advance(&mut self, t: usize, hidden: &[f32], is_pad: &[bool]) -> Vec<f32> {
        let (src_len, width) = self.source_sizes();
        let batch = hidden.len() / self.hidden;
        let (rows, both) = (t * batch, width + self.hidden);
        let queries = &mut self.queries[rows * width..][..batch * width];
        let input_proj = Mat::new(self.input_proj.as_slice(), width, self.hidden).t();
        multiply(
            self.precision,
            queries,
            Mat::new(hidden, batch, self.hidden),
            input_proj,
            false,
        );
        let found = &mut self.found[rows * both..][..batch * both];
        queries
            .par_chunks_exact_mut(width)
            .zip(self.probabilities[rows * src_len..].par_chunks_exact_mut(src_len))
            .zip(found.par_chunks_exact_mut(both))
            .zip(hidden.par_chunks_exact(self.hidden))
            .zip(self.source.as_slice().par_chunks_exact(src_len * width))
            .zip(is_pad.par_chunks_exact(src_len))
            .with_min_len(ROWS)
            .for_each(|(((((query, probabilities), found), hidden), source), is_pad)| {
                scale(query, (width as f32).sqrt());
                few_scores(probabilities, query, source, self.sizes);
                softmax_rows(probabilities, Some(is_pad), false, self.sizes);
                few_sums(found, probabilities, source, self.sizes);
                found[width..].copy_from_slice(hidden);
            });
        let outputs = &mut self.outputs[rows * self.hidden..][..hidden.len()];
        let output_proj = Mat::new(self.output_proj.as_slice(), self.hidden, both).t();
        multiply(
            self.precision,
            outputs,
            Mat::new(found, batch, both),
            output_proj,
            false,
        );
        outputs.par_chunks_mut(RUN).for_each(tanh);
        outputs.to_vec()
    }

    /// From the gradient of the outputs of step `t` to that of its hidden states.
    fn backward(
        &self,
        t: usize,
        mut of_output: Vec<f32>,
        is_pad: &[bool],
        grads: &mut AttentionGradients,
    ) -> Vec<f32> {
        let (src_len, width) = self.source_sizes();
        let (size, batch) = (of_output.len(), of_output.len() / self.hidden);
        let (rows, both) = (t * batch, width + self.hidden);
        of_output
            .par_chunks_mut(RUN)
            .zip(self.outputs[t * size..][..size].par_chunks(RUN))
            .for_each(|(grad, y)| tanh_gradient(grad, y));
        grads.outputs[t * size..][..size].copy_from_slice(&of_output);
        let of_output = Mat::new(&of_output, batch, self.hidden);
        let output_proj = |first: usize, cols: usize| {
            Mat::strided(&self.output_proj.as_slice()[first..], self.hidden, cols, both)
        };
        let mut of_hidden = buffer(size);
        multiply(
            self.precision,
            &mut of_hidden,
            of_output,
            output_proj(width, self.hidden),
            false,
        );
        let of_context = &mut grads.context[rows * width..][..batch * width];
        multiply(
            self.precision,
            of_context,
            of_output,
            output_proj(0, width),
            false,
        );
        let of_queries = &mut grads.queries[rows * width..][..batch * width];
        of_queries
            .par_chunks_exact_mut(width)
            .zip(grads.scores[rows * src_len..].par_chunks_exact_mut(src_len))
            .zip(of_context.par_chunks_exact(width))
            .zip(self.probabilities[rows * src_len..].par_chunks_exact(src_len))
            .zip(self.source.as_slice().par_chunks_exact(src_len * width))
            .zip(is_pad.par_chunks_exact(src_len))
            .with_min_len(ROWS)
            .for_each(
                |(((((of_query, of_scores), of_context), probabilities), source), is_pad)| {
                    // Where nothing is seen, the probabilities are even whatever the scores are.
                    if is_pad.iter().all(|&is_pad| is_pad) {
                        return;
                    }
                    few_scores(of_scores, of_context, source, self.sizes);
                    softmax_gradient(of_scores, probabilities, self.sizes);
                    few_sums(of_query, of_scores, source, self.sizes);
                    scale(of_query, (width as f32).sqrt());
                },
            );
        let input_proj = Mat::new(self.input_proj.as_slice(), width, self.hidden);
        let of_queries = Mat::new(of_queries, batch, width);
        multiply(self.precision, &mut of_hidden, of_queries, input_proj, true);
        of_hidden
    }

    /// Gradients of the source and of both projections, for all steps at once.
    fn gradients(&self, grads: &AttentionGradients) -> [Values; 3] {
        let (src_len, width) = self.source_sizes();
        let (rows, both) = (self.outputs.len() / self.hidden, width + self.hidden);
        let batch = self.source.as_slice().len() / (src_len * width);
        let len = rows / batch;
        let mut of_source = buffer(self.source.as_slice().len());
        of_source
            .par_chunks_exact_mut(src_len * width)
            .enumerate()
            .for_each(|(row, of_source)| {
                for (by, x, accumulate) in [
                    (&self.probabilities, &grads.context, false),
                    (&grads.scores, &self.queries, true),
                ] {
                    let by = Mat::strided(&by[row * src_len..], len, src_len, batch * src_len);
                    let x = Mat::strided(&x[row * width..], len, width, batch * width);
                    matmul_strided(of_source, width, by.t(), x, accumulate);
                }
            });
        let mut of_input_proj = buffer(width * self.hidden);
        let hidden = Mat::strided(&self.found[width..], rows, self.hidden, both);
        let of_queries = Mat::new(&grads.queries, rows, width).t();
        multiply(self.precision, &mut of_input_proj, of_queries, hidden, false);
        let mut of_output_proj = buffer(self.hidden * both);
        let of_outputs = Mat::new(&grads.outputs, rows, self.hidden).t();
        let found = Mat::new(&self.found, rows, both);
        multiply(self.precision, &mut of_output_proj, of_outputs, found, false);
        [
            Values::new(of_source, self.source.shape()),
            Values::new(of_input_proj, self.input_proj.shape()),
            Values::new(of_output_proj, self.output_proj.shape()),
        ]
    }
}

impl LstmDecoderOp {
    fn run(
        &self,
        [gates, weight, bias, state]: [Values; 4],
        attention: Option<[Values; 3]>,
    ) -> (Values, LstmDecoderSaved) {
        let [batch, len, _] = gates.shape().dims();
        let [layers, _, double] = weight.shape().dims();
        let (hidden, size) = (double / 2, batch * double / 2);
        let mut known = Some(swapped(gates.as_slice(), [batch, len], 4 * hidden));
        let mut hiddens: Vec<Vec<f32>> = Vec::with_capacity(layers);
        let mut layers: Vec<Layer> = (0..layers)
            .map(|layer| {
                let mut gates = known.take().unwrap_or_else(|| buffer(len * 4 * size));
                let bias = &bias.as_slice()[layer * 4 * hidden..][..4 * hidden];
                gates
                    .par_chunks_exact_mut(4 * hidden)
                    .for_each(|gates| add(gates, bias));
                let mut states = buffer((len + 1) * 2 * size);
                let state = &state.as_slice()[layer * 2 * size..][..2 * size];
                states[..2 * size].copy_from_slice(state);
                let rows = state.chunks_exact(2 * hidden);
                hiddens.push(rows.flat_map(|row| &row[..hidden]).copied().collect());
                Layer {
                    weight: weight.as_slice()[layer * 8 * hidden * hidden..][..8 * hidden * hidden].to_vec(),
                    inputs: buffer(len * 2 * size),
                    gates,
                    states,
                    hidden,
                    precision: self.precision,
                }
            })
            .collect();
        let mut attention = attention.map(|inputs| Attention::new(inputs, len, self.precision));
        let mut x = buffer(size);
        let mut results = buffer(len * 2 * size);
        for (t, result) in results.chunks_exact_mut(2 * size).enumerate() {
            let masks = &self.masks[t * layers.len()..][..layers.len()];
            for (number, (layer, state)) in layers.iter_mut().zip(&mut hiddens).enumerate() {
                if number > 0 {
                    x = dropped(x, masks[number - 1]);
                }
                *state = layer.advance(t, &x, state);
                x.clone_from(state);
            }
            let last: &[f32] = &hiddens[layers.len() - 1];
            if let Some(attention) = &mut attention {
                x = attention.advance(t, last, &self.is_pad);
            }
            x = dropped(x, masks[layers.len() - 1]);
            join(result, &x, last, hidden);
        }
        let result = Values::new(
            swapped(&results, [len, batch], 2 * hidden),
            [batch, len, 2 * hidden],
        );
        (result, LstmDecoderSaved { layers, attention })
    }

    /// Gradients of gates, weight, bias and state, and those of attention.
    fn gradients(&self, saved: &LstmDecoderSaved, grad: &Values) -> ([Values; 4], Option<[Values; 3]>) {
        let LstmDecoderSaved { layers, attention } = saved;
        let [batch, len, double] = grad.shape().dims();
        let (hidden, size) = (double / 2, batch * double / 2);
        let grad = swapped(grad.as_slice(), [batch, len], 2 * hidden);
        let mut of_layers: Vec<LayerGradients> = layers
            .iter()
            .map(|_| LayerGradients {
                gates: buffer(len * 4 * size),
                hidden: buffer(size),
                cell: buffer(size),
            })
            .collect();
        let mut of_attention = attention.as_ref().map(|attention| AttentionGradients {
            queries: buffer(attention.queries.len()),
            scores: buffer(attention.probabilities.len()),
            context: buffer(attention.queries.len()),
            outputs: buffer(attention.outputs.len()),
        });
        let mut of_x = buffer(size);
        let last = layers.len() - 1;
        for (t, grad) in grad.chunks_exact(2 * size).enumerate().rev() {
            let masks = &self.masks[t * layers.len()..][..layers.len()];
            let rows = of_x
                .chunks_exact_mut(hidden)
                .zip(of_layers[last].hidden.chunks_exact_mut(hidden));
            for ((of_x, of_hidden), grad) in rows.zip(grad.chunks_exact(2 * hidden)) {
                add(of_x, &grad[..hidden]);
                add(of_hidden, &grad[hidden..]);
            }
            of_x = dropped(of_x, masks[last]);
            if let (Some(attention), Some(grads)) = (attention, &mut of_attention) {
                of_x = attention.backward(t, of_x, &self.is_pad, grads);
            }
            for (number, (layer, grads)) in layers.iter().zip(&mut of_layers).enumerate().rev() {
                if number < last {
                    of_x = dropped(of_x, masks[number]);
                }
                of_x = layer.backward(t, &of_x, grads);
            }
        }
        let count = layers.len();
        let (mut of_weight, mut of_bias) = (buffer(count * 8 * hidden * hidden), Vec::new());
        let mut of_state = buffer(count * 2 * size);
        for (number, (layer, grads)) in layers.iter().zip(&of_layers).enumerate() {
            let of_gates = Mat::new(&grads.gates, len * batch, 4 * hidden).t();
            let inputs = Mat::new(&layer.inputs, len * batch, 2 * hidden);
            let of_weight = &mut of_weight[number * 8 * hidden * hidden..][..8 * hidden * hidden];
            multiply(self.precision, of_weight, of_gates, inputs, false);
            of_bias.extend(column_sums(&grads.gates, 4 * hidden));
            let of_state = &mut of_state[number * 2 * size..][..2 * size];
            join(of_state, &grads.hidden, &grads.cell, hidden);
        }
        let of_gates = swapped(&of_layers[0].gates, [len, batch], 4 * hidden);
        let of_attention = attention.as_ref().zip(of_attention);
        (
            [
                Values::new(of_gates, [batch, len, 4 * hidden]),
                Values::new(of_weight, [count, 4 * hidden, 2 * hidden]),
                Values::new(of_bias, [count, 4 * hidden]),
                Values::new(of_state, [count, batch, 2 * hidden]),
            ],
            of_attention.map(|(attention, grads)| attention.gradients(&grads)),
        )
    }
}

/// Without attention.
impl CpuOp<4> for LstmDecoderOp {
    type Saved = LstmDecoderSaved;

    fn forward(&self, inputs: [Values; 4]) -> (Values, LstmDecoderSaved) {
        self.run(inputs, None)
    }

    fn backward(&self, saved: LstmDecoderSaved, grad: Values, _: [bool; 4]) -> [Option<Values>; 4] {
        let (of_inputs, _) = self.gradients(&saved, &grad);
        of_inputs.map(Some)
    }
}

/// With attention.
impl CpuOp<7> for LstmDecoderOp {
    type Saved = LstmDecoderSaved;

    fn forward(
        &self,
        [gates, weight, bias, state, source, input_proj, output_proj]: [Values; 7],
    ) -> (Values, LstmDecoderSaved) {
        let attention = [source, input_proj, output_proj];
        self.run([gates, weight, bias, state], Some(attention))
    }

    fn backward(&self, saved: LstmDecoderSaved, grad: Values, _: [bool; 7]) -> [Option<Values>; 7] {
        let ([gates, weight, bias, state], of_attention) = self.gradients(&saved, &grad);
        let [source, input_proj, output_proj] = of_attention.expect("this form has attention");
        [gates, weight, bias, state, source, input_proj, output_proj].map(Some)
    }
}

/// Elements that one task takes.
const RUN: usize = 1 << 14;

fn dropped(x: Vec<f32>, mask: Option<Mask>) -> Vec<f32> {
    match mask {
        Some(mask) => masked(&x, None, Keep::new(mask)),
        None => x,
    }
}

/// Rows of `width` values of `a`, each followed by one of `b`.
fn join(out: &mut [f32], a: &[f32], b: &[f32], width: usize) {
    let rows = a.chunks_exact(width).zip(b.chunks_exact(width));
    for (out, (a, b)) in out.chunks_exact_mut(2 * width).zip(rows) {
        out[..width].copy_from_slice(a);
        out[width..].copy_from_slice(b);
    }
}

/// `[first, second, width]` to `[second, first, width]`.
fn swapped(x: &[f32], [first, second]: [usize; 2], width: usize) -> Vec<f32> {
    let mut out = buffer(x.len());
    out.par_chunks_exact_mut(first * width)
        .enumerate()
        .for_each(|(j, out)| {
            for (i, out) in out.chunks_exact_mut(width).enumerate() {
                out.copy_from_slice(&x[(i * second + j) * width..][..width]);
            }
        });
    out
}

vectorised! {
    fn scale(x: &mut [f32], factor: f32) {
        for x in x {
            *x *= factor;
        }
    }

    fn tanh(x: &mut [f32]) {
        for x in x {
            *x = simd::tanh(*x);
        }
    }

    /// `grad *= 1 - y²`
    fn tanh_gradient(grad: &mut [f32], y: &[f32]) {
        for (grad, &y) in grad.iter_mut().zip(y) {
            *grad *= 1.0 - y * y;
        }
    }
}
