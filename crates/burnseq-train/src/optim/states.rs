//! What an optimiser remembers of every parameter: `N` tensors of the parameter's shape, such as Adam's two moments.

use std::collections::HashMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    optim::GradientsParams,
    tensor::{Device, GradientCheckpointingStrategy, Tensor, TensorData, container::TensorContainer},
};
use burnseq_kernels::ops::AnyTensor;
use burnseq_model::named_parameters;

use super::OptimizerState;
use crate::{Accumulated, Error, Result};

/// How one parameter changes in a step.
pub trait Rule<const N: usize> {
    /// New value and states of a parameter from its value, its gradient and its states, all off the tape.
    fn apply<const D: usize>(
        &self,
        param: Tensor<D>,
        grad: Tensor<D>,
        states: [Tensor<D>; N],
    ) -> (Tensor<D>, [Tensor<D>; N]);

    /// [`apply`](Self::apply) to the gradient multiplied by `factor` `[1]`; where that is NaN, everything stays as it is.
    fn apply_unless_nan<const D: usize>(
        &self,
        param: Tensor<D>,
        grad: Tensor<D>,
        states: [Tensor<D>; N],
        factor: Tensor<1>,
    ) -> (Tensor<D>, [Tensor<D>; N]) {
        let skip = factor.clone().is_nan().reshape([1; D]).expand(param.shape());
        let (new_param, new_states) =
            self.apply(param.clone(), grad * factor.reshape([1; D]), states.clone());
        let mut old = states.into_iter();
        let kept = new_states.map(|new| {
            let old = old.next().expect("one old state for each new one");
            new.mask_where(skip.clone(), old)
        });
        (new_param.mask_where(skip, param), kept)
    }

    /// Whether [`apply_to_many`](Self::apply_to_many) is faster for parameters that lie where this one does.
    fn takes_many<const D: usize>(&self, _param: &Tensor<D>) -> bool {
        false
    }

    /// [`apply_unless_nan`](Self::apply_unless_nan) to many parameters at once.
    fn apply_to_many(&self, _given: Many<N>, _factor: Tensor<1>) -> (Vec<AnyTensor>, [Vec<AnyTensor>; N]) {
        unreachable!("this rule takes one parameter after the other")
    }
}

/// Parameters of any ranks with their gradients and states, all off the tape.
pub struct Many<const N: usize> {
    pub(super) params: Vec<AnyTensor>,
    pub(super) grads: Vec<AnyTensor>,
    pub(super) states: [Vec<AnyTensor>; N],
}

/// The states of all parameters, and how many steps were taken.
#[derive(Debug)]
pub(super) struct States<const N: usize> {
    /// Names of the states, behind the parameter's in an [`OptimizerState`].
    names: [&'static str; N],
    step: u64,
    values: [TensorContainer<ParamId>; N],
}

impl<const N: usize> States<N> {
    /// Zeros. They are allocated here, so that a device that is too small for them says so before training starts.
    pub(super) fn zeros<M: Module>(names: [&'static str; N], model: &M) -> Self {
        struct Zeros<const N: usize>([TensorContainer<ParamId>; N]);
        impl<const N: usize> ModuleVisitor for Zeros<N> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let value = param.val().inner();
                for states in &mut self.0 {
                    states.register(param.id, value.zeros_like());
                }
            }
        }
        let mut zeros = Zeros(std::array::from_fn(|_| TensorContainer::default()));
        model.visit(&mut zeros);
        Self {
            names,
            step: 0,
            values: zeros.0,
        }
    }

    /// Number of the step that comes next, counted from 1.
    pub(super) fn next_step(&self) -> u64 {
        self.step + 1
    }

