//! The parts of tokenizers whose folders have no `tokenizer.json`, as transformers converts them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::config::Config;
use super::form::{
    AddedToken, ByteLevel, Decoder, Form, Merge, Metaspace, Model, ModelKind, Normalizer, Pattern,
    PostProcessor, PreTokenizer, Sequence, SpecialToken, TemplatePiece, Vocabulary,
};
use super::special::{Class, SpecialTokens};
use super::vocabulary::Content;
use crate::error::Result;
use crate::sentencepiece::{ModelProto, ModelType, PieceType, read_model};

/// The codes of languages of mBART-25, in the order of their ids.
pub(super) const MBART_LANGUAGES: [&str; 25] = [
    "ar_AR", "cs_CZ", "de_DE", "en_XX", "es_XX", "et_EE", "fi_FI", "fr_XX", "gu_IN", "hi_IN", "it_IT",
    "ja_XX", "kk_KZ", "ko_KR", "lt_LT", "lv_LV", "my_MM", "ne_NP", "nl_XX", "ro_RO", "ru_RU", "si_LK",
    "tr_TR", "vi_VN", "zh_CN",
];

/// How characters of BERT's tokenizers are treated.
#[derive(Debug, Clone, Copy)]
pub(super) struct BertNormalization {
    pub(super) lowercase: bool,
    /// None: as `lowercase`.
    pub(super) strip_accents: Option<bool>,
    pub(super) handle_chinese_chars: bool,
}

impl BertNormalization {
    /// The settings of the file, or the defaults of transformers.
    pub(super) fn new(config: &Config) -> Result<Self> {
        if config.flag("do_basic_tokenize")? == Some(false) {
            return Err(crate::Error::InvalidSettings(
                "`do_basic_tokenize` is false in tokenizer_config.json, which is not supported".to_owned(),
            ));
        }
        Ok(Self {
            lowercase: config.flag("do_lower_case")?.unwrap_or(true),
            strip_accents: config.flag("strip_accents")?,
            handle_chinese_chars: config.flag("tokenize_chinese_chars")?.unwrap_or(true),
        })
    }

    pub(super) fn part(self) -> Normalizer {
        Normalizer::Bert {
            clean_text: true,
            handle_chinese_chars: self.handle_chinese_chars,
            strip_accents: self.strip_accents,
            lowercase: self.lowercase,
        }
    }
}

/// A form of these parts, with the special tokens behind the vocabulary where it lacks them.
struct Parts {
    normalizer: Option<Normalizer>,
    pre_tokenizer: Option<PreTokenizer>,
    decoder: Option<Decoder>,
    model: Model,
    /// Tokens that are added before the special ones.
    first: Vec<AddedToken>,
}

impl Parts {
    fn form(
        self,
        special: &SpecialTokens,
        post_processor: impl FnOnce(&Form) -> Option<PostProcessor>,
    ) -> Form {
        let mut form = Form {
            version: "1.0".to_owned(),
            truncation: None,
            padding: None,
            added_tokens: Vec::new(),
            normalizer: self.normalizer,
            pre_tokenizer: self.pre_tokenizer,
            post_processor: None,
            decoder: self.decoder,
            model: self.model,
        };
        add_tokens(&mut form, self.first.iter().chain(special.all()));
        form.post_processor = post_processor(&form);
        form
    }
}

