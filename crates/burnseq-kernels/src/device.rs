//! Which device a run uses: the names `cpu`, `cuda`, `cuda:N`, `auto`, and whether a CUDA device
//! can be used here.
//!
//! Burn opens a CUDA device with the first tensor on it and panics when the driver is missing. So
//! the parts it needs at run time are looked up here first: the driver library, a device, NVRTC
//! (Burn's kernels are CUDA C++ compiled on the spot) and the CUDA headers those kernels include.
//! All of them are found while running; a build with CUDA needs none of them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use burn::tensor::Device;

/// Why a name does not give a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The name is none of those in [`DeviceName`].
    #[error("unknown device `{name}`; choose one of: auto, cpu, cuda, cuda:N (N counts from 0)")]
    Unknown {
        /// The name as given.
        name: String,
    },
    /// The name asks for CUDA, which cannot be used.
    #[error(transparent)]
    Cuda(#[from] CudaUnavailable),
}

/// What is missing for CUDA, in one line that ends with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CudaUnavailable {
    /// Compiled without the feature `cuda`.
    #[error("this build has no CUDA support; rebuild with `--features cuda` or use 'device' cpu")]
    NotBuilt,
    /// The library of the NVIDIA driver cannot be loaded.
    #[error("cannot use CUDA: {library} was not found; install the NVIDIA driver or use 'device' cpu")]
    NoDriver {
        /// File name of the library.
        library: &'static str,
    },
    /// The driver is there and refuses.
    #[error("cannot use CUDA: {call} failed with {error}; check `nvidia-smi` or use 'device' cpu")]
    Driver {
        /// Function of the driver API.
        call: &'static str,
        /// Name and text the driver gives its error.
        error: String,
    },
    /// There are fewer devices than the index asks for.
    #[error(
        "cannot use `cuda:{index}`: the driver lists {count} device(s), numbered from 0; \
         see `nvidia-smi` and CUDA_VISIBLE_DEVICES"
    )]
    NoSuchDevice {
        /// Index asked for, 0-based.
        index: usize,
        /// Devices the driver lists.
        count: usize,
    },
    /// The library of the run-time compiler cannot be loaded.
    #[error(
        "cannot use CUDA: {library} (NVRTC) was not found; install the CUDA toolkit and put its \
         library folder on the search path (LD_LIBRARY_PATH), or use 'device' cpu"
    )]
    NoCompiler {
        /// File name of the library.
        library: &'static str,
    },
    /// The run-time compiler writes code that the driver is too old to load.
    #[error(
        "cannot use CUDA: NVRTC is of CUDA {nvrtc} but the driver only supports CUDA {driver}; \
         update the driver or install an older CUDA toolkit"
    )]
    OldDriver {
        /// Version of NVRTC, `major.minor`.
        nvrtc: String,
        /// Newest version the driver supports, `major.minor`.
        driver: String,
    },
    /// The driver lacks a function by which kernels are timed.
    #[error(
        "cannot use CUDA: the driver supports CUDA {driver} and has no {function}; update it to version 570 (CUDA 12.8) or \
         later, or use 'device' cpu"
    )]
    DriverWithoutTimer {
        /// Newest version the driver supports, `major.minor`.
        driver: String,
        /// Name of the function.
        function: &'static str,
    },
    /// The headers that kernels include are not where Burn looks for them.
    #[error(
        "cannot use CUDA: the header {header} was not found; install the CUDA toolkit{package} and set \
         CUDA_PATH to its folder, or use 'device' cpu",
        header = header.display()
    )]
    NoHeaders {
        /// The first header looked for.
        header: PathBuf,
        /// What else brings it, in brackets; empty where nothing does.
        package: &'static str,
    },
    /// The headers belong to another CUDA than the run-time compiler.
    #[error(
        "cannot use CUDA: the headers in {folder} are of CUDA {headers} but NVRTC is of CUDA {nvrtc}; set CUDA_PATH to a \
         toolkit of CUDA {nvrtc}, or put the NVRTC of CUDA {headers} on the search path (LD_LIBRARY_PATH)",
        folder = folder.display()
    )]
    OtherHeaders {
        /// Where the headers are.
        folder: PathBuf,
        /// Major version of the headers.
        headers: i32,
        /// Major version of NVRTC.
        nvrtc: i32,
    },
    /// The device is older than what CUDA's current compilers make code for.
    #[error(
        "cannot use `cuda:{index}`: {name} has compute capability {capability}, and burnseq needs 7.0 or later; use \
         'device' cpu"
    )]
    OldDevice {
        /// Index asked for, 0-based.
        index: usize,
        /// What the driver calls it.
        name: String,
        /// `major.minor`.
        capability: String,
    },
    /// The device has too little memory for any model.
    #[error(
        "cannot use `cuda:{index}`: {name} has {mib} MiB of memory, and burnseq needs at least {LEAST_MIB}; use \
         'device' cpu"
    )]
    SmallDevice {
        /// Index asked for, 0-based.
        index: usize,
        /// What the driver calls it.
        name: String,
        /// Its memory.
        mib: usize,
    },
    /// The library by which several devices share their gradients cannot be loaded.
    #[error(
        "cannot use several GPUs: {library} (NCCL) was not found; install it and put its folder on the search path \
         (LD_LIBRARY_PATH), or use one GPU"
    )]
    NoCollectives {
        /// File name of the library.
        library: &'static str,
    },
}

