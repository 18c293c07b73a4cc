//! Tensors: a storage, and how a shape is laid over it.

use super::TorchFile;
use crate::error::Result;
use crate::pickle::{Node, View};

/// Type of the elements of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point.
    F64,
    /// 16-bit floating point, IEEE 754.
    F16,
    /// 16-bit floating point with the exponent of 32 bits.
    BF16,
    /// 64-bit integer.
    I64,
    /// 32-bit integer.
    I32,
    /// Bytes.
    U8,
    /// Truth values, a byte each.
    Bool,
}

impl DType {
    /// Bytes of an element.
    pub fn width(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether it holds fractions.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::BF16)
    }

    fn of_storage(class: &str) -> Option<Self> {
        Some(match class {
            "torch.FloatStorage" => Self::F32,
            "torch.DoubleStorage" => Self::F64,
            "torch.HalfStorage" => Self::F16,
            "torch.BFloat16Storage" => Self::BF16,
            "torch.LongStorage" => Self::I64,
            "torch.IntStorage" => Self::I32,
            "torch.ByteStorage" => Self::U8,
            "torch.BoolStorage" => Self::Bool,
            _ => return None,
        })
    }

    /// The elements that `bytes` holds, of a floating-point type, as `f32`.
    pub(crate) fn widen(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            // The type that most files have is copied at once.
            Self::F32 => bytes
                .chunks_exact(4)
                .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("an element has its width")))
                .collect(),
            _ => bytes
                .chunks_exact(self.width())
                .map(|bytes| self.decode(bytes) as f32)
                .collect(),
        }
    }

    /// One element, which `bytes` holds.
    fn decode(self, bytes: &[u8]) -> f64 {
        macro_rules! number {
            ($type:ty) => {
                <$type>::from_le_bytes(bytes.try_into().expect("an element has its width")) as f64
            };
        }
        match self {
            Self::F32 => number!(f32),
            Self::F64 => number!(f64),
            Self::I64 => number!(i64),
            Self::I32 => number!(i32),
            Self::U8 | Self::Bool => f64::from(bytes[0]),
            Self::F16 => f64::from(f16_to_f32(number!(u16) as u16)),
            Self::BF16 => f64::from(f32::from_bits(u32::from(number!(u16) as u16) << 16)),
        }
    }
}

/// The value of a 16-bit number: sign, five bits of exponent, ten of mantissa.
fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, mantissa) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => (mantissa as f32 * 2f32.powi(-24)).to_bits(),
        0x1f => 0xff << 23 | mantissa << 13,
        _ => (exponent + 127 - 15) << 23 | mantissa << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// A tensor as the pickle describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Type of its elements.
    pub dtype: DType,
    /// Its shape; empty for a single number.
    pub shape: Vec<usize>,
    /// Elements of the storage between neighbours, per dimension.
    pub strides: Vec<usize>,
    /// Element of the storage that comes first.
    pub offset: usize,
    /// Key of the storage.
    pub storage: String,
}

impl TensorInfo {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tensor in memory, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements.
    pub values: Vec<f32>,
}

/// Key and element type of the storage that a persistent value describes.
pub(super) fn storage_type(description: View<'_>) -> Result<(&str, DType), String> {
    const WRONG: &str = "a storage is not described as PyTorch does";
    let items: Vec<View<'_>> = description.items().ok_or(WRONG)?.collect();
    let (kind, class, key) = match items.as_slice() {
        [kind, class, key, _location, _numel] => (kind, class, key),
        [kind, class, key, _location, _numel, view] if view.is_none() => (kind, class, key),
        _ => return Err(WRONG.to_owned()),
    };
    match (kind.as_str(), class.node(), key.as_str()) {
        (Some("storage"), Node::Global(class), Some(key)) => match DType::of_storage(class) {
            Some(dtype) => Ok((key, dtype)),
            None => Err(format!(
                "a storage has the element type {class}, which is not supported"
            )),
        },
        _ => Err(WRONG.to_owned()),
    }
}

impl TorchFile {
    /// What the pickle says about a tensor; nothing when the value is not a tensor.
    ///
    /// `name` is for messages.
    ///
    /// # Errors
    /// A description that is broken, or reaches beyond its storage.
    pub fn tensor(&self, name: &str, view: View<'_>) -> Result<Option<TensorInfo>> {
        match self.describe(view) {
            Ok(info) => Ok(info),
            Err(problem) => Err(self.entry_error(name, problem)),
        }
    }

    fn describe(&self, view: View<'_>) -> Result<Option<TensorInfo>, String> {
        let Some((class, args, _)) = view.instance() else {
            return Ok(None);
        };
        match class {
            "torch._utils._rebuild_parameter" => match args.first() {
                // A parameter wraps a tensor, never another parameter: no recursion without end.
                Some(inner) if matches!(inner.instance(), Some((inner, ..)) if inner != class) => {
                    self.describe(*inner)
                }
                _ => Err("a parameter without a tensor".to_owned()),
            },
            "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" => {
                const WRONG: &str = "a tensor is not described as PyTorch does";
                let [storage, offset, shape, strides, ..] = args.as_slice() else {
                    return Err(WRONG.to_owned());
                };
                let (key, dtype) = storage_type(storage.persistent().ok_or(WRONG)?)?;
                let sizes =
                    |view: &View<'_>| view.items()?.map(View::as_usize).collect::<Option<Vec<usize>>>();
                let info = TensorInfo {
                    dtype,
                    shape: sizes(shape).ok_or(WRONG)?,
                    strides: sizes(strides).ok_or(WRONG)?,
                    offset: offset.as_usize().ok_or(WRONG)?,
                    storage: key.to_owned(),
                };
                self.check(&info)?;
                Ok(Some(info))
            }
            _ => Ok(None),
        }
    }

