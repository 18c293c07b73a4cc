//! Weights for other dictionaries than those that a model was trained with.

use std::collections::HashMap;

use burn::tensor::TensorData;
use burnseq_text::Dictionary;

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
    use super::*;

    fn dictionary(tokens: &str) -> Dictionary {
        let lines: String = tokens
            .split_whitespace()
            .map(|token| format!("{token} 1\n"))
            .collect();
        Dictionary::parse(lines.as_bytes(), "dict").unwrap()
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
