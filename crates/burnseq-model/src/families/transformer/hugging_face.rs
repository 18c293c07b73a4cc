//! BART, mBART, M2M100 and Marian in transformers.

use burnseq_text::Vocab;
use serde_json::{Map, Value, json};

use super::TransformerConfig;
use crate::{
    families::hugging_face::{Fields, HuggingFace, Stored, TensorLayout, activation_name},
    layers::SinusoidFrequencies,
};

/// What the four differ in.
#[derive(Clone, Copy)]
struct Kind {
    model_type: &'static str,
    pre_norm: bool,
    layernorm_embedding: bool,
    learned_pos: bool,
    /// Positions from row 0, with the frequencies of the paper.
    plain_sinusoids: bool,
    final_logits_bias: bool,
    scale: bool,
    activation: &'static str,
    /// Layers and feed-forward width where the file does not say.
    layers: usize,
}

const BART: Kind = Kind {
    model_type: "bart",
    pre_norm: false,
    layernorm_embedding: true,
    learned_pos: true,
    plain_sinusoids: false,
    final_logits_bias: true,
    scale: false,
    activation: "gelu",
    layers: 12,
};

const MBART: Kind = Kind {
    model_type: "mbart",
    pre_norm: true,
    ..BART
};

const M2M100: Kind = Kind {
    model_type: "m2m_100",
    layernorm_embedding: false,
    learned_pos: false,
    final_logits_bias: false,
    scale: true,
    activation: "relu",
    ..MBART
};

const MARIAN: Kind = Kind {
    model_type: "marian",
    pre_norm: false,
    plain_sinusoids: true,
    final_logits_bias: true,
    activation: "gelu",
    ..M2M100
};

pub(super) const HUGGING_FACE: &[HuggingFace<TransformerConfig>] = &[
    HuggingFace {
        model_type: BART.model_type,
        architectures: &["BartForConditionalGeneration", "BartModel"],
        read: |fields| BART.read(fields),
        write: |config, vocab| BART.write(config, vocab),
        tensors,
        redundant: REDUNDANT,
    },
    HuggingFace {
        model_type: MBART.model_type,
        architectures: &["MBartForConditionalGeneration", "MBartModel"],
        read: |fields| MBART.read(fields),
        write: |config, vocab| MBART.write(config, vocab),
        tensors,
        redundant: REDUNDANT,
    },
    HuggingFace {
        model_type: M2M100.model_type,
        architectures: &["M2M100ForConditionalGeneration", "M2M100Model"],
        read: |fields| M2M100.read(fields),
        write: |config, vocab| M2M100.write(config, vocab),
        tensors,
        redundant: REDUNDANT,
    },
    HuggingFace {
        model_type: MARIAN.model_type,
        architectures: &["MarianMTModel", "MarianModel"],
        read: |fields| MARIAN.read(fields),
        write: |config, vocab| MARIAN.write(config, vocab),
        tensors,
        redundant: REDUNDANT,
    },
];

/// Second names of tied tables, and tables of sinusoids.
const REDUNDANT: &[&str] = &[
    "lm_head.weight",
    "shared.weight",
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "encoder.embed_positions.weight",
    "decoder.embed_positions.weight",
    "encoder.embed_positions.weights",
    "decoder.embed_positions.weights",
];

