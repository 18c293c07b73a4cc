//! Faults that public bug reports and command lines brought out: the cases of `../shared/cases`, read in place, and
//! inputs of our own for their neighbours.

mod bounds;
mod flags;
mod outputs;
mod text;
mod training;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A copy of `../shared/cases`, in which its commands run as they are written; `None` where that folder is absent.
fn cases() -> Option<TempDir> {
    let source = burnseq_testing::shared("cases")?;
    let dir = TempDir::new().unwrap();
    copy(&source, dir.path());
    Some(dir)
}

/// Copies a folder; the copy can be written, whatever the permissions of the original.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::write(&target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// Runs a command line in `dir` as a shell would: the first word is one of our binaries.
fn sh(dir: &Path, command: &str) -> Output {
    let bin = PathBuf::from(env!("CARGO_BIN_EXE_train"));
    let bin = bin.parent().unwrap().to_str().unwrap();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    Command::new("sh")
        .args(["-c", command])
        .current_dir(dir)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What a command prints on standard output; it must succeed.
pub(crate) fn ok(dir: &Path, command: &str) -> String {
    let output = sh(dir, command);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}\n{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a command prints on standard error; it must end with this exit code.
pub(crate) fn stderr_of(dir: &Path, command: &str, code: i32) -> String {
    let output = sh(dir, command);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{command}\n{stderr}");
    stderr
}
