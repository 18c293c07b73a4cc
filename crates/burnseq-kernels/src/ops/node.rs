//! Operations of our own as single nodes of the autodiff graph, on any backend.

use std::{fmt::Debug, marker::PhantomData};

use burn::{
    backend::{
        Autodiff, Backend, DispatchKindConversion, DispatchTensor,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        tensor::FloatTensor,
    },
    tensor::Tensor,
};

/// A differentiable operation on `N` tensors of backend `B`.
pub(super) trait Operation<B: Backend, const N: usize>: Clone + Debug + Send + 'static {
    /// What the backward pass needs of the forward pass.
    type Saved: Clone + Debug + Send + 'static;

    /// The result, and what to save of the way there.
    fn forward(&self, inputs: [FloatTensor<B>; N]) -> (FloatTensor<B>, Self::Saved);

    /// Gradients of the inputs that need one.
    fn backward(
        &self,
        saved: Self::Saved,
        grad: FloatTensor<B>,
        needed: [bool; N],
    ) -> [Option<FloatTensor<B>>; N];
}

/// A tensor of any rank on the way into an operation.
pub(super) enum Input<B: Backend> {
    /// Without autodiff.
    Plain(FloatTensor<B>),
    /// With autodiff, whether or not it needs a gradient.
    Tracked(FloatTensor<Autodiff<B>>),
}

impl<B: Backend> Input<B>
where
    DispatchTensor: DispatchKindConversion<B> + DispatchKindConversion<Autodiff<B>>,
{
    /// `tracked` says whether any input of the operation is on the autodiff device.
    pub fn new<const D: usize>(tensor: Tensor<D>, tracked: bool) -> Self {
        let wrong = "the caller checked which backend the tensor is of";
        if tracked {
            let tensor = if tensor.is_autodiff() {
                tensor
            } else {
                Tensor::from_inner(tensor)
            };
            Self::Tracked(tensor.try_into_primitive::<Autodiff<B>>().expect(wrong))
        } else {
            Self::Plain(tensor.try_into_primitive::<B>().expect(wrong))
        }
    }
}

/// Runs `op` on `inputs`, which are all plain or all tracked, as one node of the autodiff graph.
pub(super) fn apply<B, O, const N: usize, const D: usize>(op: O, inputs: [Input<B>; N]) -> Tensor<D>
where
    B: Backend,
    O: Operation<B, N>,
    DispatchTensor: DispatchKindConversion<B> + DispatchKindConversion<Autodiff<B>>,
{
    if inputs.iter().all(|input| matches!(input, Input::Plain(_))) {
        let (output, _) = op.forward(inputs.map(|input| match input {
            Input::Plain(tensor) => tensor,
            Input::Tracked(_) => unreachable!("all are plain"),
        }));
        return Tensor::from_primitive::<B>(output);
    }
    let mut guards = [const { None }; N];
    let mut free = guards.iter_mut();
    let tensors = inputs.map(|input| match input {
        Input::Tracked(tensor) => {
            let (primitive, guard) = tensor.into_parts();
            *free.next().expect("one place per input") = Some(guard);
            primitive
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
            let (output, saved) = op.forward(tensors);
            prep.finish((op, saved), output)
        }
        OpsKind::UnTracked(prep) => prep.finish(op.forward(tensors).0),
    };
    Tensor::from_primitive::<Autodiff<B>>(output)
}

/// The node of one [`Operation`].
struct Node<O>(PhantomData<fn() -> O>);

impl<O> Debug for Node<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name::<O>())
    }
}

impl<B: Backend, O: Operation<B, N>, const N: usize> Backward<B, N> for Node<O> {
    type State = (O, O::Saved);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let needed = ops.parents.each_ref().map(Option::is_some);
        let (op, saved) = ops.state;
        for (parent, grad) in ops.parents.into_iter().zip(op.backward(saved, grad, needed)) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}
