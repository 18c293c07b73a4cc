//! The language model in fairseq.

use serde_json::{Map, Value, json};

use super::TransformerLmConfig;
use crate::families::{
    Extra,
    fairseq::{Fairseq, is_off},
    transformer::fairseq::tied_tables,
};
use crate::layers::{LayerNorm, WeightInit};

/// Options of parts that there is no support for.
const REFUSED: &[&str] = &[
    "base_layers",
    "character_embeddings",
    "decoder_layers_to_keep",
    "scale_attn",
    "scale_fc",
    "scale_heads",
    "scale_resids",
];

/// Those, and options of characters as inputs, which are among them.
const CHECKED: &[&str] = &[
    "base_layers",
    "char_embedder_highway_layers",
    "character_embedding_dim",
    "character_embeddings",
    "character_filters",
    "decoder_layers_to_keep",
    "scale_attn",
    "scale_fc",
    "scale_heads",
    "scale_resids",
];

pub(super) const FAIRSEQ: Fairseq<TransformerLmConfig> = Fairseq {
    in_namespace: false,
    options,
    ours: &["layer_norm_eps", "position_offset", "weight_init"],
    checked: CHECKED,
    check,
    extras: TransformerLmConfig::fairseq_extras,
    has: |config| {
        config.position_offset.is_none()
            && config.weight_init == WeightInit::Fairseq
            && config.layer_norm_eps == LayerNorm::FAIRSEQ_EPS
    },
    ..Fairseq::plain(
        "transformer_lm",
        &["add_bos_token", "character_embeddings", "decoder_input_dim"],
    )
};

fn options(config: &TransformerLmConfig) -> Map<String, Value> {
    let cutoffs = |cutoffs: &Option<Vec<usize>>| {
        cutoffs.as_ref().map(|cutoffs| {
            let cutoffs: Vec<String> = cutoffs.iter().map(usize::to_string).collect();
            cutoffs.join(",")
        })
    };
    let options = json!({
        "adaptive_input_cutoff": cutoffs(&config.adaptive_input_cutoff),
        "adaptive_softmax_cutoff": cutoffs(&config.adaptive_softmax_cutoff),
        "add_bos_token": false,
        "base_layers": 0,
        "base_shuffle": 0,
        "base_sublayers": 1,
        "char_embedder_highway_layers": 2,
        "character_embedding_dim": 4,
        "character_embeddings": false,
        "character_filters": "[(1, 64), (2, 128), (3, 192), (4, 256), (5, 256), (6, 256), (7, 256)]",
        "checkpoint_activations": false,
        "decoder_layers_to_keep": null,
        "decoder_xformers_att_config": null,
        "min_params_to_wrap": 100_000_000,
        "offload_activations": false,
        "quant_noise_pq": 0,
        "quant_noise_pq_block_size": 8,
        "quant_noise_scalar": 0,
        "relu_dropout": 0,
        "scale_attn": false,
        "scale_fc": false,
        "scale_heads": false,
        "scale_resids": false,
        "tokens_per_sample": config.max_target_positions,
        "tpu": false,
    });
    options.as_object().cloned().unwrap_or_default()
}

fn check(_: &TransformerLmConfig, options: &Map<String, Value>) -> Result<(), String> {
    let on = |name: &&&str| options.get(**name).is_some_and(|value| !is_off(value));
    match REFUSED.iter().find(on) {
        Some(name) => Err(format!("option `{name}` = {}: not supported", options[*name])),
        None => Ok(()),
    }
}

impl TransformerLmConfig {
    /// What fairseq's state dict of such a model holds beside its parameters.
    pub fn fairseq_extras(&self) -> Vec<Extra> {
        let mut extras = vec![Extra::version("decoder.version", 3.0)];
        if self.adaptive_input {
            // It only tells fairseq where the module is.
            extras.push(Extra::version("decoder.embed_tokens._float_tensor", 0.0));
        }
        let Some(cutoffs) = &self.adaptive_softmax_cutoff else {
            extras.extend(tied_tables(false, self.share_decoder_input_output_embed));
            return extras;
        };
        extras.push(Extra::version("decoder.adaptive_softmax.version", 1.0));
        let bands = 0..cutoffs.len();
        let of_input =
            |band: usize, what: usize| format!("decoder.embed_tokens.embeddings.{band}.{what}.weight");
        let of_tail =
            |band: usize, what: usize| format!("decoder.adaptive_softmax.tail.{band}.{what}.weight");
        if self.tie_adaptive_weights {
            let head = "decoder.adaptive_softmax.head";
            let words = Extra::same_as(format!("{head}.word_proj.weight"), of_input(0, 0));
            extras.push(words.before(format!("{head}.class_proj.weight")));
            let tails = bands.clone();
            extras.extend(tails.map(|band| Extra::same_as(of_tail(band, 2), of_input(band + 1, 0))));
        }
        if self.tie_adaptive_proj {
            extras.extend(bands.map(|band| Extra::same_as(of_tail(band, 0), of_input(band + 1, 1))));
        }
        extras
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_refused() {
        let config = TransformerLmConfig::default();
        check(&config, &options(&config)).unwrap();
        let mut characters = options(&config);
        characters.insert("character_embeddings".to_owned(), true.into());
        let error = check(&config, &characters).unwrap_err();
        assert_eq!(error, "option `character_embeddings` = true: not supported");
    }
}
