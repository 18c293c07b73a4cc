//! GPT and GPT-2 in transformers.

use burnseq_text::Vocab;
use serde_json::{Map, Value, json};

use super::TransformerLmConfig;
use crate::{
    families::hugging_face::{Fields, HuggingFace, Stored, TensorLayout, activation_name},
    layers::WeightInit,
};

pub(super) const HUGGING_FACE: &[HuggingFace<TransformerLmConfig>] = &[
    HuggingFace {
        model_type: "gpt2",
        architectures: &["GPT2LMHeadModel", "GPT2Model"],
        read: read_gpt2,
        write: |config, vocab| {
            let mut fields = write(config, true, vocab)?;
            fields.insert(
                "activation_function".to_owned(),
                activation_name(config.activation_fn).into(),
            );
            fields.insert("n_inner".to_owned(), config.decoder_ffn_embed_dim.into());
            Some(fields)
        },
        tensors: |config| tensors(config, "wte", "wpe"),
        redundant: REDUNDANT,
    },
    HuggingFace {
        model_type: "openai-gpt",
        architectures: &["OpenAIGPTLMHeadModel", "OpenAIGPTModel"],
        read: read_gpt,
        write: |config, vocab| {
            if config.decoder_ffn_embed_dim != 4 * config.decoder_embed_dim {
                return None;
            }
            let mut fields = write(config, false, vocab)?;
            // Its `gelu` is the approximation.
            let (_, name) = GPT_ACTIVATIONS
                .iter()
                .find(|(known, _)| *known == activation_name(config.activation_fn))?;
            fields.insert("afn".to_owned(), (*name).into());
            Some(fields)
        },
        tensors: |config| tensors(config, "tokens_embed", "positions_embed"),
        redundant: REDUNDANT,
    },
];

/// The tied output, and masks that old versions stored (one of each block, `h.N.attn.bias`).
const REDUNDANT: &[&str] = &["lm_head.weight", "attn.bias", "attn.masked_bias", "position_ids"];

/// Activations of GPT: transformers' name elsewhere, and there.
const GPT_ACTIVATIONS: [(&str, &str); 3] = [("gelu_new", "gelu"), ("relu", "relu"), ("swish", "silu")];

fn read_gpt2(fields: &Fields<'_>) -> Result<TransformerLmConfig, String> {
    fields.only("scale_attn_weights", &[true.into()])?;
    fields.only("scale_attn_by_inverse_layer_idx", &[false.into()])?;
    fields.only("add_cross_attention", &[false.into()])?;
    fields.only("tie_word_embeddings", &[true.into()])?;
    let width = fields.count_if("n_embd")?.unwrap_or(768);
    Ok(TransformerLmConfig {
        decoder_ffn_embed_dim: fields.count_if("n_inner")?.unwrap_or(4 * width),
        activation_fn: fields.activation_or("activation_function", "gelu_new")?,
        decoder_normalize_before: true,
        weight_init: WeightInit::Gpt2,
        ..read(fields, 1024)?
    })
}

fn read_gpt(fields: &Fields<'_>) -> Result<TransformerLmConfig, String> {
    fields.only("tie_word_embeddings", &[true.into()])?;
    let named = match fields.get("afn") {
        Some(Value::String(name)) => name.as_str(),
        Some(other) => {
            return Err(format!(
                "field `afn` = {other}: expected the name of an activation"
            ));
        }
        None => "gelu",
    };
    let elsewhere = GPT_ACTIVATIONS.iter().find(|(_, there)| *there == named);
    let (name, _) = elsewhere.ok_or_else(|| {
        format!("field `afn` = {named:?}: there is no support for it; supported are gelu, relu, silu")
    })?;
    let plain = read(fields, 512)?;
    Ok(TransformerLmConfig {
        decoder_ffn_embed_dim: 4 * plain.decoder_embed_dim,
        activation_fn: fields.activation_or("", name)?,
        decoder_normalize_before: false,
        weight_init: WeightInit::Gpt,
        ..plain
    })
}

/// What the two have in common.
fn read(fields: &Fields<'_>, positions: usize) -> Result<TransformerLmConfig, String> {
    let width = fields.count_if("n_embd")?.unwrap_or(768);
    let dropout = fields.number_or("resid_pdrop", 0.1)?;
    if fields.number_or("embd_pdrop", 0.1)? != dropout {
        return Err(format!(
            "field `embd_pdrop` = {}: another value than that of `resid_pdrop`, {dropout}, is not supported",
            fields.number_or("embd_pdrop", 0.1)?
        ));
    }
    Ok(TransformerLmConfig {
        decoder_embed_dim: width,
        decoder_input_dim: width,
        decoder_output_dim: width,
        decoder_layers: fields.count_if("n_layer")?.unwrap_or(12),
        decoder_attention_heads: fields.count_if("n_head")?.unwrap_or(12),
        decoder_learned_pos: true,
        share_decoder_input_output_embed: true,
        dropout,
        attention_dropout: fields.number_or("attn_pdrop", 0.1)?,
        max_target_positions: fields.count_if("n_positions")?.unwrap_or(positions),
        no_scale_embedding: true,
        position_offset: Some(0),
        layer_norm_eps: fields.number_or("layer_norm_epsilon", 1e-5)?,
        ..TransformerLmConfig::default()
    })
}

