//! Which files a folder has, and the tokenizer they make.

use std::path::Path;

use super::assemble::{self, BertNormalization};
use super::config::{Config, ConfigFiles};
use super::form::{AddedToken, Form, Normalizer, PreTokenizer};
use super::library;
use super::python_only::{Kind, PythonOnly};
use super::special::{Class, ROLES, SpecialTokens};
use super::template::{Place, Template};
use super::tokenizer::{Engine, HfTokenizer};
use super::vocabulary::Content;
use crate::FileError;
use crate::error::{Error, Result};
use crate::pipeline::TextFiles;
use crate::sentencepiece::SentencePiece;

/// The files that a tokenizer may be made of. Others of a folder are not looked at.
pub const TOKENIZER_FILES: [&str; 13] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "config.json",
    "vocab.txt",
    "vocab.json",
    "encoder.json",
    "merges.txt",
    "vocab.bpe",
    "spiece.model",
    "sentencepiece.bpe.model",
    "source.spm",
];
/// The model of the other side, beside `source.spm`.
const TARGET: &str = "target.spm";

/// Reads those files of a folder that are there.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn read_folder(folder: &Path) -> Result<TextFiles> {
    let mut files = TextFiles::new();
    for name in TOKENIZER_FILES.into_iter().chain([TARGET]) {
        let path = folder.join(name);
        if path.is_file() {
            let bytes = std::fs::read(&path).map_err(FileError::read(&path))?;
            files.insert(name.to_owned(), bytes);
        }
    }
    // What cannot be listed does not exist, or is no folder.
    std::fs::read_dir(folder).map_err(FileError::read(folder))?;
    Ok(files)
}

/// The files of a folder, by the names that errors show.
struct Files<'a> {
    files: &'a TextFiles,
    /// Full names, in the order of the files.
    names: Vec<String>,
    folder: &'a str,
}

impl<'a> Files<'a> {
    fn new(files: &'a TextFiles, folder: &'a str) -> Self {
        let name = |name: &String| match folder {
            "" => name.clone(),
            folder => Path::new(folder).join(name).display().to_string(),
        };
        Self {
            names: files.keys().map(name).collect(),
            files,
            folder,
        }
    }

    fn get(&self, name: &str) -> Option<Content<'_>> {
        let number = self.files.keys().position(|other| other == name)?;
        Some(Content {
            name: &self.names[number],
            bytes: &self.files[name],
        })
    }

    /// A file that must be there.
    fn need(&self, name: &str) -> Result<Content<'_>> {
        self.get(name)
            .ok_or_else(|| self.error(format!("{name} is missing")))
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        Error::HuggingFace {
            name: match self.folder {
                "" => "the tokenizer".to_owned(),
                folder => folder.to_owned(),
            },
            reason: reason.into(),
        }
    }
}

/// Makes the tokenizer of some files; `folder` stands for them in errors.
///
/// # Errors
/// [`Error::HuggingFace`] when files are missing, broken, or of a kind that is not supported.
pub(super) fn open(files: &TextFiles, folder: &str) -> Result<HfTokenizer> {
    let files = Files::new(files, folder);
    let config = Config::read(ConfigFiles {
        tokenizer_config: files.get("tokenizer_config.json"),
        special_tokens_map: files.get("special_tokens_map.json"),
        added_tokens: files.get("added_tokens.json"),
        config: files.get("config.json"),
    })?;
    let kind = config.kind();
    let class = kind.as_deref().and_then(Class::by_name);

    // These have no fast tokenizer, whatever else lies there.
    if files.get("source.spm").is_some() {
        return marian(&files, &config);
    }
    if class == Some(Class::M2m100) {
        return m2m100(&files, &config);
    }
    if let Some(json) = files.get("tokenizer.json") {
        return fast(json, class.unwrap_or(Class::Other), &config, kind.is_none());
    }
    let (form, class) = from_parts(&files, class, kind.as_deref(), &config)?;
    let special = SpecialTokens::new(&class, &config)?;
    finish(form, special, &config, class, &files)
}

