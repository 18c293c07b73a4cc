//! The tokenizers of the library, made from parts that were checked.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::models::unigram::Unigram;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::{
    AddedToken, DecoderWrapper, Model as _, ModelWrapper, NormalizedString, Normalizer as _,
    NormalizerWrapper, PreTokenizerWrapper, Tokenizer,
};

use super::check;
use super::form::{Form, Model, ModelKind, Vocabulary};
use super::template::Row;

/// The library's tokenizer, without the tokens around texts: those are [`Template`](super::template::Template).
///
/// # Errors
/// What is wrong with the form.
pub(super) fn build(form: &Form) -> Result<Tokenizer, String> {
    check::check(form)?;
    let mut tokenizer = Tokenizer::new(model(&form.model)?);
    tokenizer.with_normalizer(part::<NormalizerWrapper>("normalizer", form.normalizer.as_ref())?);
    tokenizer.with_pre_tokenizer(part::<PreTokenizerWrapper>(
        "pre_tokenizer",
        form.pre_tokenizer.as_ref(),
    )?);
    tokenizer.with_decoder(part::<DecoderWrapper>("decoder", form.decoder.as_ref())?);
    let mut added = Vec::with_capacity(form.added_tokens.len());
    for token in &form.added_tokens {
        if token.normalized
            && let Some(normalizer) = tokenizer.get_normalizer()
        {
            let mut content = NormalizedString::from(token.content.as_str());
            normalizer
                .normalize(&mut content)
                .map_err(|cause| cause.to_string())?;
            if content.get().is_empty() {
                return Err(format!(
                    "nothing is left of the added token {:?} when it is normalised\nhint: set its `normalized` to false",
                    token.content
                ));
            }
        }
        added.push(
            AddedToken::from(token.content.as_str(), token.special)
                .single_word(token.single_word)
                .lstrip(token.lstrip)
                .rstrip(token.rstrip)
                .normalized(token.normalized),
        );
    }
    tokenizer.add_tokens(&added);
    // The library numbers added tokens by itself.
    for token in &form.added_tokens {
        let id = tokenizer.token_to_id(&token.content);
        if id != Some(token.id) {
            return Err(format!(
                "the added token {:?} has the id {}, but its place is {id:?}",
                token.content, token.id
            ));
        }
    }
    Ok(tokenizer)
}

/// A part of the library's, from one of ours.
fn part<T: DeserializeOwned>(name: &str, part: Option<&impl Serialize>) -> Result<Option<T>, String> {
    let Some(part) = part else { return Ok(None) };
    let json = serde_json::to_string(part).map_err(|cause| format!("`{name}`: {cause}"))?;
    let part = serde_json::from_str(&json).map_err(|cause| format!("`{name}`: {cause}"))?;
    Ok(Some(part))
}

fn model(model: &Model) -> Result<ModelWrapper, String> {
    let ids = || -> Vocab {
        model
            .vocab
            .iter()
            .map(|(token, id)| (token.to_owned(), id))
            .collect()
    };
    let error = |cause: tokenizers::Error| format!("`model`: {cause}");
    let unk = model.unk_token.clone().unwrap_or_default();
    Ok(match model.kind() {
        ModelKind::WordPiece => {
            let mut builder = WordPiece::builder().vocab(ids()).unk_token(unk);
            if let Some(prefix) = &model.continuing_subword_prefix {
                builder = builder.continuing_subword_prefix(prefix.clone());
            }
            if let Some(most) = model.max_input_chars_per_word {
                builder = builder.max_input_chars_per_word(most);
            }
            ModelWrapper::WordPiece(builder.build().map_err(error)?)
        }
        ModelKind::WordLevel => {
            let builder = WordLevel::builder().vocab(ids()).unk_token(unk);
            ModelWrapper::WordLevel(builder.build().map_err(error)?)
        }
        ModelKind::Unigram => {
            let Vocabulary::Scores(entries) = &model.vocab else {
                return Err("`model`: a unigram model has scores".to_owned());
            };
            let fallback = model.byte_fallback.unwrap_or(false);
            ModelWrapper::Unigram(Unigram::from(entries.clone(), model.unk_id, fallback).map_err(error)?)
        }
        ModelKind::Bpe => {
            let merges = model.merges.iter().flatten();
            let merges = merges.map(|merge| (merge.0.clone(), merge.1.clone())).collect();
            let mut builder = BPE::builder()
                .vocab_and_merges(ids(), merges)
                .fuse_unk(model.fuse_unk.unwrap_or(false))
                .byte_fallback(model.byte_fallback.unwrap_or(false))
                .ignore_merges(model.ignore_merges.unwrap_or(false));
            if !unk.is_empty() {
                builder = builder.unk_token(unk);
            }
            if let Some(prefix) = &model.continuing_subword_prefix {
                builder = builder.continuing_subword_prefix(prefix.clone());
            }
            if let Some(suffix) = &model.end_of_word_suffix {
                builder = builder.end_of_word_suffix(suffix.clone());
            }
            ModelWrapper::BPE(builder.build().map_err(error)?)
        }
    })
}

/// The tokens of a text.
///
/// # Errors
/// What the library says.
pub(super) fn rows(tokenizer: &Tokenizer, text: &str) -> Result<Vec<Row>, String> {
    let encoding = tokenizer
        .encode_char_offsets(text, false)
        .map_err(|cause| cause.to_string())?;
    let words = encoding.get_word_ids();
    let tokens = encoding.get_ids().iter().zip(encoding.get_tokens());
    let rows = tokens
        .zip(encoding.get_offsets())
        .zip(words)
        .map(|(((&id, token), &offsets), &word)| Row {
            id,
            token: token.clone(),
            offsets,
            word,
        });
    Ok(rows.collect())
}

/// How many tokens there are, added ones included.
pub(super) fn size(tokenizer: &Tokenizer) -> usize {
    let model = tokenizer.get_model();
    let added = tokenizer.get_added_vocabulary().get_vocab();
    let new = added.keys().filter(|token| model.token_to_id(token).is_none());
    model.get_vocab_size() + new.count()
}
