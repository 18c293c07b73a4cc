//! Gradients of an update: summed over micro-batches, divided by the sample size, clipped by their
//! global norm.
//!
//! Dividing and clipping only change one factor; the optimiser applies it when it reads a gradient,
//! so neither costs a pass over the gradients. A GPU keeps that factor to itself, so that it can apply an update before
//! the host knows how long its gradient is.

use std::collections::HashSet;

use burn::{
    backend::Flex,
    module::{Module, ModuleVisitor, Param, ParamId},
    optim::GradientsParams,
    tensor::{DType, Device, Tensor, TensorData},
};
use burnseq_kernels::ops;
use burnseq_model::named_parameters;
use rayon::prelude::*;

use crate::out_of_memory::OutOfMemory;
use crate::readback::Readback;
use crate::{Error, Result};

/// Gradients summed over the micro-batches of an update, with a common factor.
#[derive(Debug)]
pub struct Accumulated {
    sum: GradientsParams,
    factor: f64,
    /// The factor `[1]`, where it was found on the device; NaN where the gradients must not be applied.
    factor_on_device: Option<Tensor<1>>,
    /// Sum of squares of each gradient of `sum`, once it is computed.
    squares: Option<Squares>,
}

/// Sums of squares of the gradients.
#[derive(Debug)]
struct Squares {
    /// Index of each parameter that has a gradient, in module order.
    found: Vec<usize>,
    sums: Sums,
}

/// The sums of [`Squares`].
#[derive(Debug)]
enum Sums {
    /// Of gradients on the processor.
    Known(Vec<f64>),
    /// Of gradients on a device, `[parameters]`, and the same numbers on their way to the host.
    OnDevice(Box<(Tensor<1>, Readback)>),
}

impl Squares {
    /// Index and sum of each parameter; a device is waited for.
    fn values(&self) -> Vec<(usize, f64)> {
        let sums = match &self.sums {
            Sums::Known(sums) => sums,
            Sums::OnDevice(sums) => sums.1.numbers(),
        };
        self.found.iter().copied().zip(sums.iter().copied()).collect()
    }

    /// Name and norm of each gradient, multiplied by `factor`.
    fn norms<M: Module>(&self, model: &M, factor: f64) -> Vec<(String, f32)> {
        let names = named_parameters(model);
        let norm = |square: f64| (square.sqrt() * factor.abs()) as f32;
        self.values()
            .into_iter()
            .map(|(index, square)| (names[index].0.clone(), norm(square)))
            .collect()
    }
}

/// Global norm of an update's gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradNorm {
    /// L2 norm over all parameters, after division by the sample size and before clipping.
    pub norm: f32,
    /// Whether the norm was above the limit.
    pub clipped: bool,
}

impl GradNorm {
    /// `max_norm` 0 is no limit.
    fn new(norm: f32, max_norm: f64) -> Self {
        Self {
            norm,
            clipped: max_norm > 0.0 && f64::from(norm) > max_norm,
        }
    }
}

/// What [`Accumulated::clip_on_device`] did, on its way to the host.
#[derive(Debug)]
pub(crate) struct ClippedOnDevice {
    norm_and_factor: Readback,
    /// Sums of squares before the factor `scale`.
    squares: Squares,
    scale: f64,
    max_norm: f64,
}

impl ClippedOnDevice {
    /// The norm, for which the device is waited for.
    ///
    /// # Errors
    /// A gradient or a loss that is NaN or infinite, and because of which nothing was applied.
    pub(crate) fn norm<M: Module>(&self, model: &M) -> Result<GradNorm> {
        let &[norm, factor] = self.norm_and_factor.numbers() else {
            unreachable!("there are two numbers");
        };
        if factor.is_nan() {
            return Err(non_finite(&self.squares.norms(model, self.scale), norm as f32));
        }
        Ok(GradNorm::new(norm as f32, self.max_norm))
    }
}