impl Kind {
    fn read(self, fields: &Fields<'_>) -> Result<TransformerConfig, String> {
        // Fields of older versions, which are of no other value in a model of this type.
        fields.only("normalize_before", &[self.pre_norm.into()])?;
        fields.only("add_final_layer_norm", &[self.pre_norm.into()])?;
        fields.only("normalize_embedding", &[self.layernorm_embedding.into()])?;
        fields.only("static_position_embeddings", &[(!self.learned_pos).into()])?;
        fields.only("add_bias_logits", &[false.into()])?;
        fields.only("is_encoder_decoder", &[true.into()])?;
        fields.only("tie_word_embeddings", &[true.into()])?;
        let shares_all = fields.flag_or("share_encoder_decoder_embeddings", true)?;
        if let (Some(types), Some(decoder)) = (
            fields.count_if("vocab_size")?,
            fields.count_if("decoder_vocab_size")?,
        ) && types != decoder
        {
            return Err(format!(
                "field `decoder_vocab_size` = {decoder}: another vocabulary than that of the encoder, of {types} tokens, is \
                 not supported"
            ));
        }
        let width = fields.count("d_model")?;
        let layers = |name| Ok::<_, String>(fields.count_if(name)?.unwrap_or(self.layers));
        let positions = fields.count_if("max_position_embeddings")?.unwrap_or(1024);
        Ok(TransformerConfig {
            encoder_embed_dim: width,
            encoder_ffn_embed_dim: fields.count_if("encoder_ffn_dim")?.unwrap_or(4096),
            encoder_layers: layers("encoder_layers")?,
            encoder_attention_heads: fields.count_if("encoder_attention_heads")?.unwrap_or(16),
            encoder_normalize_before: self.pre_norm,
            encoder_learned_pos: self.learned_pos,
            decoder_embed_dim: width,
            decoder_ffn_embed_dim: fields.count_if("decoder_ffn_dim")?.unwrap_or(4096),
            decoder_layers: layers("decoder_layers")?,
            decoder_attention_heads: fields.count_if("decoder_attention_heads")?.unwrap_or(16),
            decoder_normalize_before: self.pre_norm,
            decoder_learned_pos: self.learned_pos,
            share_decoder_input_output_embed: true,
            share_all_embeddings: shares_all,
            dropout: fields.number_or("dropout", 0.1)?,
            attention_dropout: fields.number_or("attention_dropout", 0.0)?,
            activation_dropout: fields.number_or("activation_dropout", 0.0)?,
            encoder_layerdrop: fields.number_or("encoder_layerdrop", 0.0)?,
            decoder_layerdrop: fields.number_or("decoder_layerdrop", 0.0)?,
            activation_fn: fields.activation_or("activation_function", self.activation)?,
            max_source_positions: positions,
            max_target_positions: positions,
            no_token_positional_embeddings: false,
            no_scale_embedding: !fields.flag_or("scale_embedding", self.scale)?,
            layernorm_embedding: self.layernorm_embedding,
            // Rows of learned positions begin with number 2, whatever padding is.
            position_offset: match (self.plain_sinusoids, self.learned_pos) {
                (true, _) => Some(0),
                (false, true) => Some(2),
                (false, false) => None,
            },
            sinusoid_frequencies: match self.plain_sinusoids {
                true => SinusoidFrequencies::Vaswani,
                false => SinusoidFrequencies::Fairseq,
            },
            final_logits_bias: self.final_logits_bias,
        })
    }

    fn write(self, config: &TransformerConfig, vocab: &Vocab) -> Option<Map<String, Value>> {
        let own_offset = config.position_offset.unwrap_or(vocab.pad() + 1);
        let offset = match (self.plain_sinusoids, self.learned_pos) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => vocab.pad() + 1,
        };
        let frequencies = match self.plain_sinusoids {
            true => SinusoidFrequencies::Vaswani,
            false => SinusoidFrequencies::Fairseq,
        };
        let of_this_kind = config.encoder_embed_dim == config.decoder_embed_dim
            && [config.encoder_normalize_before, config.decoder_normalize_before] == [self.pre_norm; 2]
            && [config.encoder_learned_pos, config.decoder_learned_pos] == [self.learned_pos; 2]
            && config.max_source_positions == config.max_target_positions
            && config.layernorm_embedding == self.layernorm_embedding
            && !config.no_token_positional_embeddings
            && own_offset == offset
            && (self.learned_pos || config.sinusoid_frequencies == frequencies)
            && (config.final_logits_bias == self.final_logits_bias)
            && (config.share_all_embeddings
                || (config.share_decoder_input_output_embed && self.model_type == MARIAN.model_type));
        if !of_this_kind {
            return None;
        }
        let fields = json!({
            "activation_dropout": config.activation_dropout,
            "activation_function": activation_name(config.activation_fn),
            "attention_dropout": config.attention_dropout,
            "d_model": config.encoder_embed_dim,
            "decoder_attention_heads": config.decoder_attention_heads,
            "decoder_ffn_dim": config.decoder_ffn_embed_dim,
            "decoder_layerdrop": config.decoder_layerdrop,
            "decoder_layers": config.decoder_layers,
            "dropout": config.dropout,
            "encoder_attention_heads": config.encoder_attention_heads,
            "encoder_ffn_dim": config.encoder_ffn_embed_dim,
            "encoder_layerdrop": config.encoder_layerdrop,
            "encoder_layers": config.encoder_layers,
            "is_encoder_decoder": true,
            "max_position_embeddings": config.max_source_positions,
            "num_hidden_layers": config.encoder_layers,
            "scale_embedding": !config.no_scale_embedding,
            "use_cache": true,
        });
        let mut fields = fields.as_object().cloned().unwrap_or_default();
        if self.model_type == MARIAN.model_type {
            fields.insert("decoder_vocab_size".to_owned(), vocab.tgt.into());
            fields.insert("static_position_embeddings".to_owned(), true.into());
            let shares_all = config.share_all_embeddings;
            fields.insert("share_encoder_decoder_embeddings".to_owned(), shares_all.into());
        }
        Some(fields)
    }
}