/// The tokenizer of a `tokenizer.json` alone.
///
/// # Errors
/// [`Error::HuggingFace`].
pub(super) fn from_json(bytes: &[u8], name: &str) -> Result<HfTokenizer> {
    fast(Content { name, bytes }, Class::Other, &Config::default(), true)
}

/// A form that was put together from vocabulary files, and the class they are of.
fn from_parts(
    files: &Files<'_>,
    class: Option<Class>,
    kind: Option<&str>,
    config: &Config,
) -> Result<(Form, Class)> {
    let unsupported = |expected: &str| {
        files.error(format!(
            "the tokenizer class or model type is {:?}, which is not supported without tokenizer.json; {expected}",
            kind.unwrap_or_default()
        ))
    };
    let special = |class: Class| SpecialTokens::new(&class, config);
    if let Some(vocab) = files.get("vocab.txt") {
        return match class {
            None if kind.is_none() => Ok((
                assemble::word_piece(vocab, config, &special(Class::Bert)?)?,
                Class::Bert,
            )),
            Some(Class::Bert) => Ok((
                assemble::word_piece(vocab, config, &special(Class::Bert)?)?,
                Class::Bert,
            )),
            _ => Err(unsupported("with vocab.txt: bert, distilbert, electra")),
        };
    }
    let vocab = files.get("vocab.json").or_else(|| files.get("encoder.json"));
    let merges = files.get("merges.txt").or_else(|| files.get("vocab.bpe"));
    if let (Some(vocab), Some(merges)) = (vocab, merges) {
        let class = match class {
            Some(class @ (Class::Gpt1 | Class::Gpt2 | Class::Roberta)) => class,
            None if kind.is_none() => guess(vocab)?,
            _ => {
                return Err(unsupported(
                    "with vocab.json and merges.txt: gpt2, roberta, bart, openai-gpt",
                ));
            }
        };
        let special = special(class)?;
        let form = match class {
            Class::Gpt1 => assemble::gpt1(vocab, merges, &special)?,
            _ => assemble::byte_level(vocab, merges, class, config, &special)?,
        };
        return Ok((form, class));
    }
    if let Some(model) = files.get("spiece.model") {
        return match class {
            None if kind.is_none() => Ok((
                assemble::albert(model, config, &special(Class::Albert)?)?,
                Class::Albert,
            )),
            Some(Class::Albert) => Ok((
                assemble::albert(model, config, &special(Class::Albert)?)?,
                Class::Albert,
            )),
            _ => Err(unsupported("with spiece.model: albert")),
        };
    }
    if let Some(model) = files.get("sentencepiece.bpe.model") {
        return match class {
            Some(class @ (Class::MBart | Class::XlmRoberta)) => {
                let form = assemble::fairseq_unigram(model, class, config, &special(class)?)?;
                Ok((form, class))
            }
            None if kind.is_none() => Err(files.error(
                "sentencepiece.bpe.model alone does not say which ids its pieces have\nhint: add the folder's \
                 tokenizer_config.json or config.json",
            )),
            _ => Err(unsupported("with sentencepiece.bpe.model: xlm-roberta, mbart, m2m_100")),
        };
    }
    Err(files.error(
        "no tokenizer: expected tokenizer.json, vocab.txt, vocab.json with merges.txt, spiece.model, \
         sentencepiece.bpe.model, or source.spm with target.spm and vocab.json",
    ))
}

/// The class by the tokens of a vocabulary with merges, where no file says it: `</w>` ends words in GPT-1, and RoBERTa and
/// BART have `<mask>`.
fn guess(vocab: Content<'_>) -> Result<Class> {
    let entries = vocab.vocab_json()?;
    let has = |token: &str| entries.iter().any(|(other, _)| other == token);
    if has("<s>") && has("</s>") && has("<mask>") {
        return Ok(Class::Roberta);
    }
    if has("<|endoftext|>") {
        return Ok(Class::Gpt2);
    }
    let ends = entries.iter().any(|(token, _)| token.ends_with("</w>"));
    Ok(if ends { Class::Gpt1 } else { Class::Gpt2 })
}

