//! Scores of words from scores of their pieces.

use burnseq_text::hugging_face::HfMarks;
use burnseq_text::{Dictionary, RemoveBpe, SubwordSettings, TextSettings};

/// How pieces of a word are told from whole words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PieceMark {
    /// Every token is a word.
    #[default]
    None,
    /// A piece that ends with it goes on in the next token: `@@` of subword-nmt.
    Continued(String),
    /// A token that begins with it begins a word: U+2581 of SentencePiece.
    Begins(String),
    /// A token that ends with it ends a word.
    Ends(String),
    /// A token that begins with it continues a word: `##` of WordPiece.
    Continues(String),
}

impl From<&RemoveBpe> for PieceMark {
    /// The marks that `--remove-bpe` takes away.
    fn from(remove: &RemoveBpe) -> Self {
        match remove {
            RemoveBpe::None | RemoveBpe::Silence => Self::None,
            RemoveBpe::SubwordNmt => Self::Continued("@@".to_owned()),
            RemoveBpe::SentencePiece => Self::Begins("\u{2581}".to_owned()),
            RemoveBpe::WordPiece => Self::Begins("_".to_owned()),
            RemoveBpe::Letter => Self::Begins("|".to_owned()),
            RemoveBpe::EndOfWord => Self::Ends("_EOW".to_owned()),
            RemoveBpe::Symbol(symbol) => Self::Continued(symbol.trim_end().to_owned()),
        }
    }
}

impl From<&SubwordSettings> for PieceMark {
    /// The marks of a subword model.
    fn from(subword: &SubwordSettings) -> Self {
        Self::from(&match subword {
            SubwordSettings::None => RemoveBpe::None,
            SubwordSettings::SentencePiece { .. } => RemoveBpe::SentencePiece,
            SubwordSettings::SubwordNmt { .. } => RemoveBpe::SubwordNmt,
            SubwordSettings::HuggingFace { marks, .. } => {
                return match marks {
                    HfMarks::WordPiece => Self::Continues("##".to_owned()),
                    HfMarks::ByteLevel => Self::Begins("\u{120}".to_owned()),
                    HfMarks::SentencePiece => Self::Begins("\u{2581}".to_owned()),
                    HfMarks::EndOfWord => Self::Ends("</w>".to_owned()),
                    HfMarks::None => Self::None,
                };
            }
        })
    }
}

impl From<&TextSettings> for PieceMark {
    /// The marks of the tokens that these settings make.
    fn from(text: &TextSettings) -> Self {
        if text.tokenizer.splits_words() {
            Self::Begins("\u{2581}".to_owned())
        } else {
            Self::from(&text.subword)
        }
    }
}

/// A word of a text, with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredWord {
    /// The word, without marks between its pieces.
    pub word: String,
    /// Log-probability in nats: the sum over its pieces.
    pub score: f32,
    /// Whether it has several pieces.
    pub joined: bool,
}

impl PieceMark {
    /// The words of a text of `tokens` with these log-probabilities, `</s>` among them. A text that ends within a word ends
    /// with the pieces of it that there are.
    pub fn words(&self, dictionary: &Dictionary, tokens: &[u32], scores: &[f32]) -> Vec<ScoredWord> {
        let mut words = Vec::new();
        let mut word = String::new();
        let (mut score, mut pieces) = (0.0, 0);
        for (place, (&token, &piece_score)) in tokens.iter().zip(scores).enumerate() {
            let symbol = dictionary.symbol(token);
            let next = tokens.get(place + 1);
            let ends_text = |token: u32| token == dictionary.eos();
            let continued = next.is_some_and(|&next| {
                !ends_text(token) && !ends_text(next) && self.continues(symbol, dictionary.symbol(next))
            });
            word.push_str(match self {
                Self::Continued(mark) if continued => symbol.strip_suffix(mark.as_str()).unwrap_or(symbol),
                Self::Begins(mark) | Self::Continues(mark) => {
                    symbol.strip_prefix(mark.as_str()).unwrap_or(symbol)
                }
                Self::Ends(mark) => symbol.strip_suffix(mark.as_str()).unwrap_or(symbol),
                _ => symbol,
            });
            score += piece_score;
            pieces += 1;
            if !continued {
                words.push(ScoredWord {
                    word: std::mem::take(&mut word),
                    score,
                    joined: pieces > 1,
                });
                (score, pieces) = (0.0, 0);
            }
        }
        words
    }