/// The error that names the first norm that is not finite; `norm` is that of all together.
fn non_finite(norms: &[(String, f32)], norm: f32) -> Error {
    let first = norms.iter().find(|(_, norm)| !norm.is_finite()).cloned();
    // None, if the norms are finite and only their sum is beyond `f32`.
    let (tensor, norm) = first.unwrap_or_else(|| ("the whole model".to_owned(), norm));
    Error::NonFiniteGradient { tensor, norm }
}

impl Default for Accumulated {
    fn default() -> Self {
        Self::new()
    }
}

impl Accumulated {
    /// No gradients yet.
    pub fn new() -> Self {
        Self {
            sum: GradientsParams::new(),
            factor: 1.0,
            factor_on_device: None,
            squares: None,
        }
    }

    /// Whether nothing was added, or no parameter had a gradient.
    pub fn is_empty(&self) -> bool {
        self.sum.is_empty()
    }

    /// Adds the gradients of a micro-batch; `model` says which parameters there are.
    ///
    /// # Panics
    /// After [`Self::scale`] or [`Self::clip`]: the sum is complete then.
    pub fn add<M: Module>(&mut self, model: &M, grads: GradientsParams) {
        assert!(
            self.factor == 1.0,
            "micro-batches are summed before they are scaled, by {}",
            self.factor
        );
        self.squares = None;
        if self.is_empty() {
            self.sum = grads;
            return;
        }
        struct Add<'a>(&'a mut GradientsParams, GradientsParams);
        impl ModuleVisitor for Add<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let Some(new) = self.1.remove::<D>(param.id) else {
                    return;
                };
                let sum = match self.0.remove::<D>(param.id) {
                    Some(old) => old + new,
                    None => new,
                };
                self.0.register(param.id, sum);
            }
        }
        model.visit(&mut Add(&mut self.sum, grads));
    }

    /// The parameters that have a gradient, in module order.
    pub(crate) fn params<M: Module>(&self, model: &M) -> Vec<ParamId> {
        struct Params<'a>(&'a GradientsParams, Vec<ParamId>);
        impl ModuleVisitor for Params<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if self.0.get::<D>(param.id).is_some() {
                    self.1.push(param.id);
                }
            }
        }
        let mut params = Params(&self.sum, Vec::new());
        model.visit(&mut params);
        params.1
    }

    /// Replaces the gradients of `params`, one tensor after the other in module order and each as one row, by what `map`
    /// makes of them; one that is missing is zeros.
    pub(crate) fn map_flat<M: Module>(
        &mut self,
        model: &M,
        params: &HashSet<ParamId>,
        map: impl FnOnce(Vec<Tensor<1>>) -> Vec<Tensor<1>>,
    ) {
        struct Take<'a>(&'a mut GradientsParams, &'a HashSet<ParamId>, Vec<Tensor<1>>);
        impl ModuleVisitor for Take<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if self.1.contains(&param.id) {
                    let grad = self.0.remove::<D>(param.id);
                    let grad = grad.unwrap_or_else(|| param.val().inner().zeros_like());
                    self.2.push(grad.reshape([-1]));
                }
            }
        }
        struct Put<'a, I>(&'a mut GradientsParams, &'a HashSet<ParamId>, I);
        impl<I: Iterator<Item = Tensor<1>>> ModuleVisitor for Put<'_, I> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if self.1.contains(&param.id) {
                    let grad = self.2.next().expect("as many as were taken");
                    self.0.register(param.id, grad.reshape(param.val().dims()));
                }
            }
        }
        self.squares = None;
        let mut taken = Take(&mut self.sum, params, Vec::new());
        model.visit(&mut taken);
        let mapped = map(taken.2).into_iter();
        model.visit(&mut Put(&mut self.sum, params, mapped));
    }

    /// What every gradient is still to be multiplied by.
    pub(crate) fn factor(&self) -> f64 {
        self.factor
    }

    /// Multiplies every gradient by `factor`: 1 / sample size.
    pub fn scale(&mut self, factor: f64) {
        self.factor *= factor;
    }

    /// Has the lengths of the gradients computed, unless they are, for the norms that are asked for later; a GPU is not
    /// waited for.
    ///
    /// # Errors
    /// When something that a gradient depends on did not fit in memory.
    pub(crate) fn measure_once<M: Module>(&mut self, model: &M) -> Result<(), OutOfMemory> {
        if self.squares.is_none() {
            self.squares = Some(self.squares(model)?);
        }
        Ok(())
    }

    /// Adds the gradients of other micro-batches.
    pub(crate) fn add_sum<M: Module>(&mut self, model: &M, other: Self) {
        assert!(other.factor == 1.0, "sums are added before they are scaled");
        self.add(model, other.sum);
    }

    /// L2 norm over all parameters (norm of the norms of the tensors).
    pub fn norm<M: Module>(&self, model: &M) -> f32 {
        self.with_squares(model, |squares| {
            let squares = squares.values().into_iter().map(|(_, square)| square);
            (squares.sum::<f64>().sqrt() * self.factor.abs()) as f32
        })
    }

    /// L2 norm of each parameter's gradient by name, in module order; parameters without gradient left out.
    pub fn norms<M: Module>(&self, model: &M) -> Vec<(String, f32)> {
        self.with_squares(model, |squares| squares.norms(model, self.factor))
    }

    /// Limits the global norm to `max_norm` by shrinking all gradients alike; 0 never clips.
    ///
    /// The factor is `min(1, max_norm / (norm + 1e-6))`, as in PyTorch.
    ///
    /// # Errors
    /// A gradient that is NaN or infinite; nothing is changed then.
    pub fn clip<M: Module>(&mut self, model: &M, max_norm: f64) -> Result<GradNorm> {
        let norm = self.norm(model);
        if !norm.is_finite() {
            return Err(non_finite(&self.norms(model), norm));
        }
        if max_norm > 0.0 {
            self.factor *= (max_norm / (f64::from(norm) + 1e-6)).min(1.0);
        }
        Ok(GradNorm::new(norm, max_norm))
    }

    /// As [`Self::clip`], on the device, which the host does not wait for. Where the norm is not finite, or `loss` `[1]`
    /// is not, the factor is NaN: the optimiser applies nothing then.
    ///
    /// # Errors
    /// When a gradient did not fit in memory.
    pub(crate) fn clip_on_device<M: Module>(
        &mut self,
        model: &M,
        max_norm: f64,
        loss: Tensor<1>,
    ) -> Result<ClippedOnDevice, OutOfMemory> {
        let squares = match self.squares.take() {
            Some(squares) => squares,
            None => self.squares(model)?,
        };
        let sums = match &squares.sums {
            Sums::OnDevice(sums) => sums.0.clone(),
            Sums::Known(sums) => {
                let sums: Vec<f32> = sums.iter().map(|&sum| sum as f32).collect();
                Tensor::from_floats(sums.as_slice(), &loss.device())
            }
        };
        let parameters = sums.dims()[0];
        // The sum over a row has a fixed order.
        let square = sums.reshape([1, parameters]).sum_dim(1).reshape([1]);
        let norm = square.sqrt() * self.factor.abs();
        let clip = match max_norm > 0.0 {
            true => (norm.clone() + 1e-6).recip().mul_scalar(max_norm).clamp_max(1.0),
            false => norm.ones_like(),
        };
        let is_finite = norm.clone().is_finite().bool_and(loss.is_finite());
        let factor = (clip * self.factor).mask_fill(is_finite.bool_not(), f32::NAN);
        self.factor_on_device = Some(factor.clone());
        Ok(ClippedOnDevice {
            norm_and_factor: Readback::start(Tensor::cat(vec![norm, factor], 0))?,
            squares,
            scale: self.factor,
            max_norm,
        })
    }

    /// Every gradient by parameter name, the factor applied, in module order.
    pub fn state_dict<M: Module>(&self, model: &M) -> Vec<(String, TensorData)> {
        struct Data<'a>(&'a Accumulated, Vec<Option<TensorData>>);
        impl ModuleVisitor for Data<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let grad = self.0.sum.get::<D>(param.id);
                self.1.push(grad.map(|grad| (grad * self.0.factor).into_data()));
            }
        }
        let mut data = Data(self, Vec::new());
        model.visit(&mut data);
        let names = named_parameters(model).into_iter().map(|(name, ..)| name);
        names
            .zip(data.1)
            .filter_map(|(name, data)| Some((name, data?)))
            .collect()
    }

    /// The sums, and the factor that they are still to be multiplied by: the host's and, if there is one, the device's
    /// `[1]`, which takes its place.
    pub(crate) fn into_parts(self) -> (GradientsParams, f64, Option<Tensor<1>>) {
        (self.sum, self.factor, self.factor_on_device)
    }

    /// What `look` makes of what [`Self::measure_once`] has found, or would find.
    fn with_squares<M: Module, T>(&self, model: &M, look: impl FnOnce(&Squares) -> T) -> T {
        match &self.squares {
            Some(squares) => look(squares),
            None => look(&self.squares(model).expect("the gradients fit in memory")),
        }
    }

    /// Sum of squares of each raw sum. On a device all are computed before the first is read.
    fn squares<M: Module>(&self, model: &M) -> Result<Squares, OutOfMemory> {
        struct Visitor<'a> {
            sum: &'a GradientsParams,
            index: usize,
            found: Vec<usize>,
            known: Vec<f64>,
            computed: Vec<Tensor<1>>,
            many: Vec<ops::AnyTensor>,
        }
        impl ModuleVisitor for Visitor<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if let Some(grad) = self.sum.get::<D>(param.id) {
                    self.found.push(self.index);
                    if grad.dtype() == DType::F32 && grad.device() == Device::flex() {
                        self.known.push(square_sum(grad));
                    } else if ops::takes_many(&grad) {
                        self.many.push(grad.into_dispatch());
                    } else {
                        self.computed.push(ops::sum_of_squares(grad));
                    }
                }
                self.index += 1;
            }
        }
        let mut squares = Visitor {
            sum: &self.sum,
            index: 0,
            found: Vec::new(),
            known: Vec::new(),
            computed: Vec::new(),
            many: Vec::new(),
        };
        model.visit(&mut squares);
        if !squares.many.is_empty() {
            squares.computed.push(ops::sums_of_squares(squares.many));
        }
        let sums = if squares.computed.is_empty() {
            Sums::Known(squares.known)
        } else {
            assert!(
                squares.known.is_empty(),
                "the parameters of a model are on one device"
            );
            let sums = Tensor::cat(squares.computed, 0);
            let readback = Readback::start(sums.clone())?;
            Sums::OnDevice(Box::new((sums, readback)))
        };
        Ok(Squares {
            found: squares.found,
            sums,
        })
    }
}

