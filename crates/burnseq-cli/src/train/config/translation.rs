//! What the flags say of translation.

use burnseq::tasks::translation::{NAME, TranslationConfig};

use crate::problems::Problems;
use crate::train::args::TrainArgs;

/// Lays the flags of translation over its configuration, and refuses those of language models.
pub(super) fn overlay(args: &TrainArgs, task: &mut TranslationConfig, problems: &mut Problems) {
    let languages = &args.run.task.languages;
    for (field, flag) in [
        (&mut task.source_lang, &languages.source_lang),
        (&mut task.target_lang, &languages.target_lang),
    ] {
        if flag.is_some() {
            field.clone_from(flag);
        }
    }
    problems.take(args.validation.bleu.overlay(&mut task.eval_bleu));
    problems.take(args.language_modeling.refuse(NAME));
}

/// The translation task of a configuration.
#[cfg(test)]
pub(super) mod testing {
    use burnseq::tasks::TaskConfig;
    use burnseq::tasks::translation::TranslationConfig;

    use crate::train::Request;

    pub(in crate::train::config) fn translation_of(request: &Request) -> &TranslationConfig {
        match &request.task {
            TaskConfig::Translation(config) => config,
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use burnseq_train::{OptimizerConfig, StopRule};
    use serde_json::json;

    use super::super::testing::{of_words, problem, request};
    use super::testing::translation_of;

    #[test]
    fn the_command_of_a_fairseq_recipe_is_understood() {
        let args = [
            "data-bin",
            "--arch",
            "transformer",
            "--encoder-embed-dim",
            "256",
            "--encoder-ffn-embed-dim",
            "512",
            "--share-decoder-input-output-embed",
            "--optimizer",
            "adam",
            "--adam-betas",
            "(0.9, 0.999)",
            "--clip-norm",
            "0.0",
            "--lr",
            "1e-3",
            "--lr-scheduler",
            "inverse_sqrt",
            "--warmup-updates",
            "500",
            "--criterion",
            "label_smoothed_cross_entropy",
            "--label-smoothing",
            "0.2",
            "--max-epoch",
            "7",
            "--cpu",
            "--relu-dropout",
            "0.2",
            "--max-sentences",
            "32",
            "--keep-last-epochs",
            "-1",
            "--eval-bleu",
            "--eval-bleu-args",
            r#"{"beam": 4}"#,
            "--eval-bleu-remove-bpe",
            "--best-checkpoint-metric",
            "bleu",
            "--maximize-best-checkpoint-metric",
        ];
        let request = of_words(args).unwrap();
        let model = request.model.fields();
        // The decoder of the base model follows the encoder.
        assert_eq!(
            (&model["decoder_embed_dim"], &model["decoder_ffn_embed_dim"]),
            (&json!(256), &json!(512))
        );
        assert_eq!(
            (&model["activation_dropout"], &model["decoder_layers"]),
            (&json!(0.2), &json!(6))
        );
        let OptimizerConfig::Adam(adam) = &request.train.optimizer else {
            panic!("{:?}", request.train.optimizer)
        };
        assert_eq!(adam.betas, (0.9, 0.999));
        assert_eq!(request.train.optimization.lr, [1e-3]);
        assert_eq!(
            request.train.stop,
            StopRule {
                max_epoch: Some(7),
                ..StopRule::endless()
            }
        );
        assert_eq!(
            (request.train.dataset.max_tokens, request.train.dataset.batch_size),
            (None, Some(32))
        );
        let bleu = translation_of(&request).eval_bleu.clone().unwrap();
        assert_eq!((bleu.options.beam, bleu.remove_bpe.as_deref()), (4, Some("@@ ")));
        assert_eq!(request.compute.device_name(), "cpu");
    }

    #[test]
    fn left_padding_is_turned_off_in_both_spellings() {
        let pad = |flags| translation_of(&request(flags).unwrap()).left_pad_source;
        assert!(pad("") && pad("--left-pad-source True"));
        assert!(!pad("--left-pad-source") && !pad("--left-pad-source False data-bin"));
        assert!(problem("--left-pad-target").contains("padded on the right"));
        assert!(request("--left-pad-target False").is_ok());
    }
}
