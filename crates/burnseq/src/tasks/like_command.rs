//! The `preprocess` command that makes data for a checkpoint out of the text of other data.

use std::path::Path;

use burnseq_data::preprocess::Report;

/// An error about other dictionaries with the `command` that makes data with those of the checkpoint, which are `what`, and
/// the other way out; other errors stay as they are.
pub(super) fn with_like_command(
    error: burnseq_train::Error,
    what: &str,
    command: impl FnOnce(&Path) -> String,
) -> burnseq_train::Error {
    let burnseq_train::Error::OtherDictionaries {
        path,
        weights_only,
        problem,
    } = error
    else {
        return error;
    };
    let other_way = if weights_only {
        "'extend_dictionary': new tokens then begin with the mean of all embeddings"
    } else {
        "another 'save_dir', and this checkpoint as 'finetune_from_model'"
    };
    burnseq_train::Error::OtherDictionaries {
        problem: format!(
            "{problem}\nhint: make data with {what} of the checkpoint: {}\nhint: or give {other_way}",
            command(&path)
        ),
        path,
        weights_only,
    }
}

/// A command that segments text as the language model of `checkpoint` does, with its dictionary.
pub(super) fn like_command_of_text(checkpoint: &Path) -> String {
    let checkpoint = quoted(&checkpoint.display().to_string());
    format!("preprocess --like {checkpoint} --only-source --trainpref TEXT --destdir FOLDER")
}

/// A command that segments the text of the data folder `data` as `checkpoint` does, with its dictionaries. Where the
/// folder does not say what text it was made of, words in capitals stand for it.
pub(super) fn like_command(checkpoint: &Path, data: &Path, [src, tgt]: [&str; 2]) -> String {
    let mut words = vec![
        "preprocess --like".to_owned(),
        quoted(&checkpoint.display().to_string()),
        "--source-lang".to_owned(),
        src.to_owned(),
        "--target-lang".to_owned(),
        tgt.to_owned(),
    ];
    let report = Report::load(data);
    let prefixes = |split: &str| -> Vec<String> {
        let splits = report.iter().flat_map(|report| &report.splits);
        let named = splits.filter(|found| found.split.trim_end_matches(char::is_numeric) == split);
        named
            .filter_map(|found| {
                let file = &found.sides.first()?.file;
                let unpacked = [".gz", ".zst"]
                    .iter()
                    .find_map(|packed| file.strip_suffix(packed));
                let prefix = unpacked.unwrap_or(file).strip_suffix(&format!(".{src}"))?;
                Some(prefix.to_owned())
            })
            .collect()
    };
    for (split, flag) in [
        ("train", "--trainpref"),
        ("valid", "--validpref"),
        ("test", "--testpref"),
    ] {
        let found = prefixes(split).join(",");
        if !found.is_empty() {
            words.extend([flag.to_owned(), quoted(&found)]);
        } else if report.is_none() && split != "test" {
            words.extend([flag.to_owned(), format!("TEXT/{split}")]);
        }
    }
    words.extend([
        "--destdir".to_owned(),
        quoted(&format!("{}-like", data.display())),
    ]);
    words.join(" ")
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:=@%".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_the_text_that_the_data_was_made_of() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = Path::new("runs/my model/checkpoint_best");
        let command = || like_command(checkpoint, dir.path(), ["de", "en"]);
        let destdir = format!("--destdir {}-like", dir.path().display());
        let begin = "preprocess --like 'runs/my model/checkpoint_best' --source-lang de --target-lang en";
        assert_eq!(
            command(),
            format!("{begin} --trainpref TEXT/train --validpref TEXT/valid {destdir}")
        );
        let split = |name: &str, file: &str| {
            format!(
                r#"{{"split": "{name}", "lines": 1, "too_long": 0, "too_long_lines": [], "sides": [{{"file": "{file}",
                "lang": "de", "sentences": 1, "tokens": 1, "types": 1, "unknown": 0, "longest": 1, "longest_line": 1,
                "empty": 0, "uneven": 0}}]}}"#
            )
        };
        let splits = [
            split("train", "t/a.de"),
            split("valid", "t/b.de.gz"),
            split("valid1", "t/c.de"),
        ]
        .join(",");
        let report = format!(
            r#"{{"version": "0", "subwords": "", "dictionaries": [], "splits": [{splits}], "notes": [], "files": []}}"#
        );
        std::fs::write(dir.path().join("preprocess.json"), report).unwrap();
        assert_eq!(
            command(),
            format!("{begin} --trainpref t/a --validpref t/b,t/c {destdir}")
        );
    }
}
