//! Learning WordPiece and byte-level BPE tokenizers, as the library's own trainers do.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use rustc_hash::FxHashMap;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{OffsetReferential, OffsetType, PreTokenizer as _, Tokenizer};

use super::assemble::{BertNormalization, add_tokens};
use super::form::{
    AddedToken, ByteLevel, Decoder, Form, Merge, Model, ModelKind, Normalizer, PostProcessor, PreTokenizer,
    Vocabulary,
};
use super::library;
use super::special::{Class, SpecialTokens};
use super::subword::byte_tokens;
use super::{assemble, config};
use crate::error::{Error, Result};

/// What kind of tokenizer is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearnedKind {
    /// WordPiece, as for BERT (Schuster and Nakajima 2012, Devlin et al. 2019).
    WordPiece,
    /// BPE on bytes, as for GPT-2 (Radford et al. 2019).
    ByteBpe,
}

/// How a tokenizer is learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HfLearnOptions {
    /// The kind.
    pub kind: LearnedKind,
    /// Tokens, special ones and the alphabet included.
    pub vocab_size: usize,
    /// Pairs seen less often are not joined.
    pub min_frequency: u64,
    /// Tokens that come first and stay whole in text. Those of WordPiece must hold `[UNK]`.
    pub special_tokens: Vec<String>,
    /// Most characters that a WordPiece vocabulary keeps, the most frequent ones; none for all.
    pub limit_alphabet: Option<usize>,
    /// Characters that a WordPiece vocabulary holds, whether they are seen or not.
    pub initial_alphabet: Vec<char>,
    /// Text is put in lower case, and WordPiece removes accents too.
    pub lowercase: bool,
    /// Byte-level BPE puts a blank before text, so that its first word is segmented as any other.
    pub add_prefix_space: bool,
}

/// The special tokens of BERT, in the order of their ids.
const BERT_TOKENS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/// What continues a word in WordPiece.
const PREFIX: &str = "##";

impl HfLearnOptions {
    /// The defaults of the library's Python classes `BertWordPieceTokenizer` and `ByteLevelBPETokenizer`, but for the case of
    /// letters, which is kept.
    pub fn new(kind: LearnedKind, vocab_size: usize) -> Self {
        let pieces = kind == LearnedKind::WordPiece;
        Self {
            kind,
            vocab_size,
            min_frequency: 2,
            special_tokens: match kind {
                LearnedKind::WordPiece => BERT_TOKENS.map(str::to_owned).into(),
                LearnedKind::ByteBpe => Vec::new(),
            },
            limit_alphabet: pieces.then_some(1000),
            initial_alphabet: Vec::new(),
            lowercase: false,
            add_prefix_space: false,
        }
    }

    /// Checks ranges and combinations.
    ///
    /// # Errors
    /// [`Error::InvalidOption`].
    pub fn validate(&self) -> Result<()> {
        let pieces = self.kind == LearnedKind::WordPiece;
        if self.vocab_size == 0 || self.vocab_size > i32::MAX as usize {
            return Err(Error::option(
                "vocab_size",
                "between 1 and 2147483647",
                self.vocab_size,
            ));
        }
        for (number, token) in self.special_tokens.iter().enumerate() {
            let blank = token.is_empty() || token.contains(char::is_whitespace);
            if blank || self.special_tokens[..number].contains(token) {
                return Err(Error::option(
                    "special_tokens",
                    "words without blanks, each once",
                    format!("{token:?}"),
                ));
            }
        }
        if pieces && self.special_tokens.iter().all(|token| token != "[UNK]") {
            return Err(Error::option(
                "special_tokens",
                "a list that holds [UNK], for what is not in the vocabulary",
                self.special_tokens.join(","),
            ));
        }
        if !pieces && (self.limit_alphabet.is_some() || !self.initial_alphabet.is_empty()) {
            return Err(Error::option(
                "limit_alphabet and initial_alphabet",
                "left out: the alphabet of bytes is all bytes",
                self.limit_alphabet.unwrap_or_default(),
            ));
        }
        if pieces && self.add_prefix_space {
            return Err(Error::option("add_prefix_space", "left out for WordPiece", true));
        }
        if self.limit_alphabet == Some(0) {
            return Err(Error::option("limit_alphabet", "at least 1", 0));
        }
        Ok(())
    }