    /// Makes sure that every element is inside of the storage, and that none is repeated beyond its size.
    fn check(&self, info: &TensorInfo) -> Result<(), String> {
        let stored = self.storages.get(&info.storage);
        let stored = stored.ok_or_else(|| format!("its storage {:?} is not in the file", info.storage))?;
        let available = stored.range.len() / info.dtype.width();
        let elements = info
            .shape
            .iter()
            .try_fold(1usize, |product, size| product.checked_mul(*size));
        let last = info
            .shape
            .iter()
            .zip(&info.strides)
            .try_fold(info.offset, |last, (size, stride)| {
                last.checked_add(size.saturating_sub(1).checked_mul(*stride)?)
            });
        let fits = info.shape.len() == info.strides.len()
            && elements.is_some_and(|elements| elements <= available)
            && (elements == Some(0) || last.is_some_and(|last| last < available));
        if fits {
            return Ok(());
        }
        Err(format!(
            "a tensor of shape {:?}, strides {:?} and offset {} does not fit its storage of {available} elements\n\
             hint: the file is damaged; copy it again",
            info.shape, info.strides, info.offset
        ))
    }

    /// The elements of a floating-point tensor, row-major.
    ///
    /// # Errors
    /// Another type; a storage that is damaged.
    pub fn read(&self, name: &str, info: &TensorInfo) -> Result<Tensor> {
        let wrong = |problem: String| self.entry_error(name, problem);
        if !info.dtype.is_float() {
            return Err(wrong(format!(
                "has type {:?}, expected a floating-point type",
                info.dtype
            )));
        }
        let bytes = self.storage(&info.storage).map_err(wrong)?;
        let width = info.dtype.width();
        let values = if info.is_contiguous() {
            info.dtype
                .widen(&bytes[info.offset * width..(info.offset + info.len()) * width])
        } else {
            let mut values = Vec::with_capacity(info.len());
            info.for_each_element(|element| {
                let bytes = &bytes[element * width..(element + 1) * width];
                values.push(info.dtype.decode(bytes) as f32);
            });
            values
        };
        self.meter.count(4 * values.len() as u64);
        Ok(Tensor {
            shape: info.shape.clone(),
            values,
        })
    }

    /// The only element of a tensor of any type.
    pub(super) fn read_one(&self, info: &TensorInfo) -> Result<f64, String> {
        if info.len() != 1 {
            return Err(format!("has shape {:?}, expected a single number", info.shape));
        }
        let width = info.dtype.width();
        let bytes = self.storage(&info.storage)?;
        Ok(info
            .dtype
            .decode(&bytes[info.offset * width..(info.offset + 1) * width]))
    }
}

impl TensorInfo {
    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(size, stride)| {
            let fits = *size <= 1 || *stride == expected;
            expected *= size;
            fits
        })
    }

    /// Positions in the storage, row-major.
    fn for_each_element(&self, mut visit: impl FnMut(usize)) {
        if self.is_empty() {
            return;
        }
        let mut index = vec![0; self.shape.len()];
        let mut element = self.offset;
        loop {
            visit(element);
            let mut dimension = self.shape.len();
            loop {
                if dimension == 0 {
                    return;
                }
                dimension -= 1;
                index[dimension] += 1;
                element += self.strides[dimension];
                if index[dimension] < self.shape[dimension] {
                    break;
                }
                element -= self.strides[dimension] * self.shape[dimension];
                index[dimension] = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_decoded() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x8000, -0.0),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(f16_to_f32(bits).to_bits(), f32::to_bits(value), "{bits:04x}");
        }
        assert!(f16_to_f32(0x7e00).is_nan());
        assert_eq!(DType::BF16.decode(&[0x80, 0xbf]), -1.0);
    }

    #[test]
    fn strides_are_followed() {
        let info = |shape: &[usize], strides: &[usize], offset| TensorInfo {
            dtype: DType::F32,
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            offset,
            storage: "0".to_owned(),
        };
        let elements = |info: &TensorInfo| {
            let mut elements = Vec::new();
            info.for_each_element(|element| elements.push(element));
            elements
        };
        let transposed = info(&[2, 3], &[1, 2], 1);
        assert!(!transposed.is_contiguous());
        assert_eq!(elements(&transposed), [1, 3, 5, 2, 4, 6]);
        let plain = info(&[2, 3], &[3, 1], 0);
        assert!(plain.is_contiguous());
        assert_eq!(elements(&plain), [0, 1, 2, 3, 4, 5]);
        assert_eq!(elements(&info(&[], &[], 4)), [4]);
        assert!(elements(&info(&[0, 3], &[3, 1], 0)).is_empty());
    }
}
