//! BERT, RoBERTa, XLM-R, ALBERT, ELECTRA and DistilBERT in transformers.
//!
//! What transformers drops in training differs a little: DistilBERT's attention and ALBERT's feed-forward blocks drop
//! nothing there before their norm.

use burnseq_text::Vocab;
use serde_json::{Map, Value, json};

use super::{Classifier, EncoderConfig, SentencePairHead};
use crate::{
    families::hugging_face::{Fields, HuggingFace, Stored, activation_name},
    layers::ActivationFn,
};

/// What a class of transformers predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// Nothing.
    Base,
    /// Masked tokens, and whether texts follow each other; ELECTRA's is [`Head::ReplacedTokens`].
    Pretraining,
    MaskedLm,
    NextSentence,
    ReplacedTokens,
    Sequence,
    Token,
    Question,
}

/// What the models of one `model_type` have in common.
struct Kind {
    model_type: &'static str,
    /// Before the names of the body where there is a head.
    prefix: &'static str,
    /// Classes and their heads; the first one without a head is the body alone.
    classes: &'static [(&'static str, Head)],
    /// Names of the fields of sizes.
    sizes: SizeNames,
    /// Values of fields that a file leaves out.
    defaults: Defaults,
    /// Rows of the table of positions before the first one: those of padding, or none.
    padded_positions: bool,
    segments: bool,
    pooler: bool,
    /// Embeddings have a width of their own.
    factorised: bool,
    shared_layers: bool,
    /// The head of the masked language model has GELU, whatever `hidden_act` says.
    gelu_head: bool,
    sequence: Classifier,
    /// Fields of the drop probability of classes of texts, of tokens and of spans; none: nothing is dropped.
    classifier_dropout: [Option<&'static str>; 3],
    names: Names,
}

/// Names of fields.
struct SizeNames {
    width: &'static str,
    layers: &'static str,
    heads: &'static str,
    ffn_dim: &'static str,
    activation: &'static str,
    dropout: &'static str,
    attention_dropout: &'static str,
}

/// Values of fields.
struct Defaults {
    width: usize,
    layers: usize,
    heads: usize,
    ffn_dim: usize,
    activation: &'static str,
    dropout: f64,
    classifier_dropout: Option<f64>,
}

