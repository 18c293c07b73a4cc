//! What the library takes for granted in a tokenizer: where one of these rules does not hold, it panics, loops or gives
//! other tokens than the file says.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::form::{
    Decoder, Form, Model, ModelKind, Normalizer, Pattern, PostProcessor, PreTokenizer, SpecialTokens,
};
use super::form::{Sequence, TemplatePiece, Vocabulary};
use super::pattern;
use crate::sentencepiece::validate_charsmap;

/// Bytes of the longest token, and of the texts that parts put in.
const LONGEST: usize = 4096;

/// Makes sure that a tokenizer can be built and takes any text.
///
/// # Errors
/// What is wrong, with the place in the file.
pub(super) fn check(form: &Form) -> Result<(), String> {
    if form.version != "1.0" {
        return Err(format!("`version` is {:?}; only 1.0 is supported", form.version));
    }
    check_model(&form.model)?;
    check_added(form)?;
    let check = || {
        form.normalizer.as_ref().map_or(Ok(()), normalizer)?;
        form.pre_tokenizer.as_ref().map_or(Ok(()), pre_tokenizer)?;
        form.decoder.as_ref().map_or(Ok(()), decoder)?;
        let size = form.model.vocab.len() + form.added_tokens.len();
        let processor = form.post_processor.as_ref();
        processor.map_or(Ok(()), |processor| post_processor(processor, size))
    };
    check()
}

/// The ids of a vocabulary are 0, 1, 2 and so on, each once, and so are its tokens.
///
/// # Errors
/// The token or id at fault.
pub(super) fn check_ids<'a>(entries: impl IntoIterator<Item = (&'a str, u32)>) -> Result<(), String> {
    let mut tokens: HashMap<&str, u32> = HashMap::new();
    let mut ids: HashMap<u32, &str> = HashMap::new();
    for (token, id) in entries {
        if let Some(other) = tokens.insert(token, id) {
            return Err(format!(
                "the token {token:?} is listed twice, with ids {other} and {id}"
            ));
        }
        if let Some(other) = ids.insert(id, token) {
            return Err(format!("the id {id} is given twice, to {other:?} and {token:?}"));
        }
    }
    let missing = (0..).zip(0..ids.len()).find(|(id, _)| !ids.contains_key(id));
    match missing {
        None => Ok(()),
        Some((id, _)) => Err(format!(
            "no token has the id {id}, although ids go up to {}",
            ids.keys().max().expect("there are ids")
        )),
    }
}

fn check_model(model: &Model) -> Result<(), String> {
    let kind = model.kind();
    let scores = matches!(model.vocab, Vocabulary::Scores(_));
    if scores != (kind == ModelKind::Unigram) {
        return Err(format!(
            "the `vocab` of the model is not that of the type {kind:?}"
        ));
    }
    if model.vocab.len() == 0 {
        return Err("the vocabulary is empty".to_owned());
    }
    for (token, id) in model.vocab.iter() {
        if token.is_empty() || token.len() > LONGEST {
            return Err(format!(
                "the token with id {id} has {} bytes; 1 to {LONGEST} are possible",
                token.len()
            ));
        }
    }
    only_fields_of(model, kind)?;
    let known = |token: &str| model.vocab.iter().any(|(other, _)| other == token);
    let unk = model.unk_token.as_deref();
    match kind {
        ModelKind::Unigram => {
            if model.unk_id.is_none_or(|id| id >= model.vocab.len()) {
                return Err("the `unk_id` of the model is no id of its vocabulary".to_owned());
            }
            if let Vocabulary::Scores(entries) = &model.vocab
                && let Some((token, score)) = entries.iter().find(|(_, score)| !score.is_finite())
            {
                return Err(format!("the score of {token:?}, {score}, is not a finite number"));
            }
        }
        ModelKind::WordPiece | ModelKind::WordLevel => {
            let unk = unk.ok_or("the `unk_token` of the model is missing")?;
            if !known(unk) {
                return Err(format!("the `unk_token` {unk:?} is not in the vocabulary"));
            }
        }
        ModelKind::Bpe => {
            // Older files of GPT-2 have an empty one, which stands for none.
            if let Some(unk) = unk.filter(|unk| !unk.is_empty())
                && !known(unk)
            {
                return Err(format!("the `unk_token` {unk:?} is not in the vocabulary"));
            }
            check_merges(model)?;
        }
    }
    Ok(())
}

