//! Every option of every binary changes a result, not only a configuration, or the run is refused.
//!
//! `options.txt` names each option once, in a command in which it acts. Both commands run, without and with it, and what
//! they print and write is compared. An option that is missing in that list makes a test fail.

mod world;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use burnseq_cli::commands::COMMANDS;
use serde_json::Value;
use tempfile::TempDir;

use world::base;

/// The options and their commands.
const OPTIONS: &str = include_str!("options.txt");

/// A line of the list.
#[derive(Debug)]
struct Row {
    binary: &'static str,
    /// Which base command, of those in `world.rs`.
    setting: &'static str,
    /// What stands beside the option in both commands.
    beside: &'static str,
    option: &'static str,
    expected: Expected,
}

/// What becomes of the results.
#[derive(Debug, PartialEq)]
enum Expected {
    /// Both runs succeed, with different results.
    Changes,
    /// `!`: both succeed, with one result: the option is about speed or memory, or has one value.
    Equal,
    /// `?`: the run fails with this text, and succeeds with the option.
    Allows(&'static str),
    /// `x`: the run succeeds, and fails with this text with the option.
    Refuses(&'static str),
    /// `f`: both fail, in different ways.
    FailsOtherwise,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for line in OPTIONS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let mut columns = line.split('|').map(str::trim);
        let mut next = || columns.next().unwrap_or_default();
        let (head, beside, option, expected) = (next(), next(), next(), next());
        let (binary, setting) = head.split_once(" @").unwrap_or((head, ""));
        let (kind, text) = expected.split_once(' ').unwrap_or((expected, ""));
        rows.push(Row {
            binary,
            setting,
            beside,
            option,
            expected: match kind {
                "" => Expected::Changes,
                "!" => Expected::Equal,
                "?" => Expected::Allows(text),
                "x" => Expected::Refuses(text),
                "f" => Expected::FailsOtherwise,
                other => panic!("{other:?} in {line:?}"),
            },
        });
    }
    rows
}

/// What a run prints and writes, but for times and speeds.
#[derive(Debug, Clone, PartialEq)]
struct Observed {
    succeeded: bool,
    stdout: Vec<String>,
    stderr: Vec<String>,
    /// Content of the files that it wrote, by path.
    files: BTreeMap<String, Vec<u8>>,
}

impl Observed {
    /// The same without notes, such as that an option changes nothing.
    fn without_notes(&self) -> Self {
        let mut rest = self.clone();
        rest.stderr.retain(|line| !line.starts_with("note:"));
        rest
    }

    /// The same without notes that an option changes nothing, which are no change.
    fn without_idle(&self) -> Self {
        let mut rest = self.clone();
        rest.stderr
            .retain(|line| !(line.starts_with("note:") && line.contains("changes nothing")));
        rest
    }
}

/// Runs a command in a folder that shows `world`, and in which it may write.
fn observe(world: &Path, command: &str) -> Observed {
    let dir = TempDir::new().unwrap();
    for entry in fs::read_dir(world).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    world::occupy(world, dir.path());
    let bin = Path::new(env!("CARGO_BIN_EXE_train")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(dir.path())
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut files = BTreeMap::new();
    collect(dir.path(), dir.path(), &mut files);
    Observed {
        succeeded: output.status.success(),
        stdout: lines(&output.stdout),
        stderr: lines(&output.stderr),
        files,
    }
}

/// The files below a folder that are not part of the world.
fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            collect(root, &path, files);
        } else if kind.is_file() {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            // A configuration is no result, and a log holds times.
            let is_result = !name.ends_with("checkpoint.json") && name != "log";
            let content = if is_result {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            files.insert(name, content);
        }
    }
}

