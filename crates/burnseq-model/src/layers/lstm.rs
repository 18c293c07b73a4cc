//! Long short-term memory: cells, and stacks of layers over whole sentences.

use burn::{
    module::{
        Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor, Param,
    },
    tensor::{Bool, Device, Tensor},
};
use burnseq_kernels::{Precision, dropout_mask::Mask, ops};

use crate::{Dropout, DropoutModule, init::Init};

/// fairseq draws all weights and biases uniformly on ± this.
pub(crate) const BOUND: f64 = 0.1;

/// Parameters of one layer in one direction, in PyTorch's layout: rows are those of the gates input, forget, candidate
/// and output.
#[derive(Module, Debug)]
pub struct LstmCell {
    /// `[4 * hidden, input]`
    pub weight_ih: Param<Tensor<2>>,
    /// `[4 * hidden, hidden]`
    pub weight_hh: Param<Tensor<2>>,
    /// `[4 * hidden]`
    pub bias_ih: Param<Tensor<1>>,
    /// `[4 * hidden]`
    pub bias_hh: Param<Tensor<1>>,
    #[module(skip)]
    precision: Precision,
}

impl LstmCell {
    pub(crate) fn new(input: usize, hidden: usize, init: &mut Init) -> Self {
        Self {
            weight_ih: init.uniform_param([4 * hidden, input], BOUND),
            weight_hh: init.uniform_param([4 * hidden, hidden], BOUND),
            bias_ih: init.uniform_param([4 * hidden], BOUND),
            bias_hh: init.uniform_param([4 * hidden], BOUND),
            precision: init.precision(),
        }
    }

    fn bias(&self) -> Tensor<1> {
        self.bias_ih.val() + self.bias_hh.val()
    }

    /// Hidden state and cell after every token, `[batch, len, 2 * hidden]`, of `x` `[batch, len, input]`; see
    /// [`ops::lstm`].
    pub(crate) fn read(&self, x: Tensor<3>, is_pad: Tensor<2, Bool>, reverse: bool) -> Tensor<3> {
        let gates = ops::linear(x, self.weight_ih.val(), Some(self.bias()), self.precision);
        ops::lstm(gates, self.weight_hh.val(), is_pad, reverse, self.precision)
    }

    /// The parameters as single steps read them, for inputs whose first `known` columns are known for all steps before
    /// the first one.
    pub(crate) fn step_weights(&self, known: usize) -> LstmStepWeights {
        let weight = self.weight_ih.val();
        let [rows, input] = weight.dims();
        let rest = weight.clone().slice([0..rows, known..input]);
        LstmStepWeights {
            of_known: (known > 0).then(|| weight.slice([0..rows, 0..known])),
            of_state: Tensor::cat(vec![rest, self.weight_hh.val()], 1),
            bias: self.bias(),
            precision: self.precision,
        }
    }
}

/// Parameters of an [`LstmCell`] as single steps read them: one product for what changes from step to step.
#[derive(Debug, Clone)]
pub struct LstmStepWeights {
    /// `[4 * hidden, known]`
    of_known: Option<Tensor<2>>,
    /// `[4 * hidden, rest + hidden]`
    of_state: Tensor<2>,
    /// `[4 * hidden]`
    bias: Tensor<1>,
    precision: Precision,
}

impl LstmStepWeights {
    /// The same in the form that decoding reads: see [`ops::laid_out_for_decoding`].
    pub(crate) fn laid_out_for_decoding(self) -> Self {
        let lay_out = |weight| ops::laid_out_for_decoding(weight, self.precision);
        Self {
            of_known: self.of_known.map(lay_out),
            of_state: lay_out(self.of_state),
            ..self
        }
    }

    /// What the known inputs `[rows, len, known]` give to the gates: `[rows, len, 4 * hidden]`.
    pub(crate) fn known_gates(&self, x: Tensor<3>) -> Tensor<3> {
        let weight = self.of_known.clone().expect("some inputs are known");
        ops::linear(x, weight, None, self.precision)
    }

