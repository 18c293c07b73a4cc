//! What programs ask of a [`TextGenerator`]: scores of text, and text that begins with a prompt.

use std::sync::Arc;

use burnseq::burn::tensor::Device;
use burnseq::decode::{TextModel, unwatched};
use burnseq::model::families::transformer_lm::TransformerLmConfig;
use burnseq::model::{LanguageModel, ModelConfig, OfConfig};
use burnseq::text::{Dictionary, TextFiles, TextPipeline, TextSettings, Vocab};
use burnseq::{ContinuationFormat, GenerateOptions, TextGenerator};

/// An untrained model of the words `w0` to `w7` that reads 16 tokens.
fn generator(begins_with_bos: bool) -> TextGenerator {
    let mut dictionary = Dictionary::new();
    for word in 0..8 {
        dictionary.add_symbol(&format!("w{word}"), 1);
    }
    let config = ModelConfig::from(TransformerLmConfig {
        decoder_embed_dim: 8,
        decoder_input_dim: 8,
        decoder_output_dim: 8,
        decoder_ffn_embed_dim: 8,
        decoder_layers: 1,
        decoder_attention_heads: 2,
        max_target_positions: 16,
        ..TransformerLmConfig::default()
    });
    let (vocab, device) = (Vocab::of(&dictionary, &dictionary), Device::flex());
    TextGenerator::new(TextModel {
        model: LanguageModel::init(&config, &vocab, 5, &device).unwrap(),
        device,
        dictionary: Arc::new(dictionary),
        text: TextPipeline::new(TextSettings::default(), &TextFiles::new()).unwrap(),
        whole_texts: false,
        generation: None,
        begins_with_bos,
        path: "x".into(),
    })
}

fn scores(generator: &TextGenerator, text: &str) -> Vec<f32> {
    let mut found = generator.score(&[text], 0, &mut unwatched).unwrap();
    found.swap_remove(0).scores
}

#[test]
fn texts_are_scored_by_themselves_and_lines_of_a_text_one_after_another() {
    for begins_with_bos in [false, true] {
        let generator = generator(begins_with_bos);
        let texts = ["w1 w2", "w3", "", "w1 w2 w5 w6"];
        let together = generator.score(&texts, 0, &mut unwatched).unwrap();
        for (text, together) in texts.iter().zip(&together) {
            assert_eq!(scores(&generator, text), together.scores, "{text}");
            let words = text.split_whitespace().count();
            assert_eq!(
                (together.tokens.len(), together.scores.len()),
                (words + 1, words + 1)
            );
        }
        let both = scores(&generator, "w1 w2\nw3");
        assert_eq!(both.len(), 5);
        assert_eq!(both[..3], together[0].scores);
        assert_ne!(both[3..], together[1].scores);
    }
}

#[test]
fn a_context_window_is_read_before_each_part_of_a_long_text() {
    let text = "w1 w2 w3 w4 w5 w6 w7 w0 ".repeat(4);
    let generator = generator(false);
    let score = |window| generator.score(&[&text, &text], window, &mut unwatched);
    let (without, with) = (score(0).unwrap(), score(8).unwrap());
    assert!(without[0].cut && with[0].cut);
    assert_eq!(with[0], with[1], "no text is the context of another");
    assert_eq!(with[0].scores.len(), 33);
    assert_ne!(without[0].scores, with[0].scores);
    assert!(
        score(16)
            .unwrap_err()
            .to_string()
            .contains("leaves nothing of the 16 positions")
    );
    let with_bos = self::generator(true).score(&["w1"], 1, &mut unwatched);
    assert!(
        with_bos
            .unwrap_err()
            .to_string()
            .starts_with("'context_window' does not go with")
    );
}

#[test]
fn generated_text_scores_what_a_scorer_gives_its_tokens() {
    let mut compared = 0;
    for begins_with_bos in [false, true] {
        let generator = generator(begins_with_bos);
        let options = GenerateOptions {
            beam: 3,
            nbest: 2,
            max_len_b: 6,
            unnormalized: true,
            ..GenerateOptions::default()
        };
        let prompts = ["w1 w2", "w3", ""];
        let format = ContinuationFormat::default();
        let found = generator
            .generate(&prompts, &options, format, &mut unwatched)
            .unwrap();
        for (prompt, found) in prompts.iter().zip(&found) {
            assert_eq!((found.hypotheses.len(), found.cut_from), (2, None));
            for hypothesis in &found.hypotheses {
                assert!(hypothesis.text.starts_with(prompt), "{hypothesis:?}");
                assert_eq!(hypothesis.ids.len(), hypothesis.positional_scores.len());
                let words = prompt.split_whitespace().count();
                // A scorer reads `<s>` in the place of `</s>`, generation both; symbols that are no text are lost in it.
                let scored = generator.score(&[&hypothesis.text], 0, &mut unwatched).unwrap();
                if !begins_with_bos && scored[0].tokens[words..] == hypothesis.ids {
                    compared += 1;
                    for (scored, found) in scored[0].scores[words..]
                        .iter()
                        .zip(&hypothesis.positional_scores)
                    {
                        assert!((scored - found).abs() < 1e-5, "{scored} {found}");
                    }
                }
            }
        }
        let continuation_only = ContinuationFormat {
            continuation_only: true,
            ..format
        };
        let new = generator
            .generate(&prompts, &options, continuation_only, &mut unwatched)
            .unwrap();
        for ((prompt, found), new) in prompts.iter().zip(&found).zip(&new) {
            for (found, new) in found.hypotheses.iter().zip(&new.hypotheses) {
                assert_eq!(found.text.trim(), format!("{prompt} {}", new.text).trim());
            }
        }
    }
    assert!(compared > 0);
}

#[test]
fn a_prompt_that_leaves_no_position_is_cut_from_the_left() {
    let generator = generator(false);
    let options = GenerateOptions {
        beam: 1,
        max_len_b: 4,
        ..GenerateOptions::default()
    };
    let prompt = "w1 ".repeat(30);
    let run = |prompt: &str, sliding_window| {
        let format = ContinuationFormat {
            continuation_only: false,
            sliding_window,
        };
        let mut found = generator
            .generate(&[prompt], &options, format, &mut unwatched)
            .unwrap();
        found.swap_remove(0)
    };
    let found = run(&prompt, false);
    assert_eq!(found.cut_from, Some(31)); // with the `</s>` that it begins with
    assert!(
        found.hypotheses[0]
            .text
            .starts_with(&"w1 ".repeat(12).trim_end().to_owned())
    );
    assert_eq!(run(&prompt, true).cut_from, Some(31));
    assert_eq!(run("w1", false).cut_from, None);
}