/// Adds tokens that a form does not have as added ones: with the id of the vocabulary, or the next one.
pub(super) fn add_tokens<'a>(form: &mut Form, tokens: impl IntoIterator<Item = &'a AddedToken>) {
    let known: std::collections::HashMap<&str, u32> = form.model.vocab.iter().collect();
    let inside = form
        .added_tokens
        .iter()
        .filter(|token| known.contains_key(token.content.as_str()));
    let mut next = known.len() + form.added_tokens.len() - inside.count();
    let mut new: Vec<AddedToken> = Vec::new();
    for token in tokens {
        let all = form.added_tokens.iter().chain(&new);
        if all.into_iter().any(|other| other.content == token.content) {
            continue;
        }
        let id = known.get(token.content.as_str()).copied().unwrap_or_else(|| {
            next += 1;
            next as u32 - 1
        });
        new.push(AddedToken { id, ..token.clone() });
    }
    form.added_tokens.extend(new);
    // Those of the vocabulary first: the library numbers the others by their order.
    let vocabulary = form.model.vocab.len();
    form.added_tokens.sort_by_key(|token| {
        if (token.id as usize) < vocabulary {
            token.id
        } else {
            u32::MAX
        }
    });
}

/// The id of a token of a form.
pub(super) fn id_of(form: &Form, token: &str) -> Option<u32> {
    let added = form.added_tokens.iter().find(|added| added.content == token);
    let in_vocabulary = || {
        form.model
            .vocab
            .iter()
            .find(|(other, _)| *other == token)
            .map(|(_, id)| id)
    };
    added.map(|added| added.id).or_else(in_vocabulary)
}

/// `vocab.txt`: WordPiece as in BERT (Devlin et al. 2019).
///
/// # Errors
/// For broken files.
pub(super) fn word_piece(vocab: Content<'_>, config: &Config, special: &SpecialTokens) -> Result<Form> {
    let parts = Parts {
        normalizer: Some(BertNormalization::new(config)?.part()),
        pre_tokenizer: Some(PreTokenizer::Bert {}),
        decoder: Some(Decoder::WordPiece {
            prefix: "##".to_owned(),
            cleanup: true,
        }),
        model: Model {
            kind: Some(ModelKind::WordPiece),
            unk_token: Some(special.get("unk_token").unwrap_or("[UNK]").to_owned()),
            continuing_subword_prefix: Some("##".to_owned()),
            max_input_chars_per_word: Some(100),
            vocab: vocab.vocab_txt()?,
            ..Model::default()
        },
        first: Vec::new(),
    };
    Ok(parts.form(special, |form| {
        classification(form, special.get("cls_token")?, special.get("sep_token")?)
    }))
}

/// `[CLS] A [SEP]`, and `[CLS] A [SEP] B [SEP]` with the second text as type 1.
pub(super) fn classification(form: &Form, cls: &str, sep: &str) -> Option<PostProcessor> {
    template(
        form,
        &[Some((cls, 0)), None, Some((sep, 0))],
        &[Some((cls, 0)), None, Some((sep, 0)), None, Some((sep, 1))],
    )
}

/// A template; none stands for the next text, of type 1 where the token after it is.
pub(super) fn template(
    form: &Form,
    single: &[Option<(&str, u32)>],
    pair: &[Option<(&str, u32)>],
) -> Option<PostProcessor> {
    let mut special_tokens = super::form::SpecialTokens::new();
    for (token, _) in single.iter().chain(pair).flatten() {
        let entry = SpecialToken {
            id: (*token).to_owned(),
            ids: vec![id_of(form, token)?],
            tokens: vec![(*token).to_owned()],
        };
        special_tokens.insert((*token).to_owned(), entry);
    }
    let places = |places: &[Option<(&str, u32)>]| {
        let mut texts = 0;
        let pieces = places.iter().enumerate().map(|(number, place)| match place {
            Some((token, type_id)) => TemplatePiece::SpecialToken {
                id: (*token).to_owned(),
                type_id: *type_id,
            },
            None => {
                texts += 1;
                let after = places.get(number + 1).copied().flatten();
                TemplatePiece::Sequence {
                    id: if texts == 1 { Sequence::A } else { Sequence::B },
                    type_id: after.map_or(0, |(_, type_id)| type_id),
                }
            }
        });
        pieces.collect()
    };
    Some(PostProcessor::TemplateProcessing {
        single: places(single),
        pair: places(pair),
        special_tokens,
    })
}