    /// How many words a text of `tokens` has, each `</s>` counted as one, where `before` is the token before it: blocks of
    /// a text have as many words together as the whole text.
    pub fn count(&self, dictionary: &Dictionary, before: Option<u32>, tokens: &[u32]) -> usize {
        let befores = std::iter::once(before).chain(tokens.iter().copied().map(Some));
        let counts = |(before, &token): (Option<u32>, &u32)| {
            let symbol = dictionary.symbol(token);
            token == dictionary.eos()
                || match self {
                    Self::None => true,
                    Self::Continued(mark) => !symbol.ends_with(mark.as_str()),
                    Self::Ends(mark) => symbol.ends_with(mark.as_str()),
                    Self::Continues(mark) => {
                        before.is_none_or(|before| before == dictionary.eos())
                            || !symbol.starts_with(mark.as_str())
                    }
                    Self::Begins(mark) => {
                        before.is_none_or(|before| before == dictionary.eos())
                            || symbol.starts_with(mark.as_str())
                    }
                }
        };
        befores.zip(tokens).filter(|pair| counts(*pair)).count()
    }

    /// Whether the word of `piece` goes on in the token `next`.
    fn continues(&self, piece: &str, next: &str) -> bool {
        match self {
            Self::None => false,
            Self::Continued(mark) => piece.ends_with(mark.as_str()),
            Self::Begins(mark) => !next.starts_with(mark.as_str()),
            Self::Ends(mark) => !piece.ends_with(mark.as_str()),
            Self::Continues(mark) => next.starts_with(mark.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(mark: &PieceMark, text: &str) -> Vec<(String, f32, bool)> {
        let mut dictionary = Dictionary::new();
        let mut ids: Vec<u32> = text
            .split(' ')
            .map(|token| dictionary.add_symbol(token, 1))
            .collect();
        ids.push(dictionary.eos());
        let scores: Vec<f32> = (1..=ids.len()).map(|score| -(score as f32)).collect();
        let words = mark.words(&dictionary, &ids, &scores);
        words
            .into_iter()
            .map(|word| (word.word, word.score, word.joined))
            .collect()
    }

    fn expected(words: &[(&str, f32, bool)]) -> Vec<(String, f32, bool)> {
        words
            .iter()
            .map(|(word, score, joined)| ((*word).to_owned(), *score, *joined))
            .collect()
    }

    #[test]
    fn a_text_has_as_many_words_as_its_blocks_together() {
        let mut dictionary = Dictionary::new();
        for (mark, text) in [
            (
                PieceMark::Continued("@@".to_owned()),
                "lo@@ w@@ er , high </s> a </s>",
            ),
            (
                PieceMark::Begins("\u{2581}".to_owned()),
                "l o w e r \u{2581} , \u{2581} h i </s> a </s>",
            ),
            (
                PieceMark::Begins("\u{2581}".to_owned()),
                "\u{2581}lo wer \u{2581}, \u{2581}high </s> \u{2581}a </s>",
            ),
        ] {
            let ids: Vec<u32> = text
                .split(' ')
                .map(|token| dictionary.add_symbol(token, 1))
                .collect();
            assert_eq!(mark.count(&dictionary, None, &ids), 6, "{text}");
            for len in 1..ids.len() {
                let mut before = None;
                let blocks = ids.chunks(len).map(|block| {
                    let words = mark.count(&dictionary, before, block);
                    before = block.last().copied();
                    words
                });
                assert_eq!(blocks.sum::<usize>(), 6, "{text} in blocks of {len}");
            }
        }
    }

    #[test]
    fn pieces_are_joined_and_their_scores_added() {
        let nmt = PieceMark::from(&RemoveBpe::SubwordNmt);
        assert_eq!(
            words(&nmt, "lo@@ w@@ er , high"),
            expected(&[
                ("lower", -6.0, true),
                (",", -4.0, false),
                ("high", -5.0, false),
                ("</s>", -6.0, false)
            ])
        );
        let pieces = PieceMark::from(&RemoveBpe::SentencePiece);
        assert_eq!(
            words(&pieces, "\u{2581}lo w er \u{2581}high"),
            expected(&[
                ("lower", -6.0, true),
                ("high", -4.0, false),
                ("</s>", -5.0, false)
            ])
        );
        let ends = PieceMark::from(&RemoveBpe::EndOfWord);
        assert_eq!(
            words(&ends, "lo wer_EOW high_EOW"),
            expected(&[
                ("lower", -3.0, true),
                ("high", -3.0, false),
                ("</s>", -4.0, false)
            ])
        );
        assert_eq!(words(&PieceMark::None, "lo@@ w").len(), 3);
    }

    #[test]
    fn word_pieces_are_joined_by_what_continues_them() {
        let pieces = PieceMark::Continues("##".to_owned());
        assert_eq!(
            words(&pieces, "lo ##w ##er , high"),
            expected(&[
                ("lower", -6.0, true),
                (",", -4.0, false),
                ("high", -5.0, false),
                ("</s>", -6.0, false)
            ])
        );
    }

    #[test]
    fn a_piece_at_the_end_stays_alone_with_its_mark() {
        let nmt = PieceMark::from(&RemoveBpe::SubwordNmt);
        assert_eq!(
            words(&nmt, "a b@@"),
            expected(&[("a", -1.0, false), ("b@@", -2.0, false), ("</s>", -3.0, false)])
        );
    }
}
