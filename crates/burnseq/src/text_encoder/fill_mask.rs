//! Words that fit a gap, by a masked language model.

use burn::tensor::{Tensor, activation};
use burnseq_model::Encoder;

use super::TextEncoder;
use crate::error::{Error, Result};

/// A gap of a text: the mask that stands there, and what fits best.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// The mask's place among the tokens of the text.
    pub place: usize,
    /// Best first.
    pub filled: Vec<Filled>,
}

/// A token in a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// The token.
    pub token: String,
    /// Its probability.
    pub probability: f64,
    /// The text with this token in the gap; other gaps stay.
    pub text: String,
}

impl TextEncoder {
    /// What the tokenizer calls a gap, such as `[MASK]`.
    ///
    /// # Errors
    /// A tokenizer without one.
    pub fn mask_token(&self) -> Result<String> {
        let id = self.tokenizer.special_ids().mask;
        let token = id.and_then(|id| self.tokenizer.token(id));
        token.ok_or_else(|| Error::Convert {
            path: self.path.clone(),
            problem: "its tokenizer has no token that stands for a gap".to_owned(),
        })
    }

    /// The `best` tokens for each gap of a text, in their order.
    ///
    /// # Errors
    /// A model without a masked language model; a text without a gap, or whose gap is beyond what the model takes.
    pub fn fill_mask(&self, text: &str, best: usize) -> Result<Vec<Gap>> {
        let mask = self.mask_token()?;
        let mask_id = self.tokenizer.special_ids().mask;
        let (mut encoded, cut) = self.tokenize(&[text])?;
        let encoded = encoded.pop().expect("one text gives one list of tokens");
        let places: Vec<usize> = (0..encoded.len())
            .filter(|&place| Some(encoded.ids[place]) == mask_id)
            .collect();
        if places.is_empty() {
            return Err(Error::Config(if cut > 0 {
                format!(
                    "{text:?} has no {mask} in its first {} tokens\nhint: cut the text",
                    self.max_len
                )
            } else {
                format!("{text:?} has no {mask}\nhint: write {mask} where a word is missing")
            }));
        }
        let x = self.encode(&[&encoded], None);
        let width = x.dims()[2];
        let at_gaps: Vec<Tensor<3>> = places
            .iter()
            .map(|&place| x.clone().slice([0..1, place..place + 1, 0..width]))
            .collect();
        let logits = self.model.masked_lm(Tensor::cat(at_gaps, 1)).ok_or_else(|| Error::Convert {
            path: self.path.clone(),
            problem: "holds no masked language model\nhint: give the folder of a model as it was pre-trained, whose \
                      class ends in ForMaskedLM or ForPreTraining"
                .to_owned(),
        })?;
        let types = logits.dims()[2];
        let probabilities = activation::softmax(logits, 2).into_data().convert::<f32>();
        let probabilities: Vec<f32> = probabilities.iter::<f32>().collect();
        let gaps = places.into_iter().zip(probabilities.chunks_exact(types));
        gaps.map(|(place, probabilities)| {
            let filled = most_probable(probabilities, best).into_iter().map(|id| {
                let added = &encoded.special_tokens_mask;
                let inside: Vec<u32> = (0..encoded.len())
                    .filter(|&at| !added[at])
                    .map(|at| if at == place { id } else { encoded.ids[at] })
                    .collect();
                Ok(Filled {
                    token: self.tokenizer.token(id).unwrap_or_default(),
                    probability: f64::from(probabilities[id as usize]),
                    text: self.tokenizer.decode(&inside, false)?,
                })
            });
            Ok(Gap {
                place,
                filled: filled.collect::<Result<_>>()?,
            })
        })
        .collect()
    }
}

/// The ids of the largest numbers, largest first; of equal ones, the lower id first.
fn most_probable(probabilities: &[f32], best: usize) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..).take(probabilities.len()).collect();
    let by_probability = |a: &u32, b: &u32| {
        let (x, y) = (probabilities[*a as usize], probabilities[*b as usize]);
        y.total_cmp(&x).then(a.cmp(b))
    };
    let best = best.min(ids.len());
    if best < ids.len() {
        ids.select_nth_unstable_by(best, by_probability);
        ids.truncate(best);
    }
    ids.sort_unstable_by(by_probability);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_ties_in_order() {
        let probabilities = [0.1, 0.4, 0.1, 0.3, 0.1];
        assert_eq!(most_probable(&probabilities, 3), [1, 3, 0]);
        assert_eq!(most_probable(&probabilities, 9), [1, 3, 0, 2, 4]);
        assert!(most_probable(&probabilities, 0).is_empty());
    }
}
