//! Language models that continue prompts.

use burn::tensor::Device;
use burnseq_generate::{Continue, ContinueOptions, Prompt, ReadText, score_texts};
use burnseq_model::families::transformer_lm::{TransformerLm, TransformerLmConfig};
use burnseq_model::{FamilyConfig, Stepwise};
use burnseq_search::{GenerateOptions, Generator, Hypothesis, SearchError};
use burnseq_text::Vocab;
use serde_json::Value;

use super::families::tensors;

const EOS: u32 = 2;

fn model(positions: usize) -> TransformerLm {
    let config = TransformerLmConfig {
        decoder_embed_dim: 32,
        decoder_input_dim: 32,
        decoder_output_dim: 32,
        decoder_ffn_embed_dim: 48,
        decoder_layers: 2,
        decoder_attention_heads: 4,
        decoder_normalize_before: true,
        share_decoder_input_output_embed: true,
        max_target_positions: positions,
        ..TransformerLmConfig::default()
    };
    config
        .init(&Vocab::fairseq(40, 40), 11, &Device::flex())
        .laid_out_for_decoding()
}

/// `</s>` and then words.
fn prompt(id: u64, len: usize) -> Prompt {
    let word = |place: usize| 4 + ((place * 7 + id as usize * 13) % 36) as u32;
    Prompt {
        tokens: std::iter::once(EOS).chain((0..len).map(word)).collect(),
        id,
    }
}

fn prompts() -> Vec<Prompt> {
    [5, 0, 17, 5, 1, 40]
        .iter()
        .zip(0..)
        .map(|(&len, id)| prompt(id, len))
        .collect()
}

fn found(
    model: &TransformerLm,
    search: &GenerateOptions,
    options: ContinueOptions,
    prompts: &[Prompt],
) -> Vec<Vec<Hypothesis>> {
    let generator = Generator::new(search.clone()).unwrap();
    let models = std::slice::from_ref(model);
    generator
        .continue_texts(models, prompts, options, &Device::flex())
        .unwrap()
}

fn searches() -> [GenerateOptions; 4] {
    let short = GenerateOptions {
        max_len_b: 12,
        ..GenerateOptions::default()
    };
    [
        GenerateOptions {
            beam: 1,
            ..short.clone()
        },
        GenerateOptions {
            beam: 3,
            nbest: 2,
            ..short.clone()
        },
        GenerateOptions {
            beam: 2,
            sampling: true,
            sampling_topk: Some(10),
            ..short.clone()
        },
        GenerateOptions {
            beam: 4,
            diverse_beam_groups: Some(2),
            ..short
        },
    ]
}

#[test]
fn prompts_of_any_length_in_a_batch_are_continued_as_each_alone_bit_for_bit() {
    for positions in [64, 49] {
        let model = model(positions);
        for search in searches() {
            for options in [
                ContinueOptions::default(),
                ContinueOptions {
                    sliding_window: true,
                    ..ContinueOptions::default()
                },
                ContinueOptions {
                    counted_from: 1,
                    ..ContinueOptions::default()
                },
            ] {
                let together = found(&model, &search, options, &prompts());
                for (prompt, together) in prompts().iter().zip(&together) {
                    let alone = found(&model, &search, options, std::slice::from_ref(prompt));
                    assert_eq!(&alone[0], together, "{} {options:?} {search:?}", prompt.id);
                }
            }
        }
    }
}

#[test]
fn a_prompt_that_is_read_at_once_continues_as_one_that_is_read_step_by_step() {
    let model = model(64);
    for search in searches() {
        let plain = found(&model, &search, ContinueOptions::default(), &prompts());
        let counted = ContinueOptions {
            counted_from: 1,
            ..ContinueOptions::default()
        };
        if search.sampling || search.beam > 1 {
            continue; // draws and scores count the tokens of the prompt then
        }
        let counted = found(&model, &search, counted, &prompts());
        for ((prompt, plain), counted) in prompts().iter().zip(&plain).zip(&counted) {
            let (read, new) = counted[0].tokens.split_at(prompt.tokens.len() - 1);
            assert_eq!(read, &prompt.tokens[1..]);
            assert_eq!(new, plain[0].tokens);
            let scores = &counted[0].positional_scores[read.len()..];
            for (a, b) in scores.iter().zip(&plain[0].positional_scores) {
                assert!((a - b).abs() < 1e-4, "{a} {b}");
            }
        }
    }
}

#[test]
fn scores_are_those_of_the_whole_text() {
    let model = model(64);
    let search = &searches()[1];
    let all = found(&model, search, ContinueOptions::default(), &prompts());
    for (prompt, hypotheses) in prompts().iter().zip(&all) {
        for hypothesis in hypotheses {
            let target = hypothesis.tokens.clone();
            let text = ReadText {
                tokens: [&prompt.tokens, &target[..target.len() - 1]].concat(),
                target,
            };
            let scores = score_texts(&model, &[text], 1000, 1, &Device::flex());
            for (a, b) in scores[0].iter().zip(&hypothesis.positional_scores) {
                assert!((a - b).abs() < 1e-4, "{a} {b}");
            }
        }
    }
}

