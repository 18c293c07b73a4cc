//! Architecture.

use std::path::PathBuf;

use anyhow::{Result, bail};
use burnseq::tasks::TaskConfig;
use burnseq_model::ModelConfig;
use clap::Args;
use serde_json::{Map, Value};

use super::family::{FamilyFlags, HEADING, arch_help};
use super::refuse_of_translation;

/// The preset of a run that names none.
pub(in crate::train) const DEFAULT_ARCH: &str = "transformer_iwslt";
/// The same of a run that trains a language model.
pub(in crate::train) const DEFAULT_LM_ARCH: &str = "transformer_lm";

/// The setting of a language model that follows the length of blocks.
const POSITIONS: &str = "max_target_positions";

/// Architecture; every flag overrides the preset.
#[derive(Debug, Args)]
#[command(next_help_heading = HEADING)]
pub struct ModelArgs {
    /// Preset.
    #[arg(short = 'a', long, value_name = "NAME", help = arch_help(&format!("{DEFAULT_ARCH}, {DEFAULT_LM_ARCH} of a language model")))]
    pub arch: Option<String>,
    /// What differs from the preset.
    #[command(flatten)]
    pub settings: FamilyFlags,
    /// Initial source embeddings: text file of `word number number ...`; other words are drawn at random
    #[arg(long, value_name = "FILE")]
    pub encoder_embed_path: Option<PathBuf>,
    /// Initial target embeddings, likewise
    #[arg(long, value_name = "FILE")]
    pub decoder_embed_path: Option<PathBuf>,
}

impl ModelArgs {
    /// Lays the flags other than `--arch` over the model that `arch` has led to.
    ///
    /// # Errors
    /// Flags that the family of the model does not have, and values that it does not take.
    pub(crate) fn overlay(&self, model: &mut ModelConfig, arch: Option<&str>) -> Result<()> {
        let mut fields = self.settings.fields(model)?;
        for (field, other) in arch.map_or(&[][..], |arch| model.followers(arch)) {
            if let (None, Some(value)) = (fields.get(*field), fields.get(*other)) {
                fields.insert((*field).to_owned(), value.clone());
            }
        }
        *model = model.with_fields(&fields)?;
        Ok(())
    }

    /// Gives a language model the positions that its blocks need, where no flag says how many it has.
    ///
    /// # Errors
    /// As [`overlay`](Self::overlay).
    pub(crate) fn fit_positions(&self, model: &mut ModelConfig, positions: usize) -> Result<()> {
        let is_open = !self.settings.fields(model)?.contains_key(POSITIONS);
        if is_open && positions > 0 && model.family().setting(POSITIONS).is_some() {
            let fields = Map::from_iter([(POSITIONS.to_owned(), Value::from(positions))]);
            *model = model.with_fields(&fields)?;
        }
        Ok(())
    }

    /// Lays the files of initial embeddings over the task.
    pub(crate) fn overlay_task(&self, task: &mut TaskConfig, model: &ModelConfig) -> Result<()> {
        let TaskConfig::Translation(task) = task else {
            return refuse_of_translation(&[
                ("--encoder-embed-path", self.encoder_embed_path.is_some()),
                ("--decoder-embed-path", self.decoder_embed_path.is_some()),
            ]);
        };
        for (field, flag) in [
            (&mut task.encoder_embed_path, &self.encoder_embed_path),
            (&mut task.decoder_embed_path, &self.decoder_embed_path),
        ] {
            if flag.is_some() {
                field.clone_from(flag);
            }
        }
        if model.shares_all_embeddings() && task.decoder_embed_path.is_some() {
            bail!(
                "--decoder-embed-path has no table to fill: --share-all-embeddings uses the encoder's\n\
                 hint: give --encoder-embed-path alone"
            );
        }
        Ok(())
    }
}
