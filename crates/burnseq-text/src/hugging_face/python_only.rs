//! Tokenizers that transformers has in Python only: Marian and M2M100. SentencePiece segments, and a JSON file gives ids.

use std::collections::HashMap;

use super::check::check_ids;
use super::form::AddedToken;
use super::special::HfSpecialIds;
use super::template::Row;
use super::vocabulary::Content;
use crate::error::Result;
use crate::sentencepiece::SentencePiece;

/// How such a tokenizer deals with text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A code such as `>>de<<` at the beginning of a text is one token.
    Marian,
    /// Codes such as `__de__` are special tokens.
    M2m100,
}

/// A SentencePiece model for text, one for the other side, and the ids of pieces.
#[derive(Debug, Clone)]
pub(super) struct PythonOnly {
    kind: Kind,
    encoding: SentencePiece,
    decoding: SentencePiece,
    ids: HashMap<String, u32>,
    /// In the order of their ids.
    tokens: Vec<String>,
    unk: u32,
    /// How many tokens the vocabulary has by itself.
    size: usize,
    /// Found in text before it is segmented.
    added: Vec<AddedToken>,
}

impl PythonOnly {
    /// Puts a tokenizer together.
    ///
    /// # Errors
    /// When ids are missing or given twice, and without the token `<unk>`.
    pub(super) fn new(
        kind: Kind,
        vocab: Content<'_>,
        languages: &[String],
        models: (SentencePiece, SentencePiece),
        unk: &str,
    ) -> Result<Self> {
        let mut entries = vocab.vocab_json()?;
        check_ids(entries.iter().map(|(token, id)| (token.as_str(), *id)))
            .map_err(|reason| vocab.error(reason))?;
        entries.sort_by_key(|(_, id)| *id);
        let size = entries.len();
        for language in languages {
            let id = u32::try_from(entries.len()).map_err(|_| vocab.error("it has too many tokens"))?;
            if entries.iter().any(|(token, _)| token == language) {
                return Err(vocab.error(format!(
                    "the code {language:?} of a language is in the vocabulary"
                )));
            }
            entries.push((language.clone(), id));
        }
        let tokens: Vec<String> = entries.iter().map(|(token, _)| token.clone()).collect();
        let ids: HashMap<String, u32> = entries.into_iter().collect();
        let unk = *ids
            .get(unk)
            .ok_or_else(|| vocab.error(format!("the token for what is unknown, {unk:?}, is missing")))?;
        Ok(Self {
            kind,
            encoding: models.0,
            decoding: models.1,
            ids,
            tokens,
            unk,
            size,
            added: Vec::new(),
        })
    }

    /// Adds a token that is found in text; its id is that of the vocabulary, or the next one.
    pub(super) fn add(&mut self, token: &AddedToken) {
        if self.added.iter().any(|other| other.content == token.content) {
            return;
        }
        let id = match self.ids.get(&token.content) {
            Some(&id) => id,
            None => {
                let id = self.tokens.len() as u32;
                self.tokens.push(token.content.clone());
                self.ids.insert(token.content.clone(), id);
                id
            }
        };
        self.added.push(AddedToken { id, ..token.clone() });
    }

    /// The same with the model of the other side for text.
    pub(super) fn for_target(&self) -> Self {
        Self {
            encoding: self.decoding.clone(),
            ..self.clone()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    pub(super) fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize).map(String::as_str)
    }