/// `vocab.json` and `merges.txt` of bytes: GPT-2 (Radford et al. 2019), RoBERTa, BART.
///
/// # Errors
/// For broken files.
pub(super) fn byte_level(
    vocab: Content<'_>,
    merges: Content<'_>,
    class: Class,
    config: &Config,
    special: &SpecialTokens,
) -> Result<Form> {
    let add_prefix_space = config.flag("add_prefix_space")?.unwrap_or(false);
    let bytes = |trim_offsets| ByteLevel {
        add_prefix_space,
        trim_offsets,
        use_regex: true,
    };
    let mut model = bpe(vocab, merges)?;
    model.continuing_subword_prefix = Some(String::new());
    model.end_of_word_suffix = Some(String::new());
    let parts = Parts {
        normalizer: None,
        pre_tokenizer: Some(PreTokenizer::ByteLevel(bytes(true))),
        decoder: Some(Decoder::ByteLevel(ByteLevel {
            add_prefix_space: true,
            ..bytes(true)
        })),
        model,
        first: Vec::new(),
    };
    let add_bos = config.flag("add_bos_token")?.unwrap_or(false);
    let trim_offsets = config.flag("trim_offsets")?.unwrap_or(true);
    Ok(parts.form(special, |form| {
        let with_id = |token: &str| Some((token.to_owned(), id_of(form, token)?));
        match (class, special.get("bos_token")) {
            (Class::Roberta, _) => Some(PostProcessor::RobertaProcessing {
                sep: with_id(special.get("sep_token")?)?,
                cls: with_id(special.get("cls_token")?)?,
                trim_offsets,
                add_prefix_space,
            }),
            (_, Some(bos)) if add_bos => {
                template(form, &[Some((bos, 0)), None], &[Some((bos, 0)), None, None])
            }
            _ => Some(PostProcessor::ByteLevel(ByteLevel {
                add_prefix_space: true,
                trim_offsets: false,
                use_regex: true,
            })),
        }
    }))
}

/// `vocab.json` and `merges.txt` of characters, with `</w>` at the ends of words: GPT-1 (Radford et al. 2018).
///
/// # Errors
/// For broken files.
pub(super) fn gpt1(vocab: Content<'_>, merges: Content<'_>, special: &SpecialTokens) -> Result<Form> {
    let suffix = "</w>".to_owned();
    let mut model = bpe(vocab, merges)?;
    model.end_of_word_suffix = Some(suffix.clone());
    model.unk_token = special.get("unk_token").map(str::to_owned);
    let parts = Parts {
        normalizer: Some(
            BertNormalization {
                lowercase: true,
                strip_accents: None,
                handle_chinese_chars: true,
            }
            .part(),
        ),
        pre_tokenizer: Some(PreTokenizer::Bert {}),
        decoder: Some(Decoder::Bpe { suffix }),
        model,
        first: Vec::new(),
    };
    Ok(parts.form(special, |_| None))
}

fn bpe(vocab: Content<'_>, merges: Content<'_>) -> Result<Model> {
    let vocab_entries = vocab.vocab_json()?;
    let merges: Vec<Merge> = merges.merges_txt()?;
    Ok(Model {
        kind: Some(ModelKind::Bpe),
        fuse_unk: Some(false),
        byte_fallback: Some(false),
        ignore_merges: Some(false),
        vocab: Vocabulary::Ids(vocab_entries),
        merges: Some(merges),
        ..Model::default()
    })
}

