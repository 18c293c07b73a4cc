//! Tensors of transformers' files to parameters under fairseq's names, and back.

use std::collections::{HashMap, HashSet};

use burn::tensor::TensorData;
use burnseq_model::families::hugging_face::{InHuggingFace, Stored, TensorLayout};

/// Prefixes that files of a class without a head leave out, and files of other classes have.
const PREFIXES: [&str; 7] = [
    "model.",
    "transformer.",
    "bert.",
    "roberta.",
    "albert.",
    "electra.",
    "distilbert.",
];

/// A buffer of zeros where a file does not hold it.
const ZEROS: &str = "final_logits_bias";

/// Takes the parameters of a model out of `tensors`, and names the tensors that are not there; those that are left are of no
/// use to it.
///
/// # Errors
/// A shape that its parameters cannot have.
pub(super) fn parameters(
    model: &InHuggingFace,
    types: usize,
    tensors: &mut HashMap<String, TensorData>,
) -> Result<(HashMap<String, TensorData>, Vec<String>), String> {
    let mut parameters = HashMap::new();
    let mut missing = Vec::new();
    for stored in &model.tensors {
        match take(tensors, &stored.name) {
            Some(tensor) => {
                let parts = split(stored, &tensor)?;
                parameters.extend(stored.parameters.iter().cloned().zip(parts));
            }
            None if stored.name == ZEROS => {
                let zeros = TensorData::zeros::<f32, _>([types]);
                parameters.insert(stored.parameters[0].clone(), zeros);
            }
            None => missing.push(stored.name.clone()),
        }
    }
    Ok((parameters, missing))
}

