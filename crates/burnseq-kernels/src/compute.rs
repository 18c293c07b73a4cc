//! Where a model computes, and in which number format.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{DType, Device};

use crate::device::{DeviceError, parse_device};
use crate::ops;

/// Number format of a model's computations.
///
/// Parameters, their gradients and the optimiser stay in `f32`, and so does the arithmetic of softmax, layer
/// normalisation and loss.
///
/// The processor rounds the operands of matrix products to bfloat16 and keeps everything between them in `f32`; on
/// other devices what passes between the layers has the narrow format, too. With [`Fp16`](Self::Fp16) it has on every
/// device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// `f32` throughout.
    #[default]
    Fp32,
    /// `f32`, with the operands of matrix products rounded to TF32, 11 bits of precision, on tensor cores. Only GPUs
    /// have it.
    Tf32,
    /// bfloat16: the range of `f32` with 8 bits of precision.
    Bf16,
    /// IEEE half precision: 11 bits of precision, numbers up to 65,504; training needs its loss scaled.
    Fp16,
}

impl Precision {
    /// Every precision, by the names [`FromStr`] takes.
    pub const ALL: [Self; 4] = [Self::Fp32, Self::Tf32, Self::Bf16, Self::Fp16];

    /// Type of what passes between the layers on this device.
    pub fn activations_on(self, device: &Device) -> DType {
        let on_processor = device.clone().without_autodiff() == Device::flex();
        match self {
            Self::Fp16 => DType::F16,
            Self::Bf16 if !on_processor => DType::BF16,
            Self::Bf16 | Self::Fp32 | Self::Tf32 => DType::F32,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
        })
    }
}

/// The name is none of `fp32`, `tf32`, `bf16`, `fp16`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown precision `{0}`; choose one of: fp32, tf32, bf16, fp16")]
pub struct UnknownPrecision(String);

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(name: &str) -> Result<Self, UnknownPrecision> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.to_string() == name)
            .ok_or_else(|| UnknownPrecision(name.to_owned()))
    }
}

/// The device that holds a model, and the precision it computes in. A device alone stands for [`Precision::Fp32`].
#[derive(Debug, Clone)]
pub struct Compute {
    /// Off autodiff or on it, as the model is to be.
    pub device: Device,
    /// Of the model's computations.
    pub precision: Precision,
}

/// Why a device and a precision give nothing to compute with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComputeError {
    /// The device is unknown, or cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// TF32 was asked for on the processor.
    #[error("'precision' tf32: only GPUs have TF32\nhint: on the processor use 'precision' fp32")]
    Tf32OnProcessor,
    /// The GPU lacks the number format.
    #[error("'precision' {0}: this GPU does not compute in it; use 'precision' fp32")]
    Unsupported(Precision),
}

impl Compute {
    /// Opens a device by its name (`auto`, `cpu`, `cuda`, `cuda:N`), and checks that it can be used. Without a `precision` it
    /// is [`Precision::Fp32`] on the processor, and [`Precision::Bf16`] on a GPU that has it.
    ///
    /// # Errors
    /// An unknown device, one that cannot be used, or one without this precision.
    pub fn open(device: &str, precision: Option<Precision>) -> Result<Self, ComputeError> {
        let device = parse_device(device)?;
        let on_gpu = device != Device::flex();
        let precision = precision.unwrap_or(if on_gpu && supports(&device, Precision::Bf16) {
            Precision::Bf16
        } else {
            Precision::Fp32
        });
        if !on_gpu && precision == Precision::Tf32 {
            return Err(ComputeError::Tf32OnProcessor);
        }
        if on_gpu && !supports(&device, precision) {
            return Err(ComputeError::Unsupported(precision));
        }
        Ok(Self { device, precision })
    }

    /// Whether the precision is imitated, which is slower than `f32`: half precision on the processor, and bfloat16 on
    /// one without instructions for it.
    pub fn is_imitated(&self) -> bool {
        self.on_processor()
            && match self.precision {
                Precision::Fp32 | Precision::Tf32 => false,
                Precision::Bf16 => !ops::bf16_is_fast(),
                Precision::Fp16 => true,
            }
    }

    /// Type of what passes between the layers.
    pub fn activations(&self) -> DType {
        self.precision.activations_on(&self.device)
    }

    fn on_processor(&self) -> bool {
        self.device.clone().without_autodiff() == Device::flex()
    }
}

/// Whether a GPU computes in `precision`.
fn supports(device: &Device, precision: Precision) -> bool {
    device.supports_dtype(match precision {
        Precision::Fp32 | Precision::Tf32 => DType::F32,
        Precision::Bf16 => DType::BF16,
        Precision::Fp16 => DType::F16,
    })
}

impl From<&Device> for Compute {
    fn from(device: &Device) -> Self {
        Self {
            device: device.clone(),
            precision: Precision::Fp32,
        }
    }
}

impl From<&Compute> for Compute {
    fn from(compute: &Compute) -> Self {
        compute.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_list_the_choices() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse(), Ok(precision));
        }
        let error = "fp8".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown precision `fp8`; choose one of: fp32, tf32, bf16, fp16"
        );
    }
}
