//! Checkpoints of fairseq that a run starts from.

use std::path::{Path, PathBuf};

use burnseq_train::checkpoint::{ImportScope, Importer};

use super::{Dictionaries, ImportOptions, fairseq_model_config, from_fairseq};
use crate::error::Error;

/// Converts checkpoints of fairseq whose dictionaries are those of a data folder.
#[derive(Debug, Clone)]
pub struct FairseqImporter {
    /// Folder of the data.
    pub data: PathBuf,
    /// Name of the task that they must be of.
    pub task: &'static str,
    /// Source and target language of translation.
    pub langs: [Option<String>; 2],
}

impl Importer for FairseqImporter {
    fn import(
        &self,
        file: &Path,
        scope: ImportScope,
        folder: &Path,
    ) -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
        let [source_lang, target_lang] = self.langs.clone();
        let options = ImportOptions {
            task: Some(self.task),
            source_lang,
            target_lang,
            with_optimizer: scope == ImportScope::Training,
            with_position: scope == ImportScope::Position,
            ignore: Vec::new(),
        };
        let dictionaries = Dictionaries::Folder(self.data.clone());
        let remedy = match scope {
            ImportScope::Weights => None,
            ImportScope::Position => {
                Some("'reset_dataloader' as well takes its weights alone, and begins with epoch 1")
            }
            ImportScope::Training => {
                Some("'reset_optimizer' leaves out the state of its optimiser, and begins with update 1")
            }
        };
        match (from_fairseq(file, &dictionaries, &options, folder), remedy) {
            (Ok(conversion), _) => Ok(conversion.notes),
            // What is wrong with its state is no reason not to take its weights, unless the model is at fault.
            (Err(Error::Convert { path, problem }), Some(remedy)) if fairseq_model_config(file).is_ok() => {
                Err(Error::Convert {
                    path,
                    problem: format!(
                        "{}\nhint: {remedy}",
                        problem.split("\nhint:").next().unwrap_or(&problem)
                    ),
                }
                .into())
            }
            (Err(Error::Dictionary { path, problem }), _) => Err(Error::Dictionary {
                path,
                problem: format!(
                    "{}\nhint: `burnseq convert {} FOLDER --data OLD-DATA`, with the data that it was trained on, makes a \
                     checkpoint with its dictionaries; then give FOLDER",
                    problem.split("\nhint:").next().unwrap_or(&problem),
                    file.display()
                ),
            }
            .into()),
            (Err(error), _) => Err(error.into()),
        }
    }
}
