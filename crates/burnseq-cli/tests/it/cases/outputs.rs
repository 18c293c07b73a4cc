//! Where output goes: files that are there already, links, permissions, pipes, devices and full disks.
#![cfg(target_os = "linux")]

use crate::fixture::assert_says;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{ok, sh, stderr_of};
use crate::fixture;
use crate::toy::Toy;

/// A command that writes a file, without the name of the file and the flag that replaces it.
const TRANSLATE: &str = "generate --cpu --input data/test.de --beam 1 --max-len-b 3 --output";
const LOWERCASE: &str = "burnseq text lowercase data/test.de -o";

/// A data folder with a model, as `fixture` makes it.
fn folder() -> tempfile::TempDir {
    fixture::folder()
}

#[test]
fn no_binary_replaces_a_file_without_being_asked() {
    let dir = folder();
    let dir = dir.path();
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    for command in [TRANSLATE, LOWERCASE] {
        fs::write(dir.join("out"), "mine\n").unwrap();
        let refused = stderr_of(dir, &format!("{command} out"), 1);
        assert!(
            refused.ends_with(
                "error: out is there already\nhint: choose another name, or replace it with --overwrite\n"
            ),
            "{refused}"
        );
        assert_eq!(read("out"), "mine\n");
        ok(dir, &format!("{command} out --overwrite"));
        assert_eq!(read("out").lines().count(), 21);
        fs::remove_file(dir.join("out")).unwrap();
    }
    let results = "generate data-bin --cpu --beam 1 --max-len-b 3 --results-path results";
    ok(dir, results);
    let first = read("results/generate-test.txt");
    let refused = stderr_of(dir, results, 1);
    assert_says(&refused, "results/generate-test.txt is there already\nhint: ");
    ok(dir, &format!("{results} --overwrite --nbest 1"));
    assert_eq!(read("results/generate-test.txt"), first);

    let averaged = "burnseq average --inputs checkpoints/checkpoint_best --output";
    ok(dir, &format!("{averaged} average"));
    let refused = stderr_of(dir, &format!("{averaged} average"), 1);
    assert_says(&refused, "average: is there already\nhint: choose another name");
    ok(dir, &format!("{averaged} average --overwrite"));

    let converted = "burnseq convert average model.pt";
    ok(dir, converted);
    let refused = stderr_of(dir, converted, 1);
    assert_says(&refused, "model.pt is there already\nhint: choose another name");
    ok(dir, &format!("{converted} --overwrite"));

    let alone = stderr_of(dir, "generate data-bin --overwrite", 2);
    assert_says(
        &alone,
        "--overwrite replaces the file that --output or --results-path names",
    );
}