    /// The tokens of a text.
    ///
    /// # Errors
    /// [`Error::SentencePieceEncode`](crate::Error::SentencePieceEncode).
    pub(super) fn rows(&self, text: &str) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut at = 0;
        let mut characters = Characters::new(text);
        while at < text.len() {
            let rest = &text[at..];
            let found = self.find(rest);
            let (until, added) = found.map_or((rest.len(), None), |(start, token)| (start, Some(token)));
            self.push_segment(text, at..at + until, &mut characters, &mut rows)?;
            at += until;
            if let Some(token) = added {
                let end = at + token.content.len();
                rows.push(Row {
                    id: token.id,
                    token: token.content.clone(),
                    offsets: (characters.at(at), characters.at(end)),
                    word: None,
                });
                at = end;
            }
        }
        number_words(&mut rows);
        Ok(rows)
    }

    /// The first added token of a text; of those that begin there the longest.
    fn find(&self, text: &str) -> Option<(usize, &AddedToken)> {
        let found = self
            .added
            .iter()
            .filter_map(|token| Some((text.find(&token.content)?, token)));
        found.min_by_key(|(start, token)| (*start, std::cmp::Reverse(token.content.len())))
    }

    /// Segments a part of the text without added tokens.
    fn push_segment(
        &self,
        text: &str,
        range: std::ops::Range<usize>,
        characters: &mut Characters<'_>,
        rows: &mut Vec<Row>,
    ) -> Result<()> {
        let mut at = range.start;
        let part = &text[range.clone()];
        if self.kind == Kind::Marian
            && part.starts_with(">>")
            && let Some(end) = part.find("<<")
        {
            let code = &part[..end + 2];
            rows.push(self.row(
                code.to_owned(),
                (characters.at(at), characters.at(at + code.len())),
            ));
            at += code.len();
        }
        let part = &text[at..range.end];
        if part.is_empty() {
            return Ok(());
        }
        for (piece, (start, end)) in self.encoding.encode_with_offsets(part)? {
            rows.push(self.row(piece, (characters.at(at + start), characters.at(at + end))));
        }
        Ok(())
    }

    fn row(&self, token: String, offsets: (usize, usize)) -> Row {
        Row {
            id: self.id(&token).unwrap_or(self.unk),
            token,
            offsets,
            word: None,
        }
    }

    /// The text of ids. Special tokens stay as they are, or are left out.
    ///
    /// # Errors
    /// [`Error::SentencePieceEncode`](crate::Error::SentencePieceEncode).
    pub(super) fn decode(
        &self,
        ids: &[u32],
        special: &HfSpecialIds,
        skip_special_tokens: bool,
    ) -> Result<String> {
        let all = special.all();
        let mut texts: Vec<String> = Vec::new();
        let mut run: Vec<u32> = Vec::new();
        for &id in ids {
            if skip_special_tokens && all.contains(&id) {
                continue;
            }
            if !self.stands_apart(id, special) {
                run.push(id);
                continue;
            }
            let text = self.join(&run, &all)?;
            run.clear();
            texts.extend((!text.is_empty()).then_some(text));
            texts.push(self.tokens[id as usize].clone());
        }
        if !run.is_empty() {
            texts.push(self.join(&run, &all)?);
        }
        Ok(texts.join(" "))
    }

    /// Whether a token is decoded by itself, with blanks around it: tokens behind the vocabulary that have no role.
    fn stands_apart(&self, id: u32, special: &HfSpecialIds) -> bool {
        let plain = || self.added.iter().any(|token| token.id == id && !token.special);
        (special.additional.contains(&id) && id as usize >= self.size) || plain()
    }

    /// The text of ids between those.
    fn join(&self, ids: &[u32], special: &[u32]) -> Result<String> {
        let mut text = String::new();
        let mut pieces: Vec<&str> = Vec::new();
        for &id in ids {
            let token = self.token(id).unwrap_or_else(|| &self.tokens[self.unk as usize]);
            if !special.contains(&id) {
                pieces.push(token);
                continue;
            }
            text.push_str(&self.decoding.decode_by_library(&pieces)?);
            text.push_str(token);
            if self.kind == Kind::Marian {
                text.push(' ');
            }
            pieces.clear();
        }
        text.push_str(&self.decoding.decode_by_library(&pieces)?);
        if self.kind == Kind::Marian {
            text = text.replace('\u{2581}', " ");
        }
        Ok(text.trim().to_owned())
    }
}

/// Words begin at pieces that begin with U+2581.
fn number_words(rows: &mut [Row]) {
    let mut word = 0;
    for (number, row) in rows.iter_mut().enumerate() {
        if number > 0 && row.token.starts_with('\u{2581}') {
            word += 1;
        }
        row.word = Some(word);
    }
}

/// The numbers of characters by their bytes, for places that mostly come in ascending order.
struct Characters<'a> {
    text: &'a str,
    at: (usize, usize),
}

impl<'a> Characters<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: (0, 0) }
    }

    /// The number of the character that begins at a byte, or holds it.
    fn at(&mut self, byte: usize) -> usize {
        let (mut from, mut number) = self.at;
        if byte < from {
            (from, number) = (0, 0);
        }
        let passed = self.text[from..]
            .char_indices()
            .take_while(|(at, c)| from + at + c.len_utf8() <= byte);
        let (mut count, mut end) = (0, from);
        for (at, c) in passed {
            count += 1;
            end = from + at + c.len_utf8();
        }
        self.at = (end, number + count);
        number + count
    }
}
