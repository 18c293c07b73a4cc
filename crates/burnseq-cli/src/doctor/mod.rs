//! `burnseq doctor`: what this machine has for burnseq, what is missing, and how to get it.

use std::io::{IsTerminal, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use burn::tensor::{Device, Distribution, Tensor};
use burnseq_kernels::device::{CudaUnavailable, DeviceName, collectives_available, cuda_available};
use clap::Parser;
use serde_json::Value;
use sysinfo::{Disks, MemoryRefreshKind, RefreshKind, System};

use crate::findings::Findings;
use crate::grammar::Flags;
use crate::spelling::spelled;

/// The release of Burn that this is built on, as the manifest pins it.
const BURN: &str = "0.22.1";

/// Memory below which a small model does not train, bytes.
const LITTLE_MEMORY: u64 = 2 << 30;
/// Room below which checkpoints soon have none, bytes.
const LITTLE_ROOM: u64 = 2 << 30;
/// Rows and columns of the matrices that are multiplied to measure the processor.
const SIDE: usize = 512;
/// How long they are multiplied.
const MEASURED: Duration = Duration::from_millis(300);

/// Tell what this machine has for burnseq, what is missing, and how to get it.
///
/// Ends with exit code 1 when something is missing that burnseq cannot do without.
#[derive(Debug, Parser)]
#[command(
    name = "doctor",
    version,
    max_term_width = 110,
    args_override_self = true,
    after_help = "Examples:\n  burnseq doctor\n  burnseq doctor --folder /data/checkpoints --json"
)]
pub struct DoctorArgs {
    /// Where checkpoints and datasets will be written [default: the current folder]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

impl Flags for DoctorArgs {}

/// Runs `burnseq doctor`; what was found goes to stdout.
///
/// # Errors
/// Something that burnseq cannot do without, after all has been told.
pub fn run(args: &DoctorArgs) -> Result<()> {
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from("."));
    let findings = examine(&folder);
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", Value::Object(findings.json()))?;
    } else {
        write!(out, "{}", findings.text("burnseq"))?;
    }
    out.flush()?;
    match findings.problems.len() {
        0 => Ok(()),
        1 => Err(anyhow!("one problem was found")),
        count => Err(anyhow!("{count} problems were found")),
    }
}

fn examine(folder: &Path) -> Findings {
    let mut findings = Findings::of(env!("CARGO_PKG_VERSION"));
    build(&mut findings);
    processor(&mut findings);
    memory(&mut findings);
    disk(folder, &mut findings);
    gpus(&mut findings);
    terminal(&mut findings);
    findings
}

fn build(findings: &mut Findings) {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let cuda = if cfg!(feature = "cuda") {
        "with CUDA"
    } else {
        "without CUDA"
    };
    findings.fact("build", format!("Burn {BURN}, {profile} profile, {cuda}"));
    let system = System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned());
    let kernel = System::kernel_version().unwrap_or_default();
    findings.fact("system", format!("{system}, {} {kernel}", std::env::consts::ARCH));
}

/// Name, cores, vector instructions, and a measured speed.
fn processor(findings: &mut Findings) {
    let system =
        System::new_with_specifics(RefreshKind::nothing().with_cpu(sysinfo::CpuRefreshKind::nothing()));
    let cpus = system.as_ref().map_or(&[][..], System::cpus);
    let name = cpus.first().map(|cpu| cpu.brand().trim().to_owned());
    let name = name
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned());
    let usable = available_parallelism().map_or(1, NonZero::get);
    let all = cpus.len().max(usable);
    findings.fact(
        "processor",
        if usable == all {
            format!("{name}, {all} cores")
        } else {
            format!("{name}, {usable} of {all} cores")
        },
    );
    let (level, remedy) = instructions();
    findings.fact("instructions", level);
    findings.notes.extend(remedy.map(str::to_owned));
    findings.fact(
        "products",
        format!("{:.0} GFLOP/s in fp32, {SIDE} by {SIDE}", speed()),
    );
}

/// The vector instructions that are used, and what is worth knowing of them.
#[cfg(target_arch = "x86_64")]
fn instructions() -> (String, Option<&'static str>) {
    let has = [
        ("AVX2", std::is_x86_feature_detected!("avx2")),
        ("FMA", std::is_x86_feature_detected!("fma")),
        ("AVX-512", std::is_x86_feature_detected!("avx512f")),
        ("AVX-512 BF16", std::is_x86_feature_detected!("avx512bf16")),
        ("AVX-512 VNNI", std::is_x86_feature_detected!("avx512vnni")),
    ];
    let names: Vec<&str> = has
        .iter()
        .filter(|(_, has)| *has)
        .map(|(name, _)| *name)
        .collect();
    let remedy = (!has[0].1 || !has[1].1).then_some(
        "this processor has neither AVX2 nor FMA, or a virtual machine hides them: everything runs several times slower",
    );
    let names = if names.is_empty() {
        "SSE2".to_owned()
    } else {
        names.join(", ")
    };
    (names, remedy)
}

/// The vector instructions that are used.
#[cfg(not(target_arch = "x86_64"))]
fn instructions() -> (String, Option<&'static str>) {
    ("those that the compiler chose".to_owned(), None)
}

