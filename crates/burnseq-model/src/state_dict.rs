//! Weights by name: what a checkpoint stores.
//!
//! The modules of this crate are laid out so that a parameter's path is fairseq's name for it, and its shape fairseq's shape.

use std::collections::HashMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    tensor::{DType, Tensor, TensorData},
};

use crate::ModelError;

/// Whether a module is named after a variant of an enum, such as the family of a model: names do not tell which.
fn is_variant(container: &str) -> bool {
    container.starts_with("Enum:")
}

/// What is told of a parameter, beside its name.
trait Told {
    fn of<const D: usize>(param: &Param<Tensor<D>>) -> Self;
}

impl Told for (ParamId, Vec<usize>) {
    fn of<const D: usize>(param: &Param<Tensor<D>>) -> Self {
        (param.id, param.lazy_shape().to_vec())
    }
}

impl Told for TensorData {
    fn of<const D: usize>(param: &Param<Tensor<D>>) -> Self {
        param.val().detach().into_data_dtype(DType::F32)
    }
}

/// The path of modules to where a visit is, and what was told so far.
struct Visit<T>(Vec<String>, Vec<(String, T)>);

impl<T: Told> ModuleVisitor for Visit<T> {
    fn enter_module(&mut self, name: &str, container: &str) {
        if !is_variant(container) {
            self.0.push(name.to_owned());
        }
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        if !is_variant(container) {
            self.0.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.1.push((self.0.join("."), T::of(param)));
    }
}

fn visit<M: Module, T: Told>(model: &M) -> Vec<(String, T)> {
    let mut visit = Visit(Vec::new(), Vec::new());
    model.visit(&mut visit);
    visit.1
}

/// Name, id and shape of every parameter, in module order; tied parameters once.
pub fn named_parameters<M: Module>(model: &M) -> Vec<(String, ParamId, Vec<usize>)> {
    let parameters = visit(model).into_iter();
    parameters.map(|(name, (id, shape))| (name, id, shape)).collect()
}

/// Every parameter by name as `f32` data, in module order; tied parameters once.
pub fn state_dict<M: Module>(model: &M) -> Vec<(String, TensorData)> {
    visit(model)
}

/// Replaces every parameter of `model` by the tensor of its name.
///
/// # Errors
/// The first tensor that is missing, superfluous, of another shape, not of a floating-point type or not finite, by name.
pub fn load_state_dict<M: Module>(model: M, tensors: &HashMap<String, TensorData>) -> Result<M, ModelError> {
    let parameters = named_parameters(&model);
    let mut values = HashMap::with_capacity(parameters.len());
    for (name, id, shape) in &parameters {
        let tensor = tensors
            .get(name)
            .ok_or_else(|| ModelError::MissingTensor { name: name.clone() })?;
        values.insert(*id, checked(name, shape, tensor)?);
    }
    if values.len() < tensors.len() {
        let known = |name: &String| parameters.iter().any(|(known, _, _)| known == name);
        let mut extra: Vec<&String> = tensors.keys().filter(|name| !known(name)).collect();
        extra.sort();
        if let Some(name) = extra.first() {
            return Err(ModelError::ExtraTensor {
                name: (*name).clone(),
            });
        }
    }

    struct Load(HashMap<ParamId, TensorData>);
    impl ModuleMapper for Load {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let value = self
                .0
                .remove(&param.id)
                .expect("every parameter was given a value above");
            param.map(|old| {
                let device = old.device();
                let new = Tensor::from_data(value, &device.clone().without_autodiff());
                if device.is_autodiff() {
                    Tensor::from_inner(new).require_grad()
                } else {
                    new
                }
            })
        }
    }
    Ok(model.map(&mut Load(values)))
}

/// The tensor as finite `f32` of the expected shape.
fn checked(name: &str, shape: &[usize], tensor: &TensorData) -> Result<TensorData, ModelError> {
    if tensor.shape().to_vec() != shape {
        return Err(ModelError::TensorShape {
            name: name.to_owned(),
            expected: shape.to_vec(),
            found: tensor.shape().to_vec(),
        });
    }
    if !tensor.dtype().is_float() {
        return Err(ModelError::TensorType {
            name: name.to_owned(),
            dtype: format!("{:?}", tensor.dtype()),
        });
    }
    let tensor = tensor.clone().convert::<f32>();
    let values = tensor.as_slice::<f32>().expect("converted to f32 above");
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(ModelError::NotFinite {
            name: name.to_owned(),
            index,
        }),
        None => Ok(tensor),
    }
}
