//! Statistics of the datasets of runs.

use std::path::PathBuf;

use anyhow::Result;
use burnseq_data::{BatchSettings, Dataset, DatasetDir, LanguagePairDataset, PairOptions, Sentences};
use burnseq_report::stats::LengthCounts;
use burnseq_report::{Absent, DataPart, Side, Split};
use burnseq_text::Dictionary;

use super::runs::Loaded;
use crate::exit::describe;

/// The dataset of a run, opened.
pub(super) struct Opened {
    /// The dataset.
    pub dir: DatasetDir,
    /// Split to learn from.
    pub train: String,
    /// Splits to validate on.
    pub valid: Vec<String>,
    /// How often the first part of the training data is taken.
    pub upsample_primary: usize,
}

/// Opens the dataset of a run: `data`, or the one that it was trained on. Why there is none goes to `absent`.
pub(super) fn open(loaded: &Loaded, data: Option<&PathBuf>, absent: &mut Vec<Absent>) -> Option<Opened> {
    let name = &loaded.run.name;
    let mut missing = |why: String| {
        absent.push(Absent {
            part: format!("Data and translations of {name}"),
            why,
        });
    };
    let Some(checkpoint) = &loaded.translator else {
        missing("there is no checkpoint, only a log; give the folder of the run (--save-dir)".to_owned());
        return None;
    };
    let task = loaded.task.clone().unwrap_or_default();
    if data.is_none() && loaded.task.is_none() {
        missing(
            "the checkpoint does not say which dataset it was trained on; name it with --data".to_owned(),
        );
        return None;
    }
    let folder = data.unwrap_or(&task.data);
    let languages = &checkpoint.meta().task;
    let (src, tgt) = (languages.text("source_lang"), languages.text("target_lang"));
    let given = |language: &str| (!language.is_empty()).then(|| language.to_owned());
    match DatasetDir::open(folder, given(src).as_deref(), given(tgt).as_deref()) {
        Ok(dir) => Some(Opened {
            dir: dir.with_dataset_impl(task.dataset_impl),
            train: task.train_subset,
            valid: task.valid_subset,
            upsample_primary: task.upsample_primary,
        }),
        Err(error) => {
            missing(format!(
                "{}; name the dataset with --data",
                one_line(&error.into())
            ));
            None
        }
    }
}

/// An error without its remedy, which is about other commands.
pub(super) fn one_line(error: &anyhow::Error) -> String {
    describe(error).lines().next().unwrap_or_default().to_owned()
}

/// The statistics of a dataset: the training data, the validation sets and `more`, where they are there.
pub(super) fn part(
    loaded: &Loaded,
    opened: &Opened,
    more: Option<&str>,
    absent: &mut Vec<Absent>,
) -> DataPart {
    let dir = &opened.dir;
    let mut names = vec![opened.train.as_str()];
    names.extend(opened.valid.iter().map(String::as_str));
    names.extend(more);
    let mut splits: Vec<Split> = Vec::new();
    for (place, name) in names.into_iter().enumerate() {
        if splits.iter().any(|split| split.name == name) {
            continue;
        }
        let is_train = place == 0;
        match split(loaded, opened, name, is_train) {
            Ok(split) => splits.push(split),
            Err(error) => absent.push(Absent {
                part: format!("Statistics of {name} in {}", dir.path().display()),
                why: one_line(&error),
            }),
        }
    }
    DataPart {
        folder: dir.path().display().to_string(),
        runs: vec![loaded.run.name.clone()],
        dictionaries: vec![
            (dir.src_lang().to_owned(), dir.src_dict().len()),
            (dir.tgt_lang().to_owned(), dir.tgt_dict().len()),
        ],
        splits,
    }
}

fn split(loaded: &Loaded, opened: &Opened, name: &str, is_train: bool) -> Result<Split> {
    let dir = &opened.dir;
    let options = PairOptions::default();
    let pairs = if is_train {
        dir.load_train(name, opened.upsample_primary, options)?
    } else {
        dir.load(name, false, options)?
    };
    let mut sides = vec![side(dir.src_lang(), pairs.src(), dir.src_dict())];
    sides.extend(pairs.tgt().map(|tgt| side(dir.tgt_lang(), tgt, dir.tgt_dict())));
    let stats = batches(loaded, &pairs, is_train).map(|batches| pairs.stats(&batches));
    Ok(Split {
        name: name.to_owned(),
        sides,
        padding: stats.map(|stats| stats.padding_share()),
        batches: stats.map_or(0, |stats| stats.batches),
    })
}

/// The batches of a split as the run makes them; none where it is not known how, or where there is nothing to batch.
fn batches(loaded: &Loaded, pairs: &LanguagePairDataset, is_train: bool) -> Option<Vec<Vec<usize>>> {
    let (record, checkpoint) = (loaded.record.as_ref()?, loaded.translator.as_ref()?);
    let dataset = &record.config.dataset;
    let settings = BatchSettings {
        limits: if is_train {
            dataset.limits()
        } else {
            dataset.limits_valid()
        },
        max_positions: checkpoint.meta().model_config.max_positions(),
        skip_too_long: true,
        seed: is_train.then_some(record.config.seed),
    };
    Some(pairs.plan(&settings).ok()?.batches)
}

fn side(language: &str, sentences: &Sentences, dictionary: &Dictionary) -> Side {
    let mut unknown = 0;
    let unk = dictionary.unk();
    for index in 0..sentences.len() {
        sentences.for_each_token(index, |token| unknown += u64::from(token == unk));
    }
    let lengths: LengthCounts = (0..sentences.len()).map(|index| sentences.size(index)).collect();
    Side {
        language: language.to_owned(),
        lengths,
        unknown,
    }
}