/// Memory in MiB that a GPU has at least: context, compiled kernels and CubeCL's pools take more than one GiB before the
/// first batch.
const LEAST_MIB: usize = 3072;

/// What `--device` can name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceName {
    /// The first CUDA device where one can be used, the processor elsewhere.
    #[default]
    Auto,
    /// The processor (Burn's `flex` backend).
    Cpu,
    /// A CUDA device by its 0-based index; `cuda` alone is index 0.
    Cuda(usize),
}

impl DeviceName {
    /// The device of this name, checked to be usable.
    ///
    /// # Errors
    /// [`DeviceError::Cuda`] when CUDA is asked for by name and something is missing.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Cuda(index) => Ok(open_cuda(index)?),
            Self::Auto => Ok(open_cuda(0).unwrap_or_else(|_| Device::flex())),
        }
    }

    /// What the driver calls the device, with its memory; `processor` where the name does not stand for a GPU.
    pub fn hardware_name(self) -> String {
        let index = match self {
            Self::Cpu => None,
            Self::Cuda(index) => Some(index),
            Self::Auto => cuda_available(0).is_ok().then_some(0),
        };
        index.map_or_else(|| "processor".to_owned(), cuda_hardware_name)
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => name
                .strip_prefix("cuda:")
                // `parse` alone would let a sign through.
                .filter(|index| index.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| DeviceError::Unknown {
                    name: name.to_owned(),
                }),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// The device that `name` stands for, checked to be usable; see [`DeviceName`].
///
/// # Errors
/// [`DeviceError::Unknown`] for another name, [`DeviceError::Cuda`] for a CUDA device that cannot
/// be used.
pub fn parse_device(name: &str) -> Result<Device, DeviceError> {
    name.parse::<DeviceName>()?.open()
}

/// Whether Burn can run on the CUDA device of this 0-based index; the error says what is missing.
///
/// A device that passes stays initialised for this process, so that opening it is not paid twice.
///
/// # Errors
/// The first part that is missing, in the order of [`CudaUnavailable`].
#[cfg(feature = "cuda")]
pub fn cuda_available(index: usize) -> Result<(), CudaUnavailable> {
    cuda::check(index)
}

/// Whether Burn can run on the CUDA device of this 0-based index; never in this build.
///
/// # Errors
/// Always [`CudaUnavailable::NotBuilt`].
#[cfg(not(feature = "cuda"))]
pub fn cuda_available(_index: usize) -> Result<(), CudaUnavailable> {
    Err(CudaUnavailable::NotBuilt)
}

/// Whether several CUDA devices can share their gradients; the error says what is missing.
///
/// # Errors
/// [`CudaUnavailable::NoCollectives`], or [`CudaUnavailable::NotBuilt`].
#[cfg(feature = "cuda")]
pub fn collectives_available() -> Result<(), CudaUnavailable> {
    cuda::check_collectives()
}

/// Whether several CUDA devices can share their gradients; never in this build.
///
/// # Errors
/// Always [`CudaUnavailable::NotBuilt`].
#[cfg(not(feature = "cuda"))]
pub fn collectives_available() -> Result<(), CudaUnavailable> {
    Err(CudaUnavailable::NotBuilt)
}

#[cfg(feature = "cuda")]
fn cuda_hardware_name(index: usize) -> String {
    cuda::hardware_name(index).unwrap_or_else(|| format!("cuda:{index}"))
}

#[cfg(not(feature = "cuda"))]
fn cuda_hardware_name(index: usize) -> String {
    format!("cuda:{index}")
}

#[cfg(feature = "cuda")]
fn open_cuda(index: usize) -> Result<Device, CudaUnavailable> {
    cuda_available(index)?;
    crate::kernel_cache::set_up();
    Ok(Device::cuda(index))
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(index: usize) -> Result<Device, CudaUnavailable> {
    cuda_available(index)?;
    Err(CudaUnavailable::NotBuilt)
}

/// The look-ups behind [`cuda_available`], through the bindings that Burn itself uses, so that both
/// find the same libraries.
#[cfg(feature = "cuda")]
mod cuda {
    use std::path::{Path, PathBuf};

    use cubecl::cuda::install;
    use cudarc::driver::{DriverError, result as driver, sys as driver_sys};
    use cudarc::nccl::sys as nccl_sys;
    use cudarc::nvrtc::sys as nvrtc_sys;

    use super::{CudaUnavailable, LEAST_MIB};

    const DRIVER_LIBRARY: &str = if cfg!(windows) {
        "nvcuda.dll"
    } else {
        "libcuda.so.1"
    };
    const NVRTC_LIBRARY: &str = if cfg!(windows) {
        "nvrtc64_*.dll"
    } else {
        "libnvrtc.so"
    };

    /// Since CUDA 12.8.
    const TIMER: &str = "cuEventElapsedTime_v2";

    const NCCL_LIBRARY: &str = if cfg!(windows) { "nccl.dll" } else { "libnccl.so" };

    pub(super) fn check_collectives() -> Result<(), CudaUnavailable> {
        // SAFETY: this only loads NVIDIA's library, whose initialisers have no requirements.
        if unsafe { nccl_sys::is_culib_present() } {
            Ok(())
        } else {
            Err(CudaUnavailable::NoCollectives {
                library: NCCL_LIBRARY,
            })
        }
    }

    pub(super) fn check(index: usize) -> Result<(), CudaUnavailable> {
        // SAFETY: this only loads NVIDIA's library, whose initialisers have no requirements.
        if !unsafe { driver_sys::is_culib_present() } {
            return Err(CudaUnavailable::NoDriver {
                library: DRIVER_LIBRARY,
            });
        }
        driver::init().map_err(|error| refused("cuInit", error))?;
        let count = driver::device::get_count().map_err(|error| refused("cuDeviceGetCount", error))?;
        let count = usize::try_from(count).unwrap_or(0);
        let ordinal = i32::try_from(index)
            .ok()
            .filter(|_| index < count)
            .ok_or(CudaUnavailable::NoSuchDevice { index, count })?;

        // SAFETY: as above.
        if !unsafe { nvrtc_sys::is_culib_present() } {
            return Err(CudaUnavailable::NoCompiler {
                library: NVRTC_LIBRARY,
            });
        }
        let nvrtc = check_versions()?;
        check_headers(install::cuda_path(), nvrtc)?;

        let device = driver::device::get(ordinal).map_err(|error| refused("cuDeviceGet", error))?;
        check_device(index, device)?;
        // A device in use by another process, or full, refuses here. Burn takes the same context
        // again, so this one is not given back.
        // SAFETY: `device` comes from the driver, which was initialised above.
        unsafe { driver::primary_ctx::retain(device) }
            .map_err(|error| refused("cuDevicePrimaryCtxRetain", error))?;
        Ok(())
    }

    /// Name and memory of a device that has passed [`check`].
    pub(super) fn hardware_name(index: usize) -> Option<String> {
        let device = driver::device::get(i32::try_from(index).ok()?).ok()?;
        let name = driver::device::get_name(device).ok()?;
        // SAFETY: `device` comes from the driver.
        let bytes = unsafe { driver::device::total_mem(device) }.ok()?;
        Some(format!("{name}, {} MiB", bytes >> 20))
    }

    /// Compute capability and memory.
    fn check_device(index: usize, device: driver_sys::CUdevice) -> Result<(), CudaUnavailable> {
        use driver_sys::CUdevice_attribute::{
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
        };
        let name = driver::device::get_name(device).unwrap_or_default();
        // SAFETY: `device` comes from the driver.
        let attribute = |attribute| unsafe { driver::device::get_attribute(device, attribute) };
        let [major, minor] = [attribute(MAJOR), attribute(MINOR)]
            .map(|value| value.map_err(|error| refused("cuDeviceGetAttribute", error)));
        let (major, minor) = (major?, minor?);
        if major < 7 {
            return Err(CudaUnavailable::OldDevice {
                index,
                name,
                capability: format!("{major}.{minor}"),
            });
        }
        // SAFETY: as above.
        let bytes = unsafe { driver::device::total_mem(device) };
        let mib = bytes.map_err(|error| refused("cuDeviceTotalMem", error))? >> 20;
        if mib < LEAST_MIB {
            return Err(CudaUnavailable::SmallDevice { index, name, mib });
        }
        Ok(())
    }

    /// A driver loads code of its own CUDA version and older ones only; and it must have the timer that the choice between
    /// kernels uses. The version of NVRTC, `(major, minor)`.
    fn check_versions() -> Result<(i32, i32), CudaUnavailable> {
        let mut driver = 0;
        // SAFETY: the driver is loaded, and writes one integer that outlives the call.
        unsafe { driver_sys::cuDriverGetVersion(&raw mut driver) }
            .result()
            .map_err(|error| refused("cuDriverGetVersion", error))?;
        let driver = (driver / 1000, driver % 1000 / 10); // 12080 is 12.8
        // SAFETY: only whether the symbol is there is asked; it is never called as this type.
        let timer = unsafe { driver_sys::culib().get::<unsafe extern "C" fn()>(TIMER.as_bytes()) };
        if timer.is_err() {
            return Err(CudaUnavailable::DriverWithoutTimer {
                driver: format!("{}.{}", driver.0, driver.1),
                function: TIMER,
            });
        }

        let mut nvrtc = (0, 0);
        // SAFETY: NVRTC is loaded, and writes two integers that outlive the call.
        let status = unsafe { nvrtc_sys::nvrtcVersion(&raw mut nvrtc.0, &raw mut nvrtc.1) };
        if status == nvrtc_sys::nvrtcResult::NVRTC_SUCCESS && nvrtc > driver {
            return Err(CudaUnavailable::OldDriver {
                nvrtc: format!("{}.{}", nvrtc.0, nvrtc.1),
                driver: format!("{}.{}", driver.0, driver.1),
            });
        }
        Ok(nvrtc)
    }

    /// What kernels include, `nvrtc` being the version of the compiler: numbers in half precision, and tiles of tensor cores,
    /// whose header includes another, which pip has in a package of its own.
    pub(super) fn check_headers(toolkit: Option<PathBuf>, nvrtc: (i32, i32)) -> Result<(), CudaUnavailable> {
        let include = toolkit.as_deref().unwrap_or(Path::new("")).join("include");
        for (header, package) in [
            ("cuda_fp16.h", ""),
            (
                "crt/mma.h",
                " (with pip: nvidia-cuda-nvcc-cu12 for CUDA 12, nvidia-cuda-crt for CUDA 13)",
            ),
        ] {
            let header = include.join(header);
            if !header.is_file() {
                return Err(CudaUnavailable::NoHeaders { header, package });
            }
        }
        match headers_version(&include) {
            Some(headers) if headers != nvrtc.0 => Err(CudaUnavailable::OtherHeaders {
                folder: include,
                headers,
                nvrtc: nvrtc.0,
            }),
            _ => Ok(()),
        }
    }

    /// Major version of the CUDA that headers belong to, where they say so: 12080 is 12.8.
    fn headers_version(include: &Path) -> Option<i32> {
        let text = std::fs::read_to_string(include.join("cuda_runtime_api.h")).ok()?;
        let mut words = text
            .lines()
            .find(|line| line.starts_with("#define CUDART_VERSION"))?
            .split_whitespace();
        let version: i32 = words.nth(2)?.parse().ok()?;
        Some(version / 1000)
    }

    fn refused(call: &'static str, error: DriverError) -> CudaUnavailable {
        let text = |text: Result<&std::ffi::CStr, DriverError>| {
            text.map_or_else(|_| String::new(), |text| text.to_string_lossy().into_owned())
        };
        let (name, text) = (text(error.error_name()), text(error.error_string()));
        CudaUnavailable::Driver {
            call,
            error: if name.is_empty() {
                format!("{:?}", error.0)
            } else {
                format!("{name} ({text})")
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (name, shown, device) in [
            ("auto", "auto", DeviceName::Auto),
            ("cpu", "cpu", DeviceName::Cpu),
            ("cuda", "cuda:0", DeviceName::Cuda(0)),
            ("cuda:0", "cuda:0", DeviceName::Cuda(0)),
            ("cuda:12", "cuda:12", DeviceName::Cuda(12)),
        ] {
            assert_eq!(name.parse(), Ok(device));
            assert_eq!(device.to_string(), shown);
        }
    }

    #[test]
    fn other_names_are_errors_that_list_the_choices() {
        for name in [
            "", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:+1", "cuda:a", "cuda:0 ", "cpu:0",
        ] {
            let error = name.parse::<DeviceName>().expect_err(name);
            assert_eq!(
                error,
                DeviceError::Unknown {
                    name: name.to_owned()
                }
            );
            assert!(
                error
                    .to_string()
                    .ends_with("auto, cpu, cuda, cuda:N (N counts from 0)")
            );
        }
    }

    #[test]
    fn the_processor_is_always_usable() {
        assert_eq!(parse_device("cpu"), Ok(Device::flex()));
    }

    #[test]
    fn auto_is_the_gpu_exactly_where_one_is_usable() {
        let device = parse_device("auto").expect("`auto` falls back to the processor");
        assert_eq!(device == Device::flex(), cuda_available(0).is_err());
    }

    #[test]
    fn cuda_is_a_device_or_one_line() {
        // Index 4096 is beyond any machine, so this is an error with a GPU as well as without.
        let error = parse_device("cuda:4096").expect_err("no machine has that many devices");
        assert!(matches!(error, DeviceError::Cuda(_)), "{error:?}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        #[cfg(not(feature = "cuda"))]
        assert_eq!(
            error.to_string(),
            "this build has no CUDA support; rebuild with `--features cuda` or use 'device' cpu"
        );
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn a_toolkit_without_headers_is_named() {
        let nowhere = Some(PathBuf::from("/nowhere/cuda"));
        let error = cuda::check_headers(nowhere, (12, 8)).expect_err("the folder does not exist");
        assert!(
            error.to_string().contains("/nowhere/cuda/include/cuda_fp16.h"),
            "{error}"
        );
        let error = cuda::check_headers(None, (12, 8)).expect_err("no toolkit");
        assert!(error.to_string().contains("include/cuda_fp16.h"), "{error}");

        let toolkit = std::env::temp_dir().join(format!("burnseq-headers-{}", std::process::id()));
        let include = toolkit.join("include");
        std::fs::create_dir_all(include.join("crt")).unwrap();
        std::fs::write(include.join("cuda_fp16.h"), "").unwrap();
        let check = |nvrtc| cuda::check_headers(Some(toolkit.clone()), nvrtc);
        let error = check((12, 8)).expect_err("no tiles").to_string();
        assert!(
            error.contains("crt/mma.h") && error.contains("nvidia-cuda-nvcc-cu12"),
            "{error}"
        );
        std::fs::write(include.join("crt/mma.h"), "").unwrap();
        assert_eq!(check((12, 8)), Ok(()));
        std::fs::write(
            include.join("cuda_runtime_api.h"),
            "#define CUDART_VERSION  12090\n",
        )
        .unwrap();
        assert_eq!(check((12, 8)), Ok(()));
        let error = check((13, 0)).expect_err("other headers").to_string();
        assert!(error.contains("of CUDA 12 but NVRTC is of CUDA 13"), "{error}");
        std::fs::remove_dir_all(&toolkit).unwrap();
    }
}