/// Takes second names of tied tensors, and tables that are computed, out of what is left.
///
/// # Errors
/// A second copy whose values differ from those of the first, so that the tensors are not tied.
pub(super) fn drop_redundant(
    model: &InHuggingFace,
    embeddings: &TensorData,
    left: &mut HashMap<String, TensorData>,
) -> Result<(), String> {
    let is_redundant = |name: &str| {
        model.redundant.iter().any(|redundant| {
            let before = name.strip_suffix(redundant);
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
    };
    let names: Vec<String> = left.keys().filter(|name| is_redundant(name)).cloned().collect();
    for name in names {
        let tensor = left.remove(&name).expect("it was listed");
        if tensor.shape() == embeddings.shape() && tensor != *embeddings {
            return Err(format!(
                "`{name}` has other values than the embeddings of the tokens, with which the model shares it\nhint: weights \
                 that are not tied are not supported"
            ));
        }
    }
    Ok(())
}

/// The first names of a list, and how many there are.
pub(super) fn shortened(names: &[&str]) -> String {
    const MOST: usize = 8;
    let mut names = names.to_vec();
    names.sort_unstable();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    match more {
        0 => names.join(", "),
        _ => format!("{} and {more} more", names.join(", ")),
    }
}

/// Makes sure that the tables of tokens have as many rows as `config.json` says, before memory is taken for them.
///
/// # Errors
/// The first table that has not.
pub(super) fn check_rows(
    model: &InHuggingFace,
    types: usize,
    tensors: &HashMap<String, TensorData>,
) -> Result<(), String> {
    let is_table = |stored: &&Stored| {
        let parameters = stored.parameters.iter();
        stored.layout == TensorLayout::Plain
            && parameters
                .into_iter()
                .any(|name| name.ends_with("embed_tokens.weight"))
    };
    for stored in model.tensors.iter().filter(is_table) {
        let names = [Some(stored.name.as_str())]
            .into_iter()
            .chain(PREFIXES.iter().map(|prefix| stored.name.strip_prefix(prefix)));
        let found = names.flatten().find_map(|name| tensors.get(name));
        let rows = found.and_then(|table| table.shape().to_vec().first().copied());
        if let Some(rows) = rows.filter(|rows| *rows != types) {
            return Err(format!(
                "field `vocab_size` = {types}: `{}` has {rows} rows, one for each token",
                stored.name
            ));
        }
    }
    Ok(())
}

fn take(tensors: &mut HashMap<String, TensorData>, name: &str) -> Option<TensorData> {
    if let Some(tensor) = tensors.remove(name) {
        return Some(tensor);
    }
    match PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        Some(bare) => tensors.remove(bare),
        None => PREFIXES
            .iter()
            .find_map(|prefix| tensors.remove(&format!("{prefix}{name}"))),
    }
}

/// The parameters of a tensor.
fn split(stored: &Stored, tensor: &TensorData) -> Result<Vec<TensorData>, String> {
    let parts = stored.parameters.len();
    let shape = tensor.shape().to_vec();
    let wrong = |expected: &str| format!("`{}` has the shape {shape:?}: expected {expected}", stored.name);
    match (stored.layout, shape.as_slice()) {
        (TensorLayout::Plain, _) => Ok(vec![tensor.clone()]),
        (TensorLayout::Row, [1, len]) => Ok(vec![reshaped(tensor, vec![*len])]),
        (TensorLayout::Row, _) => Err(wrong("a matrix of one row")),
        (TensorLayout::Concatenated, [len]) if len % parts == 0 => {
            let values = floats(tensor);
            let part = len / parts;
            Ok(values
                .chunks_exact(part.max(1))
                .map(|values| TensorData::new(values.to_vec(), [part]))
                .collect())
        }
        (TensorLayout::Concatenated, _) => Err(wrong(&format!("a vector of {parts} parts"))),
        (TensorLayout::InOut, [inner, outer]) if outer % parts == 0 => {
            let (values, width) = (floats(tensor), outer / parts);
            Ok((0..parts)
                .map(|part| {
                    let columns = part * width..(part + 1) * width;
                    let transposed: Vec<f32> = columns
                        .flat_map(|column| values.iter().skip(column).step_by(*outer).copied())
                        .collect();
                    TensorData::new(transposed, [width, *inner])
                })
                .collect())
        }
        (TensorLayout::InOut, _) => Err(wrong(&format!("a matrix of {parts} parts side by side"))),
    }
}

/// The tensors of a file of transformers, in the order of its names.
///
/// # Panics
/// When a parameter of the model is not there.
pub(super) fn stored(
    model: &InHuggingFace,
    parameters: &HashMap<String, TensorData>,
) -> Vec<(String, TensorData)> {
    let mut tensors: Vec<(String, TensorData)> = model
        .tensors
        .iter()
        .map(|stored| {
            let parts: Vec<&TensorData> = stored.parameters.iter().map(|name| &parameters[name]).collect();
            (stored.name.clone(), joined(stored.layout, &parts))
        })
        .collect();
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    debug_assert_eq!(
        tensors.iter().map(|(name, _)| name).collect::<HashSet<_>>().len(),
        tensors.len()
    );
    tensors
}

fn joined(layout: TensorLayout, parts: &[&TensorData]) -> TensorData {
    match layout {
        TensorLayout::Plain => parts[0].clone(),
        TensorLayout::Row => reshaped(parts[0], vec![1, parts[0].num_elements()]),
        TensorLayout::Concatenated => {
            let values: Vec<f32> = parts.iter().flat_map(|part| floats(part)).collect();
            let len = values.len();
            TensorData::new(values, [len])
        }
        TensorLayout::InOut => {
            let parts: Vec<(Vec<f32>, usize)> = parts
                .iter()
                .map(|part| (floats(part), part.shape().to_vec()[1]))
                .collect();
            let inner = parts[0].1;
            let mut values = Vec::new();
            for row in 0..inner {
                for (part, inner) in &parts {
                    values.extend(part.iter().skip(row).step_by(*inner).copied());
                }
            }
            let outer = values.len() / inner;
            TensorData::new(values, [inner, outer])
        }
    }
}

fn reshaped(tensor: &TensorData, shape: Vec<usize>) -> TensorData {
    TensorData::new(floats(tensor), shape)
}

fn floats(tensor: &TensorData) -> Vec<f32> {
    tensor.iter::<f32>().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(tensors: Vec<Stored>) -> InHuggingFace {
        InHuggingFace {
            model_type: "x",
            architectures: &[],
            fields: Default::default(),
            tensors,
            redundant: &["lm_head.weight"],
        }
    }

    fn qkv(layout: TensorLayout) -> Stored {
        Stored {
            name: "transformer.c_attn".to_owned(),
            parameters: ["q", "k", "v"].map(str::to_owned).to_vec(),
            layout,
        }
    }

    #[test]
    fn projections_side_by_side_are_taken_apart_and_put_together() {
        let whole = TensorData::new((0..12).map(|x| x as f32).collect::<Vec<_>>(), [2, 6]);
        let model = model(vec![qkv(TensorLayout::InOut)]);
        // Without the prefix, as a class without a head is stored.
        let mut tensors = HashMap::from([("c_attn".to_owned(), whole.clone())]);
        let (found, missing) = parameters(&model, 4, &mut tensors).unwrap();
        assert!(missing.is_empty() && tensors.is_empty());
        assert_eq!(found["k"], TensorData::new(vec![2.0f32, 8.0, 3.0, 9.0], [2, 2]));
        assert_eq!(stored(&model, &found), [("transformer.c_attn".to_owned(), whole)]);
    }

    #[test]
    fn what_is_missing_or_of_another_shape_is_named() {
        let model = model(vec![
            qkv(TensorLayout::Concatenated),
            Stored {
                name: "final_logits_bias".to_owned(),
                parameters: vec!["bias".to_owned()],
                layout: TensorLayout::Row,
            },
        ]);
        let (_, missing) = parameters(&model, 4, &mut HashMap::new()).unwrap();
        assert_eq!(missing, ["transformer.c_attn"]);
        let seven = TensorData::zeros::<f32, _>([7]);
        let mut tensors = HashMap::from([("c_attn".to_owned(), seven)]);
        let error = parameters(&model, 4, &mut tensors).unwrap_err();
        assert_eq!(
            error,
            "`transformer.c_attn` has the shape [7]: expected a vector of 3 parts"
        );
    }

    #[test]
    fn a_second_copy_has_to_be_the_same() {
        let model = model(Vec::new());
        let table = TensorData::new(vec![1.0f32, 2.0], [2, 1]);
        let mut left = HashMap::from([
            ("lm_head.weight".to_owned(), table.clone()),
            ("other.weight".to_owned(), table.clone()),
        ]);
        drop_redundant(&model, &table, &mut left).unwrap();
        assert_eq!(left.keys().collect::<Vec<_>>(), ["other.weight"]);
        left.insert(
            "lm_head.weight".to_owned(),
            TensorData::new(vec![1.0f32, 3.0], [2, 1]),
        );
        let error = drop_redundant(&model, &table, &mut left).unwrap_err();
        assert!(error.starts_with("`lm_head.weight` has other values"), "{error}");
    }
}
