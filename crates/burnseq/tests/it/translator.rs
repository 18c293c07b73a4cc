//! What programs hand to [`Translator`]: raw text, text in pieces, lines without a word.

use std::sync::Arc;

use burnseq::burn::tensor::Device;
use burnseq::decode::TranslationModel;
use burnseq::model::{FamilyConfig, TransformerConfig};
use burnseq::tasks::translation::LanguagePair;
use burnseq::text::Vocab;
use burnseq::text::{Counts, Dictionary, TextFiles, TextPipeline};
use burnseq::{GenerateOptions, Translator};

const CODES: &[u8] = b"#version: 0.2\nH u\nn d</w>\ne i\nei n</w>\n";

/// An untrained model of German in subwords.
fn model() -> TranslationModel {
    let settings = r#"{"subword": {"type": "subword_nmt", "codes": "codes"}}"#;
    let pipeline = || {
        let settings = serde_json::from_str(settings).unwrap();
        let files = TextFiles::from([("codes".to_owned(), CODES.to_vec())]);
        TextPipeline::new(settings, &files).unwrap()
    };
    let mut counts = Counts::new();
    counts.add_line("ein Hu@@ nd s@@ ch@@ l@@ ä@@ f@@ t a dog");
    let dict = Arc::new(Dictionary::from_counts(&counts, 0, None, 8));
    let vocab = Vocab::fairseq(dict.len(), dict.len());
    let config = TransformerConfig::sized(8, 8, 2, 1);
    let device = Device::flex();
    TranslationModel {
        models: vec![config.init(&vocab, 1, &device).into()],
        device,
        task: LanguagePair {
            source_lang: "de".to_owned(),
            target_lang: "en".to_owned(),
        },
        src_dict: dict.clone(),
        tgt_dict: dict,
        src_text: pipeline(),
        tgt_text: pipeline(),
        lm: None,
    }
}

#[test]
fn pieces_are_translated_as_the_text_they_stand_for() {
    let translator = Translator::new(model());
    assert!(translator.model().is_segmented("ein Hu@@ nd") && !translator.model().is_segmented("ein Hund"));
    let options = GenerateOptions {
        beam: 2,
        max_len_b: 6,
        ..GenerateOptions::default()
    };
    let lines = ["ein Hund", "ein Hu@@ nd", "ein Hu@@"];
    let translations = translator.translate(&lines, &options).unwrap();
    assert_eq!(translations[0], translations[1]);
    assert_ne!(translations[0].score(), translations[2].score());
}

#[test]
fn lines_without_a_word_have_empty_translations() {
    let translator = Translator::new(model());
    let options = GenerateOptions {
        beam: 1,
        max_len_b: 6,
        min_len: 2,
        ..GenerateOptions::default()
    };
    let lines = [
        "",
        " \t",
        "\u{200b}",
        "\u{feff}",
        "\u{200e}\u{202e}",
        "\u{1}",
        "\u{fffd}",
        "ein",
    ];
    let translations = translator.translate(&lines, &options).unwrap();
    for (line, translation) in lines.iter().zip(&translations) {
        assert_eq!(translation.text().is_empty(), *line != "ein", "{line:?}");
        assert_eq!(
            translation.hypotheses[0].positional_scores.is_empty(),
            *line != "ein"
        );
    }
}
