//! The pages of `docs/`: all are listed, links lead somewhere, the reference is that of the binaries, and commands work.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use burnseq_cli::manual;

/// What stands before the commands of a page, so that they take seconds: one update, few tokens of each translation.
const IN_SHORT: &str = r#"
set -euo pipefail
train() {
    case " $* " in
    *" --help "* | *" --benchmark "*) command train "$@" ;;
    *) command train "$@" --max-update 1 --max-valid-steps 1 --save-interval-updates 1 ;;
    esac
}
generate() { command generate "$@" --max-len-a 0 --max-len-b 5; }
burnseq() {
    case "$1" in
    average) command burnseq "$@" --num-update-checkpoints 1 ;;
    interactive) command burnseq "$@" --max-len-a 0 --max-len-b 5 ;;
    report) command burnseq "$@" --max-len-b 5 ;;
    *) command burnseq "$@" ;;
    esac
}
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn docs() -> PathBuf {
    root().join("docs/src")
}

/// Paths below `docs/src` and contents of all pages.
fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for folder in ["", "commands"] {
        for entry in fs::read_dir(docs().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(docs()).unwrap().to_str().unwrap().to_owned();
                pages.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    pages.sort();
    pages
}

/// Targets of the links of a page.
fn links(page: &str) -> impl Iterator<Item = &str> {
    page.match_indices("](").filter_map(|(at, _)| {
        let rest = &page[at + 2..];
        rest.find(')').map(|end| &rest[..end])
    })
}

/// The blocks of a page that are marked as commands of a shell.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap_or_default())
        .collect()
}

#[test]
fn the_summary_lists_every_page_and_links_lead_to_files() {
    let pages = pages();
    assert!(pages.len() > 20, "{}", pages.len());
    let mut listed = BTreeSet::from(["SUMMARY.md".to_owned()]);
    for (name, page) in &pages {
        for link in links(page).filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let target = link.split('#').next().unwrap();
            let path = docs().join(name).parent().unwrap().join(target);
            assert!(path.is_file(), "{name} links to {link}");
            if name == "SUMMARY.md" {
                listed.insert(target.to_owned());
            }
        }
    }
    let names: BTreeSet<String> = pages.into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, names);
}

/// Rust files below a folder, without what continues a string literal on the next line.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap().replace("\\\"", "\"");
            let mut parts = text.split("\\\n");
            let first = parts.next().unwrap_or_default().to_owned();
            found.push(parts.fold(first, |joined, part| joined + part.trim_start()));
        }
    }
}

#[test]
fn the_messages_of_the_page_on_troubleshooting_are_those_of_the_code() {
    let mut code = Vec::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let source = entry.unwrap().path().join("src");
        if source.is_dir() {
            sources(&source, &mut code);
        }
    }
    let page = fs::read_to_string(docs().join("troubleshooting.md")).unwrap();
    let mut messages = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cell = row.trim_start_matches("| ").split(" | ").next().unwrap();
        let message = cell.trim().trim_matches('`');
        // One place of the code has all its words.
        let words: Vec<&str> = message
            .split("...")
            .map(str::trim)
            .filter(|part| part.len() > 1)
            .collect();
        assert!(!words.is_empty(), "{message}");
        let is_there = |file: &String| words.iter().all(|part| file.contains(part));
        assert!(code.iter().any(is_there), "no source file has {words:?}");
        messages += 1;
    }
    assert!(messages >= 30, "{messages}");
}

#[test]
fn the_reference_is_what_the_binaries_say() {
    for (name, page) in manual::pages() {
        let written = fs::read_to_string(docs().join("commands").join(&name)).unwrap_or_default();
        assert!(
            written == page,
            "docs/src/commands/{name} is not what the flags say; write it again: `burnseq man --markdown docs/src/commands`"
        );
    }
}

#[test]
fn every_command_of_the_pages_works() {
    let binaries = Path::new(env!("CARGO_BIN_EXE_burnseq")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut run = 0;
    for (name, page) in pages() {
        let commands = commands(&page);
        if commands.is_empty() {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        for entry in fs::read_dir(root().join("data")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), data.join(entry.file_name())).unwrap();
        }
        let script = format!("{IN_SHORT}{}", commands.join("\n"));
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(dir.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "docs/src/{name}: {}\n{said}",
            output.status
        );
        run += commands.len();
    }
    assert!(run > 20, "{run}");
}
