//! Checkpoints of fairseq that a run starts from.

use std::path::{Path, PathBuf};

use burnseq_train::checkpoint::Importer;

use super::{Dictionaries, ImportOptions, from_fairseq};
use crate::error::Error;

/// Converts checkpoints of fairseq whose dictionaries are those of a data folder.
#[derive(Debug, Clone)]
pub struct FairseqImporter {
    /// Folder of the data.
    pub data: PathBuf,
    /// Source language.
    pub source_lang: String,
    /// Target language.
    pub target_lang: String,
}

impl Importer for FairseqImporter {
    fn import(
        &self,
        file: &Path,
        with_state: bool,
        folder: &Path,
    ) -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
        let options = ImportOptions {
            source_lang: Some(self.source_lang.clone()),
            target_lang: Some(self.target_lang.clone()),
            with_optimizer: with_state,
            ignore: Vec::new(),
        };
        let dictionaries = Dictionaries::Folder(self.data.clone());
        match from_fairseq(file, &dictionaries, &options, folder) {
            Ok(conversion) => Ok(conversion.notes),
            // What is wrong with its state is no reason not to take its weights.
            Err(Error::Convert { path, problem }) if with_state => Err(Error::Convert {
                path,
                problem: format!(
                    "{}\nhint: --reset-optimizer takes its weights alone, and begins with update 1 of epoch 1",
                    problem.split("\nhint:").next().unwrap_or(&problem)
                ),
            }
            .into()),
            Err(Error::Dictionary { path, problem }) => Err(Error::Dictionary {
                path,
                problem: format!(
                    "{}\nhint: `convert {} FOLDER --data OLD-DATA`, with the data that it was trained on, makes a \
                     checkpoint with its dictionaries; then give FOLDER",
                    problem.split("\nhint:").next().unwrap_or(&problem),
                    file.display()
                ),
            }
            .into()),
            Err(error) => Err(error.into()),
        }
    }
}