/// Operations per nanosecond of a matrix product on all cores.
fn speed() -> f64 {
    let device = Device::flex();
    let matrix = || Tensor::<2>::random([SIDE, SIDE], Distribution::Default, &device);
    let (left, right) = (matrix(), matrix());
    let multiply = || left.clone().matmul(right.clone()).into_data();
    multiply();
    let started = Instant::now();
    let mut best = Duration::MAX;
    while started.elapsed() < MEASURED {
        let begun = Instant::now();
        multiply();
        best = best.min(begun.elapsed());
    }
    2.0 * (SIDE as f64).powi(3) / best.as_nanos().max(1) as f64
}

fn memory(findings: &mut Findings) {
    let system =
        System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::everything()));
    let system = match system {
        Ok(system) => system,
        Err(error) => {
            findings.fact("memory", format!("unknown: {error}"));
            return;
        }
    };
    // A container may have less than its machine.
    let (total, free) = match system.cgroup_limits() {
        Some(limits) if limits.total_memory < system.total_memory() => {
            (limits.total_memory, limits.free_memory)
        }
        _ => (system.total_memory(), system.available_memory()),
    };
    findings.fact("memory", format!("{} in all, {} free", gib(total), gib(free)));
    if free < LITTLE_MEMORY {
        findings.notes.push(format!(
            "{} of memory are free: take a small model and few tokens in a batch (--max-tokens), or end other programs",
            gib(free)
        ));
    }
}

/// Whether the folder can be written to, and how much room it has.
fn disk(folder: &Path, findings: &mut Findings) {
    let shown = folder.display();
    if folder == Path::new(".") && std::env::current_dir().is_err() {
        let gone =
            "the current folder has been removed, or cannot be reached\nhint: change to another one: `cd`";
        findings.problems.push(gone.to_owned());
        return;
    }
    let Ok(whole) = folder.canonicalize() else {
        findings.problems.push(format!(
            "the folder {shown} does not exist\nhint: make it: `mkdir -p {shown}`"
        ));
        return;
    };
    let disks = Disks::new_with_refreshed_list();
    let holder = disks
        .iter()
        .flat_map(|disks| disks.iter())
        .filter(|disk| whole.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len());
    if let Some(disk) = holder {
        findings.fact(
            "disk",
            format!("{} free in {}", gib(disk.available_space()), whole.display()),
        );
        if disk.available_space() < LITTLE_ROOM {
            findings.notes.push(format!(
                "{} are free in {}: a checkpoint takes three times the size of its model",
                gib(disk.available_space()),
                whole.display()
            ));
        }
    }
    for (what, place, remedy) in [
        ("the folder", whole, "choose another one, or change its owner"),
        (
            "the folder for temporary files",
            std::env::temp_dir(),
            "set TMPDIR to a folder that can be written to",
        ),
    ] {
        if let Err(error) = tempfile::tempfile_in(&place) {
            findings.problems.push(format!(
                "{what} {} cannot be written to: {error}\nhint: {remedy}",
                place.display()
            ));
        }
    }
}

fn gpus(findings: &mut Findings) {
    match cuda_available(0) {
        Ok(()) => {
            let usable = (0..).take_while(|&index| cuda_available(index).is_ok());
            for index in usable {
                let name = DeviceName::Cuda(index);
                findings.fact("GPU", format!("{name}: {}", name.hardware_name()));
            }
            if cuda_available(1).is_ok()
                && let Err(error) = collectives_available()
            {
                findings.notes.push(spelled(&error.to_string()).into_owned());
            }
        }
        Err(CudaUnavailable::NotBuilt) => {
            let driver = Path::new("/proc/driver/nvidia").exists();
            findings.fact(
                "GPU",
                if driver {
                    "one is there; this build cannot use it"
                } else {
                    "none is used"
                },
            );
            if driver {
                let error = CudaUnavailable::NotBuilt.to_string();
                findings.notes.push(spelled(&error).into_owned());
            }
        }
        Err(error) => {
            findings.fact("GPU", "none can be used");
            findings.notes.push(spelled(&error.to_string()).into_owned());
        }
    }
}

fn terminal(findings: &mut Findings) {
    let is = |is: bool| if is { "a terminal" } else { "no terminal" };
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    findings.fact(
        "output",
        format!(
            "{}, locale {}",
            is(std::io::stdout().is_terminal()),
            locale.as_deref().unwrap_or("not set")
        ),
    );
}

/// Bytes in GiB.
fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1_u64 << 30) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_release_of_burn_is_the_one_that_the_manifest_pins() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        assert!(manifest.contains(&format!("burn = {{ version = \"={BURN}\"")));
    }

    #[test]
    fn what_everybody_needs_is_told() {
        DoctorArgs::command().debug_assert();
        let dir = tempfile::tempdir().unwrap();
        let findings = examine(dir.path());
        assert!(findings.problems.is_empty(), "{:?}", findings.problems);
        for name in [
            "build",
            "system",
            "processor",
            "instructions",
            "products",
            "memory",
            "GPU",
            "output",
        ] {
            let fact = findings.facts.iter().find(|(known, _)| *known == name);
            assert!(fact.is_some_and(|(_, value)| !value.is_empty()), "{name}");
        }
        let products = &findings
            .facts
            .iter()
            .find(|(name, _)| *name == "products")
            .unwrap()
            .1;
        let speed: f64 = products.split(' ').next().unwrap().parse().unwrap();
        assert!(speed > 0.0, "{products}");
    }

    #[test]
    fn a_folder_that_does_not_exist_is_a_problem_with_its_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let findings = examine(&dir.path().join("nothing"));
        assert_eq!(findings.problems.len(), 1);
        assert!(
            findings.problems[0].contains("does not exist\nhint: make it"),
            "{:?}",
            findings.problems
        );
    }
}
