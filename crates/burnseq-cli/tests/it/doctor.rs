//! `burnseq doctor` on machines that lack something.

use std::process::Command;

fn doctor() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_burnseq"));
    command.arg("doctor");
    command
}

#[test]
fn it_needs_no_variable_of_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let output = doctor().env_clear().current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("\n  memory ") && said.contains("locale not set"),
        "{said}"
    );
    for width in ["0", "1", "7", "nonsense"] {
        let output = doctor().env("COLUMNS", width).arg("--help").output().unwrap();
        assert!(
            output.status.success() && !output.stdout.is_empty(),
            "COLUMNS={width}"
        );
    }
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_a_problem_with_its_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    let output = doctor()
        .env("TMPDIR", &nowhere)
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let problem = format!(
        "problem: the folder for temporary files {} cannot be written to",
        nowhere.display()
    );
    assert!(
        said.contains(&problem) && said.contains("hint: set TMPDIR"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn a_current_folder_that_was_removed_is_a_problem_with_its_remedy() {
    let binary = env!("CARGO_BIN_EXE_burnseq");
    let script = format!("dir=$(mktemp -d) && cd \"$dir\" && rmdir \"$dir\" && exec '{binary}' doctor");
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("problem: the current folder has been removed"),
        "{said}"
    );
}