/// Names of modules.
struct Names {
    /// Before the number of a layer.
    layers: &'static str,
    /// Of a layer: query, key, value, output, norm, both linear layers, norm.
    layer: [&'static str; 8],
    project: &'static str,
    pooler: &'static str,
    /// Of the masked language model: layer, norm, and the vector behind the embeddings.
    lm_head: [&'static str; 3],
    sentence_pair: &'static str,
    /// Of classes of texts: layer and output.
    sequence: [&'static str; 2],
}

/// Our names of the modules of a layer.
const LAYER: [&str; 8] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.out_proj",
    "self_attn_layer_norm",
    "fc1",
    "fc2",
    "final_layer_norm",
];

const BERT: Kind = Kind {
    model_type: "bert",
    prefix: "bert.",
    classes: &[
        ("BertForPreTraining", Head::Pretraining),
        ("BertForMaskedLM", Head::MaskedLm),
        ("BertForNextSentencePrediction", Head::NextSentence),
        ("BertForSequenceClassification", Head::Sequence),
        ("BertForTokenClassification", Head::Token),
        ("BertForQuestionAnswering", Head::Question),
        ("BertModel", Head::Base),
    ],
    sizes: SizeNames {
        width: "hidden_size",
        layers: "num_hidden_layers",
        heads: "num_attention_heads",
        ffn_dim: "intermediate_size",
        activation: "hidden_act",
        dropout: "hidden_dropout_prob",
        attention_dropout: "attention_probs_dropout_prob",
    },
    defaults: Defaults {
        width: 768,
        layers: 12,
        heads: 12,
        ffn_dim: 3072,
        activation: "gelu",
        dropout: 0.1,
        classifier_dropout: None,
    },
    padded_positions: false,
    segments: true,
    pooler: true,
    factorised: false,
    shared_layers: false,
    gelu_head: false,
    sequence: Classifier::Pooled,
    classifier_dropout: [Some("classifier_dropout"), Some("classifier_dropout"), None],
    names: Names {
        layers: "encoder.layer.",
        layer: [
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            "attention.output.LayerNorm",
            "intermediate.dense",
            "output.dense",
            "output.LayerNorm",
        ],
        project: "",
        pooler: "pooler.dense",
        lm_head: [
            "cls.predictions.transform.dense",
            "cls.predictions.transform.LayerNorm",
            "cls.predictions.bias",
        ],
        sentence_pair: "cls.seq_relationship",
        sequence: ["", "classifier"],
    },
};

const ROBERTA: Kind = Kind {
    model_type: "roberta",
    prefix: "roberta.",
    classes: &[
        ("RobertaForMaskedLM", Head::MaskedLm),
        ("RobertaForSequenceClassification", Head::Sequence),
        ("RobertaForTokenClassification", Head::Token),
        ("RobertaForQuestionAnswering", Head::Question),
        ("RobertaModel", Head::Base),
    ],
    padded_positions: true,
    gelu_head: true,
    sequence: Classifier::Roberta,
    names: Names {
        lm_head: ["lm_head.dense", "lm_head.layer_norm", "lm_head.bias"],
        sequence: ["classifier.dense", "classifier.out_proj"],
        ..BERT.names
    },
    ..BERT
};

const XLM_ROBERTA: Kind = Kind {
    model_type: "xlm-roberta",
    classes: &[
        ("XLMRobertaForMaskedLM", Head::MaskedLm),
        ("XLMRobertaForSequenceClassification", Head::Sequence),
        ("XLMRobertaForTokenClassification", Head::Token),
        ("XLMRobertaForQuestionAnswering", Head::Question),
        ("XLMRobertaModel", Head::Base),
    ],
    ..ROBERTA
};

const ALBERT: Kind = Kind {
    model_type: "albert",
    prefix: "albert.",
    classes: &[
        ("AlbertForPreTraining", Head::Pretraining),
        ("AlbertForMaskedLM", Head::MaskedLm),
        ("AlbertForSequenceClassification", Head::Sequence),
        ("AlbertForTokenClassification", Head::Token),
        ("AlbertForQuestionAnswering", Head::Question),
        ("AlbertModel", Head::Base),
    ],
    defaults: Defaults {
        width: 4096,
        heads: 64,
        ffn_dim: 16384,
        activation: "gelu_new",
        dropout: 0.0,
        classifier_dropout: Some(0.1),
        ..BERT.defaults
    },
    factorised: true,
    shared_layers: true,
    classifier_dropout: [
        Some("classifier_dropout_prob"),
        Some("classifier_dropout_prob"),
        None,
    ],
    names: Names {
        layers: "encoder.albert_layer_groups.",
        layer: [
            "attention.query",
            "attention.key",
            "attention.value",
            "attention.dense",
            "attention.LayerNorm",
            "ffn",
            "ffn_output",
            "full_layer_layer_norm",
        ],
        project: "encoder.embedding_hidden_mapping_in",
        pooler: "pooler",
        lm_head: ["predictions.dense", "predictions.LayerNorm", "predictions.bias"],
        sentence_pair: "sop_classifier.classifier",
        ..BERT.names
    },
    ..BERT
};

const ELECTRA: Kind = Kind {
    model_type: "electra",
    prefix: "electra.",
    classes: &[
        ("ElectraForPreTraining", Head::ReplacedTokens),
        ("ElectraForMaskedLM", Head::MaskedLm),
        ("ElectraForSequenceClassification", Head::Sequence),
        ("ElectraForTokenClassification", Head::Token),
        ("ElectraForQuestionAnswering", Head::Question),
        ("ElectraModel", Head::Base),
    ],
    defaults: Defaults {
        width: 256,
        heads: 4,
        ffn_dim: 1024,
        ..BERT.defaults
    },
    pooler: false,
    factorised: true,
    gelu_head: true,
    sequence: Classifier::Electra,
    names: Names {
        project: "embeddings_project",
        lm_head: [
            "generator_predictions.dense",
            "generator_predictions.LayerNorm",
            "generator_lm_head.bias",
        ],
        sequence: ["classifier.dense", "classifier.out_proj"],
        ..BERT.names
    },
    ..BERT
};

const DISTILBERT: Kind = Kind {
    model_type: "distilbert",
    prefix: "distilbert.",
    classes: &[
        ("DistilBertForMaskedLM", Head::MaskedLm),
        ("DistilBertForSequenceClassification", Head::Sequence),
        ("DistilBertForTokenClassification", Head::Token),
        ("DistilBertForQuestionAnswering", Head::Question),
        ("DistilBertModel", Head::Base),
    ],
    sizes: SizeNames {
        width: "dim",
        layers: "n_layers",
        heads: "n_heads",
        ffn_dim: "hidden_dim",
        activation: "activation",
        dropout: "dropout",
        attention_dropout: "attention_dropout",
    },
    defaults: Defaults {
        layers: 6,
        ..BERT.defaults
    },
    segments: false,
    pooler: false,
    sequence: Classifier::Distilbert,
    classifier_dropout: [Some("seq_classif_dropout"), Some("dropout"), Some("qa_dropout")],
    names: Names {
        layers: "transformer.layer.",
        layer: [
            "attention.q_lin",
            "attention.k_lin",
            "attention.v_lin",
            "attention.out_lin",
            "sa_layer_norm",
            "ffn.lin1",
            "ffn.lin2",
            "output_layer_norm",
        ],
        lm_head: ["vocab_transform", "vocab_layer_norm", "vocab_projector.bias"],
        sequence: ["pre_classifier", "classifier"],
        ..BERT.names
    },
    ..BERT
};

/// The entry of a kind.
macro_rules! entry {
    ($kind:ident, $architectures:expr) => {
        HuggingFace {
            model_type: $kind.model_type,
            architectures: $architectures,
            read: |fields| $kind.read(fields),
            write: |config, vocab| $kind.write(config, vocab),
            tensors: |config| $kind.tensors(config),
            redundant: REDUNDANT,
        }
    };
}

/// Names of a kind's classes.
const fn class_names<const N: usize>(kind: &Kind) -> [&'static str; N] {
    let mut names = [""; N];
    let mut class = 0;
    while class < N {
        names[class] = kind.classes[class].0;
        class += 1;
    }
    names
}

pub(super) const HUGGING_FACE: &[HuggingFace<EncoderConfig>] = &[
    entry!(BERT, &class_names::<{ BERT.classes.len() }>(&BERT)),
    entry!(ROBERTA, &class_names::<{ ROBERTA.classes.len() }>(&ROBERTA)),
    entry!(
        XLM_ROBERTA,
        &class_names::<{ XLM_ROBERTA.classes.len() }>(&XLM_ROBERTA)
    ),
    entry!(ALBERT, &class_names::<{ ALBERT.classes.len() }>(&ALBERT)),
    entry!(ELECTRA, &class_names::<{ ELECTRA.classes.len() }>(&ELECTRA)),
    entry!(
        DISTILBERT,
        &class_names::<{ DISTILBERT.classes.len() }>(&DISTILBERT)
    ),
];

/// Second names of tied tensors, lists of positions, and what files of a whole pre-training hold for a class that does not
/// use it.
const REDUNDANT: &[&str] = &[
    "cls.predictions.decoder.weight",
    "cls.predictions.decoder.bias",
    "cls.seq_relationship.weight",
    "cls.seq_relationship.bias",
    "predictions.decoder.weight",
    "predictions.decoder.bias",
    "sop_classifier.classifier.weight",
    "sop_classifier.classifier.bias",
    "lm_head.decoder.weight",
    "lm_head.decoder.bias",
    "generator_lm_head.weight",
    "vocab_projector.weight",
    "pooler.dense.weight",
    "pooler.dense.bias",
    "pooler.weight",
    "pooler.bias",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
];

impl Kind {
    fn read(&self, fields: &Fields<'_>) -> Result<EncoderConfig, String> {
        fields.only("position_embedding_type", &["absolute".into()])?;
        fields.only("is_decoder", &[false.into()])?;
        fields.only("add_cross_attention", &[false.into()])?;
        fields.only("is_encoder_decoder", &[false.into()])?;
        fields.only("tie_word_embeddings", &[true.into()])?;
        fields.only("pruned_heads", &[json!({})])?;
        // A table of sinusoids is stored, but transformers does not train it.
        fields.only("sinusoidal_pos_embds", &[false.into()])?;
        let head = self.head(fields)?;
        let (names, defaults) = (&self.sizes, &self.defaults);
        let count = |name: &str, default: usize| Ok::<_, String>(fields.count_if(name)?.unwrap_or(default));
        let dropout = fields.number_or(names.dropout, defaults.dropout)?;
        let config = EncoderConfig {
            encoder_embed_dim: count(names.width, defaults.width)?,
            encoder_ffn_embed_dim: count(names.ffn_dim, defaults.ffn_dim)?,
            encoder_layers: count(names.layers, defaults.layers)?,
            encoder_attention_heads: count(names.heads, defaults.heads)?,
            encoder_input_dim: match self.factorised {
                true => Some(count("embedding_size", 128)?),
                false => None,
            },
            encoder_layer_groups: match self.shared_layers {
                true => Some(count("num_hidden_groups", 1)?),
                false => None,
            },
            encoder_group_len: match self.shared_layers {
                true => count("inner_group_num", 1)?,
                false => 1,
            },
            layer_norm_eps: fields.number_or("layer_norm_eps", 1e-12)?,
            activation_fn: fields.activation_or(names.activation, defaults.activation)?,
            dropout,
            attention_dropout: fields.number_or(names.attention_dropout, defaults.dropout)?,
            pooler_dropout: self.classifier_dropout(fields, head, dropout)?,
            position_offset: (!self.padded_positions).then_some(0),
            max_source_positions: self.max_positions(fields)?,
            segment_types: match self.segments {
                true => count("type_vocab_size", 2)?,
                false => 0,
            },
            masked_lm_head: matches!(head, Head::Pretraining | Head::MaskedLm),
            pooler: self.pooler
                && (matches!(head, Head::Base | Head::Pretraining | Head::NextSentence)
                    || head == Head::Sequence && self.sequence == Classifier::Pooled),
            sentence_pair_head: match head {
                Head::Pretraining if self.shared_layers => SentencePairHead::SentenceOrder,
                Head::Pretraining | Head::NextSentence => SentencePairHead::NextSentence,
                _ => SentencePairHead::None,
            },
            replaced_token_head: head == Head::ReplacedTokens,
            classifier: match head {
                Head::Sequence => self.sequence,
                Head::Token => Classifier::Tokens,
                Head::Question => Classifier::Span,
                _ => Classifier::None,
            },
            num_classes: match head {
                Head::Sequence | Head::Token => num_labels(fields)?,
                _ => 2,
            },
            ..EncoderConfig::default()
        };
        if self.segments && config.segment_types == 0 {
            return Err("field `type_vocab_size` = 0: expected at least 1".to_owned());
        }
        if self.shared_layers && config.input_dim() == config.encoder_embed_dim {
            return Err(format!(
                "field `embedding_size` = {}: a projection to a hidden size that is the same is not supported",
                config.input_dim()
            ));
        }
        if self.gelu_head && config.masked_lm_head && config.activation_fn != ActivationFn::Gelu {
            return Err(format!(
                "field `{}` = {:?}: another activation than that of the head, gelu, is not supported",
                names.activation,
                activation_name(config.activation_fn)
            ));
        }
        Ok(config)
    }

    /// The head of the first class in `architectures` that is known; none: the body alone.
    fn head(&self, fields: &Fields<'_>) -> Result<Head, String> {
        let named = match fields.get("architectures") {
            None => return Ok(Head::Base),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str),
            Some(other) => {
                return Err(format!(
                    "field `architectures` = {other}: expected a list of names"
                ));
            }
        };
        let mut heads = named.filter_map(|name| {
            let class = self.classes.iter().find(|(known, _)| *known == name)?;
            Some(class.1)
        });
        Ok(heads.next().unwrap_or(Head::Base))
    }

    /// Drop probability before the classes.
    fn classifier_dropout(&self, fields: &Fields<'_>, head: Head, dropout: f64) -> Result<f64, String> {
        let field = match head {
            Head::Token => self.classifier_dropout[1],
            Head::Question => self.classifier_dropout[2],
            _ => self.classifier_dropout[0],
        };
        let default = match field {
            Some("seq_classif_dropout") => 0.2,
            Some("qa_dropout") => 0.1,
            _ => self.defaults.classifier_dropout.unwrap_or(dropout),
        };
        field.map_or(Ok(0.0), |field| fields.number_or(field, default))
    }

    /// Longest text; the table of positions has rows for padding, too, where these count tokens alone.
    fn max_positions(&self, fields: &Fields<'_>) -> Result<usize, String> {
        let rows = fields.count_if("max_position_embeddings")?.unwrap_or(512);
        if !self.padded_positions {
            return Ok(rows);
        }
        let before = fields.count_if("pad_token_id")?.unwrap_or(1).saturating_add(1);
        rows.checked_sub(before).filter(|left| *left > 0).ok_or_else(|| {
            format!("field `max_position_embeddings` = {rows}: expected more than the {before} rows before the first token")
        })
    }

    /// The fields of a class that is this model; read again, they give its configuration.
    fn write(&self, config: &EncoderConfig, vocab: &Vocab) -> Option<Map<String, Value>> {
        let names = &self.sizes;
        let before = if self.padded_positions { vocab.pad() + 1 } else { 0 };
        let mut fields = Map::new();
        let mut insert = |name: &str, value: Value| _ = fields.insert(name.to_owned(), value);
        insert(names.width, config.encoder_embed_dim.into());
        insert(names.ffn_dim, config.encoder_ffn_embed_dim.into());
        insert(names.layers, config.encoder_layers.into());
        insert(names.heads, config.encoder_attention_heads.into());
        insert(names.activation, activation_name(config.activation_fn).into());
        insert(names.dropout, config.dropout.into());
        insert(names.attention_dropout, config.attention_dropout.into());
        insert("pad_token_id", vocab.pad().into());
        insert(
            "max_position_embeddings",
            (config.max_source_positions + before).into(),
        );
        if self.model_type == DISTILBERT.model_type {
            insert("sinusoidal_pos_embds", false.into());
        } else {
            insert("layer_norm_eps", config.layer_norm_eps.into());
            insert("position_embedding_type", "absolute".into());
        }
        if self.segments {
            insert("type_vocab_size", config.segment_types.into());
        }
        if self.factorised {
            insert("embedding_size", config.input_dim().into());
        }
        if self.shared_layers {
            insert("num_hidden_groups", config.encoder_layer_groups.into());
            insert("inner_group_num", config.encoder_group_len.into());
        }
        if matches!(config.classifier, Classifier::None | Classifier::Span) {
            // Two labels, as transformers takes it where nothing is said.
        } else if config.num_classes != 2 {
            let labels = || (0..config.num_classes).map(|label| (label, format!("LABEL_{label}")));
            let ids: Map<String, Value> = labels().map(|(id, name)| (id.to_string(), name.into())).collect();
            let names: Map<String, Value> = labels().map(|(id, name)| (name, id.into())).collect();
            insert("id2label", ids.into());
            insert("label2id", names.into());
        }
        let classes = self.classes.iter();
        let mut fitting = classes.filter_map(|(class, head)| {
            let mut fields = fields.clone();
            let at = match head {
                Head::Token => 1,
                Head::Question => 2,
                _ => 0,
            };
            if let Some(field) = self.classifier_dropout[at]
                && field != names.dropout
            {
                fields.insert(field.to_owned(), config.pooler_dropout.into());
            }
            fields.insert("architectures".to_owned(), json!([class]));
            let read = self.read(&Fields(&fields)).ok()?;
            (read == *config).then_some(fields)
        });
        fitting.next()
    }

    fn tensors(&self, config: &EncoderConfig) -> Vec<Stored> {
        let names = &self.names;
        let mut tensors = Vec::new();
        let has_head = config.masked_lm_head
            || config.replaced_token_head
            || config.sentence_pair_head != SentencePairHead::None
            || config.classifier != Classifier::None;
        let prefix = if has_head { self.prefix } else { "" };
        let ours = "encoder.sentence_encoder";
        for (theirs, module, is_there) in [
            ("word_embeddings", "embed_tokens", true),
            ("position_embeddings", "embed_positions", true),
            (
                "token_type_embeddings",
                "segment_embeddings",
                config.segment_types > 0,
            ),
        ] {
            if is_there {
                let name = format!("{prefix}embeddings.{theirs}.weight");
                tensors.push(Stored::plain(name, format!("{ours}.{module}.weight")));
            }
        }
        let mut module = |name: &str, ours: &str| tensors.extend(Stored::module(name, ours));
        module(
            &format!("{prefix}embeddings.LayerNorm"),
            &format!("{ours}.layernorm_embedding"),
        );
        if config.input_dim() != config.encoder_embed_dim {
            module(
                &format!("{prefix}{}", names.project),
                &format!("{ours}.project_in_dim"),
            );
        }
        let layers = config.encoder_layer_groups.unwrap_or(config.encoder_layers) * config.encoder_group_len;
        for layer in 0..layers {
            let place = match self.shared_layers {
                true => format!(
                    "{}.albert_layers.{}",
                    layer / config.encoder_group_len,
                    layer % config.encoder_group_len
                ),
                false => layer.to_string(),
            };
            for (theirs, own) in names.layer.iter().zip(LAYER) {
                module(
                    &format!("{prefix}{}{place}.{theirs}", names.layers),
                    &format!("{ours}.layers.{layer}.{own}"),
                );
            }
        }
        if config.pooler {
            module(&format!("{prefix}{}", names.pooler), "pooler");
        }
        if config.masked_lm_head {
            module(names.lm_head[0], "encoder.lm_head.dense");
            module(names.lm_head[1], "encoder.lm_head.layer_norm");
        }
        if config.sentence_pair_head != SentencePairHead::None {
            module(names.sentence_pair, "sentence_pair_head");
        }
        if config.replaced_token_head {
            for part in ["dense", "dense_prediction"] {
                module(
                    &format!("discriminator_predictions.{part}"),
                    &format!("replaced_token_head.{part}"),
                );
            }
        }
        let classifier = "classification_heads.sentence_classification_head";
        let output = match config.classifier {
            Classifier::None => None,
            Classifier::Tokens => Some("classifier"),
            Classifier::Span => Some("qa_outputs"),
            Classifier::Pooled | Classifier::Roberta | Classifier::Electra | Classifier::Distilbert => {
                if config.classifier != Classifier::Pooled {
                    module(names.sequence[0], &format!("{classifier}.dense"));
                }
                Some(names.sequence[1])
            }
        };
        if let Some(output) = output {
            module(output, &format!("{classifier}.out_proj"));
        }
        if config.masked_lm_head {
            tensors.push(Stored::plain(names.lm_head[2], "encoder.lm_head.bias"));
        }
        tensors
    }
}

/// Classes of a classifier: transformers counts the names of the labels.
fn num_labels(fields: &Fields<'_>) -> Result<usize, String> {
    match fields.get("id2label") {
        None => Ok(fields.count_if("num_labels")?.unwrap_or(2)),
        Some(Value::Object(labels)) if !labels.is_empty() => Ok(labels.len()),
        Some(other) => Err(format!(
            "field `id2label` = {other}: expected an object of numbers and names of labels"
        )),
    }
}

#[cfg(test)]
mod tests {
    use burnseq_text::SpecialSymbols;