/// The tokenizer of a `tokenizer.json`, changed where the settings beside it say otherwise, as transformers does.
fn fast(json: Content<'_>, class: Class, config: &Config, guess_tokens: bool) -> Result<HfTokenizer> {
    let mut form: Form = json.json()?;
    if class == Class::Bert {
        override_bert(&mut form, config)?;
    }
    if let (Some(prefix), Some(PreTokenizer::ByteLevel(part))) =
        (config.flag("add_prefix_space")?, &mut form.pre_tokenizer)
    {
        part.add_prefix_space = prefix;
    }
    let mut special = SpecialTokens::new(&class, config)?;
    if guess_tokens && config.is_empty() {
        guess_special(&form, &mut special);
    }
    let added = config.added_tokens()?;
    assemble::add_tokens(&mut form, added.iter().chain(special.all()));
    if class == Class::MBart {
        let language = config.text("src_lang")?.unwrap_or("en_XX");
        let eos = special.get("eos_token").unwrap_or("</s>");
        if let Some(part) = assemble::language_template(&form, None, &[eos, language]) {
            form.post_processor = Some(part);
        }
    }
    build(form, special, config, class, false).map_err(|reason| json.error(reason))
}

/// Settings of `tokenizer_config.json` win over `tokenizer.json`; those that it lacks change nothing.
fn override_bert(form: &mut Form, config: &Config) -> Result<()> {
    let asked = BertNormalization::new(config)?;
    if let Some(Normalizer::Bert {
        lowercase,
        strip_accents,
        handle_chinese_chars,
        ..
    }) = &mut form.normalizer
    {
        if config.flag("do_lower_case")?.is_some() {
            *lowercase = asked.lowercase;
        }
        if asked.strip_accents.is_some() {
            *strip_accents = asked.strip_accents;
        }
        if config.flag("tokenize_chinese_chars")?.is_some() {
            *handle_chinese_chars = asked.handle_chinese_chars;
        }
    }
    Ok(())
}

/// A `tokenizer.json` alone does not say what its special tokens are for: those with the usual names are taken.
fn guess_special(form: &Form, special: &mut SpecialTokens) {
    let names: [&[&str]; 7] = [
        &["<s>", "<|endoftext|>", "[CLS]"],
        &["</s>", "<|endoftext|>", "[SEP]"],
        &["[UNK]", "<unk>", "<|endoftext|>"],
        &["[SEP]", "</s>"],
        &["[PAD]", "<pad>"],
        &["[CLS]", "<s>"],
        &["[MASK]", "<mask>"],
    ];
    for (slot, names) in special.roles.iter_mut().zip(names) {
        let token = |name: &&str| {
            form.added_tokens
                .iter()
                .find(|token| token.special && token.content == **name)
        };
        *slot = names.iter().find_map(token).cloned();
    }
}

/// A tokenizer of the library with its special tokens.
fn build(
    form: Form,
    special: SpecialTokens,
    config: &Config,
    class: Class,
    cleans_up: bool,
) -> Result<HfTokenizer, String> {
    let library = library::build(&form)?;
    let template = Template::new(form.post_processor.as_ref())?;
    let languages = match class {
        Class::MBart => assemble::MBART_LANGUAGES.map(str::to_owned).into(),
        _ => Vec::new(),
    };
    let settings = |reason: Error| reason.to_string();
    let clean_up = config.flag("clean_up_tokenization_spaces").map_err(settings)?;
    Ok(HfTokenizer {
        special: special.ids(|token| library.token_to_id(token)),
        clean_up: clean_up.unwrap_or(cleans_up),
        max_length: config.model_max_length().map_err(settings)?,
        engine: Engine::Library {
            tokenizer: library.into(),
            form: form.into(),
        },
        template,
        languages,
        class,
    })
}

