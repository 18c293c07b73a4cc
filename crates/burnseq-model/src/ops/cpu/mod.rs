//! The operations as kernels of our own on the `flex` device, each one node of the autodiff graph.
//!
//! Composed operations write every intermediate result to memory and read it back; here one pass does the work of
//! several, matrix products read their operands where they lie, and whatever the gradient needs is kept or recomputed
//! deliberately. A kernel is a [`CpuOp`]: plain slices in, plain slices out, forward and backward.

mod adam;
mod attention;
pub(super) mod bf16;
mod cached_attention;
mod dropout;
mod layer_norm;
mod linear;
mod loss;
mod matmul;

use std::{fmt::Debug, marker::PhantomData};

use burn::{
    backend::{
        Autodiff, Flex,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        flex::{FlexTensor, Layout},
        tensor::FloatTensor,
    },
    tensor::{Bytes, DType, Device, Shape, Tensor},
};

pub(super) use self::{
    adam::adam_step,
    attention::Attention,
    cached_attention::cached_attention,
    dropout::{DropoutAdd, DropoutOp},
    layer_norm::LayerNormOp,
    linear::LinearOp,
    loss::LabelSmoothedNll,
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

/// A tensor of any rank on the way into an operation.
pub(super) enum Input {
    /// Without autodiff.
    Plain(FlexTensor),
    /// With autodiff, whether or not it needs a gradient.
    Tracked(FloatTensor<Autodiff<Flex>>),
}

impl Input {
    /// `tracked` says whether any input of the operation is on the autodiff device.
    pub fn new<const D: usize>(tensor: Tensor<D>, tracked: bool) -> Self {
        let wrong = "the caller checked that the tensor is on the flex device";
        if tracked {
            let tensor = if tensor.is_autodiff() {
                tensor
            } else {
                Tensor::from_inner(tensor)
            };
            Self::Tracked(tensor.try_into_primitive::<Autodiff<Flex>>().expect(wrong))
        } else {
            Self::Plain(tensor.try_into_primitive::<Flex>().expect(wrong))
        }
    }
}

/// Runs `op` on `inputs`, which are all plain or all tracked, as one node of the autodiff graph.
pub(super) fn apply<O: CpuOp<N>, const N: usize, const D: usize>(op: O, inputs: [Input; N]) -> Tensor<D> {
    if inputs.iter().all(|input| matches!(input, Input::Plain(_))) {
        let (output, _) = op.forward(inputs.map(|input| match input {
            Input::Plain(tensor) => Values::from_tensor(tensor),
            Input::Tracked(_) => unreachable!("all are plain"),
        }));
        return Tensor::from_primitive::<Flex>(output.0);
    }
    let mut guards = [const { None }; N];
    let mut free = guards.iter_mut();
    let values = inputs.map(|input| match input {
        Input::Tracked(tensor) => {
            let (primitive, guard) = tensor.into_parts();
            *free.next().expect("one place per input") = Some(guard);
            Values::from_tensor(primitive)
        }
        Input::Plain(_) => panic!("inputs of one operation are all tracked or all plain"),
    });
    let guards = guards.map(|guard| guard.expect("one guard per input"));
    let output = match Node::<O>(PhantomData)
        .prepare::<NoCheckpointing>(guards)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let (output, saved) = op.forward(values);
            prep.finish((op, saved), output.0)
        }
        OpsKind::UnTracked(prep) => prep.finish(op.forward(values).0.0),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

/// The node of one [`CpuOp`].
struct Node<O>(PhantomData<fn() -> O>);

impl<O> Debug for Node<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name::<O>())
    }
}

impl<O: CpuOp<N>, const N: usize> Backward<Flex, N> for Node<O> {
    type State = (O, O::Saved);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = Values::from_tensor(grads.consume::<Flex>(&ops.node));
        let needed = ops.parents.each_ref().map(Option::is_some);
        let (op, saved) = ops.state;
        for (parent, grad) in ops.parents.into_iter().zip(op.backward(saved, grad, needed)) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<Flex>(parent.id, grad.0);
            }
        }
    }
}
