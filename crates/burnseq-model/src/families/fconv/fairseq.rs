//! fconv in fairseq.

use serde_json::{Map, Value, json};

use super::FConvConfig;
use crate::families::{Extra, fairseq::Fairseq};

pub(super) const FAIRSEQ: Fairseq<FConvConfig> = Fairseq {
    options,
    extras: FConvConfig::fairseq_extras,
    ..Fairseq::plain(
        "fconv",
        &[
            "encoder_embed_dim",
            "encoder_layers",
            "decoder_embed_dim",
            "decoder_layers",
            "decoder_out_embed_dim",
            "decoder_attention",
            "share_input_output_embed",
        ],
    )
};

fn options(_: &FConvConfig) -> Map<String, Value> {
    let options = json!({ "decoder_embed_path": null, "encoder_embed_path": null });
    options.as_object().cloned().unwrap_or_default()
}

impl FConvConfig {
    /// What fairseq's state dict of such a model holds beside its parameters.
    ///
    /// Before version 2, lengths of the decoder's convolutions belong to taps and not to output channels: such files
    /// cannot be read.
    pub fn fairseq_extras(&self) -> Vec<Extra> {
        let mut extras = vec![Extra::version("decoder.version", 2.0).at_least(2.0)];
        if self.share_input_output_embed {
            extras.push(
                Extra::same_as("decoder.fc3.weight", "decoder.embed_tokens.weight")
                    .before("decoder.fc3.bias"),
            );
        }
        extras
    }
}
