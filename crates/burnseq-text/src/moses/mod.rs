//! Moses' text tools (Koehn et al. 2007), written from their rules: what many published corpora and
//! scores were made with.
//!
//! - [`MosesTokenizer`]: words and punctuation apart, as `tokenizer.perl` of Moses' master branch.
//! - [`MosesDetokenizer`]: tokens to text again.
//! - [`normalize_punctuation`]: quotation marks, dashes and blanks in one form.
//! - [`replace_unicode_punctuation`], [`replace_non_printing`], [`unescape`]: as the filters
//!   `replace-unicode-punctuation.perl`, `remove-non-printing-char.perl` and `deescape-special-chars.perl`.
//! - [`lowercase`]: as `lowercase.perl`.
//! - [`CleanCorpus`]: which pairs of lines are worth training on, as `clean-corpus-n.perl`.
//!
//! The lists of abbreviations hold the words of Moses' own; [`NonbreakingPrefixes`] reads other files.
//!
//! ```
//! use burnseq_text::moses::{MosesDetokenizer, MosesTokenizer};
//! let tokens = MosesTokenizer::new("en").tokenize("Mr. Smith's dog (a \"terrier\") costs $1,500.");
//! assert_eq!(tokens, "Mr. Smith &apos;s dog ( a &quot; terrier &quot; ) costs $ 1,500 .");
//! let text = MosesDetokenizer::new("en").detokenize(&tokens);
//! assert_eq!(text, "Mr. Smith's dog (a \"terrier\") costs $1,500.");
//! ```

mod clean;
mod detokenizer;
mod escape;
mod lowercase;
mod non_printing;
mod prefixes;
mod protected;
mod punctuation;
mod tokenizer;
mod unicode_punctuation;
mod units;

pub use clean::CleanCorpus;
pub use detokenizer::MosesDetokenizer;
pub use escape::unescape;
pub use lowercase::lowercase;
pub use non_printing::replace_non_printing;
pub use prefixes::NonbreakingPrefixes;
pub use protected::ProtectedPatterns;
pub use punctuation::normalize_punctuation;
pub use tokenizer::MosesTokenizer;
pub use unicode_punctuation::replace_unicode_punctuation;
pub(crate) use units::is_decimal;
