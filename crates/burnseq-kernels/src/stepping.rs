//! How decoding uses the device it runs on.

use burn::tensor::Device;

/// How a batch is decoded token by token. Both ways run on every device and give the same results up to rounding; each
/// is fast on its own kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepping {
    /// The past stays where it was computed, and a kernel of ours reads it there; whole logits are read back.
    Processor,
    /// A step is a fixed number of large operations, however long the past is, on tensors whose shapes seldom change;
    /// little is read back. For devices where starting an operation, compiling it and waiting for it are what costs.
    Device,
}

impl Stepping {
    /// The way that is fast on `device`.
    pub fn on(device: &Device) -> Self {
        if device.clone().without_autodiff() == Device::flex() {
            Self::Processor
        } else {
            Self::Device
        }
    }
}
