//! Where to compute, and in which number format: flags of every binary that runs a model.

use anyhow::{Result, anyhow};
use burn::tensor::Device;
use burnseq_kernels::device::{DeviceError, DeviceName, collectives_available};
use burnseq_kernels::{Compute, Precision};
use clap::Args;

use crate::exit::usage;

/// What the flags say of device and precision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ComputeArgs {
    /// Where to compute: auto, cpu, cuda, cuda:N [default: auto, a GPU when there is one]
    #[arg(long, value_name = "NAME", conflicts_with = "cpu")]
    pub device: Option<String>,
    /// Short for `--device cpu`
    #[arg(long)]
    pub cpu: bool,
    /// Number format of the computation: fp32, tf32 (a GPU's matrix products with 11 bits), bf16, fp16; parameters stay in
    /// fp32 [default: fp32 on the processor, bf16 on a GPU that has it]
    #[arg(long, value_name = "NAME")]
    pub precision: Option<Precision>,
    /// Short for `--precision bf16`
    #[arg(long, conflicts_with_all = ["precision", "fp16"])]
    pub bf16: bool,
    /// Short for `--precision fp16`
    #[arg(long, conflicts_with = "precision")]
    pub fp16: bool,
}

impl ComputeArgs {
    /// Name of the device.
    pub fn device_name(&self) -> &str {
        if self.cpu {
            "cpu"
        } else {
            self.device.as_deref().unwrap_or("auto")
        }
    }

    /// The device, checked to be usable, and the precision on it.
    ///
    /// # Errors
    /// An unknown device, or one that cannot be used, as wrong usage.
    pub fn open(&self) -> Result<Compute> {
        Compute::open(self.device_name(), self.named_precision()).map_err(|error| usage(anyhow!(error)))
    }

    /// What the device is: the name that the driver gives a GPU, and its memory.
    pub fn hardware_name(&self) -> String {
        let name: DeviceName = self.device_name().parse().unwrap_or_default();
        name.hardware_name()
    }

    /// The devices of further replicas, `world_size` with the first one: the processor again, or the GPUs whose numbers
    /// follow.
    ///
    /// # Errors
    /// A GPU that is not there or cannot be used, as wrong usage.
    pub fn open_replicas(&self, first: &Device, world_size: usize) -> Result<Vec<Device>> {
        if *first == Device::flex() {
            return Ok(vec![first.clone(); world_size.saturating_sub(1)]);
        }
        let wrong = |error: DeviceError| usage(anyhow!("--distributed-world-size {world_size}: {error}"));
        let number = match self.device_name().parse() {
            _ if world_size < 2 => return Ok(Vec::new()),
            Ok(DeviceName::Cuda(number)) => number,
            _ => 0, // `auto` is the first
        };
        collectives_available().map_err(|error| wrong(error.into()))?;
        (number + 1..number + world_size)
            .map(|number| {
                let device = DeviceName::Cuda(number).open();
                device.map_err(wrong)
            })
            .collect()
    }

    /// Whether half precision is asked for; it is never the default.
    pub fn is_fp16(&self) -> bool {
        self.fp16 || self.precision == Some(Precision::Fp16)
    }

    /// Whether a precision is asked for.
    pub fn names_precision(&self) -> bool {
        self.bf16 || self.fp16 || self.precision.is_some()
    }

    fn named_precision(&self) -> Option<Precision> {
        match (self.bf16, self.fp16) {
            (true, _) => Some(Precision::Bf16),
            (_, true) => Some(Precision::Fp16),
            _ => self.precision,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        compute: ComputeArgs,
    }

    fn parse(flags: &str) -> Result<ComputeArgs, clap::Error> {
        let words = std::iter::once("x").chain(flags.split_whitespace());
        Ok(Cli::try_parse_from(words)?.compute)
    }

    #[test]
    fn flags_choose_device_and_precision() {
        let chosen = |flags: &str| {
            let compute = parse(flags).unwrap().open().unwrap();
            assert_eq!(compute.device, Device::flex());
            compute.precision
        };
        assert_eq!(chosen("--cpu"), Precision::Fp32);
        assert_eq!(chosen("--cpu --bf16"), Precision::Bf16);
        assert_eq!(chosen("--device cpu --fp16"), Precision::Fp16);
        assert_eq!(chosen("--cpu --precision bf16"), Precision::Bf16);
        assert_eq!(parse("").unwrap().device_name(), "auto");
    }

    #[test]
    fn contradictions_and_unknown_names_are_refused() {
        for flags in ["--bf16 --fp16", "--precision fp32 --bf16", "--cpu --device cuda"] {
            assert!(parse(flags).is_err(), "{flags}");
        }
        let error = parse("--precision int8").unwrap_err().to_string();
        assert!(error.contains("fp32, tf32, bf16, fp16"), "{error}");
        let error = parse("--cpu --precision tf32").unwrap().open().unwrap_err();
        assert_eq!(crate::exit::code(&error), 2);
        let error = parse("--device gpu").unwrap().open().unwrap_err();
        assert_eq!(crate::exit::code(&error), 2);
    }
}
