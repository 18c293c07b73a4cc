//! Decoding with models on Burn.
//!
//! A search (`burnseq-search`) knows a model only as a [`NextToken`](burnseq_search::NextToken):
//! - [`ModelNextToken`] is that for every [`Stepwise`](burnseq_model::Stepwise) model. Where reading from the device takes
//!   long, the device chooses the tokens that the search looks at, or makes whole steps of beam search by itself:
//!   [`device_beam`].
//! - [`Generate`] begins batches with encoder-decoders, which are encoded first.
//! - [`Continue`] begins them with language models, which read a prompt first.
//! - [`Scorer`] gives what the same models say to translations that are given, and their attention weights.
//! - [`score_texts`] gives what a language model says to the tokens of given texts.
//! - [`attention_maps`] gives the attention of every layer and head for one sentence.
//!
//! ```
//! use burn::tensor::Device;
//! use burnseq_generate::Generate;
//! use burnseq_model::{FamilyConfig, TransformerConfig};
//! use burnseq_search::{GenerateOptions, Generator, Source};
//! use burnseq_text::Vocab;
//!
//! let config = TransformerConfig { encoder_layers: 1, decoder_layers: 1, ..TransformerConfig::default() };
//! let model = config.init(&Vocab::fairseq(16, 24), 1, &Device::flex());
//! let generator = Generator::new(GenerateOptions { beam: 3, nbest: 2, max_len_b: 7, ..GenerateOptions::default() })?;
//! let sources = [Source::new(0, vec![5, 7, 2]), Source::new(1, vec![2])];
//! let hypotheses = generator.generate(&[model], &sources, &Device::flex())?;
//! assert_eq!(hypotheses.len(), 2); // one list per source, the empty sentence included
//! assert_eq!(hypotheses[0].len(), 2); // two best
//! assert!(hypotheses[0][0].score >= hypotheses[0][1].score);
//! assert_eq!(hypotheses[1][0].tokens.last(), Some(&2)); // every hypothesis ends with `</s>`
//! # Ok::<(), burnseq_search::SearchError>(())
//! ```

mod attention_maps;
mod decoder_only;
pub mod device_beam;
mod device_choice;
mod encoder_decoder;
mod model_next_token;
mod retained_dropout;
mod scorer;
mod tensor_ops;
mod text_scorer;

pub use attention_maps::{AttentionMaps, attention_maps};
pub use decoder_only::{Continuation, Continue, ContinueOptions, Prompt};
pub use device_beam::DeviceNextToken;
pub use encoder_decoder::Generate;
pub use model_next_token::ModelNextToken;
pub use retained_dropout::retained_dropout_modules;
pub use scorer::Scorer;
pub use text_scorer::{ReadText, score_texts};
