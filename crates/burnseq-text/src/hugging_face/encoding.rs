//! What a tokenizer gives for a text or a pair of texts.

/// A text, or a pair of texts, as tokens.
///
/// All lists have one entry for each token, special tokens around the texts included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HfEncoding {
    /// Ids of the vocabulary.
    pub ids: Vec<u32>,
    /// The texts of the tokens. Where a model replaces what it does not know, it is the replacement (`[UNK]`) or, with unigram
    /// models, what stood in the text.
    pub tokens: Vec<String>,
    /// 0 for tokens of the first text, 1 for those of the second, where the tokenizer distinguishes them.
    pub type_ids: Vec<u32>,
    /// Whether a token was added around the texts.
    pub special_tokens_mask: Vec<bool>,
    /// Where a token lies in its text: from which character on, and before which one it ends. (0, 0) for added tokens.
    pub offsets: Vec<(usize, usize)>,
    /// As `offsets`, in bytes of UTF-8.
    pub byte_offsets: Vec<(usize, usize)>,
    /// The number of the word that a token belongs to, within its text; none for added tokens.
    pub words: Vec<Option<u32>>,
    /// Which text a token is of: 0 or 1; none for added tokens.
    pub sequence_ids: Vec<Option<u8>>,
    /// What was cut off, as windows with the same special tokens around them. They overlap by the stride.
    pub overflowing: Vec<HfEncoding>,
}

impl HfEncoding {
    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// How texts become tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Whether the tokens that the model expects around texts are added.
    pub add_special_tokens: bool,
    /// How long the result may be; none for any length.
    pub truncation: Option<Truncation>,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            add_special_tokens: true,
            truncation: None,
        }
    }
}

/// How texts are shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncation {
    /// Most tokens, special tokens included.
    pub max_length: usize,
    /// Which text is shortened.
    pub strategy: TruncationStrategy,
    /// The side at which tokens are removed.
    pub side: Side,
    /// How many tokens neighbouring windows of [`HfEncoding::overflowing`] have in common.
    pub stride: usize,
}

impl Truncation {
    /// Shortens the longer text, at its end.
    pub fn new(max_length: usize) -> Self {
        Self {
            max_length,
            strategy: TruncationStrategy::LongestFirst,
            side: Side::Right,
            stride: 0,
        }
    }
}

/// Which text of a pair is shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TruncationStrategy {
    /// The longer one, token by token.
    #[default]
    LongestFirst,
    /// The first one.
    OnlyFirst,
    /// The second one.
    OnlySecond,
}

/// A side of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// The beginning.
    Left,
    /// The end.
    #[default]
    Right,
}
