//! Stand-in for `cubecl-llvm`, so that `--features cuda` builds offline.
//!
//! CubeCL turns a kernel into machine code for NVIDIA in one of two ways: as CUDA C++ that NVRTC
//! compiles at run time (feature `cuda-cpp`), or through LLVM. `cubecl-cuda` links both, and the
//! build script of the real `cubecl-llvm` downloads an LLVM bundle. burnseq selects the CUDA C++
//! generator, which needs nothing at build time, and replaces the LLVM half by this crate.
//!
//! It holds the names `cubecl-cuda` 0.11.3 mentions and nothing else. What only the LLVM half can
//! produce is uninhabited, so those paths compile to nothing; asking for a kernel is an error that
//! names the missing feature. It follows one exact version: a new CubeCL means a new look at it.

use cubecl_core::Compiler;
use cubecl_core::ir::nvidia::SmArch;
use cubecl_core::prelude::KernelDefinition;
use cubecl_environment::backtrace::BackTrace;
use cubecl_runtime::compiler::CompilationError;
use cubecl_runtime::kernel::BufferIOAttr;
use std::convert::Infallible;
use std::ffi::c_char;
use std::fmt;

use crate::nvptx::ptx_version::PtxVersion;

/// NVIDIA's virtual instruction set.
pub mod nvptx {
    /// Which PTX version the LLVM generator would write.
    pub mod ptx_version {
        use std::fmt;

        /// A PTX version; none exists here, because nothing here writes PTX.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum PtxVersion {}

        impl PtxVersion {
            /// Always `None`: whatever the driver reads, there is no generator to write it.
            pub fn for_driver(_driver: i32) -> Option<Self> {
                None
            }
        }

        impl fmt::Display for PtxVersion {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {}
            }
        }
    }
}

/// What the LLVM generators of all GPUs have in common.
pub mod shared {
    /// Which hardware features the LLVM generator can use.
    pub mod lowered_features {
        use cubecl_core::ir::DeviceProperties;

        /// The GPU family a generator writes for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum GpuTarget {
            /// NVIDIA, through PTX.
            Nvptx,
        }

        /// Leaves the properties as they are: `cubecl-cuda` narrows them for LLVM kernels only, and
        /// none can be compiled here.
        pub fn restrict_features(_properties: &mut DeviceProperties, _target: GpuTarget) {}
    }
}

/// The machine a [`PlironCompiler`] is asked to write for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LlvmTarget {
    /// NVIDIA, through PTX.
    #[default]
    Nvptx,
}

/// Options `cubecl-cuda` fills in for each kernel; all of them are without effect here.
#[derive(Debug, Clone, Default)]
pub struct PlironOptions {
    /// An AMD architecture, never given on NVIDIA.
    pub arch: Option<Infallible>,
    /// The compute capability.
    pub sm_arch: Option<SmArch>,
    /// The PTX version to write.
    pub ptx_version: Option<PtxVersion>,
    /// Whether scalars are passed in the parameter block of the kernel.
    pub grid_constants: bool,
}

/// A kernel as PTX. Cannot be made: [`Self::never`] has no value.
#[derive(Debug, Clone)]
pub struct NvptxModule {
    /// PTX text, ended by a NUL.
    pub ptx: Vec<c_char>,
    /// Intermediate code, for logs.
    pub ir: String,
    /// Shared memory of one launch, in bytes.
    pub shared_memory_size: usize,
    /// How the kernel uses each buffer.
    pub io: Vec<BufferIOAttr>,
    /// Keeps this type without values.
    pub never: Infallible,
}

/// What a compilation would give; [`NvptxModule`] has no values, so neither has this.
#[derive(Debug, Clone)]
pub enum PlironArtifact {
    /// A kernel for NVIDIA.
    NvptxCode(NvptxModule),
}

impl fmt::Display for PlironArtifact {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::NvptxCode(module) = self;
        match module.never {}
    }
}

/// The LLVM generator that is not here.
#[derive(Debug, Clone, Default)]
pub struct PlironCompiler {
    /// The machine to write for.
    pub target: LlvmTarget,
}

impl Compiler for PlironCompiler {
    type Representation = PlironArtifact;
    type CompilationOptions = PlironOptions;

    fn compile(
        &mut self,
        _kernel: KernelDefinition,
        _options: &Self::CompilationOptions,
    ) -> Result<Self::Representation, CompilationError> {
        Err(CompilationError::Generic {
            reason: "this build has no LLVM kernel generator\n\
                     hint: enable the feature `cuda-cpp` of `cubecl`"
                .to_owned(),
            backtrace: BackTrace::capture(),
        })
    }

    fn extension(&self) -> &'static str {
        "ll"
    }

    fn lang_tag(&self) -> &'static str {
        "llvm"
    }
}
