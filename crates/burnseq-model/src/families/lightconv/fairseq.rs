//! LightConv and DynamicConv in fairseq.

use serde_json::{Map, Value, json};

use super::LightConvConfig;
use crate::{
    families::{
        Extra,
        fairseq::Fairseq,
        transformer::fairseq::{check_decoder_widths, tied_tables},
    },
    layers::ConvType,
};

pub(super) const FAIRSEQ: Fairseq<LightConvConfig> = Fairseq {
    options,
    checked: &["decoder_input_dim", "decoder_output_dim"],
    check: |config, options| check_decoder_widths(config.decoder_embed_dim, options),
    settled,
    extras: LightConvConfig::fairseq_extras,
    last: &["decoder.layer_norm.weight", "decoder.layer_norm.bias"],
    ..Fairseq::plain(
        "lightconv",
        &[
            "encoder_embed_dim",
            "encoder_conv_dim",
            "encoder_ffn_embed_dim",
            "encoder_layers",
            "encoder_attention_heads",
            "encoder_kernel_size_list",
            "decoder_embed_dim",
            "decoder_conv_dim",
            "decoder_ffn_embed_dim",
            "decoder_layers",
            "decoder_attention_heads",
            "decoder_kernel_size_list",
        ],
    )
};

fn options(config: &LightConvConfig) -> Map<String, Value> {
    let options = json!({
        "adaptive_softmax_cutoff": null,
        "adaptive_softmax_dropout": 0,
        "decoder_embed_path": null,
        "decoder_input_dim": config.decoder_embed_dim,
        "decoder_output_dim": config.decoder_embed_dim,
        "encoder_embed_path": null,
        "tie_adaptive_weights": false,
    });
    options.as_object().cloned().unwrap_or_default()
}

/// The same with as many taps in its lists as there are layers, where there are more, and with widths left open that
/// are those of the layers.
fn settled(mut config: LightConvConfig) -> LightConvConfig {
    config.encoder_kernel_size_list.truncate(config.encoder_layers);
    config.decoder_kernel_size_list.truncate(config.decoder_layers);
    config.encoder_conv_dim = config
        .encoder_conv_dim
        .filter(|&width| width != config.encoder_embed_dim);
    config.decoder_conv_dim = config
        .decoder_conv_dim
        .filter(|&width| width != config.decoder_embed_dim);
    config
}

impl LightConvConfig {
    /// What fairseq's state dict of such a model holds beside its parameters.
    ///
    /// Dynamic convolutions have a `conv_bias` there that is never used, and not even initialised.
    pub fn fairseq_extras(&self) -> Vec<Extra> {
        let mut extras = vec![
            Extra::version("encoder.version", 2.0),
            Extra::version("decoder.version", 2.0),
        ];
        for (side, layers, conv_type, width) in [
            (
                "encoder",
                self.encoder_layers,
                self.encoder_conv_type,
                self.encoder_conv_width(),
            ),
            (
                "decoder",
                self.decoder_layers,
                self.decoder_conv_type,
                self.decoder_conv_width(),
            ),
        ] {
            if conv_type == ConvType::Dynamic {
                extras.extend((0..layers).map(|layer| {
                    let conv = format!("{side}.layers.{layer}.conv");
                    Extra::zeros(format!("{conv}.conv_bias"), &[1, 1, width])
                        .before(format!("{conv}.weight_linear.weight"))
                }));
            }
        }
        let tied = tied_tables(self.share_all_embeddings, self.share_decoder_input_output_embed);
        extras.extend(tied.into_iter().map(|table| {
            // The norm of a pre-norm decoder is its last module.
            if table.name.ends_with("output_projection.weight") && self.decoder_normalize_before {
                table.before("decoder.layer_norm.weight")
            } else {
                table
            }
        }));
        extras
    }
}
