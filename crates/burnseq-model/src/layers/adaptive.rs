//! Embeddings and output layers that spend less on rare tokens, which come last in a dictionary.

use burn::{
    module::{Module, Param},
    tensor::{DType, Int, Tensor, activation::log_softmax},
};
use burnseq_kernels::{Precision, ops};

use super::{Embedding, Projection};
use crate::{
    Dropout, DropoutModule,
    init::{Init, xavier_bound},
};

/// Embeddings whose width falls from band to band (Baevski and Auli 2019, section 3).
#[derive(Module, Debug)]
pub struct AdaptiveInput {
    /// Of each band the table `[types, width / factor^band]`, and what brings it to the width of the blocks.
    pub embeddings: Vec<(Embedding, Projection)>,
    /// First token of each band.
    first: Vec<usize>,
}

impl AdaptiveInput {
    /// Bands that end before each of `cutoffs`, and before `types`.
    pub(crate) fn new(
        types: usize,
        cutoffs: &[usize],
        [input, output]: [usize; 2],
        factor: usize,
        pad: usize,
        init: &mut Init,
    ) -> Self {
        let mut first = vec![0];
        first.extend(cutoffs);
        let ends = cutoffs.iter().copied().chain([types]);
        let mut width = input;
        let embeddings = first.iter().zip(ends).map(|(&first, end)| {
            let std = (width as f64).powf(-0.5);
            let pad = (first == 0).then_some(pad);
            let table = Embedding::normal(end - first, width, std, pad, init);
            let projection = Projection::xavier(width, output, init);
            width /= factor;
            (table, projection)
        });
        Self {
            embeddings: embeddings.collect(),
            first,
        }
    }

    /// `[batch, len]` to `[batch, len, width]`.
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        let bands = self.embeddings.iter().zip(&self.first);
        let embedded = bands.map(|((table, projection), &first)| {
            let [types, _] = table.weight.dims();
            let outside = tokens
                .clone()
                .lower_elem(first as i64)
                .bool_or(tokens.clone().greater_equal_elem((first + types) as i64));
            let in_band = (tokens.clone() - first as i64).mask_fill(outside.clone(), 0);
            let x = projection.forward(table.forward(in_band));
            let shape = x.dims();
            x.mask_fill(outside.unsqueeze_dim::<3>(2).expand(shape), 0.0)
        });
        embedded.reduce(|sum, x| sum + x).expect("there is a first band")
    }
}

/// Probabilities of frequent tokens and of bands of rare ones, and within each band (Grave et al. 2017).
///
/// With tied weights the tables of an [`AdaptiveInput`] serve as output layers; what it holds is then not here.
#[derive(Module, Debug)]
pub struct AdaptiveSoftmax {
    /// Frequent tokens, and bands.
    pub head: AdaptiveHead,
    /// Of each band the map to a smaller width, the drop probability behind it, and the output layer.
    pub tail: Vec<(Option<Projection>, f64, Option<Projection>)>,
    first: Vec<usize>,
    #[module(skip)]
    precision: Precision,
}

/// The first output layer of an [`AdaptiveSoftmax`].
#[derive(Module, Debug)]
pub struct AdaptiveHead {
    /// Frequent tokens, then bands; where that is one table, `[first band + bands, width]`.
    pub weight: Option<Param<Tensor<2>>>,
    /// Bands, where frequent tokens have the table of the input: `[bands, width]`.
    pub class_proj: Option<Projection>,
}

/// What an [`AdaptiveSoftmax`] has in common with the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tied {
    /// The tables.
    pub weights: bool,
    /// The maps between widths, turned round.
    pub projections: bool,
}

impl AdaptiveSoftmax {
    /// Bands that begin at each of `cutoffs`, of which there is at least one; `input` gives what is `tied`.
    pub(crate) fn new(
        types: usize,
        cutoffs: &[usize],
        (width, factor): (usize, usize),
        dropout: f64,
        tied: Tied,
        init: &mut Init,
    ) -> Self {
        let words = cutoffs[0];
        let bands = cutoffs.len();
        let head = if tied.weights {
            AdaptiveHead {
                weight: None,
                class_proj: Some(Projection::xavier(width, bands, init)),
            }
        } else {
            let bound = xavier_bound(words + bands, width, 1.0);
            AdaptiveHead {
                weight: Some(init.uniform_param([words + bands, width], bound)),
                class_proj: None,
            }
        };
        let ends = cutoffs[1..].iter().copied().chain([types]);
        let mut inner = width;
        let tail = cutoffs.iter().zip(ends).map(|(&first, end)| {
            inner /= factor;
            let down = (!tied.projections).then(|| Projection::xavier(width, inner, init));
            let out = (!tied.weights).then(|| Projection::xavier(inner, end - first, init));
            (down, dropout, out)
        });
        Self {
            head,
            tail: tail.collect(),
            first: cutoffs.to_vec(),
            precision: init.precision(),
        }
    }

    /// Log-probabilities of all tokens: `[batch, len, width]` to `[batch, len, types]`; `input` holds what is tied.
    pub(crate) fn log_probs(
        &self,
        x: Tensor<3>,
        input: Option<&AdaptiveInput>,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let band = |number: usize| {
            let input = input.expect("tied weights are those of an adaptive input");
            &input.embeddings[number]
        };
        let logits = match (&self.head.weight, &self.head.class_proj) {
            (Some(weight), _) => ops::linear(x.clone(), weight.val(), None, self.precision),
            (None, Some(classes)) => {
                let words = band(0).0.project(x.clone());
                Tensor::cat(vec![words, classes.forward(x.clone())], 2)
            }
            (None, None) => unreachable!("bands have a class"),
        };
        let [batch, len, _] = logits.dims();
        let head = log_softmax(ops::as_type(logits, DType::F32), 2);
        let words = self.first[0];
        let mut parts = vec![head.clone().slice([0..batch, 0..len, 0..words])];
        for (number, (down, probability, out)) in self.tail.iter().enumerate() {
            let inner = match down {
                Some(projection) => projection.forward(x.clone()),
                None => {
                    let weight = band(number + 1).1.weight.val().transpose();
                    ops::linear(x.clone(), weight, None, self.precision)
                }
            };
            let inner = dropout.apply(inner, DropoutModule::TransformerDecoder, *probability);
            let logits = match out {
                Some(projection) => projection.forward(inner),
                None => band(number + 1).0.project(inner),
            };
            let of_band = head
                .clone()
                .slice([0..batch, 0..len, words + number..words + number + 1]);
            parts.push(log_softmax(ops::as_type(logits, DType::F32), 2) + of_band);
        }
        Tensor::cat(parts, 2)
    }
}
