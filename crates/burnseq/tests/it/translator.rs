//! What programs hand to [`Translator`]: raw text, text in pieces, lines without a word.

use std::ops::ControlFlow;
use std::sync::Arc;

use burnseq::burn::tensor::Device;
use burnseq::convert::SourceTemplate;
use burnseq::data::BatchLimits;
use burnseq::decode::{LineFormat, Progress, TranslationModel};
use burnseq::model::{FamilyConfig, TransformerConfig};
use burnseq::search::Attention;
use burnseq::tasks::translation::LanguagePair;
use burnseq::text::Vocab;
use burnseq::text::{Counts, Dictionary, TextFiles, TextPipeline};
use burnseq::{Error, GenerateOptions, Translator};

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
        template: SourceTemplate::default(),
        generation: None,
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
    assert_eq!(translations[0].hypotheses, translations[1].hypotheses);
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

#[test]
fn given_translations_have_the_scores_of_those_that_a_search_finds() {
    let translator = Translator::new(model());
    let options = GenerateOptions {
        beam: 4,
        nbest: 4,
        max_len_b: 6,
        lenpen: 0.7,
        attention: true,
        ..GenerateOptions::default()
    };
    let lines = ["ein Hund", "Hund ein ein ein"];
    let found = translator.translate(&lines, &options).unwrap();
    let pairs = lines.iter().zip(&found);
    let pairs =
        pairs.flat_map(|(line, found)| found.hypotheses.iter().map(move |hypothesis| (*line, hypothesis)));
    // Tokens of the dictionary, so that nothing is segmented in another way than the search did.
    let is_text = |id: &u32| *id > 3 || *id == 2;
    let (mut sources, mut targets, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for (line, hypothesis) in pairs.filter(|(_, hypothesis)| hypothesis.ids.iter().all(is_text)) {
        sources.push(translator.model().src_text.encode(line).unwrap());
        targets.push(hypothesis.tokens.clone());
        expected.push(hypothesis);
    }
    assert!(!expected.is_empty());
    let format = LineFormat {
        tokenised: true,
        ..LineFormat::default()
    };
    let mut told = Vec::new();
    let scored = translator.score_watched(&sources, &targets, &options, format, &mut |progress| {
        told.push(progress);
        ControlFlow::Continue(())
    });
    for (scored, expected) in scored.unwrap().iter().zip(&expected) {
        let scored = &scored.hypotheses[0];
        assert_eq!(scored.ids, expected.ids);
        assert!(
            (scored.score - expected.score).abs() < 1e-5,
            "{scored:?}, {expected:?}"
        );
        let rows = |attention: &Option<Attention>| {
            attention
                .iter()
                .flat_map(|attention| attention.rows())
                .flatten()
                .copied()
                .collect::<Vec<f32>>()
        };
        let (ours, theirs) = (rows(&scored.attention), rows(&expected.attention));
        assert_eq!(ours.len(), theirs.len());
        assert!(!ours.is_empty() && ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    let all = expected.len();
    assert_eq!(
        told,
        [Progress {
            done: all,
            total: all
        }]
    );

    for (line, target, expected) in [
        (" ", "ein", "line 1: holds no word"),
        (&*"ein ".repeat(2000), "ein", "line 1 has 2001 tokens"),
    ] {
        let error = translator
            .score(&[line], &[target], &options)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn whoever_watches_may_end_the_work_between_batches() {
    let limits = BatchLimits {
        max_sentences: Some(2),
        ..BatchLimits::default()
    };
    let translator = Translator::new(model()).with_limits(limits).unwrap();
    let options = GenerateOptions {
        beam: 1,
        max_len_b: 3,
        ..GenerateOptions::default()
    };
    let lines = ["ein"; 7];
    let translated = |most: usize| {
        let mut told = 0;
        let translated =
            translator.translate_watched(&lines, &options, LineFormat::default(), &mut |progress| {
                told += 1;
                match progress.done < most {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            });
        (told, translated)
    };
    let (told, translations) = translated(100);
    assert_eq!((told, translations.unwrap().len()), (4, 7));
    let (told, translations) = translated(3);
    assert_eq!(told, 2);
    assert!(matches!(
        translations,
        Err(Error::Interrupted { done: 4, total: 7 })
    ));
    let none = BatchLimits {
        max_sentences: Some(0),
        ..BatchLimits::default()
    };
    assert!(translator.with_limits(none).unwrap_err().is_usage());
}