    /// Changes every parameter that has a gradient; the others are left as they are.
    ///
    /// `rule` gets gradients before the factor of [`Accumulated`] is applied, and is made from that factor, or from 1
    /// where only the device knows it.
    pub(super) fn step<M: Module, R: Rule<N>>(
        &mut self,
        model: M,
        grads: Accumulated,
        rule: impl FnOnce(f64) -> R,
    ) -> M {
        struct Update<'a, const N: usize, R> {
            grads: GradientsParams,
            values: &'a mut [TensorContainer<ParamId>; N],
            rule: R,
            on_device: Option<Tensor<1>>,
        }
        impl<const N: usize, R: Rule<N>> ModuleMapper for Update<'_, N, R> {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                let Some(grad) = self.grads.remove::<D>(param.id) else {
                    return param;
                };
                // `map` leaves us the only owner of the value, so the arithmetic can reuse its memory.
                let id = param.id;
                param.map(|param| {
                    let strategy = param.gradient_checkpointing_strategy();
                    let require_grad = param.is_require_grad();
                    let old = self
                        .values
                        .each_mut()
                        .map(|states| states.remove(&id).expect("the optimiser was made for this model"));
                    let (param, new) = match &self.on_device {
                        None => self.rule.apply(param.inner(), grad, old),
                        Some(factor) => {
                            let factor = factor.clone();
                            self.rule.apply_unless_nan(param.inner(), grad, old, factor)
                        }
                    };
                    for (states, state) in self.values.iter_mut().zip(new) {
                        states.register(id, state);
                    }
                    match strategy {
                        Some(strategy) => Tensor::from_inner(param)
                            .with_gradient_checkpointing_strategy(strategy)
                            .set_require_grad(require_grad),
                        None => param,
                    }
                })
            }
        }
        self.step += 1;
        let (grads, factor, on_device) = grads.into_parts();
        let rule = rule(if on_device.is_some() { 1.0 } else { factor });
        if let Some(factor) = &on_device
            && takes_many(&model, &rule)
        {
            return self.step_of_many(model, grads, &rule, factor.clone());
        }
        model.map(&mut Update {
            grads,
            values: &mut self.values,
            rule,
            on_device,
        })
    }

    /// [`step`](Self::step) with few operations for all parameters. These leave the model while they are computed, so that
    /// their memory can be reused.
    fn step_of_many<M: Module, R: Rule<N>>(
        &mut self,
        model: M,
        grads: GradientsParams,
        rule: &R,
        factor: Tensor<1>,
    ) -> M {
        /// What a parameter needs of the way it was.
        struct Kept {
            strategy: Option<GradientCheckpointingStrategy>,
            require_grad: bool,
        }
        struct Take<'a, const N: usize> {
            grads: GradientsParams,
            values: &'a mut [TensorContainer<ParamId>; N],
            many: Many<N>,
            kept: HashMap<ParamId, Kept>,
        }
        impl<const N: usize> ModuleMapper for Take<'_, N> {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                let Some(grad) = self.grads.remove::<D>(param.id) else {
                    return param;
                };
                let (id, value, _) = param.consume();
                let (device, shape) = (value.device(), value.shape());
                let kept = Kept {
                    strategy: value.gradient_checkpointing_strategy(),
                    require_grad: value.is_require_grad(),
                };
                self.many.params.push(value.inner().into_dispatch());
                self.many.grads.push(grad.into_dispatch());
                for (taken, states) in self.many.states.iter_mut().zip(&mut *self.values) {
                    let state: Tensor<D> = states.remove(&id).expect("the optimiser was made for this model");
                    taken.push(state.into_dispatch());
                }
                let require_grad = kept.require_grad;
                self.kept.insert(id, kept);
                let absent = |_: &Device, _| unreachable!("the parameter is being changed");
                Param::uninitialized(id, absent, device, require_grad, shape)
            }
        }
        struct Give<'a, const N: usize> {
            params: std::vec::IntoIter<AnyTensor>,
            states: [std::vec::IntoIter<AnyTensor>; N],
            values: &'a mut [TensorContainer<ParamId>; N],
            kept: HashMap<ParamId, Kept>,
        }
        impl<const N: usize> ModuleMapper for Give<'_, N> {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                let id = param.id;
                let Some(Kept {
                    strategy,
                    require_grad,
                }) = self.kept.remove(&id)
                else {
                    return param;
                };
                let next = |tensors: &mut std::vec::IntoIter<AnyTensor>| {
                    Tensor::<D>::from_dispatch(tensors.next().expect("as many as were given"))
                };
                for (states, found) in self.values.iter_mut().zip(&mut self.states) {
                    states.register(id, next(found));
                }
                let value = next(&mut self.params);
                let value = match strategy {
                    Some(strategy) => Tensor::from_inner(value)
                        .with_gradient_checkpointing_strategy(strategy)
                        .set_require_grad(require_grad),
                    None => value,
                };
                Param::initialized(id, value)
            }
        }
        let mut take = Take {
            grads,
            values: &mut self.values,
            many: Many {
                params: Vec::new(),
                grads: Vec::new(),
                states: std::array::from_fn(|_| Vec::new()),
            },
            kept: HashMap::new(),
        };
        let model = model.map(&mut take);
        let Take { many, kept, .. } = take;
        let (params, states) = rule.apply_to_many(many, factor);
        model.map(&mut Give {
            params: params.into_iter(),
            states: states.map(Vec::into_iter),
            values: &mut self.values,
            kept,
        })
    }

    /// Does not count the last step, whose factor turned out to be NaN.
    pub(super) fn uncount_step(&mut self) {
        self.step -= 1;
    }

    /// Step count and states, as `<parameter>.<state>` in module order.
    pub(super) fn state_dict<M: Module>(&self, model: &M) -> OptimizerState {
        struct Data<'a, const N: usize>(&'a [TensorContainer<ParamId>; N], Vec<[TensorData; N]>);
        impl<const N: usize> ModuleVisitor for Data<'_, N> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.1.push(self.0.each_ref().map(|states| {
                    let state = states.get::<Tensor<D>>(&param.id);
                    state.expect("the optimiser was made for this model").into_data()
                }));
            }
        }
        let mut data = Data(&self.values, Vec::new());
        model.visit(&mut data);
        let mut tensors = Vec::with_capacity(N * data.1.len());
        for ((name, ..), states) in named_parameters(model).into_iter().zip(data.1) {
            for (state, data) in self.names.iter().zip(states) {
                tensors.push((format!("{name}.{state}"), data));
            }
        }
        OptimizerState {
            step: self.step,
            tensors,
        }
    }

    /// Takes over a state that [`Self::state_dict`] gave.
    ///
    /// # Errors
    /// A tensor that is missing, superfluous, of another shape or not finite; nothing is changed then.
    pub(super) fn load_state_dict<M: Module>(&mut self, model: &M, state: OptimizerState) -> Result<()> {
        let mut given: HashMap<String, TensorData> = state.tensors.into_iter().collect();
        let mut values = HashMap::new();
        for (name, id, shape) in named_parameters(model) {
            let mut taken = Vec::with_capacity(N);
            for state in self.names {
                let name = format!("{name}.{state}");
                match given.remove(&name) {
                    Some(data) => taken.push(checked(&name, &shape, data)?),
                    None => return refuse(format!("lacks `{name}`")),
                }
            }
            values.insert(id, taken);
        }
        if let Some(name) = given.keys().min() {
            return refuse(format!("holds `{name}`, which the model does not have"));
        }

        struct Load<const N: usize>([TensorContainer<ParamId>; N], HashMap<ParamId, Vec<TensorData>>);
        impl<const N: usize> ModuleVisitor for Load<N> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let values = self.1.remove(&param.id);
                let values = values.expect("every parameter was given states above");
                let device = param.val().device().without_autodiff();
                for (states, value) in self.0.iter_mut().zip(values) {
                    states.register(param.id, Tensor::<D>::from_data(value, &device));
                }
            }
        }
        let mut load = Load(std::array::from_fn(|_| TensorContainer::default()), values);
        model.visit(&mut load);
        (self.step, self.values) = (state.step, load.0);
        Ok(())
    }
}

