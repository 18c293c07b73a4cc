//! The operations as kernels of our own on the `flex` device, each one node of the autodiff graph.
//!
//! Composed operations write every intermediate result to memory and read it back; here one pass does the work of
//! several, matrix products read their operands where they lie, and whatever the gradient needs is kept or recomputed
//! deliberately. A kernel is a [`CpuOp`]: plain slices in, plain slices out, forward and backward.

mod adam;
mod attention;
pub(super) mod bf16;
mod cached_attention;
mod depthwise_conv;
mod dropout;
mod few_rows;
mod gelu;
mod glu;
mod layer_norm;
mod linear;
mod loss;
mod lstm;
mod lstm_decoder;
mod matmul;
mod unpacked;

use std::fmt::Debug;

use burn::{
    backend::{
        Flex,
        flex::{FlexTensor, Layout},
    },
    tensor::{Bytes, DType, Device, Shape, Tensor},
};

use super::node::Operation;

pub(super) use self::{
    adam::adam_step,
    attention::Attention,
    cached_attention::cached_attention,
    depthwise_conv::{DepthwiseConvOp, scattered_conv},
    dropout::{DropoutAdd, DropoutOp},
    gelu::GeluOp,
    glu::GluOp,
    layer_norm::LayerNormOp,
    linear::LinearOp,
    loss::LabelSmoothedNll,
    lstm::{LstmCellOp, LstmOp},
    lstm_decoder::LstmDecoderOp,
};

/// A differentiable operation on `N` tensors, on the processor.
pub(super) trait CpuOp<const N: usize>: Clone + Debug + Send + 'static {
    /// What the backward pass needs of the forward pass.
    type Saved: Clone + Debug + Send + 'static;

    /// The result, and what to save of the way there.
    fn forward(&self, inputs: [Values; N]) -> (Values, Self::Saved);

    /// Gradients of the inputs that need one.
    fn backward(&self, saved: Self::Saved, grad: Values, needed: [bool; N]) -> [Option<Values>; N];
}

/// A contiguous `f32` tensor on the processor; a clone shares the memory.
#[derive(Debug, Clone)]
pub(super) struct Values(FlexTensor);

impl Values {
    /// A tensor of the given values, row-major.
    pub fn new(values: Vec<f32>, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        debug_assert_eq!(values.len(), shape.num_elements());
        Self(FlexTensor::new(
            Bytes::from_elems(values),
            Layout::contiguous(shape),
            DType::F32,
        ))
    }

    fn from_tensor(tensor: FlexTensor) -> Self {
        if tensor.is_contiguous() {
            Self(tensor)
        } else {
            Self(tensor.to_contiguous())
        }
    }

    /// Row-major.
    pub fn as_slice(&self) -> &[f32] {
        self.0
            .as_slice()
            .expect("made contiguous f32 when it was wrapped")
    }

    /// The values for writing in place, copied first where they are shared.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        let len = self.0.layout().num_elements();
        let covers = self.0.layout().start_offset() == 0 && self.0.bytes().len() == len * size_of::<f32>();
        if !covers {
            *self = Self::new(self.as_slice().to_vec(), self.shape());
        }
        self.0.storage_mut()
    }

    /// Sizes of the dimensions.
    pub fn shape(&self) -> Shape {
        self.0.layout().shape().clone()
    }

    /// Size of the last dimension.
    pub fn width(&self) -> usize {
        *self
            .0
            .layout()
            .shape()
            .to_vec()
            .last()
            .expect("no operation here takes a scalar")
    }
}

/// Memory for `len` values that the caller overwrites in full.
///
/// Zeroed rather than uninitialised: the allocator hands out zeroed pages or recycles, and nothing unsafe is needed.
pub(super) fn buffer(len: usize) -> Vec<f32> {
    vec![0.0; len]
}

/// Whether the kernels of this module take tensors of this device and type.
pub(super) fn takes<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && tensor.device() == Device::flex()
}

impl<O: CpuOp<N>, const N: usize> Operation<Flex, N> for O {
    type Saved = O::Saved;

    fn forward(&self, inputs: [FlexTensor; N]) -> (FlexTensor, O::Saved) {
        let (output, saved) = CpuOp::forward(self, inputs.map(Values::from_tensor));
        (output.0, saved)
    }

    fn backward(&self, saved: O::Saved, grad: FlexTensor, needed: [bool; N]) -> [Option<FlexTensor>; N] {
        CpuOp::backward(self, saved, Values::from_tensor(grad), needed)
            .map(|grad| grad.map(|values| values.0))
    }
}