#[test]
fn texts_end_at_the_positions_or_go_on_from_their_last_half() {
    let model = model(16);
    let search = GenerateOptions {
        beam: 1,
        sampling: true,
        min_len: 40,
        max_len_b: 40,
        ..GenerateOptions::default()
    };
    let ended = GenerateOptions {
        min_len: 1,
        ..search.clone()
    };
    let text = prompt(3, 9);
    let at_end = found(
        &model,
        &ended,
        ContinueOptions::default(),
        std::slice::from_ref(&text),
    );
    assert!(at_end[0][0].tokens.len() <= 16 - 10 + 1);
    let sliding = ContinueOptions {
        sliding_window: true,
        ..ContinueOptions::default()
    };
    let going_on = found(&model, &search, sliding, std::slice::from_ref(&text));
    assert_eq!(going_on[0][0].tokens.len(), 41);

    for tokens in [Vec::new(), prompt(3, 15).tokens, vec![EOS, 40]] {
        let generator = Generator::new(search.clone()).unwrap();
        let refused = generator.continue_texts(
            std::slice::from_ref(&model),
            &[Prompt { tokens, id: 7 }],
            ContinueOptions::default(),
            &Device::flex(),
        );
        assert!(
            matches!(
                refused,
                Err(SearchError::Prompt { .. } | SearchError::UnknownId { .. })
            ),
            "{refused:?}"
        );
    }
}

#[test]
fn two_models_continue_as_an_ensemble_and_a_model_beside_itself_alone() {
    let model = model(64);
    let generator = Generator::new(searches()[0].clone()).unwrap();
    let twice = generator
        .continue_texts(
            &[model.clone(), model.clone()],
            &prompts(),
            ContinueOptions::default(),
            &Device::flex(),
        )
        .unwrap();
    let once = found(&model, &searches()[0], ContinueOptions::default(), &prompts());
    for (twice, once) in twice.iter().zip(&once) {
        assert_eq!(twice[0].tokens, once[0].tokens);
    }
}

#[test]
fn continuations_equal_fairseq_where_prompts_count() {
    let Some(folder) = burnseq_testing::golden("families/fairseq/eval_lm") else {
        return;
    };
    let config = TransformerLmConfig {
        decoder_embed_dim: 32,
        decoder_input_dim: 32,
        decoder_output_dim: 32,
        decoder_ffn_embed_dim: 64,
        decoder_layers: 2,
        decoder_attention_heads: 4,
        decoder_normalize_before: true,
        share_decoder_input_output_embed: true,
        max_target_positions: 64,
        ..TransformerLmConfig::default()
    };
    let weights = tensors(&folder.join("model.safetensors"));
    let types = weights["decoder.embed_tokens.weight"].shape()[0];
    let vocab = Vocab::fairseq(types, types);
    let model = config.load(&vocab, &weights, &Device::flex()).unwrap();
    let text = burnseq_testing::read(&folder.join("generate.json"));
    let runs: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    let mut compared = 0;
    for (name, run) in &runs {
        let search = GenerateOptions {
            // fairseq blocks nothing without its CUDA extension.
            no_repeat_ngram_size: 0,
            ..serde_json::from_value(run["options"].clone()).unwrap()
        };
        for (id, row) in run["rows"].as_array().unwrap().iter().enumerate() {
            let ids = |value: &Value| -> Vec<u32> {
                let ids = value.as_array().unwrap().iter();
                ids.map(|id| id.as_u64().unwrap() as u32).collect()
            };
            let tokens = ids(&row["src_tokens"]);
            // fairseq counts the prompt, without its `</s>`, among the tokens of a hypothesis.
            let search = GenerateOptions {
                max_len_b: search.max_len_b - (tokens.len() - 1),
                ..search.clone()
            };
            let counted = ContinueOptions {
                counted_from: 1,
                ..ContinueOptions::default()
            };
            let prompt = Prompt {
                tokens,
                id: id as u64,
            };
            let found = found(&model, &search, counted, &[prompt]).remove(0);
            let expected = row["hypos"].as_array().unwrap();
            assert_eq!(found.len(), expected.len(), "{name} {id}");
            for (found, expected) in found.iter().zip(expected) {
                let score = expected["score"].as_f64().unwrap();
                assert!(
                    (f64::from(found.score) - score).abs() < 1e-4,
                    "{name} {id}: {found:?}"
                );
                assert_eq!(found.tokens, ids(&expected["tokens"]), "{name} {id}");
                let theirs = expected["positional_scores"].as_array().unwrap();
                for (ours, theirs) in found.positional_scores.iter().zip(theirs) {
                    assert!(
                        (f64::from(*ours) - theirs.as_f64().unwrap()).abs() < 1e-4,
                        "{name} {id}"
                    );
                }
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 84);
}