/// Whether `rule` takes many parameters of this model at once, which are all on one device.
fn takes_many<M: Module, const N: usize, R: Rule<N>>(model: &M, rule: &R) -> bool {
    struct First<'a, R, const N: usize>(&'a R, Option<bool>);
    impl<R: Rule<N>, const N: usize> ModuleVisitor for First<'_, R, N> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.1.is_none() {
                self.1 = Some(self.0.takes_many(&param.val()));
            }
        }
    }
    let mut first = First::<R, N>(rule, None);
    model.visit(&mut first);
    first.1.unwrap_or(false)
}

/// The state as finite `f32` of the parameter's shape.
fn checked(name: &str, shape: &[usize], data: TensorData) -> Result<TensorData> {
    if data.shape().to_vec() != shape {
        return refuse(format!(
            "holds `{name}` of shape {:?}, the model needs {shape:?}",
            data.shape().to_vec()
        ));
    }
    let data = data.convert::<f32>();
    let values = data.as_slice::<f32>().expect("converted to f32 above");
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => refuse(format!("is not finite in `{name}` at position {index}")),
        None => Ok(data),
    }
}

fn refuse<T>(problem: String) -> Result<T> {
    Err(Error::OptimizerState { problem })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::optim::momentum::{Descent, Momentum};

    /// Two parameters for the tests of the optimisers.
    #[derive(Module, Debug)]
    pub(in crate::optim) struct Pair {
        pub(in crate::optim) a: Param<Tensor<1>>,
        pub(in crate::optim) b: Param<Tensor<2>>,
    }

    /// `a` is 1, -2 and `b` 0.5.
    pub(in crate::optim) fn pair() -> Pair {
        let device = Device::flex().autodiff();
        Pair {
            a: Param::from_data([1.0f32, -2.0], &device),
            b: Param::from_data([[0.5f32]], &device),
        }
    }

    /// Gradients 2, -1 for `a` and none for `b`.
    pub(in crate::optim) fn grads(model: &Pair) -> Accumulated {
        let mut grads = Accumulated::new();
        let mut params = GradientsParams::new();
        params.register(model.a.id, Tensor::<1>::from_floats([2.0, -1.0], &Device::flex()));
        grads.add(model, params);
        grads
    }

    /// `model` after two steps, the second with half the gradients.
    pub(in crate::optim) fn two_steps<C: Descent>(
        momentum: &mut Momentum<C>,
        model: Pair,
        lrs: [f64; 2],
    ) -> Pair {
        let first = grads(&model);
        let model = momentum.step(model, first, lrs[0]);
        let mut second = grads(&model);
        second.scale(0.5);
        momentum.step(model, second, lrs[1])
    }

    /// The values of `a`.
    pub(in crate::optim) fn a(model: &Pair) -> Vec<f32> {
        model.a.val().into_data().as_slice::<f32>().unwrap().to_vec()
    }
}
