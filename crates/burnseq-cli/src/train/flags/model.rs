//! Architecture.

use std::path::PathBuf;

use anyhow::{Result, bail};
use burnseq::tasks::translation::TranslationConfig;
use burnseq_model::ModelConfig;
use clap::Args;

use super::family::{FamilyFlags, HEADING, arch_help};

/// The preset of a run that names none.
pub(in crate::train) const DEFAULT_ARCH: &str = "transformer_iwslt";

/// Architecture; every flag overrides the preset.
#[derive(Debug, Args)]
#[command(next_help_heading = HEADING)]
pub struct ModelArgs {
    /// Preset.
    #[arg(short = 'a', long, value_name = "NAME", help = arch_help(DEFAULT_ARCH))]
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

    /// Lays the files of initial embeddings over the task.
    pub(crate) fn overlay_task(&self, task: &mut TranslationConfig, model: &ModelConfig) -> Result<()> {
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