/// As [`build`], for a folder without `tokenizer.json`.
fn finish(
    mut form: Form,
    special: SpecialTokens,
    config: &Config,
    class: Class,
    files: &Files<'_>,
) -> Result<HfTokenizer> {
    let added = config.added_tokens()?;
    if let Some(wrong) = added.iter().find(|token| {
        let known = assemble::id_of(&form, &token.content);
        known.is_some_and(|id| id != token.id)
    }) {
        return Err(files.error(format!(
            "the added token {:?} has the id {}, but {:?} in the vocabulary",
            wrong.content,
            wrong.id,
            assemble::id_of(&form, &wrong.content)
        )));
    }
    assemble::add_tokens(&mut form, &added);
    // The Python class of BERT cleans up unless it is told otherwise.
    build(form, special, config, class, class == Class::Bert).map_err(|reason| files.error(reason))
}

/// Marian (Junczys-Dowmunt et al. 2018): two SentencePiece models and one vocabulary.
fn marian(files: &Files<'_>, config: &Config) -> Result<HfTokenizer> {
    if config.flag("separate_vocabs")? == Some(true) {
        return Err(files
            .error("`separate_vocabs` is true, which is not supported: both sides must share vocab.json"));
    }
    let model = |name: &str| -> Result<SentencePiece> {
        let content = files.need(name)?;
        SentencePiece::from_bytes(content.bytes, content.name)
    };
    let models = (model("source.spm")?, model(TARGET)?);
    let special = SpecialTokens::new(&Class::Marian, config)?;
    let unk = special.get("unk_token").unwrap_or("<unk>");
    let tokenizer = PythonOnly::new(Kind::Marian, files.need("vocab.json")?, &[], models, unk)?;
    python_only(tokenizer, special, Vec::new(), config, Class::Marian, files)
}

/// The codes of languages of M2M100 (Fan et al. 2021) and of WMT 21, in the order of their ids.
const M2M100_LANGUAGES: &str = "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha \
    he hi hr ht hu hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps \
    pt ro ru sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu";
const WMT21_LANGUAGES: &str = "en ha is ja cs ru zh de";

/// M2M100: one SentencePiece model, and codes of languages behind the vocabulary.
fn m2m100(files: &Files<'_>, config: &Config) -> Result<HfTokenizer> {
    let codes = match config.text("language_codes")?.unwrap_or("m2m100") {
        "m2m100" => M2M100_LANGUAGES,
        "wmt21" => WMT21_LANGUAGES,
        other => {
            return Err(files.error(format!(
                "`language_codes` is {other:?}; choose one of: m2m100, wmt21"
            )));
        }
    };
    let codes: Vec<String> = codes.split_whitespace().map(str::to_owned).collect();
    let tokens: Vec<String> = codes.iter().map(|code| format!("__{code}__")).collect();
    let content = files.need("sentencepiece.bpe.model")?;
    let model = SentencePiece::from_bytes(content.bytes, content.name)?;
    let special = SpecialTokens::new(&Class::M2m100, config)?;
    let unk = special.get("unk_token").unwrap_or("<unk>");
    let vocab = files.need("vocab.json")?;
    let tokenizer = PythonOnly::new(Kind::M2m100, vocab, &tokens, (model.clone(), model), unk)?;
    let language = config.text("src_lang")?.unwrap_or("en").to_owned();
    python_only(tokenizer, special, codes, config, Class::M2m100, files)?.with_language(&language)
}

