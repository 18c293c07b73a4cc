//! The Transformer in fairseq.

use serde_json::{Map, Value, json};

use super::TransformerConfig;
use crate::families::{
    Extra,
    fairseq::{Fairseq, is_off},
};

/// Settings that fairseq's model does not have.
const OURS: &[&str] = &["final_logits_bias", "position_offset", "sinusoid_frequencies"];

pub(super) const FAIRSEQ: Fairseq<TransformerConfig> = Fairseq {
    in_namespace: false,
    options,
    ours: OURS,
    has: |config| {
        let plain = TransformerConfig::default();
        config.position_offset == plain.position_offset
            && config.sinusoid_frequencies == plain.sinusoid_frequencies
            && config.final_logits_bias == plain.final_logits_bias
    },
    checked: &["decoder_input_dim", "decoder_output_dim", "no_decoder_final_norm"],
    check,
    extras: TransformerConfig::fairseq_extras,
    ..Fairseq::plain(
        "transformer",
        &[
            "encoder_embed_dim",
            "encoder_ffn_embed_dim",
            "encoder_layers",
            "encoder_attention_heads",
            "decoder_embed_dim",
            "decoder_ffn_embed_dim",
            "decoder_layers",
            "decoder_attention_heads",
        ],
    )
};

fn options(config: &TransformerConfig) -> Map<String, Value> {
    let options = json!({
        "adaptive_input": false,
        "adaptive_softmax_cutoff": null,
        "adaptive_softmax_dropout": 0,
        "checkpoint_activations": false,
        "cross_self_attention": false,
        "decoder_embed_path": null,
        "decoder_input_dim": config.decoder_embed_dim,
        "decoder_layers_to_keep": null,
        "decoder_output_dim": config.decoder_embed_dim,
        "encoder_embed_path": null,
        "encoder_layers_to_keep": null,
        "merge_src_tgt_embed": false,
        "min_params_to_wrap": 100_000_000,
        "no_cross_attention": false,
        "offload_activations": false,
        "quant_noise_pq": 0,
        "quant_noise_pq_block_size": 8,
        "quant_noise_scalar": 0,
        "tie_adaptive_weights": false,
    });
    options.as_object().cloned().unwrap_or_default()
}

fn check(config: &TransformerConfig, options: &Map<String, Value>) -> Result<(), String> {
    check_decoder_widths(config.decoder_embed_dim, options)?;
    let no_norm = options
        .get("no_decoder_final_norm")
        .is_some_and(|value| !is_off(value));
    if config.decoder_normalize_before && no_norm {
        return Err(
            "option `no_decoder_final_norm`: a pre-norm decoder without its last norm is not supported"
                .to_owned(),
        );
    }
    Ok(())
}

/// Inputs and outputs of a decoder that are as wide as the decoder itself.
pub(in crate::families) fn check_decoder_widths(
    embed_dim: usize,
    options: &Map<String, Value>,
) -> Result<(), String> {
    for name in ["decoder_input_dim", "decoder_output_dim"] {
        if let Some(width) = options.get(name).and_then(Value::as_u64)
            && width != embed_dim as u64
        {
            return Err(format!(
                "option `{name}` = {width}: another width than `decoder_embed_dim` = {embed_dim} is not supported"
            ));
        }
    }
    Ok(())
}

impl TransformerConfig {
    /// What fairseq's state dict of such a model holds beside its parameters.
    pub fn fairseq_extras(&self) -> Vec<Extra> {
        let mut extras = vec![
            Extra::version("encoder.version", 3.0),
            Extra::version("decoder.version", 3.0),
        ];
        extras.extend(tied_tables(
            self.share_all_embeddings,
            self.share_decoder_input_output_embed,
        ));
        extras
    }
}

/// The names of a table that serves as several.
pub(in crate::families) fn tied_tables(share_all: bool, share_decoder: bool) -> Vec<Extra> {
    const OUTPUT: &str = "decoder.output_projection.weight";
    let (encoder, decoder) = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight");
    match (share_all, share_decoder) {
        (true, _) => vec![Extra::same_as(decoder, encoder), Extra::same_as(OUTPUT, encoder)],
        (false, true) => vec![Extra::same_as(OUTPUT, decoder)],
        (false, false) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_and_norms_that_ours_do_not_have_are_refused() {
        let options = |value: Value| value.as_object().unwrap().clone();
        let plain = TransformerConfig::default();
        let error = check(&plain, &options(json!({ "decoder_output_dim": 256 }))).unwrap_err();
        assert!(error.contains("`decoder_embed_dim` = 512"), "{error}");
        let no_norm = options(json!({ "no_decoder_final_norm": true }));
        check(&plain, &no_norm).unwrap();
        let pre_norm = TransformerConfig {
            decoder_normalize_before: true,
            ..plain
        };
        let error = check(&pre_norm, &no_norm).unwrap_err();
        assert!(error.contains("no_decoder_final_norm"), "{error}");
    }
}
