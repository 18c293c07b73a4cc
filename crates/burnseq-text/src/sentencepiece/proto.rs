//! The parts of SentencePiece's protocol buffer that are written and read here.
//!
//! Field numbers and enum values are those of its `sentencepiece_model.proto`; fields not listed
//! keep their defaults when writing and are skipped when reading. Those that matter to segmenting are
//! all listed; the others describe training or serve the library's own joining of pieces.

/// A whole `.model` file.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    pub(crate) trainer_spec: Option<TrainerSpec>,
    #[prost(message, optional, tag = "3")]
    pub(crate) normalizer_spec: Option<NormalizerSpec>,
    #[prost(message, optional, tag = "4")]
    pub(crate) self_test_data: Option<SelfTestData>,
}

/// An entry of the vocabulary.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Piece {
    #[prost(string, optional, tag = "1")]
    pub(crate) piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub(crate) score: Option<f32>,
    /// Absent for ordinary pieces.
    #[prost(enumeration = "PieceType", optional, tag = "3")]
    pub(crate) r#type: Option<i32>,
}

/// What a piece stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum PieceType {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// How the model was learnt.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TrainerSpec {
    #[prost(enumeration = "ModelType", optional, tag = "3")]
    pub(crate) model_type: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    pub(crate) vocab_size: Option<i32>,
    #[prost(float, optional, tag = "10")]
    pub(crate) character_coverage: Option<f32>,
    #[prost(int32, optional, tag = "18")]
    pub(crate) max_sentence_length: Option<i32>,
    #[prost(int32, optional, tag = "20")]
    pub(crate) max_sentencepiece_length: Option<i32>,
    /// Blanks end words instead of beginning them.
    #[prost(bool, optional, tag = "24")]
    pub(crate) treat_whitespace_as_suffix: Option<bool>,
    #[prost(bool, optional, tag = "35")]
    pub(crate) byte_fallback: Option<bool>,
}

/// The kind of model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum ModelType {
    Unigram = 1,
    Bpe = 2,
    Word = 3,
    Char = 4,
}

/// What the model does to text before it segments.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NormalizerSpec {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) precompiled_charsmap: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "3", default = "true")]
    pub(crate) add_dummy_prefix: Option<bool>,
    #[prost(bool, optional, tag = "4", default = "true")]
    pub(crate) remove_extra_whitespaces: Option<bool>,
    #[prost(bool, optional, tag = "5", default = "true")]
    pub(crate) escape_whitespaces: Option<bool>,
}

/// Texts and their segmentations, which the library compares when it loads the model.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SelfTestData {
    #[prost(message, repeated, tag = "1")]
    pub(crate) samples: Vec<SelfTest>,
}

/// One of them.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SelfTest {
    #[prost(string, optional, tag = "1")]
    pub(crate) input: Option<String>,
    /// Pieces, separated by blanks.
    #[prost(string, optional, tag = "2")]
    pub(crate) expected: Option<String>,
}