/// Sum of squares of a tensor on the processor.
///
/// Runs of 1024 values are summed in `f32`, the runs in `f64` and in order: the sum of a large tensor in
/// `f32` is off by up to 1e-3, and a sum whose order depends on the threads would not be repeatable.
fn square_sum<const D: usize>(tensor: Tensor<D>) -> f64 {
    const LANES: usize = 16;
    let tensor = tensor
        .try_into_primitive::<Flex>()
        .expect("the caller checked the device")
        .to_contiguous();
    let values: &[f32] = tensor
        .as_slice()
        .expect("contiguous, and the caller checked the type");
    let runs: Vec<f64> = values
        .par_chunks(64 * LANES)
        .with_min_len(64)
        .map(|run| {
            let mut lanes = [0f32; LANES];
            let (rows, rest) = run.as_chunks::<LANES>();
            for row in rows {
                for (lane, value) in lanes.iter_mut().zip(row) {
                    *lane += value * value;
                }
            }
            let total: f64 = lanes.iter().map(|lane| f64::from(*lane)).sum();
            total + rest.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>()
        })
        .collect();
    runs.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Module, Debug)]
    struct Pair {
        a: Param<Tensor<1>>,
        b: Param<Tensor<2>>,
    }

    fn pair() -> Pair {
        let device = Device::flex();
        Pair {
            a: Param::initialized(ParamId::new(), Tensor::zeros([2], &device)),
            b: Param::initialized(ParamId::new(), Tensor::zeros([1, 1], &device)),
        }
    }

    fn grads(model: &Pair, a: [f32; 2], b: Option<f32>) -> GradientsParams {
        let device = Device::flex();
        let mut grads = GradientsParams::new();
        grads.register(model.a.id, Tensor::<1>::from_floats(a, &device));
        if let Some(b) = b {
            grads.register(model.b.id, Tensor::<2>::from_floats([[b]], &device));
        }
        grads
    }

    fn values(grads: &Accumulated, model: &Pair) -> Vec<f32> {
        let tensors = grads.state_dict(model).into_iter();
        tensors
            .flat_map(|(_, data)| data.as_slice::<f32>().unwrap().to_vec())
            .collect()
    }

    #[test]
    fn micro_batches_add_up_and_the_norm_is_global() {
        let model = pair();
        let mut sum = Accumulated::new();
        assert!(sum.is_empty());
        assert_eq!(sum.norm(&model), 0.0);
        sum.add(&model, grads(&model, [1.0, 0.0], None));
        sum.add(&model, grads(&model, [3.0, 6.0], Some(24.0)));
        sum.scale(0.5);
        assert_eq!(values(&sum, &model), [2.0, 3.0, 12.0]);
        assert!((sum.norm(&model) - 157f32.sqrt()).abs() < 1e-5);
        let norms = sum.norms(&model);
        assert_eq!(norms[1], ("b".to_owned(), 12.0));
    }

    #[test]
    fn clipping_shrinks_all_gradients_alike_and_reports_the_norm_before() {
        let model = pair();
        let mut sum = Accumulated::new();
        sum.add(&model, grads(&model, [3.0, 0.0], Some(4.0)));
        assert_eq!(
            sum.clip(&model, 0.0).unwrap(),
            GradNorm {
                norm: 5.0,
                clipped: false
            }
        );
        assert_eq!(
            sum.clip(&model, 5.5).unwrap(),
            GradNorm {
                norm: 5.0,
                clipped: false
            }
        );
        assert_eq!(values(&sum, &model), [3.0, 0.0, 4.0]);
        assert_eq!(
            sum.clip(&model, 1.0).unwrap(),
            GradNorm {
                norm: 5.0,
                clipped: true
            }
        );
        assert!((sum.norm(&model) - 1.0).abs() < 1e-6);
        let clipped = values(&sum, &model);
        assert!((clipped[0] - 0.6).abs() < 1e-6 && (clipped[2] - 0.8).abs() < 1e-6);
    }

    #[test]
    fn a_gradient_that_is_not_finite_is_named() {
        let model = pair();
        for wrong in [f32::NAN, f32::INFINITY] {
            let mut sum = Accumulated::new();
            sum.add(&model, grads(&model, [1.0, 1.0], Some(wrong)));
            let error = sum.clip(&model, 1.0).unwrap_err();
            assert!(
                matches!(&error, Error::NonFiniteGradient { tensor, .. } if tensor == "b"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_gradient_that_is_missing_counts_as_zeros_where_it_is_asked_for() {
        let model = pair();
        let mut sum = Accumulated::new();
        sum.add(&model, grads(&model, [1.0, 2.0], None));
        assert_eq!(sum.params(&model), [model.a.id]);
        let double = |flat: Vec<Tensor<1>>| flat.into_iter().map(|grad| grad * 2.0 + 1.0).collect();
        sum.map_flat(&model, &HashSet::from([model.a.id]), double);
        assert_eq!(values(&sum, &model), [3.0, 5.0]);
        sum.map_flat(&model, &HashSet::from([model.a.id, model.b.id]), double);
        assert_eq!(values(&sum, &model), [7.0, 11.0, 1.0]);
    }

    #[test]
    fn the_norm_of_a_large_tensor_is_accurate() {
        let device = Device::flex();
        let model = pair();
        let mut grads = GradientsParams::new();
        grads.register(model.a.id, Tensor::<1>::full([5_000_000], 0.1, &device));
        let mut sum = Accumulated::new();
        sum.add(&model, grads);
        let expected = 0.1 * 5e6f64.sqrt();
        assert!((f64::from(sum.norm(&model)) / expected - 1.0).abs() < 1e-6);
    }
}
