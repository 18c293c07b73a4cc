//! Which tokens stand for beginning, end, padding and the like.

use super::config::{Config, NamedToken};
use super::form::AddedToken;
use crate::error::Result;

/// Ids of the special tokens; those that a tokenizer lacks are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HfSpecialIds {
    /// Beginning of a text.
    pub bos: Option<u32>,
    /// End of a text.
    pub eos: Option<u32>,
    /// What is not in the vocabulary.
    pub unk: Option<u32>,
    /// Between two texts, and after the last one.
    pub sep: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// Before the first text, for its class.
    pub cls: Option<u32>,
    /// In place of a token that is to be predicted.
    pub mask: Option<u32>,
    /// Further ones, in the order of the files.
    pub additional: Vec<u32>,
}

impl HfSpecialIds {
    /// All of them; an id that has several roles is there several times.
    pub fn all(&self) -> Vec<u32> {
        let Self {
            bos,
            eos,
            unk,
            sep,
            pad,
            cls,
            mask,
            additional,
        } = self;
        let roles = [bos, eos, unk, sep, pad, cls, mask];
        roles.into_iter().flatten().chain(additional).copied().collect()
    }
}

/// The names of the roles in files, in the order in which transformers adds tokens.
pub(super) const ROLES: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// Special tokens by role, and further ones.
#[derive(Debug, Clone, Default)]
pub(super) struct SpecialTokens {
    pub(super) roles: [Option<AddedToken>; 7],
    pub(super) additional: Vec<AddedToken>,
}

impl SpecialTokens {
    /// The tokens of a class, where the files of the folder do not name others.
    ///
    /// # Errors
    /// For values that are no tokens.
    pub(super) fn new(class: &Class, config: &Config) -> Result<Self> {
        let mut roles: [Option<AddedToken>; 7] = Default::default();
        for (role, (slot, default)) in ROLES.iter().zip(roles.iter_mut().zip(class.defaults())) {
            let named = match config.token(role)? {
                None => default.map(|content| NamedToken {
                    content: content.to_owned(),
                    matching: None,
                }),
                Some(named) => named,
            };
            *slot = named.map(|named| class.added(named, *role == "mask_token"));
        }
        let additional = config.additional_tokens()?;
        let additional = additional.into_iter().map(|named| class.added(named, false));
        Ok(Self {
            roles,
            additional: additional.collect(),
        })
    }

    /// All of them, each once, in the order in which they are added.
    pub(super) fn all(&self) -> Vec<&AddedToken> {
        let mut all: Vec<&AddedToken> = Vec::new();
        for token in self.roles.iter().flatten().chain(&self.additional) {
            if all.iter().all(|other| other.content != token.content) {
                all.push(token);
            }
        }
        all
    }

    /// The token of a role, such as `unk_token`.
    pub(super) fn get(&self, role: &str) -> Option<&str> {
        let number = ROLES.iter().position(|name| *name == role)?;
        self.roles[number].as_ref().map(|token| token.content.as_str())
    }

    /// Their ids.
    pub(super) fn ids(&self, id: impl Fn(&str) -> Option<u32>) -> HfSpecialIds {
        let of = |number: usize| self.roles[number].as_ref().and_then(|token| id(&token.content));
        let additional = self.additional.iter();
        HfSpecialIds {
            bos: of(0),
            eos: of(1),
            unk: of(2),
            sep: of(3),
            pad: of(4),
            cls: of(5),
            mask: of(6),
            additional: additional.filter_map(|token| id(&token.content)).collect(),
        }
    }
}

/// The tokenizer classes of transformers whose vocabularies are read, by how they treat special tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Bert,
    Gpt2,
    Roberta,
    Gpt1,
    Albert,
    XlmRoberta,
    MBart,
    Marian,
    M2m100,
    /// Another one, whose `tokenizer.json` says everything.
    Other,
}

impl Class {
    /// The class by the name of a tokenizer class or of a model type, in lower case.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "bert" | "distilbert" | "electra" | "mobilebert" => Self::Bert,
            "gpt2" => Self::Gpt2,
            "roberta" | "bart" => Self::Roberta,
            "openaigpt" | "openai-gpt" => Self::Gpt1,
            "albert" => Self::Albert,
            "xlmroberta" | "xlm-roberta" => Self::XlmRoberta,
            "mbart" => Self::MBart,
            "marian" | "marianmt" => Self::Marian,
            "m2m100" | "m2m_100" => Self::M2m100,
            _ => return None,
        })
    }

    /// The special tokens that the class has when no file names others, in the order of [`ROLES`].
    fn defaults(self) -> [Option<&'static str>; 7] {
        match self {
            Self::Bert => [
                None,
                None,
                Some("[UNK]"),
                Some("[SEP]"),
                Some("[PAD]"),
                Some("[CLS]"),
                Some("[MASK]"),
            ],
            Self::Gpt2 => {
                let end = Some("<|endoftext|>");
                [end, end, end, None, None, None, None]
            }
            Self::Roberta | Self::XlmRoberta | Self::MBart => [
                Some("<s>"),
                Some("</s>"),
                Some("<unk>"),
                Some("</s>"),
                Some("<pad>"),
                Some("<s>"),
                Some("<mask>"),
            ],
            Self::Gpt1 => [None, None, Some("<unk>"), None, None, None, None],
            Self::Albert => [
                Some("[CLS]"),
                Some("[SEP]"),
                Some("<unk>"),
                Some("[SEP]"),
                Some("<pad>"),
                Some("[CLS]"),
                Some("[MASK]"),
            ],
            Self::Marian => [None, Some("</s>"), Some("<unk>"), None, Some("<pad>"), None, None],
            Self::M2m100 => [
                Some("<s>"),
                Some("</s>"),
                Some("<unk>"),
                Some("</s>"),
                Some("<pad>"),
                None,
                None,
            ],
            Self::Other => [None; 7],
        }
    }

    /// A token as the class finds it in text, where the file does not say how.
    fn added(self, named: NamedToken, is_mask: bool) -> AddedToken {
        if let Some(matching) = named.matching {
            return AddedToken {
                special: true,
                ..matching
            };
        }
        let takes_blank = matches!(
            self,
            Self::Roberta | Self::Albert | Self::XlmRoberta | Self::MBart
        );
        AddedToken {
            lstrip: is_mask && takes_blank,
            // Nothing is normalised there, so it only says which tokens are looked for first.
            normalized: matches!(self, Self::Gpt2 | Self::Roberta) && !is_mask,
            ..AddedToken::special(0, named.content)
        }
    }
}
