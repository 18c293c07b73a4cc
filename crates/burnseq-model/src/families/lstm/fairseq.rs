//! The LSTM in fairseq.

use serde_json::{Map, Value, json};

use super::LstmConfig;
use crate::families::{Extra, fairseq::Fairseq};

pub(super) const FAIRSEQ: Fairseq<LstmConfig> = Fairseq {
    options,
    checked: &["adaptive_softmax_cutoff"],
    check,
    settled,
    extras: LstmConfig::fairseq_extras,
    frozen,
    note,
    ..Fairseq::plain(
        "lstm",
        &[
            "encoder_embed_dim",
            "encoder_hidden_size",
            "encoder_layers",
            "encoder_bidirectional",
            "decoder_embed_dim",
            "decoder_hidden_size",
            "decoder_layers",
            "decoder_out_embed_dim",
            "decoder_attention",
        ],
    )
};

fn options(config: &LstmConfig) -> Map<String, Value> {
    let options = json!({
        // Only read with the criterion `adaptive_loss`.
        "adaptive_softmax_cutoff": "10000,50000,200000",
        // A text, which fairseq evaluates; True itself would mean no attention.
        "decoder_attention": if config.decoder_attention { "1" } else { "0" },
        "decoder_embed_path": null,
        "encoder_embed_path": null,
    });
    options.as_object().cloned().unwrap_or_default()
}

fn check(_: &LstmConfig, options: &Map<String, Value>) -> Result<(), String> {
    match options.get("criterion") {
        Some(criterion) if criterion == "adaptive_loss" => Err(format!(
            "option `adaptive_softmax_cutoff` = {}: there is no support for an adaptive softmax (criterion \
             `adaptive_loss`)\nhint: there is no equivalent; train the model without it",
            options.get("adaptive_softmax_cutoff").unwrap_or(&Value::Null)
        )),
        _ => Ok(()),
    }
}

/// Left open is what has the value that it would have then, as fairseq writes it out.
fn settled(config: LstmConfig) -> LstmConfig {
    let own = |probability: Option<f64>| probability.filter(|&own| own != config.dropout);
    LstmConfig {
        encoder_hidden_size: config
            .encoder_hidden_size
            .filter(|&width| width != config.encoder_embed_dim),
        encoder_dropout_in: own(config.encoder_dropout_in),
        encoder_dropout_out: own(config.encoder_dropout_out),
        decoder_hidden_size: config
            .decoder_hidden_size
            .filter(|&width| width != config.decoder_embed_dim),
        decoder_dropout_in: own(config.decoder_dropout_in),
        decoder_dropout_out: own(config.decoder_dropout_out),
        ..config
    }
}

/// Embeddings that are not trained.
fn frozen(config: &LstmConfig) -> Vec<&'static str> {
    let (encoder, decoder) = (config.encoder_freeze_embed, config.decoder_freeze_embed);
    let shared = config.share_all_embeddings;
    let mut frozen = Vec::new();
    if encoder || (shared && decoder) {
        frozen.push("encoder.embed_tokens.weight");
    }
    if decoder && !shared {
        frozen.push("decoder.embed_tokens.weight");
    }
    frozen
}

fn note(config: &LstmConfig) -> Option<&'static str> {
    (config.decoder_freeze_embed && !config.share_all_embeddings).then_some(
        "with 'decoder_freeze_embed' fairseq looks for a file of target embeddings; it decodes without one where its model \
         overrides are {'decoder_freeze_embed': False}",
    )
}

impl LstmConfig {
    /// What fairseq's state dict of such a model holds beside its parameters.
    pub fn fairseq_extras(&self) -> Vec<Extra> {
        if self.share_all_embeddings {
            vec![Extra::same_as(
                "decoder.embed_tokens.weight",
                "encoder.embed_tokens.weight",
            )]
        } else {
            Vec::new()
        }
    }
}