fn python_only(
    mut tokenizer: PythonOnly,
    special: SpecialTokens,
    languages: Vec<String>,
    config: &Config,
    class: Class,
    files: &Files<'_>,
) -> Result<HfTokenizer> {
    let added = config.added_tokens()?;
    let all: Vec<&AddedToken> = added.iter().chain(special.all()).collect();
    if let Some(token) = all
        .iter()
        .find(|token| token.lstrip || token.rstrip || token.single_word)
    {
        return Err(files.error(format!(
            "the token {:?} takes blanks beside it or stands alone only, which is not supported for {class:?}",
            token.content
        )));
    }
    all.into_iter().for_each(|token| tokenizer.add(token));
    let ids = special.ids(|token| tokenizer.id(token));
    let missing = |role: &str| files.error(format!("the tokenizer has no `{role}`"));
    let eos = ids.eos.ok_or_else(|| missing(ROLES[1]))?;
    let end = Place::Special {
        id: eos,
        token: special.get(ROLES[1]).unwrap_or_default().to_owned(),
        type_id: 0,
    };
    // Types of texts are not distinguished.
    let text = |number| Place::Text { number, type_id: 0 };
    Ok(HfTokenizer {
        special: ids,
        clean_up: config.flag("clean_up_tokenization_spaces")?.unwrap_or(false),
        max_length: config
            .model_max_length()?
            .or((class == Class::Marian).then_some(512)),
        engine: Engine::PythonOnly(tokenizer.into()),
        template: Template {
            single: vec![text(0), end.clone()],
            pair: vec![text(0), text(1), end],
            trim_offsets: None,
        },
        languages,
        class,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::hugging_face::EncodeOptions;

    /// Files of a folder `hub/x`.
    fn opened(files: &[(&str, &str)]) -> Result<HfTokenizer, String> {
        let files = files
            .iter()
            .map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec()));
        open(&files.collect(), "hub/x").map_err(|error| error.to_string())
    }

    /// A WordPiece tokenizer, with a change.
    fn form(change: impl FnOnce(&mut Value)) -> String {
        let mut form = json!({
            "version": "1.0",
            "added_tokens": [{"id": 0, "content": "[UNK]", "special": true}],
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
                           "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "a": 1, "##b": 2}},
        });
        change(&mut form);
        form.to_string()
    }

    #[track_caller]
    fn assert_refused(expected: &str, change: impl FnOnce(&mut Value)) {
        let error = opened(&[("tokenizer.json", &form(change))]).unwrap_err();
        assert!(error.starts_with("hub/x/tokenizer.json: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_sound_file_opens_and_is_written_back_as_it_was() {
        let tokenizer = opened(&[("tokenizer.json", &form(|_| {}))]).unwrap();
        let encoding = tokenizer.encode("AB c", &EncodeOptions::default()).unwrap();
        assert_eq!(encoding.ids, [1, 2, 0]);
        assert_eq!(encoding.words, [Some(0), Some(0), Some(1)]);
        let written = tokenizer.to_json().unwrap();
        let again = opened(&[("tokenizer.json", &written)]).unwrap();
        assert_eq!(again.to_json().unwrap(), written);
    }

    #[test]
    fn settings_beside_the_file_win_over_it() {
        let config =
            r#"{"tokenizer_class": "BertTokenizer", "do_lower_case": false, "model_max_length": 512}"#;
        let tokenizer = opened(&[
            ("tokenizer.json", &form(|_| {})),
            ("tokenizer_config.json", config),
        ])
        .unwrap();
        assert_eq!(tokenizer.ids_of("A a").unwrap(), [0, 1]);
        assert_eq!(tokenizer.model_max_length(), Some(512));
        let wrong = r#"{"do_lower_case": "no"}"#;
        let error = opened(&[("vocab.txt", "[UNK]\n"), ("tokenizer_config.json", wrong)]).unwrap_err();
        assert_eq!(
            error,
            "hub/x/tokenizer_config.json: `do_lower_case` must be true or false, got \"no\""
        );
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named() {
        assert_refused("`version` is \"2.0\"", |form| form["version"] = json!("2.0"));
        assert_refused("unknown variant `Whale`", |form| {
            form["normalizer"]["type"] = json!("Whale")
        });
        assert_refused("unknown field `size`", |form| form["model"]["size"] = json!(3));
        assert_refused("the vocabulary is empty", |form| {
            form["model"]["vocab"] = json!({})
        });
        assert_refused("the id 1 is given twice", |form| {
            form["model"]["vocab"]["##b"] = json!(1)
        });
        assert_refused("no token has the id 2", |form| {
            form["model"]["vocab"]["##b"] = json!(3)
        });
        assert_refused("has 0 bytes", |form| form["model"]["vocab"][""] = json!(3));
        assert_refused("`unk_token` \"?\" is not in the vocabulary", |form| {
            form["model"]["unk_token"] = json!("?");
        });
        assert_refused("have no field `merges`", |form| {
            form["model"]["merges"] = json!([])
        });
        assert_refused("is not that of the type WordPiece", |form| {
            form["model"]["vocab"] = json!([["a", 0.0]]);
        });
        assert_refused("has id 0, but 1 in the vocabulary", |form| {
            form["added_tokens"][0]["content"] = json!("a");
        });
        assert_refused("no token has the id 3", |form| {
            form["added_tokens"][0] = json!({"id": 4, "content": "new"});
        });
        assert_refused("`pattern` is empty", |form| {
            form["pre_tokenizer"] =
                json!({"type": "Split", "pattern": {"String": ""}, "behavior": "Removed", "invert": false});
        });
        assert_refused("may take too many steps", |form| {
            form["normalizer"] = json!({"type": "Replace", "pattern": {"Regex": "(a*)*b"}, "content": ""});
        });
        assert_refused("`stop` above 0", |form| {
            form["decoder"] = json!({"type": "Strip", "content": "a", "start": 0, "stop": 1});
        });
        assert_refused("not in base 64", |form| {
            form["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "!"});
        });
        assert_refused("normalisation rules", |form| {
            form["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"});
        });
        assert_refused("has the id 7, but there are", |form| {
            form["post_processor"] = json!({"type": "BertProcessing", "sep": ["a", 7], "cls": ["a", 1]});
        });
        assert_refused("must hold [A, B]", |form| {
            form["post_processor"] = json!({"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {}});
        });
    }

    #[test]
    fn merges_must_fit_to_the_vocabulary() {
        let model = |merges: Value, prefix: &str| {
            json!({"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "#c": 3}, "merges": merges,
                   "continuing_subword_prefix": prefix})
        };
        assert_refused("\"x\" is not in the vocabulary", |form| {
            form["added_tokens"] = json!([]);
            form["model"] = model(json!([["a", "x"]]), "");
        });
        assert_refused("the result, \"ba\", is not", |form| {
            form["model"] = model(json!(["b a"]), "")
        });
        assert_refused("does not begin with \"#\"", |form| {
            form["model"] = model(json!(["a b"]), "#")
        });
        assert_refused("expected a merge", |form| {
            form["model"] = model(json!(["ab"]), "")
        });
        assert_refused("its `dropout` is 0.5", |form| {
            form["model"] = model(json!([]), "");
            form["model"]["dropout"] = json!(0.5);
        });
    }

    #[test]
    fn tokens_listed_twice_are_found_in_broken_and_sound_json() {
        let twice =
            r#"{"model": {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "b": 1, "a": 2}}}"#;
        let error = opened(&[("tokenizer.json", twice)]).unwrap_err();
        assert!(
            error.contains("the token \"a\" is listed twice, with ids 0 and 2"),
            "{error}"
        );
        let error = opened(&[("tokenizer.json", "{\n \"model\": {")]).unwrap_err();
        assert!(error.contains("line 2"), "{error}");
        let error = opened(&[("vocab.json", r#"{"a": 0, "a": 1}"#), ("merges.txt", "")]).unwrap_err();
        assert!(error.contains("the token \"a\" is listed twice"), "{error}");
    }

    #[test]
    fn folders_that_are_no_tokenizers_say_what_is_missing() {
        let error = opened(&[("config.json", "{}")]).unwrap_err();
        assert!(
            error.starts_with("hub/x: no tokenizer: expected tokenizer.json, vocab.txt"),
            "{error}"
        );
        let config = r#"{"model_type": "t5"}"#;
        let error = opened(&[("spiece.model", ""), ("config.json", config)]).unwrap_err();
        assert!(
            error.contains("\"t5\", which is not supported without tokenizer.json"),
            "{error}"
        );
        let error = opened(&[("source.spm", ""), ("vocab.json", "{}")]).unwrap_err();
        assert!(
            error.contains("source.spm is not a usable SentencePiece model"),
            "{error}"
        );
        let error = opened(&[("sentencepiece.bpe.model", "")]).unwrap_err();
        assert!(error.contains("does not say which ids"), "{error}");
        assert!(matches!(HfTokenizer::open("no/such/folder"), Err(Error::Io(_))));
    }
}
