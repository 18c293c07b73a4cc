//! `scripts/release.sh`: what an archive holds. Short programs stand for the binaries, which are large.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn release(arguments: &[&str]) -> Output {
    let mut command = Command::new("bash");
    command.arg(root().join("scripts/release.sh")).args(arguments);
    command.output().unwrap()
}

/// A folder with programs that call the real ones.
fn stand_ins(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let real = Path::new(env!("CARGO_BIN_EXE_burnseq")).parent().unwrap();
    for name in ["burnseq", "preprocess", "train", "generate"] {
        let path = folder.join(name);
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", real.join(name).display());
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn an_archive_has_binaries_completions_manual_pages_and_licences() {
    let dir = tempfile::tempdir().unwrap();
    let bin = dir.path().join("bin");
    stand_ins(&bin);
    let (bin, dest) = (bin.to_str().unwrap(), dir.path().to_str().unwrap());
    let output = release(&[
        "--bin",
        bin,
        "--destdir",
        dest,
        "--target",
        "x86_64-unknown-linux-gnu",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let archive = String::from_utf8(output.stdout).unwrap();
    let archive = Path::new(archive.trim());
    let name = format!("burnseq-{}-x86_64-unknown-linux-gnu", env!("CARGO_PKG_VERSION"));
    assert_eq!(archive, dir.path().join(format!("{name}.tar.gz")));

    let checked = Command::new("sha256sum")
        .args(["--check", "--quiet", &format!("{name}.tar.gz.sha256")])
        .current_dir(dir.path())
        .status()
        .unwrap();
    assert!(checked.success());

    let unpacked = Command::new("tar")
        .args(["-xzf", &format!("{name}.tar.gz")])
        .current_dir(dir.path())
        .status()
        .unwrap();
    assert!(unpacked.success());
    let folder = dir.path().join(&name);
    for file in [
        "bin/burnseq",
        "bin/preprocess",
        "bin/train",
        "bin/generate",
        "share/bash-completion/completions/train",
        "share/zsh/site-functions/_burnseq",
        "share/fish/vendor_completions.d/generate.fish",
        "share/man/man1/burnseq.1",
        "share/man/man1/burnseq-train.1",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "docs/src/tutorial.md",
        "data/train.de",
        "examples/toy/recipe.json",
    ] {
        let meta = fs::metadata(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(meta.len() > 0, "{file} is empty");
    }
    let licences = fs::read_to_string(folder.join("THIRD-PARTY-LICENSES.txt")).unwrap();
    for part in ["\nburn 0.", "\nclap 4.", "\nserde 1.", "MIT OR Apache-2.0"] {
        assert!(
            licences.contains(part),
            "{part:?}: {}",
            &licences[..licences.len().min(2000)]
        );
    }
    assert!(
        !licences.contains("\nburnseq"),
        "our own crates are no third party"
    );
}

#[test]
fn what_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().to_str().unwrap();
    let refused = |arguments: &[&str], code: i32, part: &str| {
        let output = release(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(part), "{said}");
    };
    refused(&["--bin", dest, "--destdir", dest], 1, "has no binary `burnseq`");
    refused(&["--bin"], 2, "--bin needs a value");
    refused(&["--upload"], 2, "unknown option `--upload`");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