/// Lines without times and speeds.
fn lines(bytes: &[u8]) -> Vec<String> {
    const TIMED: [&str; 10] = [
        "wps",
        "ups",
        "wall",
        "updates_per_s",
        "tokens_per_s",
        "tflops",
        "peak_mem_gib",
        "peak_host_mem_gib",
        "eta",
        "gb_free",
    ];
    let is_timed = |key: &str| TIMED.iter().any(|timed| key.ends_with(timed));
    let text = String::from_utf8_lossy(bytes);
    let mut kept = Vec::new();
    for line in text.lines() {
        let timed = ["speed:", "Translated ", "Continued ", "Evaluated ", "W-"];
        if timed.iter().any(|timed| line.starts_with(timed)) {
            continue;
        }
        if let Ok(Value::Object(mut record)) = serde_json::from_str(line) {
            record.retain(|key, _| !is_timed(key));
            kept.push(Value::Object(record).to_string());
            continue;
        }
        // `saved checkpoint_last in out (0.1 s)`, `... | wps 5.5 | ...`
        let line = match line.rsplit_once(" (") {
            Some((before, seconds)) if seconds.ends_with(" s)") => before,
            _ => line,
        };
        let fields = line.split(" | ").filter(|field| {
            let key = field.split([' ', '=']).next().unwrap_or_default();
            !is_timed(key)
        });
        kept.push(fields.collect::<Vec<_>>().join(" | "));
    }
    kept
}

/// Checks the rows of a binary.
fn check(binary: &str) {
    let world = world::world();
    let mut known: HashMap<String, Observed> = HashMap::new();
    let mut wrong = Vec::new();
    for row in rows().iter().filter(|row| row.binary == binary) {
        let without = format!("{} {}", base(row.binary, row.setting), row.beside);
        let with = format!("{without} {}", row.option);
        let before = known
            .entry(without.clone())
            .or_insert_with(|| observe(world, &without))
            .clone();
        let after = observe(world, &with);
        let says = |run: &Observed, text: &str| run.stderr.iter().any(|line| line.contains(text));
        let fine = match row.expected {
            Expected::Changes => {
                before.succeeded && after.succeeded && before.without_idle() != after.without_idle()
            }
            Expected::Equal => before.succeeded && before.without_notes() == after.without_notes(),
            Expected::Allows(text) => !before.succeeded && says(&before, text) && after.succeeded,
            Expected::Refuses(text) => before.succeeded && !after.succeeded && says(&after, text),
            Expected::FailsOtherwise => !before.succeeded && !after.succeeded && before != after,
        };
        if !fine {
            let last = |run: &Observed| run.stderr.iter().rev().take(2).cloned().collect::<Vec<_>>();
            wrong.push(format!(
                "{row:?}\n  without ({}): {:?}\n  with ({}): {:?}",
                before.succeeded,
                last(&before),
                after.succeeded,
                last(&after)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_option_of_train_acts() {
    check("train");
}

#[test]
fn every_option_of_generate_acts() {
    check("generate");
}

#[test]
fn every_option_of_interactive_acts() {
    check("interactive");
}

#[test]
fn every_option_of_validate_acts() {
    check("validate");
}

#[test]
fn every_option_of_eval_lm_acts() {
    check("eval-lm");
}

#[test]
fn every_option_of_preprocess_acts() {
    check("preprocess");
}

#[test]
fn every_option_of_report_acts() {
    check("report");
}

#[test]
fn every_option_of_the_other_binaries_acts() {
    for binary in [
        "score",
        "average",
        "convert",
        "text",
        "completions",
        "inspect",
        "doctor",
        "man",
        "features",
        "similarity",
        "fill-mask",
    ] {
        check(binary);
    }
}

/// The options of a command and of the tools within it, each as its spellings.
fn options(command: &clap::Command) -> Vec<Vec<String>> {
    let mut options = Vec::new();
    for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
        let mut spellings = Vec::new();
        spellings.extend(arg.get_long().map(|long| format!("--{long}")));
        spellings.extend(arg.get_short().map(|short| format!("-{short}")));
        options.push(spellings);
    }
    for tool in command.get_subcommands() {
        options.extend(self::options(tool));
    }
    options
}

#[test]
fn the_list_holds_every_option_of_every_binary() {
    let rows = rows();
    for command in COMMANDS {
        for spellings in options(&(command.flags)()) {
            let listed = rows.iter().any(|row| {
                let option = row.option.split([' ', '=']).next().unwrap_or_default();
                row.binary == command.name && spellings.iter().any(|known| known == option)
            });
            assert!(listed, "{} {spellings:?} is not in options.txt", command.name);
        }
    }
}
