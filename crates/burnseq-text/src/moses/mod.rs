//! Moses' text tools (Koehn et al. 2007), written from their rules: what many published corpora and
//! scores were made with.
//!
//! - [`MosesTokenizer`]: words and punctuation apart, as `tokenizer.perl` of Moses' master branch.
//! - [`MosesDetokenizer`]: tokens to text again.
//! - [`normalize_punctuation`]: quotation marks, dashes and blanks in one form.
//! - [`lowercase`]: as `lowercase.perl`.
//! - [`CleanCorpus`]: which pairs of lines are worth training on, as `clean-corpus-n.perl`.
//!
//! The lists of abbreviations are our own and short; [`NonbreakingPrefixes`] reads Moses' files.
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
mod prefixes;
mod protected;
mod punctuation;
mod tokenizer;
mod units;

pub use clean::CleanCorpus;
pub use detokenizer::MosesDetokenizer;
pub use lowercase::lowercase;
pub use prefixes::NonbreakingPrefixes;
pub use protected::ProtectedPatterns;
pub use punctuation::normalize_punctuation;
pub use tokenizer::MosesTokenizer;