#[test]
fn links_are_followed_and_files_that_must_not_be_written_stay() {
    let dir = folder();
    let dir = dir.path();
    for command in [TRANSLATE, LOWERCASE] {
        fs::write(dir.join("file"), "old").unwrap();
        fs::set_permissions(dir.join("file"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("file", dir.join("link")).unwrap();
        symlink("made", dir.join("dangling")).unwrap();
        let refused = stderr_of(dir, &format!("{command} link"), 1);
        assert_says(&refused, "link is there already");
        ok(dir, &format!("{command} link --overwrite"));
        ok(dir, &format!("{command} dangling"));
        for (link, file) in [("link", "file"), ("dangling", "made")] {
            assert!(dir.join(link).is_symlink(), "{link}");
            assert_eq!(fs::read_to_string(dir.join(file)).unwrap().lines().count(), 21);
        }
        let mode = fs::metadata(dir.join("file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        fs::write(dir.join("file"), "kept").unwrap();
        fs::set_permissions(dir.join("file"), fs::Permissions::from_mode(0o444)).unwrap();
        for name in ["file", "link"] {
            let refused = stderr_of(dir, &format!("{command} {name} --overwrite"), 1);
            assert_says(&refused, &format!("cannot write {name}: permission denied"));
        }
        assert_eq!(fs::read_to_string(dir.join("file")).unwrap(), "kept");
        for name in ["file", "link", "made", "dangling"] {
            fs::remove_file(dir.join(name)).unwrap();
        }
        let left: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(
            left.iter().all(|name| !name.to_string_lossy().starts_with('.')),
            "{left:?}"
        );
    }
}

#[test]
fn errors_name_the_output_as_it_was_given() {
    let dir = folder();
    let dir = dir.path();
    for command in [TRANSLATE, LOWERCASE] {
        let said = stderr_of(dir, &format!("{command} nodir/x"), 1);
        assert!(
            said.contains("cannot write nodir/x: No such file or directory") && !said.contains(".writing-"),
            "{said}"
        );
        let said = stderr_of(dir, &format!("{command} /dev/full"), 1);
        assert_says(&said, "cannot write /dev/full: No space left");
    }
}

#[test]
fn pipes_and_devices_are_written_to_and_stay_what_they_are() {
    let dir = folder();
    let dir = dir.path();
    for command in [TRANSLATE, LOWERCASE] {
        let plain = ok(dir, &format!("{command} /dev/stdout"));
        assert_eq!(plain.lines().count(), 21);
        // The shell has opened the file, and what is in it stays.
        ok(
            dir,
            &format!("{command} /dev/stdout > redirected && {command} /dev/stdout >> redirected"),
        );
        assert_eq!(
            fs::read_to_string(dir.join("redirected")).unwrap(),
            plain.repeat(2)
        );
        ok(
            dir,
            &format!("mkfifo pipe; cat pipe > received & {command} pipe && wait"),
        );
        assert_eq!(fs::read_to_string(dir.join("received")).unwrap(), plain);
        assert!(!fs::metadata(dir.join("pipe")).unwrap().is_file());
        ok(dir, &format!("{command} /dev/null"));
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let full = stderr_of(dir, &format!("{command} /dev/full"), 1);
        assert_says(&full, "No space left on device");
        for name in ["redirected", "pipe", "received"] {
            fs::remove_file(dir.join(name)).unwrap();
        }
    }
}

#[test]
fn standard_output_on_a_full_disk_is_an_error() {
    let dir = folder();
    let dir = dir.path();
    for command in [
        "generate data-bin --cpu --beam 1 --max-len-b 3",
        "generate --input data/test.de --cpu --beam 1 --max-len-b 3",
        "burnseq interactive --input data/test.de --cpu --beam 1 --max-len-b 3",
        "burnseq validate data-bin --cpu",
        "burnseq score data/test.de -i data/test.de",
        "burnseq text lowercase data/test.de",
        "burnseq convert checkpoints/checkpoint_best converted.pt",
        "preprocess -s de -t en --trainpref data/train --destdir other",
    ] {
        let full = stderr_of(dir, &format!("{command} > /dev/full"), 1);
        assert!(full.contains("No space left on device"), "{command}: {full}");
    }
}

#[test]
fn a_log_on_a_full_disk_is_an_error() {
    let toy = Toy::new();
    let dir = toy.dir.path();
    let train = "train data-bin --arch transformer_tiny --cpu --max-tokens 64 --max-update 2";
    // The first lines come before any work.
    let early = stderr_of(dir, &format!("{train} --save-dir a --log-file /dev/full"), 1);
    assert_says(
        &early,
        "train: error: cannot write the log file /dev/full: No space left on device",
    );
    assert!(!dir.join("a").exists());
    // JSON comes later: the run goes on to its end.
    let late = stderr_of(
        dir,
        &format!("{train} --save-dir b --log-format json > /dev/full"),
        1,
    );
    let told = "cannot write the log to standard output: No space left on device";
    assert_says(&late, &format!("note: {told}"));
    assert_says(&late, &format!("train: error: {told}"));
    assert!(dir.join("b/checkpoint_last").is_dir());

    // A reader that has gone is no full disk, and neither is a link.
    ok(
        dir,
        &format!("{train} --save-dir c --log-format json --log-interval 1 | true"),
    );
    fs::write(dir.join("log"), "before\n").unwrap();
    symlink("log", dir.join("link")).unwrap();
    ok(dir, &format!("{train} --save-dir d --log-file link"));
    let log = fs::read_to_string(dir.join("log")).unwrap();
    assert!(
        log.starts_with("before\n") && log.contains("update 2 is the last"),
        "{log}"
    );
    let file = stderr_of(dir, &format!("{train} --save-dir e --log-file log/log"), 1);
    assert_says(&file, "cannot open the log file log/log");
    // A folder is made, so that a log can lie in that of its run.
    ok(dir, &format!("{train} --save-dir f --log-file f/log"));
    assert!(dir.join("f/log").is_file());
}

#[test]
fn a_folder_that_another_run_writes_to_is_left_alone() {
    let toy = Toy::new();
    let dir = toy.dir.path();
    fs::create_dir(dir.join("run")).unwrap();
    // The lock is what a run holds.
    let folder = fs::File::open(dir.join("run")).unwrap();
    folder.lock().unwrap();
    let train = "train data-bin --arch transformer_tiny --cpu --max-update 1 --save-dir run";
    let refused = stderr_of(dir, train, 1);
    assert!(
        refused.ends_with("train: error: another run writes to run\n"),
        "{refused}"
    );
    assert!(toy.checkpoints("run").is_empty());
    ok(dir, &format!("{train} --no-save"));
}

#[test]
fn weights_that_are_not_finite_are_neither_saved_nor_averaged() {
    let toy = Toy::new();
    // 0 / 0 for the embeddings of tokens that are in no sentence.
    let output = toy.run("run", "--adam-eps 0 --max-epoch 1");
    let said = crate::toy::stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("is not finite after update") && said.contains("no checkpoint was written"),
        "{said}"
    );
    assert_says(&said, "hint: lower --lr");
    assert!(toy.checkpoints("run").is_empty());

    let dir = folder();
    fixture::save_model(dir.path(), "checkpoint_nan", f32::NAN);
    let [good, broken] = ["checkpoints/checkpoint_best", "checkpoints/checkpoint_nan"];
    for inputs in [
        format!("{good} {broken}"),
        format!("{broken} {good}"),
        broken.to_owned(),
    ] {
        let average = format!("burnseq average --inputs {inputs} --output average");
        let said = stderr_of(dir.path(), &average, 1);
        assert!(
            said.contains("checkpoint_nan/model.safetensors: weight `") && said.contains("not finite"),
            "{said}"
        );
        assert!(!dir.path().join("average").exists());
    }
}

#[test]
fn what_a_killed_preprocess_left_is_removed_by_the_next_one() {
    let dir = folder();
    let dir = dir.path();
    let hidden = |folder: &Path| -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.')).collect()
    };
    let preprocess = "preprocess -s de -t en --trainpref data/train --bpe none --destdir killed";
    // Nobody writes to these pipes, so that the run waits until it is killed.
    let killed = "mkfifo data/slow.de data/slow.en; \
                  preprocess -s de -t en --trainpref data/slow --bpe none --destdir killed & pid=$!; \
                  for i in $(seq 100); do sleep 0.1; ls -d killed/.preprocess-* && break; done; kill -9 $pid";
    sh(dir, killed);
    assert_eq!(
        hidden(&dir.join("killed")).len(),
        1,
        "the run was killed in the middle"
    );
    ok(dir, preprocess);
    assert!(hidden(&dir.join("killed")).is_empty());
    assert!(dir.join("killed/train.de-en.de.bin").is_file());
}

#[test]
fn what_a_killed_writer_of_checkpoints_left_is_removed_by_the_next_one() {
    let dir = folder();
    let dir = dir.path();
    let leave = |name: &str| {
        let left = dir.join("checkpoints").join(name);
        fs::create_dir(&left).unwrap();
        fs::write(left.join("model.safetensors"), "half").unwrap();
        left
    };
    ok(dir, "burnseq convert checkpoints/checkpoint_best model.pt");
    // The lock is what a process that still writes holds.
    let living = leave(".writing-living");
    let lock = fs::File::open(&living).unwrap();
    lock.lock().unwrap();
    for command in [
        "burnseq average --inputs checkpoints/checkpoint_best --output checkpoints/average",
        "burnseq convert model.pt checkpoints/converted",
        "train data-bin --arch transformer_tiny --cpu --max-tokens 300 --max-update 1 --save-dir checkpoints",
    ] {
        let dead = leave(".writing-dead");
        ok(dir, command);
        assert!(!dead.exists() && living.exists(), "{command}");
    }
    drop(lock);
    ok(dir, "burnseq convert model.pt checkpoints/converted --overwrite");
    assert!(!living.exists());
}
