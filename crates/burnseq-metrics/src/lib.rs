//! Scores of hypotheses against references: BLEU, chrF and TER.
//!
//! The parts, in the order in which a line of text passes them:
//! - [`whitespace`] and [`tokenizers`]: a line becomes tokens exactly as in sacreBLEU
//!   (`13a`, `none`, `intl`, `char`, `zh`);
//! - [`References`]: one or several references per hypothesis, some of them absent;
//! - [`Metric`]: statistics of one segment, summed over a corpus, make a score. Implemented by
//!   [`Bleu`] (Papineni et al. 2002), [`Chrf`] (Popović 2015, 2017) and [`Ter`] (Snover et al. 2006);
//! - [`Score`]: what comes out, printable as sacreBLEU prints it;
//! - [`bootstrap`]: confidence intervals and paired tests (Koehn 2004, Riezler and Maxwell 2005);
//! - [`Signature`]: the settings that produced a score, in sacreBLEU's notation;
//! - [`TokenisedBleu`]: BLEU on tokens as they are, in fairseq's format.
//!
//! Scores are percentages. All of them agree with sacreBLEU 2.6.0, and tokenised BLEU with
//! `fairseq-score`, within 1e-9. `bleuscore` does the `13a` tokenisation and the n-gram counting of
//! BLEU; its own score knows neither sacreBLEU's default smoothing nor its other settings.
//!
//! ```
//! use burnseq_metrics::{Chrf, Metric, References, TokenisedBleu, sacrebleu};
//!
//! let hypotheses = ["a small red boat drifts slowly past the quiet harbour"];
//! let references = [["a small red boat drifts calmly past the quiet harbour"]];
//!
//! let bleu = sacrebleu(&hypotheses, &references)?.with_version("1");
//! assert_eq!(
//!     bleu.to_string(),
//!     "BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:1 = 65.80 90.0/77.8/62.5/42.9 \
//!      (BP = 1.000 ratio = 1.000 hyp_len = 10 ref_len = 10)"
//! );
//!
//! let chrf = Chrf::default().corpus_score(&hypotheses, &References::from_streams(&references)?)?;
//! assert_eq!(format!("{:.2}", chrf.score), "84.52");
//!
//! let mut tokenised = TokenisedBleu::default();
//! tokenised.add_lines("a b c d e", "a b c d f");
//! assert_eq!(
//!     tokenised.score()?.to_string(),
//!     "BLEU4 = 66.87, 80.0/75.0/66.7/50.0 (BP=1.000, ratio=1.000, syslen=5, reflen=5)"
//! );
//! # Ok::<(), burnseq_metrics::Error>(())
//! ```

pub mod bleu;
pub mod bootstrap;
pub mod chrf;
pub mod error;
pub mod metric;
mod ngrams;
mod numpy_random;
pub mod references;
pub mod score;
pub mod signature;
pub mod smoothing;
pub mod ter;
mod ter_shift;
pub mod tokenised_bleu;
pub mod tokenizers;
pub mod whitespace;

pub use bleu::{Bleu, BleuConfig, BleuDetails, BleuScore, BleuStatistics, sacrebleu};
pub use chrf::{Chrf, ChrfConfig, ChrfScore, ChrfStatistics};
pub use error::{Error, Result};
pub use metric::{Metric, Statistics};
pub use references::References;
pub use score::Score;
pub use signature::{ReferenceCount, Signature};
pub use smoothing::Smoothing;
pub use ter::{Ter, TerConfig, TerScore, TerStatistics};
pub use tokenised_bleu::{TokenisedBleu, TokenisedBleuConfig, TokenisedBleuScore};
pub use tokenizers::Tokenizer;
