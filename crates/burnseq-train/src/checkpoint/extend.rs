//! Weights for other dictionaries than those that a model was trained with.

use std::collections::HashMap;

use burn::tensor::TensorData;
use burnseq_text::Dictionary;

/// What a dictionary is to another one, by tokens; counts do not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The same tokens under the same ids.
    None,
    /// All tokens keep their ids, and others follow.
    Grown,
    /// Tokens are missing or have other ids; how, in words.
    Other(String),
}

impl Change {
    /// From the dictionary of a checkpoint to that of the data.
    pub(crate) fn between(old: &Dictionary, new: &Dictionary) -> Self {
        let lacks = |token: &str| new.index_of(token).is_none();
        let lost: Vec<&str> = old
            .iter()
            .map(|(token, _)| token)
            .filter(|token| lacks(token))
            .collect();
        if let Some(first) = lost.first() {
            return Self::Other(format!(
                "it lacks {} of the {} tokens, the first of them {first:?}",
                lost.len(),
                old.len()
            ));
        }
        let moved = old
            .iter()
            .zip(0..)
            .find(|((token, _), id)| new.symbol(*id) != *token);
        if let Some(((token, _), id)) = moved {
            return Self::Other(format!(
                "it is in another order: {token:?} has the id {} instead of {id}",
                new.index(token)
            ));
        }
        if new.len() == old.len() {
            Self::None
        } else {
            Self::Grown
        }
    }
}

/// Rows of embeddings that were taken over, and that are new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extended {
    /// Tokens that both dictionaries have.
    pub(crate) kept: usize,
    /// Tokens of the new dictionary alone.
    pub(crate) new: usize,
    /// Tokens of the old dictionary alone, whose rows are lost.
    pub(crate) lost: usize,
}

/// Gives `tensors` a row for each token of the new dictionary: the old row of the same token, or for a new token the
/// mean of all rows but that of padding, so that it begins as an average token instead of as noise.
///
/// `tables` are the tensors with a row for each token, `[vocab, ...]` under fairseq's names; those that are not there
/// are shared with another one.
///
/// # Panics
/// When a table is not one of `f32` with as many rows as the old dictionary has tokens.
pub(crate) fn extend(
    tensors: &mut HashMap<String, TensorData>,
    tables: &[&str],
    old: &Dictionary,
    new: &Dictionary,
) -> Extended {
    for table in tables {
        if let Some(tensor) = tensors.get_mut(*table) {
            *tensor = extend_table(tensor, old, new);
        }
    }
    let kept = new
        .iter()
        .filter(|(token, _)| old.index_of(token).is_some())
        .count();
    Extended {
        kept,
        new: new.len() - kept,
        lost: old
            .iter()
            .filter(|(token, _)| new.index_of(token).is_none())
            .count(),
    }
}