/// `spiece.model` of ALBERT (Lan et al. 2020).
///
/// # Errors
/// For broken files.
pub(super) fn albert(model: Content<'_>, config: &Config, special: &SpecialTokens) -> Result<Form> {
    let proto = unigram(model)?;
    let keep_accents = config.flag("keep_accents")?.unwrap_or(false);
    let lowercase = config.flag("do_lower_case")?.unwrap_or(true);
    let replace = |pattern: &str, content: &str| Normalizer::Replace {
        pattern: Pattern::String(pattern.to_owned()),
        content: content.to_owned(),
    };
    let mut normalizers = vec![replace("``", "\""), replace("''", "\"")];
    if !keep_accents {
        normalizers.extend([Normalizer::Nfkd {}, Normalizer::StripAccents {}]);
    }
    if lowercase {
        normalizers.push(Normalizer::Lowercase {});
    }
    normalizers.extend(charsmap(&proto));
    normalizers.push(Normalizer::Replace {
        pattern: Pattern::Regex(" {2,}".to_owned()),
        content: " ".to_owned(),
    });
    // Pieces such as `1,` are worth little, so that the comma stands alone.
    let scores = proto.pieces.iter().map(|entry| {
        let piece = entry.piece();
        let score = f64::from(entry.score());
        let score = if ends_in_digit_and_comma(piece) {
            score - 100.0
        } else {
            score
        };
        (piece.to_owned(), score)
    });
    let parts = sentencepiece_parts(&proto, scores.collect(), unknown(&proto), normalizers);
    Ok(parts.form(special, |form| {
        classification(form, special.get("cls_token")?, special.get("sep_token")?)
    }))
}

/// `sentencepiece.bpe.model` of XLM-RoBERTa (Conneau et al. 2020) and mBART (Liu et al. 2020): ids are those of fairseq.
///
/// # Errors
/// For broken files.
pub(super) fn fairseq_unigram(
    model: Content<'_>,
    class: Class,
    config: &Config,
    special: &SpecialTokens,
) -> Result<Form> {
    let proto = unigram(model)?;
    let first = ["<s>", "<pad>", "</s>", "<unk>"].map(|token| (token.to_owned(), 0.0));
    let mut scores: Vec<(String, f64)> = first.into();
    let pieces = proto.pieces.iter().skip(3);
    scores.extend(pieces.map(|entry| (entry.piece().to_owned(), f64::from(entry.score()))));
    if class == Class::MBart {
        scores.extend(MBART_LANGUAGES.map(|code| (code.to_owned(), 0.0)));
    }
    scores.push(("<mask>".to_owned(), 0.0));
    let mut normalizers: Vec<Normalizer> = charsmap(&proto).into_iter().collect();
    normalizers.push(Normalizer::Strip {
        strip_left: false,
        strip_right: true,
    });
    normalizers.push(Normalizer::Replace {
        pattern: Pattern::Regex(" {2,}".to_owned()),
        content: "\u{2581}".to_owned(),
    });
    let mut parts = sentencepiece_parts(&proto, scores, 3, normalizers);
    if class == Class::MBart {
        let codes = MBART_LANGUAGES.iter();
        parts
            .first
            .extend(codes.map(|code| AddedToken::special(0, *code)));
    }
    let language = config.text("src_lang")?.unwrap_or("en_XX").to_owned();
    Ok(parts.form(special, |form| {
        let (bos, eos) = (special.get("bos_token")?, special.get("eos_token")?);
        match class {
            Class::MBart => language_template(form, None, &[eos, &language]),
            _ => template(
                form,
                &[Some((bos, 0)), None, Some((eos, 0))],
                &[
                    Some((bos, 0)),
                    None,
                    Some((eos, 0)),
                    Some((eos, 0)),
                    None,
                    Some((eos, 0)),
                ],
            ),
        }
    }))
}

/// A token before texts and some after them.
pub(super) fn language_template(form: &Form, before: Option<&str>, after: &[&str]) -> Option<PostProcessor> {
    let around = |texts: usize| -> Vec<Option<(&str, u32)>> {
        let before = before.iter().map(|token| Some((*token, 0)));
        let texts = std::iter::repeat_n(None, texts);
        let after = after.iter().map(|token| Some((*token, 0)));
        before.chain(texts).chain(after).collect()
    };
    template(form, &around(1), &around(2))
}

