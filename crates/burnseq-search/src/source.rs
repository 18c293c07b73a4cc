//! What is decoded.

use burnseq_text::Vocab;

use crate::{GenerateOptions, SearchError};

/// A sentence to decode, and what its hypotheses must begin with and contain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// Token ids that end with `</s>`; an empty sentence is `</s>` alone.
    pub tokens: Vec<u32>,
    /// Tokens that hypotheses continue, for rules that look back: a prompt. Empty: what the decoder starts from.
    pub context: Vec<u32>,
    /// First tokens of every hypothesis (`--prefix-size`). They count where no length forbids them.
    pub prefix: Vec<u32>,
    /// Sequences of tokens that every hypothesis contains, without sharing a token, where
    /// [`GenerateOptions::constraints`] says in which order.
    pub constraints: Vec<Vec<u32>>,
    /// Number of the sentence in its dataset, 0-based: names it in errors and seeds what is drawn for it.
    pub id: u64,
}

impl Source {
    /// A sentence that asks nothing of its hypotheses.
    pub fn new(id: u64, tokens: Vec<u32>) -> Self {
        Self {
            tokens,
            id,
            ..Self::default()
        }
    }

    /// Checks the sentence against the model and the longest hypothesis, of `max_len` tokens before `</s>`.
    pub(crate) fn check(
        &self,
        vocab: &Vocab,
        max_source_positions: usize,
        max_len: usize,
        options: &GenerateOptions,
    ) -> Result<(), SearchError> {
        self.check_tokens(vocab, max_source_positions)?;
        let (last, before) = self
            .prefix
            .split_last()
            .map_or((None, &[][..]), |(last, before)| (Some(last), before));
        self.check_forced("the prefix", before, vocab, true)?;
        self.check_forced("the prefix", last, vocab, false)?;
        self.check_constraints(vocab, max_len, options)
    }

    /// Checks the tokens against the model.
    ///
    /// # Errors
    /// Too many of them, one that the dictionary does not have, or no `</s>` among them; in some models a language
    /// follows it.
    pub fn check_tokens(&self, vocab: &Vocab, max_source_positions: usize) -> Result<(), SearchError> {
        let sentence = self.id;
        if self.tokens.len() > max_source_positions {
            return Err(SearchError::SourceTooLong {
                sentence,
                tokens: self.tokens.len(),
                limit: max_source_positions,
            });
        }
        if let Some(&id) = self.tokens.iter().find(|&&id| id as usize >= vocab.src) {
            return Err(SearchError::UnknownId {
                sentence,
                id,
                vocab: vocab.src,
            });
        }
        if !self.tokens.iter().any(|&token| token as usize == vocab.eos()) {
            return Err(SearchError::NoEos {
                sentence,
                eos: vocab.eos(),
            });
        }
        Ok(())
    }

    /// Whether the target dictionary has `tokens` and a hypothesis may hold them, `</s>` unless `inside`.
    fn check_forced<'a>(
        &self,
        what: &'static str,
        tokens: impl IntoIterator<Item = &'a u32>,
        vocab: &Vocab,
        inside: bool,
    ) -> Result<(), SearchError> {
        for &id in tokens {
            let reason = match id as usize {
                token if token >= vocab.tgt => format!("the dictionary has {} tokens", vocab.tgt),
                token if token == vocab.pad() => "it is padding".to_owned(),
                token if token == vocab.eos() && inside => "it is the end of the sentence".to_owned(),
                _ => continue,
            };
            return Err(SearchError::ForcedToken {
                sentence: self.id,
                what,
                id,
                reason,
            });
        }
        Ok(())
    }

    fn check_constraints(
        &self,
        vocab: &Vocab,
        max_len: usize,
        options: &GenerateOptions,
    ) -> Result<(), SearchError> {
        if self.constraints.is_empty() {
            return Ok(());
        }
        let tokens: usize = self.constraints.iter().map(Vec::len).sum();
        let problem = if options.constraints.is_none() {
            "nothing says in which order\nhint: give 'constraints' ordered or 'constraints' unordered"
                .to_owned()
        } else if !self.prefix.is_empty() {
            "it has a prefix too\nhint: leave 'prefix_size' or 'constraints' out".to_owned()
        } else if self.constraints.iter().any(Vec::is_empty) {
            "one of them is empty".to_owned()
        } else if tokens > max_len {
            format!(
                "they have {tokens} tokens, a hypothesis at most {max_len}\nhint: raise 'max_len_a' or 'max_len_b', or \
                 give fewer constraints"
            )
        } else {
            return self.check_forced("a constraint", self.constraints.iter().flatten(), vocab, true);
        };
        Err(SearchError::Constraints {
            sentence: self.id,
            problem,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConstraintOrder;

    const VOCAB: Vocab = Vocab::fairseq(8, 9);

    fn refused(source: Source) -> String {
        let options = GenerateOptions {
            constraints: Some(ConstraintOrder::Ordered),
            ..GenerateOptions::default()
        };
        source.check(&VOCAB, 4, 3, &options).unwrap_err().to_string()
    }

    fn source() -> Source {
        Source::new(7, vec![5, 2])
    }

    #[test]
    fn prefixes_and_constraints_hold_words_of_the_dictionary() {
        let prefix = |prefix| Source { prefix, ..source() };
        assert!(refused(prefix(vec![9])).starts_with("the prefix of sentence 7 holds token 9"));
        assert!(refused(prefix(vec![1])).contains("padding"));
        assert!(refused(prefix(vec![2, 5])).contains("end of the sentence"));
        assert!(
            prefix(vec![5, 2])
                .check(&VOCAB, 4, 3, &GenerateOptions::default())
                .is_ok()
        );
        let constraints = |constraints| Source {
            constraints,
            ..source()
        };
        assert!(
            refused(constraints(vec![vec![5], vec![2]]))
                .starts_with("a constraint of sentence 7 holds token 2")
        );
        assert!(refused(constraints(vec![vec![]])).contains("one of them is empty"));
    }

    #[test]
    fn constraints_that_cannot_be_met_are_refused() {
        let constrained = Source {
            constraints: vec![vec![5, 6], vec![7, 8]],
            ..source()
        };
        assert!(refused(constrained.clone()).starts_with(
            "the constraints of sentence 7 cannot be met: they have 4 tokens, a hypothesis at most 3"
        ));
        assert!(
            refused(Source {
                prefix: vec![5],
                ..constrained.clone()
            })
            .contains("'prefix_size'")
        );
        let error = constrained
            .check(&VOCAB, 4, 9, &GenerateOptions::default())
            .unwrap_err();
        assert!(error.to_string().contains("'constraints' ordered"), "{error}");
    }
}