fn write(config: &TransformerLmConfig, pre_norm: bool, vocab: &Vocab) -> Option<Map<String, Value>> {
    let width = config.decoder_embed_dim;
    let of_this_kind = config.decoder_normalize_before == pre_norm
        && !config.no_decoder_final_norm
        && config.decoder_learned_pos
        && !config.no_token_positional_embeddings
        && config.share_decoder_input_output_embed
        && config.no_scale_embedding
        && !config.layernorm_embedding
        && !config.adaptive_input
        && config.adaptive_softmax_cutoff.is_none()
        && [config.decoder_input_dim, config.decoder_output_dim] == [width; 2]
        && config.position_offset.unwrap_or(vocab.pad() + 1) == 0;
    if !of_this_kind {
        return None;
    }
    let fields = json!({
        "attn_pdrop": config.attention_dropout,
        "embd_pdrop": config.dropout,
        "layer_norm_epsilon": config.layer_norm_eps,
        "n_embd": width,
        "n_head": config.decoder_attention_heads,
        "n_layer": config.decoder_layers,
        "n_positions": config.max_target_positions,
        "resid_pdrop": config.dropout,
    });
    fields.as_object().cloned()
}

/// Weights lie `[in, out]`, queries, keys and values side by side.
fn tensors(config: &TransformerLmConfig, tokens: &str, positions: &str) -> Vec<Stored> {
    let mut tensors = vec![
        Stored::plain(
            format!("transformer.{tokens}.weight"),
            "decoder.embed_tokens.weight",
        ),
        Stored::plain(
            format!("transformer.{positions}.weight"),
            "decoder.embed_positions.weight",
        ),
    ];
    for layer in 0..config.decoder_layers {
        let (theirs, ours) = (
            format!("transformer.h.{layer}"),
            format!("decoder.layers.{layer}"),
        );
        for (part, layout) in [
            ("weight", TensorLayout::InOut),
            ("bias", TensorLayout::Concatenated),
        ] {
            let projections =
                ["q_proj", "k_proj", "v_proj"].map(|name| format!("{ours}.self_attn.{name}.{part}"));
            tensors.push(Stored::new(
                format!("{theirs}.attn.c_attn.{part}"),
                projections,
                layout,
            ));
        }
        for (name, module) in [
            ("attn.c_proj", "self_attn.out_proj"),
            ("mlp.c_fc", "fc1"),
            ("mlp.c_proj", "fc2"),
        ] {
            for (part, layout) in [("weight", TensorLayout::InOut), ("bias", TensorLayout::Plain)] {
                let parameter = [format!("{ours}.{module}.{part}")];
                tensors.push(Stored::new(format!("{theirs}.{name}.{part}"), parameter, layout));
            }
        }
        for (name, module) in [("ln_1", "self_attn_layer_norm"), ("ln_2", "final_layer_norm")] {
            tensors.extend(Stored::module(
                &format!("{theirs}.{name}"),
                &format!("{ours}.{module}"),
            ));
        }
    }
    if config.decoder_normalize_before {
        tensors.extend(Stored::module("transformer.ln_f", "decoder.layer_norm"));
    }
    tensors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::ModelConfig;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn an_empty_configuration_is_the_smallest_gpt2() {
        let gpt2 = fields(
            json!({ "model_type": "gpt2", "vocab_size": 50257, "bos_token_id": 50256, "eos_token_id": 50256 }),
        );
        let read = ModelConfig::from_hugging_face(&gpt2).unwrap();
        assert_eq!(read.config, ModelConfig::from_arch("gpt2").unwrap());
        let symbols = read.symbols.complete(read.types, true, None);
        // Padding is no token.
        assert_eq!((symbols.eos, symbols.pad), (50256, 50257));
    }

    #[test]
    fn attention_of_other_kinds_is_refused_by_name() {
        for (name, value) in [
            ("scale_attn_by_inverse_layer_idx", json!(true)),
            ("activation_function", json!("mish")),
            ("embd_pdrop", json!(0.3)),
            ("tie_word_embeddings", json!(false)),
        ] {
            let mut gpt2 = fields(json!({ "model_type": "gpt2", "vocab_size": 9 }));
            gpt2.insert(name.to_owned(), value);
            let error = ModelConfig::from_hugging_face(&gpt2).unwrap_err();
            assert!(error.starts_with(&format!("field `{name}` = ")), "{error}");
        }
    }
}