    /// The tokenizer around a vocabulary.
    fn form(&self, model: Model) -> Form {
        let mut form = Form {
            version: "1.0".to_owned(),
            truncation: None,
            padding: None,
            added_tokens: Vec::new(),
            normalizer: None,
            pre_tokenizer: None,
            post_processor: None,
            decoder: None,
            model,
        };
        match self.kind {
            LearnedKind::WordPiece => {
                let normalization = BertNormalization {
                    lowercase: self.lowercase,
                    strip_accents: None,
                    handle_chinese_chars: true,
                };
                form.normalizer = Some(normalization.part());
                form.pre_tokenizer = Some(PreTokenizer::Bert {});
                form.decoder = Some(Decoder::WordPiece {
                    prefix: PREFIX.to_owned(),
                    cleanup: true,
                });
            }
            LearnedKind::ByteBpe => {
                let bytes = |add_prefix_space, trim_offsets| ByteLevel {
                    add_prefix_space,
                    trim_offsets,
                    use_regex: true,
                };
                form.normalizer = self.lowercase.then_some(Normalizer::Lowercase {});
                form.pre_tokenizer = Some(PreTokenizer::ByteLevel(bytes(self.add_prefix_space, true)));
                form.decoder = Some(Decoder::ByteLevel(bytes(true, true)));
                form.post_processor = Some(PostProcessor::ByteLevel(bytes(true, false)));
            }
        }
        form
    }
}

/// Collects words, and learns a tokenizer of them.
#[derive(Clone)]
pub struct HfLearner {
    options: HfLearnOptions,
    /// Splits text into words; its vocabulary is not used.
    splitter: Tokenizer,
    counts: FxHashMap<String, u64>,
}

impl fmt::Debug for HfLearner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("HfLearner");
        fields
            .field("options", &self.options)
            .field("words", &self.counts.len());
        fields.finish_non_exhaustive()
    }
}

impl HfLearner {
    /// Begins without words.
    ///
    /// # Errors
    /// [`Error::InvalidOption`].
    pub fn new(options: HfLearnOptions) -> Result<Self> {
        options.validate()?;
        let unknown = Model {
            kind: Some(ModelKind::WordLevel),
            unk_token: Some("[UNK]".to_owned()),
            vocab: Vocabulary::Ids(vec![("[UNK]".to_owned(), 0)]),
            ..Model::default()
        };
        let splitter = library::build(&options.form(unknown)).expect("its parts are right");
        Ok(Self {
            options,
            splitter,
            counts: FxHashMap::default(),
        })
    }

