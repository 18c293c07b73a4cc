//! The operations that models and their training are made of, with their gradients.
//!
//! - [`ops`]: each operation in a form composed of Burn's own, which defines the result; as a kernel for the processor;
//!   and some as kernels for GPUs. An operation takes the form that is fast where its inputs are.
//! - [`dropout_mask`]: which elements a dropout drops, the same on every device.
//! - [`Compute`]: the device and the number format of a model. [`device`] finds devices by their names, [`Stepping`] says
//!   how decoding uses one, [`kernel_cache`] keeps and counts compiled kernels.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use burnseq_kernels::{Precision, ops};
//!
//! let device = Device::flex().autodiff();
//! let x = Tensor::<3>::from_floats([[[1.0, -2.0]]], &device);
//! let weight = Tensor::<2>::from_floats([[3.0, 1.0]], &device).require_grad();
//! let y = ops::linear(x, weight.clone(), None, Precision::Fp32);
//! let gradients = y.sum().backward();
//! assert_eq!(weight.grad(&gradients).unwrap().into_data().as_slice::<f32>().unwrap(), [1.0, -2.0]);
//! ```

mod compute;
pub mod device;
pub mod dropout_mask;
pub mod kernel_cache;
pub mod ops;
mod stepping;

pub use compute::{Compute, ComputeError, Precision, UnknownPrecision};
pub use stepping::Stepping;