/// Fields of other kinds of models are not there.
fn only_fields_of(model: &Model, kind: ModelKind) -> Result<(), String> {
    let (bpe, unigram) = (kind == ModelKind::Bpe, kind == ModelKind::Unigram);
    let pieces = kind == ModelKind::WordPiece;
    let fields = [
        ("dropout", model.dropout.is_some(), bpe),
        ("unk_token", model.unk_token.is_some(), !unigram),
        ("unk_id", model.unk_id.is_some(), unigram),
        (
            "continuing_subword_prefix",
            model.continuing_subword_prefix.is_some(),
            bpe || pieces,
        ),
        ("end_of_word_suffix", model.end_of_word_suffix.is_some(), bpe),
        (
            "max_input_chars_per_word",
            model.max_input_chars_per_word.is_some(),
            pieces,
        ),
        ("fuse_unk", model.fuse_unk.is_some(), bpe),
        ("byte_fallback", model.byte_fallback.is_some(), bpe || unigram),
        ("ignore_merges", model.ignore_merges.is_some(), bpe),
        ("merges", model.merges.is_some(), bpe),
    ];
    if let Some((name, ..)) = fields.iter().find(|(_, there, fits)| *there && !fits) {
        return Err(format!("models of the type {kind:?} have no field `{name}`"));
    }
    if let Some(dropout) = model.dropout.filter(|&dropout| dropout != 0.0) {
        return Err(format!(
            "its `dropout` is {dropout}: the same text would have other tokens each time\nhint: set it to null in the file"
        ));
    }
    Ok(())
}

/// Merges are of tokens and give tokens.
fn check_merges(model: &Model) -> Result<(), String> {
    let merges = model
        .merges
        .as_deref()
        .ok_or("the `merges` of the model are missing")?;
    let known: std::collections::HashSet<&str> = model.vocab.iter().map(|(token, _)| token).collect();
    let prefix = model.continuing_subword_prefix.as_deref().unwrap_or("");
    for (rank, merge) in merges.iter().enumerate() {
        let (left, right) = (&merge.0, &merge.1);
        let wrong = |problem: String| Err(format!("merge {rank}, {left:?} and {right:?}: {problem}"));
        for part in [left, right] {
            if !known.contains(part.as_str()) {
                return wrong(format!("{part:?} is not in the vocabulary"));
            }
        }
        let Some(rest) = right.strip_prefix(prefix) else {
            return wrong(format!("the second token does not begin with {prefix:?}"));
        };
        let joined = format!("{left}{rest}");
        if !known.contains(joined.as_str()) {
            return wrong(format!("the result, {joined:?}, is not in the vocabulary"));
        }
    }
    Ok(())
}

/// Tokens of the model and added ones together have each id once.
fn check_added(form: &Form) -> Result<(), String> {
    for token in &form.added_tokens {
        if token.content.is_empty() || token.content.len() > LONGEST {
            return Err(format!(
                "the added token with id {} has {} bytes; 1 to {LONGEST} are possible",
                token.id,
                token.content.len()
            ));
        }
    }
    let ids: HashMap<&str, u32> = form.model.vocab.iter().collect();
    let mut new = Vec::new();
    let mut seen = HashMap::new();
    for token in &form.added_tokens {
        if seen.insert(token.content.as_str(), token.id).is_some() {
            return Err(format!("the added token {:?} is listed twice", token.content));
        }
        match ids.get(token.content.as_str()) {
            Some(&id) if id == token.id => {}
            Some(&id) => {
                return Err(format!(
                    "the added token {:?} has id {}, but {id} in the vocabulary",
                    token.content, token.id
                ));
            }
            None => new.push((token.content.as_str(), token.id)),
        }
    }
    // The library numbers them by their order, behind the vocabulary.
    check_ids(form.model.vocab.iter().chain(new.iter().copied()))?;
    if let Some(pair) = new.windows(2).find(|pair| pair[0].1 > pair[1].1) {
        return Err(format!(
            "the added token {:?} stands before {:?}, whose id is smaller",
            pair[0].0, pair[1].0
        ));
    }
    match new.first() {
        Some(&(token, id)) if (id as usize) < form.model.vocab.len() => Err(format!(
            "the added token {token:?} has the id {id}, which lies inside of the vocabulary"
        )),
        _ => Ok(()),
    }
}

