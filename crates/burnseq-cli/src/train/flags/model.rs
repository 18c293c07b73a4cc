//! Architecture.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use burnseq::tasks::translation::TranslationConfig;
use burnseq_model::{ActivationFn, ModelConfig, ModelError};
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

/// Architecture; every flag overrides the preset.
#[derive(Debug, Args, Serialize)]
#[command(next_help_heading = "Model (overrides the preset of --arch)")]
pub struct ModelArgs {
    /// Preset: transformer, transformer_iwslt (= transformer_iwslt_de_en), transformer_tiny,
    /// transformer_wmt_en_de, transformer_vaswani_wmt_en_de_big, transformer_vaswani_wmt_en_fr_big,
    /// transformer_wmt_en_de_big, transformer_wmt_en_de_big_t2t, lightconv, lightconv_iwslt_de_en, lightconv_wmt_en_de,
    /// lightconv_wmt_en_de_big, lightconv_wmt_en_fr_big, lightconv_wmt_zh_en_big, lstm, lstm_wiseman_iwslt_de_en,
    /// lstm_luong_wmt_en_de, fconv, fconv_iwslt_de_en, fconv_wmt_en_ro, fconv_wmt_en_de, fconv_wmt_en_fr
    /// [default: transformer_iwslt]
    #[arg(short = 'a', long, value_name = "NAME")]
    #[serde(skip)]
    pub arch: Option<String>,
    /// Width of the encoder
    #[arg(long, value_name = "N")]
    pub encoder_embed_dim: Option<usize>,
    /// Inner width of the encoder's feed-forward blocks
    #[arg(long, value_name = "N")]
    pub encoder_ffn_embed_dim: Option<usize>,
    /// Encoder blocks
    #[arg(long, value_name = "N")]
    pub encoder_layers: Option<usize>,
    /// Attention heads of the encoder
    #[arg(long, value_name = "N")]
    pub encoder_attention_heads: Option<usize>,
    /// Pre-norm instead of post-norm in the encoder
    #[arg(long)]
    pub encoder_normalize_before: bool,
    /// Learned instead of sinusoidal positions in the encoder
    #[arg(long)]
    pub encoder_learned_pos: bool,
    /// Width of the decoder [default with --arch transformer: as the encoder]
    #[arg(long, value_name = "N")]
    pub decoder_embed_dim: Option<usize>,
    /// Inner width of the decoder's feed-forward blocks [default with --arch transformer: as the encoder]
    #[arg(long, value_name = "N")]
    pub decoder_ffn_embed_dim: Option<usize>,
    /// Decoder blocks
    #[arg(long, value_name = "N")]
    pub decoder_layers: Option<usize>,
    /// Attention heads of the decoder
    #[arg(long, value_name = "N")]
    pub decoder_attention_heads: Option<usize>,
    /// Pre-norm instead of post-norm in the decoder
    #[arg(long)]
    pub decoder_normalize_before: bool,
    /// Learned instead of sinusoidal positions in the decoder
    #[arg(long)]
    pub decoder_learned_pos: bool,
    /// Use the decoder's embeddings as output projection
    #[arg(long)]
    pub share_decoder_input_output_embed: bool,
    /// One table for source, target and output; needs a joined dictionary
    #[arg(long)]
    pub share_all_embeddings: bool,
    /// Initial source embeddings: text file of `word number number ...`; other words are drawn at random
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub encoder_embed_path: Option<PathBuf>,
    /// Initial target embeddings, likewise
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub decoder_embed_path: Option<PathBuf>,
    /// Drop probability after embeddings and sub-layers
    #[arg(long, value_name = "P")]
    pub dropout: Option<f64>,
    /// Drop probability of attention probabilities
    #[arg(long, value_name = "P")]
    pub attention_dropout: Option<f64>,
    /// Drop probability inside the feed-forward blocks
    #[arg(long, visible_alias = "relu-dropout", value_name = "P")]
    pub activation_dropout: Option<f64>,
    /// Probability that an encoder block is left out of an update
    #[arg(long, value_name = "P")]
    pub encoder_layerdrop: Option<f64>,
    /// Probability that a decoder block is left out of an update
    #[arg(long, value_name = "P")]
    pub decoder_layerdrop: Option<f64>,
    /// Non-linearity of the feed-forward blocks: relu, relu_squared, gelu, gelu_accurate (= gelu_fast), tanh, swish, linear
    #[arg(long, value_name = "NAME", value_parser = ActivationFn::NAMES.map(|(name, _)| name))]
    pub activation_fn: Option<String>,
    /// Longest source in tokens
    #[arg(long, value_name = "N")]
    pub max_source_positions: Option<usize>,
    /// Longest target in tokens
    #[arg(long, value_name = "N")]
    pub max_target_positions: Option<usize>,
    /// No positions at all
    #[arg(long)]
    pub no_token_positional_embeddings: bool,
    /// Do not scale embeddings by the square root of their width
    #[arg(long)]
    pub no_scale_embedding: bool,
    /// Normalise the sum of embedding and position
    #[arg(long)]
    pub layernorm_embedding: bool,
}

impl ModelArgs {
    /// Lays the flags other than `--arch` over the model that `arch` has led to.
    ///
    /// # Errors
    /// A flag that the family of the model does not have.
    pub(crate) fn overlay(&self, model: &mut ModelConfig, arch: Option<&str>) -> Result<()> {
        let mut fields = self.fields();
        for (field, other) in arch.map_or(&[][..], |arch| model.followers(arch)) {
            if let (None, Some(value)) = (fields.get(*field), fields.get(*other)) {
                fields.insert((*field).to_owned(), value.clone());
            }
        }
        *model = model.with_fields(&fields).map_err(|error| match error {
            ModelError::UnknownField { family, field } => anyhow!(
                "--{} does not apply: a {family} has no such option\nhint: leave it out, or choose another --arch",
                field.replace('_', "-")
            ),
            error => error.into(),
        })?;
        Ok(())
    }

    /// The fields that are given, by their names in configurations.
    fn fields(&self) -> Map<String, Value> {
        let mut fields = match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => unreachable!("flags are plain data"),
        };
        fields.retain(|_, value| !matches!(value, Value::Null | Value::Bool(false)));
        fields
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