    /// Adds the words of a line.
    ///
    /// # Errors
    /// [`Error::HuggingFaceEncode`], which does not happen with the parts that are used here.
    pub fn add_line(&mut self, line: &str) -> Result<()> {
        // The library reads files with their line ends, and its trainers count those.
        let line = format!("{line}\n");
        let error = |cause: tokenizers::Error| Error::HuggingFaceEncode {
            text: line.chars().take(80).collect(),
            reason: cause.to_string(),
        };
        let added = self.splitter.get_added_vocabulary();
        let mut words = added.extract_and_normalize(self.splitter.get_normalizer(), &line);
        if let Some(pre_tokenizer) = self.splitter.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut words).map_err(error)?;
        }
        for (word, ..) in words.get_splits(OffsetReferential::Original, OffsetType::None) {
            match self.counts.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    self.counts.insert(word.to_owned(), 1);
                }
            }
        }
        Ok(())
    }

    /// Takes over the words of another one.
    pub fn merge(&mut self, other: Self) {
        for (word, count) in other.counts {
            *self.counts.entry(word).or_default() += count;
        }
    }

    /// The same with a size of at least twice what special tokens and alphabet need.
    #[must_use]
    pub fn with_room(mut self) -> Self {
        let needed = 2 * self.first_tokens().len();
        self.options.vocab_size = self.options.vocab_size.max(needed);
        self
    }

    /// Learns the tokenizer.
    ///
    /// # Errors
    /// [`Error::EmptyCorpus`] without words, and [`Error::TokenizerTooSmall`].
    pub fn learn(self) -> Result<HfLearned> {
        if self
            .counts
            .keys()
            .all(|word| word.trim().is_empty() || word == "\u{10a}")
        {
            return Err(Error::EmptyCorpus);
        }
        let first = self.first_tokens();
        if first.len() > self.options.vocab_size {
            return Err(Error::TokenizerTooSmall {
                vocab_size: self.options.vocab_size,
                required: first.len(),
            });
        }
        // Tokens that are named first have the ids that the library gives them when it sees words in alphabetical order. Its
        // own order of words changes from run to run, and with it which of two merges of the same frequency comes first.
        let tokens = first.iter().map(|token| token_of_trainer(token));
        let mut trainer = BpeTrainer::builder()
            .vocab_size(self.options.vocab_size)
            .min_frequency(self.options.min_frequency)
            .show_progress(false)
            .special_tokens(tokens.collect());
        if self.options.kind == LearnedKind::WordPiece {
            // The alphabet is complete.
            trainer = trainer
                .continuing_subword_prefix(PREFIX.to_owned())
                .limit_alphabet(0);
        }
        let mut model = BPE::default();
        let counts = self
            .counts
            .iter()
            .map(|(word, count)| (word.as_str().into(), *count));
        trainer
            .build()
            .do_train(&counts.collect(), &mut model)
            .map_err(|cause| Error::InvalidSettings(cause.to_string()))?;
        let mut form = self.options.form(self.model(&model));
        let special: Vec<AddedToken> = self
            .options
            .special_tokens
            .iter()
            .map(|token| AddedToken::special(0, token.clone()))
            .collect();
        add_tokens(&mut form, &special);
        if self.options.kind == LearnedKind::WordPiece {
            let config = config::Config::default();
            let roles = SpecialTokens::new(&Class::Bert, &config)?;
            let (cls, sep) = (
                roles.get("cls_token").unwrap_or_default(),
                roles.get("sep_token").unwrap_or_default(),
            );
            form.post_processor = assemble::classification(&form, cls, sep);
        }
        let size = form.model.vocab.len();
        let mut json = serde_json::to_string_pretty(&form).expect("forms can be written");
        json.push('\n');
        Ok(HfLearned { json, size })
    }

    /// Special tokens, then the alphabet in the order of its characters, then what continues words.
    fn first_tokens(&self) -> Vec<String> {
        let mut first = self.options.special_tokens.clone();
        let mut seen: HashSet<String> = first.iter().cloned().collect();
        let mut add = |token: String| {
            if seen.insert(token.clone()) {
                first.push(token);
            }
        };
        match self.options.kind {
            LearnedKind::ByteBpe => byte_tokens().into_iter().for_each(add),
            LearnedKind::WordPiece => {
                let alphabet = self.alphabet();
                alphabet.keys().for_each(|c| add(c.to_string()));
                // In the library the first word that holds one gives it its number.
                let mut words: Vec<&String> = self.counts.keys().collect();
                words.sort_unstable();
                let inner = words.iter().flat_map(|word| word.chars().skip(1));
                for c in inner.filter(|c| alphabet.contains_key(c)) {
                    add(format!("{PREFIX}{c}"));
                }
            }
        }
        first
    }

    /// The characters that are kept: the most frequent ones, and of equals those that come first.
    fn alphabet(&self) -> BTreeMap<char, u64> {
        let mut counts: HashMap<char, u64> = HashMap::new();
        for (word, count) in &self.counts {
            for c in word.chars() {
                *counts.entry(c).or_default() += count;
            }
        }
        for &c in &self.options.initial_alphabet {
            counts.insert(c, u64::MAX);
        }
        let mut kept: Vec<(char, u64)> = counts.into_iter().collect();
        kept.sort_unstable_by_key(|&(c, count)| (std::cmp::Reverse(count), c));
        kept.truncate(self.options.limit_alphabet.unwrap_or(usize::MAX));
        kept.into_iter().collect()
    }

    /// The model of `tokenizer.json`, from what the trainer made.
    fn model(&self, learned: &BPE) -> Model {
        let mut entries: Vec<(String, u32)> = learned.get_vocab().into_iter().collect();
        entries.sort_by_key(|(_, id)| *id);
        let vocab = Vocabulary::Ids(entries);
        match self.options.kind {
            LearnedKind::WordPiece => Model {
                kind: Some(ModelKind::WordPiece),
                unk_token: Some("[UNK]".to_owned()),
                continuing_subword_prefix: Some(PREFIX.to_owned()),
                max_input_chars_per_word: Some(100),
                vocab,
                ..Model::default()
            },
            LearnedKind::ByteBpe => Model {
                kind: Some(ModelKind::Bpe),
                continuing_subword_prefix: Some(String::new()),
                end_of_word_suffix: Some(String::new()),
                fuse_unk: Some(false),
                byte_fallback: Some(false),
                ignore_merges: Some(false),
                vocab,
                merges: Some(merges(learned)),
                ..Model::default()
            },
        }
    }
}

fn token_of_trainer(token: &str) -> tokenizers::AddedToken {
    tokenizers::AddedToken::from(token, true)
}

/// The merges of a model, which it gives out in its file only.
fn merges(model: &BPE) -> Vec<Merge> {
    #[derive(serde::Deserialize)]
    struct Merges {
        merges: Vec<Merge>,
    }
    let json = serde_json::to_string(model).expect("models can be written");
    let read: Merges = serde_json::from_str(&json).expect("they have merges");
    read.merges
}

/// A learnt tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HfLearned {
    /// Content of its `tokenizer.json`.
    pub json: String,
    /// Tokens, special ones included.
    pub size: usize,
}