fn text(name: &str, content: &str) -> Result<(), String> {
    if content.len() > LONGEST {
        return Err(format!("`{name}` has more than {LONGEST} bytes"));
    }
    Ok(())
}

fn check_pattern(pattern: &Pattern) -> Result<(), String> {
    match pattern {
        Pattern::String(text) if text.is_empty() => Err("a `pattern` is empty".to_owned()),
        Pattern::String(content) => text("pattern", content),
        Pattern::Regex(expression) => pattern::check(expression),
    }
}

fn normalizer(part: &Normalizer) -> Result<(), String> {
    match part {
        Normalizer::Precompiled { precompiled_charsmap } => {
            match charsmap(precompiled_charsmap)?.as_slice() {
                [] => Err("`precompiled_charsmap` is empty".to_owned()),
                bytes => validate_charsmap(bytes),
            }
        }
        Normalizer::Replace { pattern, content } => {
            check_pattern(pattern)?;
            text("content", content)
        }
        Normalizer::Prepend { prepend } => text("prepend", prepend),
        Normalizer::Sequence { normalizers } => normalizers.iter().try_for_each(normalizer),
        _ => Ok(()),
    }
}

fn charsmap(text: &str) -> Result<Vec<u8>, String> {
    BASE64
        .decode(text)
        .map_err(|cause| format!("`precompiled_charsmap` is not in base 64: {cause}"))
}

fn pre_tokenizer(part: &PreTokenizer) -> Result<(), String> {
    match part {
        PreTokenizer::Split { pattern, .. } => check_pattern(pattern),
        PreTokenizer::Sequence { pretokenizers } => pretokenizers.iter().try_for_each(pre_tokenizer),
        _ => Ok(()),
    }
}

fn decoder(part: &Decoder) -> Result<(), String> {
    match part {
        Decoder::Strip { stop, .. } if *stop > 0 => {
            Err("a decoder `Strip` with a `stop` above 0 is not supported".to_owned())
        }
        Decoder::Replace { pattern, content } => {
            check_pattern(pattern)?;
            text("content", content)
        }
        Decoder::Sequence { decoders } => decoders.iter().try_for_each(decoder),
        _ => Ok(()),
    }
}

fn post_processor(part: &PostProcessor, size: usize) -> Result<(), String> {
    let check_id = |name: &str, id: u32| {
        if id as usize >= size {
            return Err(format!(
                "the special token {name:?} has the id {id}, but there are {size} tokens"
            ));
        }
        Ok(())
    };
    match part {
        PostProcessor::BertProcessing { sep, cls } | PostProcessor::RobertaProcessing { sep, cls, .. } => {
            check_id(&sep.0, sep.1)?;
            check_id(&cls.0, cls.1)
        }
        PostProcessor::ByteLevel(_) => Ok(()),
        PostProcessor::Sequence { processors } => {
            let mut processors = processors.iter();
            processors.try_for_each(|part| post_processor(part, size))
        }
        PostProcessor::TemplateProcessing {
            single,
            pair,
            special_tokens,
        } => {
            for (name, token) in special_tokens {
                if token.ids.is_empty() || token.ids.len() != token.tokens.len() {
                    return Err(format!(
                        "the special token {name:?} has {} ids and {} tokens",
                        token.ids.len(),
                        token.tokens.len()
                    ));
                }
                token.ids.iter().try_for_each(|&id| check_id(name, id))?;
            }
            template("single", single, special_tokens, (1, 0))?;
            template("pair", pair, special_tokens, (1, 1))
        }
    }
}

/// A template has its texts in their order, and its tokens are known.
fn template(
    name: &str,
    pieces: &[TemplatePiece],
    special_tokens: &SpecialTokens,
    texts: (usize, usize),
) -> Result<(), String> {
    let mut order = Vec::new();
    for piece in pieces {
        match piece {
            TemplatePiece::SpecialToken { id, .. } if !special_tokens.contains_key(id) => {
                return Err(format!(
                    "the template `{name}` names {id:?}, which is not among its special tokens"
                ));
            }
            TemplatePiece::SpecialToken { .. } => {}
            TemplatePiece::Sequence { id, .. } => order.push(*id),
        }
    }
    let expected: &[Sequence] = match texts {
        (1, 0) => &[Sequence::A],
        _ => &[Sequence::A, Sequence::B],
    };
    if order != expected {
        return Err(format!(
            "the template `{name}` must hold {expected:?}, each once and in this order"
        ));
    }
    Ok(())
}
