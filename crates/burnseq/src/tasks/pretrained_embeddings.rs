//! Initial embeddings from a text file: `--encoder-embed-path`, `--decoder-embed-path`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use burn::tensor::TensorData;
use burnseq_text::Dictionary;
use burnseq_text::FileError;

use crate::error::{Error, Result};

/// Puts the vectors of a file into the rows of an embedding table; gives how many rows that were.
///
/// A line is a word and its numbers, separated by spaces, as word2vec and fastText write them; a first line of two
/// whole numbers is their header. Words that the dictionary does not hold are passed over, rows without a vector stay
/// as they are.
///
/// # Shapes
/// - `table`: `[types, width]` of `f32`, rows in the order of the dictionary
///
/// # Errors
/// A file that cannot be read; a line whose vector has another width than the table, or is not made of finite numbers.
pub fn fill(table: &mut TensorData, dictionary: &Dictionary, path: &Path) -> Result<usize> {
    let shape = table.shape().to_vec();
    let width = shape[1];
    let failed = FileError::read(path);
    let mut filled = vec![false; shape[0]];
    let rows = table.as_mut_slice::<f32>().expect("weights are stored as f32");
    let file = BufReader::new(File::open(path).map_err(failed)?);
    for (number, line) in file.lines().enumerate() {
        let line = line.map_err(failed)?;
        let mut fields = line.split_ascii_whitespace();
        let (Some(word), numbers) = (fields.next(), fields.collect::<Vec<_>>()) else {
            continue;
        };
        let is_header = number == 0 && numbers.len() == 1 && word.parse::<usize>().is_ok();
        let Some(id) = dictionary.index_of(word).filter(|_| !is_header) else {
            continue;
        };
        let wrong = |problem: String| {
            Error::Config(format!(
                "{}:{}: the vector of {word:?} {problem}",
                path.display(),
                number + 1
            ))
        };
        if numbers.len() != width {
            return Err(wrong(format!(
                "has {} numbers, the embeddings have {width}\nhint: set 'encoder_embed_dim' and 'decoder_embed_dim' to \
                 the width of the vectors",
                numbers.len()
            )));
        }
        let id = id as usize;
        for (place, text) in rows[id * width..(id + 1) * width].iter_mut().zip(numbers) {
            let number = text.parse().ok().filter(|number: &f32| number.is_finite());
            *place = number.ok_or_else(|| wrong(format!("holds {text:?}, which is no finite number")))?;
        }
        filled[id] = true;
    }
    Ok(filled.into_iter().filter(|filled| *filled).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary() -> Dictionary {
        let mut dictionary = Dictionary::new();
        dictionary.add_symbol("a", 1);
        dictionary.add_symbol("b", 1);
        dictionary
    }

    /// A table of -1 for the four special symbols and the two words; what became of it.
    fn filled(content: &str) -> Result<(usize, Vec<f32>)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vectors.txt");
        std::fs::write(&path, content).unwrap();
        let mut table = TensorData::new(vec![-1.0f32; 12], [6, 2]);
        let count = fill(&mut table, &dictionary(), &path)?;
        Ok((count, table.as_slice::<f32>().unwrap().to_vec()))
    }

    #[test]
    fn words_of_the_dictionary_get_their_vectors_and_others_keep_theirs() {
        for header in ["", "3 2\n"] {
            let (count, table) = filled(&format!("{header}b 0.5 2\nother 7 7\n")).unwrap();
            assert_eq!(count, 1);
            assert_eq!(table[..10], [-1.0; 10]);
            assert_eq!(table[10..], [0.5, 2.0]);
        }
    }

    #[test]
    fn a_vector_that_does_not_fit_is_named_with_its_line() {
        let problem = |content: &str| filled(content).unwrap_err().to_string();
        assert!(
            problem("3 2\na 1 2\nb 1 2 3\n").contains("vectors.txt:3: the vector of \"b\" has 3 numbers")
        );
        assert!(problem("a 1 x\n").contains(":1: the vector of \"a\" holds \"x\""));
        assert!(problem("a 1 inf\n").contains("no finite number"));
    }
}