fn extend_table(table: &TensorData, old: &Dictionary, new: &Dictionary) -> TensorData {
    let mut shape = table.shape().to_vec();
    assert_eq!(shape[0], old.len(), "a row for each token");
    let width: usize = shape[1..].iter().product();
    let values: Vec<f32> = table.iter::<f32>().collect();
    let row = |id: u32| &values[id as usize * width..][..width];
    let mut mean = vec![0.0_f64; width];
    let ids = (0..old.len() as u32).filter(|&id| id != old.pad());
    ids.for_each(|id| {
        mean.iter_mut()
            .zip(row(id))
            .for_each(|(sum, &value)| *sum += f64::from(value))
    });
    let rows = (old.len() - 1) as f64;
    let mean: Vec<f32> = mean.into_iter().map(|sum| (sum / rows) as f32).collect();
    let mut extended = Vec::with_capacity(new.len() * width);
    for (token, _) in new.iter() {
        extended.extend_from_slice(old.index_of(token).map_or(mean.as_slice(), &row));
    }
    shape[0] = new.len();
    TensorData::new(extended, shape)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int, Tensor};
    use burnseq_model::{DecoderOnly, Dropout, LanguageModel, ModelConfig, OfConfig, state_dict};
    use burnseq_text::Vocab;
    use serde_json::json;

    use super::*;

    fn dictionary(tokens: &str) -> Dictionary {
        let lines: String = tokens
            .split_whitespace()
            .map(|token| format!("{token} 1\n"))
            .collect();
        Dictionary::parse(lines.as_bytes(), "dict").unwrap()
    }

    #[test]
    fn a_dictionary_grows_shrinks_or_is_reordered() {
        let between = |old: &str, new: &str| Change::between(&dictionary(old), &dictionary(new));
        assert_eq!(between("a b", "a b"), Change::None);
        assert_eq!(between("a b", "a b c"), Change::Grown);
        let other = |old: &str, new: &str| match between(old, new) {
            Change::Other(problem) => problem,
            found => panic!("{found:?}"),
        };
        assert_eq!(
            other("a b c", "a c"),
            "it lacks 1 of the 7 tokens, the first of them \"b\""
        );
        assert_eq!(
            other("a b", "b a c"),
            "it is in another order: \"a\" has the id 5 instead of 4"
        );
    }

    /// Logits of a model, and of the one with rows for new tokens.
    fn before_and_after(config: &ModelConfig, grown: &Dictionary) -> [Vec<Vec<f32>>; 2] {
        let old = dictionary("a b c d e f g");
        let device = Device::flex();
        let vocab = |dictionary: &Dictionary| Vocab::of(dictionary, dictionary);
        let model = LanguageModel::init(config, &vocab(&old), 7, &device).unwrap();
        let mut tensors: HashMap<String, TensorData> = state_dict(&model).into_iter().collect();
        extend(&mut tensors, &config.dictionary_tables().concat(), &old, grown);
        let extended = LanguageModel::load(config, &vocab(grown), &tensors, &device).unwrap();
        [model, extended].map(|model| {
            let tokens = [[2, 4, 5, 9], [2, 10, 3, 6]];
            let batch = Tensor::<2, Int>::from_ints(tokens, &device);
            let logits = model.forward(batch, &Dropout::off());
            let [batch, len, vocab] = logits.dims();
            let logits = logits.reshape([batch * len, vocab]).into_data();
            let logits: Vec<f32> = logits.iter().collect();
            logits.chunks(vocab).map(<[f32]>::to_vec).collect()
        })
    }

    #[test]
    fn logits_of_old_tokens_stay_the_same_bit_for_bit() {
        let of = |arch: &str, fields: serde_json::Value| {
            let config = ModelConfig::from_arch(arch).unwrap();
            config.with_fields(fields.as_object().unwrap()).unwrap()
        };
        let small = |tied: bool| {
            json!({
                "decoder_embed_dim": 24, "decoder_input_dim": 24, "decoder_output_dim": 24, "decoder_ffn_embed_dim": 40,
                "decoder_layers": 2, "decoder_attention_heads": 4, "share_decoder_input_output_embed": tied,
            })
        };
        let lstm = |tied: bool| {
            json!({
                "decoder_embed_dim": 24, "decoder_hidden_size": 24, "decoder_out_embed_dim": 24,
                "share_decoder_input_output_embed": tied,
            })
        };
        // One new token, and so many that the columns of the output layer fall into other blocks.
        let many: String = (0..40).map(|number| format!(" n{number}")).collect();
        for tied in [true, false] {
            for config in [of("transformer_lm", small(tied)), of("lstm_lm", lstm(tied))] {
                for new in [" n", many.as_str()] {
                    let grown = dictionary(&format!("a b c d e f g{new}"));
                    let [before, after] = before_and_after(&config, &grown);
                    for (before, after) in before.iter().zip(&after) {
                        assert_eq!(before.as_slice(), &after[..before.len()], "{config:?}");
                        assert_eq!(after.len(), grown.len());
                    }
                }
            }
        }
    }

    #[test]
    fn tokens_keep_their_rows_and_new_ones_get_the_mean() {
        let (old, new) = (dictionary("a b"), dictionary("c b d"));
        // <s> <pad> </s> <unk> a b
        let table = TensorData::new(vec![1.0_f32, 0.0, 2.0, 3.0, 5.0, 9.0], [6, 1]);
        let bias = TensorData::new(vec![1.0_f32, 7.0, 2.0, 3.0, 4.0, 5.0], [6]);
        let other = TensorData::new(vec![1.0_f32; 6], [6]);
        let mut tensors = HashMap::from(
            [("table", table), ("bias", bias), ("other", other.clone())]
                .map(|(name, data)| (name.to_owned(), data)),
        );
        let extended = extend(&mut tensors, &["table", "bias", "shared"], &old, &new);
        assert_eq!(
            extended,
            Extended {
                kept: 5,
                new: 2,
                lost: 1
            }
        );
        // (1 + 2 + 3 + 5 + 9) / 5 = 4; padding is not part of it.
        let table = TensorData::new(vec![1.0_f32, 0.0, 2.0, 3.0, 4.0, 9.0, 4.0], [7, 1]);
        assert_eq!(tensors["table"], table);
        let bias = TensorData::new(vec![1.0_f32, 7.0, 2.0, 3.0, 3.0, 5.0, 3.0], [7]);
        assert_eq!(tensors["bias"], bias);
        assert_eq!(tensors["other"], other);
    }
}