fn tensors(config: &TransformerConfig) -> Vec<Stored> {
    let mut tensors = Vec::new();
    if config.share_all_embeddings {
        tensors.push(Stored::plain(
            "model.shared.weight",
            "encoder.embed_tokens.weight",
        ));
    } else {
        for side in ["encoder", "decoder"] {
            let table = format!("{side}.embed_tokens.weight");
            tensors.push(Stored::plain(format!("model.{table}"), table));
        }
    }
    for (side, layers) in [
        ("encoder", config.encoder_layers),
        ("decoder", config.decoder_layers),
    ] {
        let mut module = |name: String| tensors.extend(Stored::module(&format!("model.{name}"), &name));
        for layer in 0..layers {
            let layer = format!("{side}.layers.{layer}");
            let attentions: &[&str] = match side {
                "encoder" => &["self_attn"],
                _ => &["self_attn", "encoder_attn"],
            };
            for attention in attentions {
                for projection in ["k_proj", "v_proj", "q_proj", "out_proj"] {
                    module(format!("{layer}.{attention}.{projection}"));
                }
                module(format!("{layer}.{attention}_layer_norm"));
            }
            for name in ["fc1", "fc2", "final_layer_norm"] {
                module(format!("{layer}.{name}"));
            }
        }
        if config.layernorm_embedding {
            module(format!("{side}.layernorm_embedding"));
        }
        if config.encoder_normalize_before {
            module(format!("{side}.layer_norm"));
        }
        if config.encoder_learned_pos {
            let table = format!("{side}.embed_positions.weight");
            tensors.push(Stored::plain(format!("model.{table}"), table));
        }
    }
    if config.final_logits_bias {
        let parameter = ["decoder.final_logits_bias".to_owned()];
        tensors.push(Stored::new("final_logits_bias", parameter, TensorLayout::Row));
    }
    tensors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::ModelConfig;

    fn marian() -> Map<String, Value> {
        let fields = json!({
            "model_type": "marian", "architectures": ["MarianMTModel"], "vocab_size": 60, "d_model": 16,
            "encoder_layers": 1, "encoder_ffn_dim": 32, "encoder_attention_heads": 2, "decoder_layers": 1,
            "decoder_ffn_dim": 32, "decoder_attention_heads": 2, "activation_function": "swish",
            "max_position_embeddings": 30, "pad_token_id": 59, "eos_token_id": 0, "decoder_start_token_id": 59,
        });
        fields.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_read_is_written_again() {
        let read = ModelConfig::from_hugging_face(&marian()).unwrap();
        let special_symbols = read.symbols.complete(read.types, false, Some(1));
        assert_eq!(
            (special_symbols.pad, special_symbols.decoder_start),
            (59, Some(59))
        );
        let vocab = Vocab {
            src: 60,
            tgt: 60,
            special_symbols,
        };
        read.config.validate(&vocab).unwrap();
        let described = read.config.in_hugging_face(&vocab).unwrap();
        assert_eq!(described.model_type, "marian");
        for (name, value) in &described.fields {
            if let Some(original) = marian().get(name) {
                assert_eq!(value, original, "{name}");
            }
        }
    }

    #[test]
    fn fields_that_ask_for_another_model_are_refused_by_name() {
        for (name, value, problem) in [
            (
                "activation_function",
                json!("mish"),
                "field `activation_function` = \"mish\"",
            ),
            ("normalize_before", json!(true), "field `normalize_before` = true"),
            (
                "d_model",
                json!("big"),
                "field `d_model` = \"big\": expected a whole number",
            ),
            ("d_model", Value::Null, "there is no field `d_model`"),
            ("decoder_vocab_size", json!(61), "field `decoder_vocab_size` = 61"),
            (
                "model_type",
                json!("t5"),
                "field `model_type` = \"t5\": there is no support for it",
            ),
            (
                "architectures",
                json!(["MarianForCausalLM"]),
                "field `architectures`",
            ),
        ] {
            let mut fields = marian();
            fields.insert(name.to_owned(), value);
            let error = ModelConfig::from_hugging_face(&fields).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