fn sentencepiece_parts(
    proto: &ModelProto,
    scores: Vec<(String, f64)>,
    unk_id: usize,
    normalizers: Vec<Normalizer>,
) -> Parts {
    let added = proto.pieces.iter().filter(|entry| {
        let added = matches!(entry.r#type(), PieceType::Control | PieceType::UserDefined);
        added && scores.iter().any(|(piece, _)| piece == entry.piece())
    });
    let added = added.map(|entry| AddedToken {
        special: entry.r#type() == PieceType::Control,
        ..AddedToken::special(0, entry.piece())
    });
    let first = added.collect();
    Parts {
        normalizer: Some(Normalizer::Sequence { normalizers }),
        pre_tokenizer: Some(PreTokenizer::Metaspace(Metaspace::sentencepiece())),
        decoder: Some(Decoder::Metaspace(Metaspace::sentencepiece())),
        model: Model {
            kind: Some(ModelKind::Unigram),
            unk_id: Some(unk_id),
            byte_fallback: Some(false),
            vocab: Vocabulary::Scores(scores),
            ..Model::default()
        },
        first,
    }
}

/// A SentencePiece model that segments with scores.
fn unigram(content: Content<'_>) -> Result<ModelProto> {
    let proto = read_model(content.bytes, content.name)?;
    let kind = proto.trainer_spec.as_ref().map(|trainer| trainer.model_type());
    if kind != Some(ModelType::Unigram) {
        return Err(content.error(
            "only unigram models become such a tokenizer; this is another kind of SentencePiece model",
        ));
    }
    Ok(proto)
}

fn unknown(proto: &ModelProto) -> usize {
    let unknown = |kind| kind == PieceType::Unknown;
    let place = proto.pieces.iter().position(|entry| unknown(entry.r#type()));
    place.expect("models that were read have one")
}

fn charsmap(proto: &ModelProto) -> Option<Normalizer> {
    let spec = proto.normalizer_spec.as_ref()?;
    let charsmap = spec.precompiled_charsmap();
    (!charsmap.is_empty()).then(|| Normalizer::Precompiled {
        precompiled_charsmap: BASE64.encode(charsmap),
    })
}

/// Whether a piece ends in what Python's `isdigit` takes for a digit, and a comma.
fn ends_in_digit_and_comma(piece: &str) -> bool {
    let mut from_end = piece.chars().rev();
    from_end.next() == Some(',') && from_end.next().is_some_and(is_digit)
}

/// Python's `isdigit`: decimal digits, and those that only look unlike them, such as superscripts and circled ones.
fn is_digit(c: char) -> bool {
    use std::sync::OnceLock;
    static DECIMAL: OnceLock<regex::Regex> = OnceLock::new();
    let decimal = DECIMAL.get_or_init(|| regex::Regex::new(r"^\p{Nd}$").expect("the expression is right"));
    let mut buffer = [0; 4];
    decimal.is_match(c.encode_utf8(&mut buffer))
        || matches!(c,
            '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{2070}' | '\u{2074}'..='\u{2079}' | '\u{2080}'..='\u{2089}'
            | '\u{1369}'..='\u{1371}' | '\u{19da}' | '\u{2460}'..='\u{2468}' | '\u{2474}'..='\u{247c}'
            | '\u{2488}'..='\u{2490}' | '\u{24ea}' | '\u{24f5}'..='\u{24fd}' | '\u{24ff}' | '\u{2776}'..='\u{277e}'
            | '\u{2780}'..='\u{2788}' | '\u{278a}'..='\u{2792}' | '\u{10a40}'..='\u{10a43}' | '\u{10e60}'..='\u{10e68}'
            | '\u{11052}'..='\u{1105a}' | '\u{1f100}'..='\u{1f10a}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_python() {
        for piece in ["1,", "▁12,", "², ".trim(), "٣,"] {
            assert!(ends_in_digit_and_comma(piece), "{piece}");
        }
        for piece in [",", "a,", "1", "½,", "1,2"] {
            assert!(!ends_in_digit_and_comma(piece), "{piece}");
        }
    }
}