    /// All steps of a decoder of these layers; see [`ops::lstm_decoder`].
    pub(crate) fn decode(
        layers: Vec<Self>,
        known: Tensor<3>,
        state: Tensor<3>,
        attention: Option<ops::LstmAttention>,
        masks: Vec<Option<Mask>>,
    ) -> Tensor<3> {
        let precision = layers[0].precision;
        let (weight, bias) = layers
            .into_iter()
            .map(|layer| (layer.of_state, layer.bias))
            .unzip();
        let (weight, bias) = (Tensor::stack(weight, 0), Tensor::stack(bias, 0));
        ops::lstm_decoder(known, weight, bias, state, attention, masks, precision)
    }

    /// One step.
    ///
    /// # Shapes
    /// - `known`: `[rows, 1, 4 * hidden]`, of [`known_gates`](Self::known_gates), if some inputs are known
    /// - `rest`: `[rows, rest]`, the other inputs
    /// - `hidden`, `cell` and results: `[rows, hidden]`
    pub(crate) fn step(
        &self,
        known: Option<Tensor<3>>,
        rest: Tensor<2>,
        hidden: Tensor<2>,
        cell: Tensor<2>,
    ) -> (Tensor<2>, Tensor<2>) {
        let [rows, width] = cell.dims();
        let inputs = Tensor::cat(vec![rest, hidden], 1).unsqueeze_dim(1); // [rows, 1, rest + hidden]
        let bias = Some(self.bias.clone());
        let gates = ops::linear(inputs, self.of_state.clone(), bias, self.precision);
        let gates = match known {
            Some(known) => gates + known,
            None => gates,
        };
        let state = ops::lstm_cell(gates.squeeze_dim(1), cell); // [rows, 2 * hidden]
        let part = |columns| state.clone().slice([0..rows, columns]);
        (part(0..width), part(width..2 * width))
    }
}

/// Layers of LSTM over whole sentences, in one direction or in both, under the names of PyTorch's `nn.LSTM`.
#[derive(Debug, Clone)]
pub struct Lstm {
    /// Layer by layer, forwards before backwards.
    pub cells: Vec<LstmCell>,
    bidirectional: bool,
    /// Of the output of all layers but the last one.
    dropout: f64,
}

/// Output of an [`Lstm`].
#[derive(Debug, Clone)]
pub struct LstmOut {
    /// Hidden states of the last layer, `[batch, len, directions * hidden]`.
    pub outputs: Tensor<3>,
    /// Hidden state after the last token in each layer, `[batch, directions * hidden]`; backwards, after the first.
    pub final_hiddens: Vec<Tensor<2>>,
    /// The same of the cells.
    pub final_cells: Vec<Tensor<2>>,
}

impl Lstm {
    pub(crate) fn new(
        input: usize,
        hidden: usize,
        layers: usize,
        bidirectional: bool,
        dropout: f64,
        init: &mut Init,
    ) -> Self {
        let directions = if bidirectional { 2 } else { 1 };
        let mut cells = Vec::with_capacity(layers * directions);
        for layer in 0..layers {
            let input = if layer == 0 { input } else { directions * hidden };
            for _ in 0..directions {
                cells.push(LstmCell::new(input, hidden, init));
            }
        }
        Self {
            cells,
            bidirectional,
            dropout,
        }
    }

    fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// Reads `x` `[batch, len, input]`, from zero states; nothing of it depends on padding, on either side.
    pub fn forward(&self, x: Tensor<3>, is_pad: Tensor<2, Bool>, dropout: &Dropout) -> LstmOut {
        let [batch, len, _] = x.dims();
        let (mut final_hiddens, mut final_cells) = (Vec::new(), Vec::new());
        let mut x = x;
        let layers = self.cells.len() / self.directions();
        for (number, layer) in self.cells.chunks_exact(self.directions()).enumerate() {
            let (mut outputs, mut hiddens, mut cells) = (Vec::new(), Vec::new(), Vec::new());
            for (cell, reverse) in layer.iter().zip([false, true]) {
                let states = cell.read(x.clone(), is_pad.clone(), reverse); // [batch, len, 2 * hidden]
                let [_, _, width] = states.dims();
                let last = if reverse { 0 } else { len - 1 };
                let state = states
                    .clone()
                    .slice([0..batch, last..last + 1])
                    .squeeze_dim::<2>(1);
                hiddens.push(state.clone().slice([0..batch, 0..width / 2]));
                cells.push(state.slice([0..batch, width / 2..width]));
                outputs.push(states.slice([0..batch, 0..len, 0..width / 2]));
            }
            final_hiddens.push(Tensor::cat(hiddens, 1));
            final_cells.push(Tensor::cat(cells, 1));
            x = Tensor::cat(outputs, 2);
            if number + 1 < layers {
                x = dropout.apply(x, DropoutModule::LstmEncoder, self.dropout);
            }
        }
        LstmOut {
            outputs: x,
            final_hiddens,
            final_cells,
        }
    }

    /// What PyTorch puts behind the names of the parameters of a cell.
    fn suffix(number: usize, directions: usize) -> String {
        let reverse = if number % directions == 1 { "_reverse" } else { "" };
        format!("_l{}{reverse}", number / directions)
    }

    /// The same layers with every cell changed by `change`.
    fn with_cells(self, change: impl FnMut(LstmCell) -> LstmCell) -> Self {
        Self {
            cells: self.cells.into_iter().map(change).collect(),
            ..self
        }
    }
}

// By hand because the names of the parameters carry the number of their layer.
impl Module for Lstm {
    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        fn named<V: ModuleVisitor, M: Module>(visitor: &mut V, name: &str, module: &M) {
            visitor.enter_module(name, "Lstm");
            module.visit(visitor);
            visitor.exit_module(name, "Lstm");
        }
        for (number, cell) in self.cells.iter().enumerate() {
            let suffix = Self::suffix(number, self.directions());
            named(visitor, &format!("weight_ih{suffix}"), &cell.weight_ih);
            named(visitor, &format!("weight_hh{suffix}"), &cell.weight_hh);
            named(visitor, &format!("bias_ih{suffix}"), &cell.bias_ih);
            named(visitor, &format!("bias_hh{suffix}"), &cell.bias_hh);
        }
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        fn named<M: ModuleMapper, P: Module>(mapper: &mut M, name: &str, module: P) -> P {
            mapper.enter_module(name, "Lstm");
            let module = module.map(mapper);
            mapper.exit_module(name, "Lstm");
            module
        }
        let directions = self.directions();
        let mut number = 0;
        self.with_cells(|cell| {
            let suffix = Self::suffix(number, directions);
            number += 1;
            LstmCell {
                weight_ih: named(mapper, &format!("weight_ih{suffix}"), cell.weight_ih),
                weight_hh: named(mapper, &format!("weight_hh{suffix}"), cell.weight_hh),
                bias_ih: named(mapper, &format!("bias_ih{suffix}"), cell.bias_ih),
                bias_hh: named(mapper, &format!("bias_hh{suffix}"), cell.bias_hh),
                precision: cell.precision,
            }
        })
    }

    fn collect_devices(&self, devices: Devices) -> Devices {
        self.cells.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        self.with_cells(|cell| cell.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.with_cells(|cell| cell.to_device(device))
    }

    fn valid(&self) -> Self {
        self.clone().with_cells(|cell| cell.valid())
    }

    fn train(self) -> Self {
        self.with_cells(Module::train)
    }

    fn materialize(self) -> Self {
        self.with_cells(Module::materialize)
    }
}

impl ModuleDisplayDefault for Lstm {
    fn content(&self, content: Content) -> Option<Content> {
        content.add("cells", &self.cells).optional()
    }
}

impl ModuleDisplay for Lstm {}