    use super::*;
    use crate::{FamilyConfig, ModelConfig};

    fn vocab(pad: usize) -> Vocab {
        Vocab {
            special_symbols: SpecialSymbols {
                pad,
                ..SpecialSymbols::FAIRSEQ
            },
            ..Vocab::fairseq(50, 50)
        }
    }

    fn read(fields: Value) -> Result<ModelConfig, String> {
        let mut fields = fields.as_object().unwrap().clone();
        fields.insert("vocab_size".to_owned(), 50.into());
        ModelConfig::from_hugging_face(&fields).map(|read| read.config)
    }

    #[test]
    fn every_class_is_written_as_it_is_read() {
        for entry in HUGGING_FACE {
            let pad = usize::from(entry.model_type.ends_with("roberta"));
            for class in entry.architectures {
                let config = read(json!({
                    "model_type": entry.model_type, "architectures": [class], "hidden_size": 32, "dim": 32,
                    "num_attention_heads": 2, "n_heads": 2, "intermediate_size": 64, "hidden_dim": 64,
                    "num_hidden_layers": 2, "n_layers": 2, "embedding_size": 16, "pad_token_id": pad,
                    "id2label": { "0": "a", "1": "b", "2": "c" },
                }))
                .unwrap();
                config.validate(&vocab(pad)).unwrap();
                let described = config.in_hugging_face(&vocab(pad)).unwrap();
                // The body of XLM-R is that of RoBERTa.
                let written = entry.model_type.replace("xlm-", "");
                assert_eq!(described.model_type, written, "{class}");
                let class = class.replace("XLM", "");
                assert_eq!(described.fields["architectures"], json!([class]));
                let ModelConfig::TransformerEncoder(encoder) = config else {
                    panic!("{class} is another family");
                };
                let model = encoder.init(&vocab(pad), 1, &burn::tensor::Device::flex());
                let mut ours: Vec<String> = crate::named_parameters(&model)
                    .into_iter()
                    .map(|(name, ..)| name)
                    .collect();
                let mut mapped: Vec<String> = described
                    .tensors
                    .into_iter()
                    .flat_map(|stored| stored.parameters)
                    .collect();
                ours.sort();
                mapped.sort();
                assert_eq!(ours, mapped, "{class}");
            }
        }
    }

    #[test]
    fn presets_of_these_models_are_written_but_for_what_transformers_lacks() {
        for (arch, preset) in EncoderConfig::ARCHS {
            let config = ModelConfig::from(preset());
            let pad = usize::from(arch.contains("roberta") || *arch == "xlm");
            let described = config.in_hugging_face(&vocab(pad));
            // transformers' RoBERTa has one segment, and norms after the sub-layers.
            let lacks = preset().segment_types == 0 && *arch != "distilbert";
            assert_eq!(described.is_none(), lacks, "{arch}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (field, value) in [
            ("position_embedding_type", json!("relative_key")),
            ("is_decoder", json!(true)),
            ("hidden_act", json!("mish")),
            ("tie_word_embeddings", json!(false)),
            ("type_vocab_size", json!(0)),
            ("architectures", json!(["BertForMultipleChoice"])),
            ("pruned_heads", json!({ "0": [1] })),
            ("id2label", json!([])),
        ] {
            let mut fields =
                json!({ "model_type": "bert", "architectures": ["BertForSequenceClassification"] });
            fields[field] = value;
            let error = read(fields).unwrap_err();
            assert!(error.contains(&format!("`{field}`")), "{error}");
        }
        let error = read(json!({
            "model_type": "roberta", "architectures": ["RobertaForMaskedLM"], "hidden_act": "relu",
        }));
        assert!(error.unwrap_err().contains("`hidden_act`"));
        let error = read(json!({ "model_type": "roberta", "max_position_embeddings": 2 }));
        assert!(error.unwrap_err().contains("`max_position_embeddings`"));
    }
}
