//! What the flags say of language modelling.

use anyhow::{Result, bail};
use burnseq::tasks::language_modeling::LanguageModelingConfig;
use burnseq_model::ModelConfig;

use crate::problems::Problems;
use crate::train::args::TrainArgs;

/// Lays the flags of language modelling over its configuration, and refuses those of translation.
pub(super) fn overlay(args: &TrainArgs, task: &mut LanguageModelingConfig, problems: &mut Problems) {
    problems.take(args.run.task.languages.refuse());
    problems.take(args.validation.bleu.refuse());
    problems.take(args.benchmark.refuse_pairs());
    args.language_modeling.overlay(task);
}

/// Fits blocks and positions to each other: where their length `is_open`, blocks are at most as long as the model reads at
/// once; else the model gets positions for them, unless these are `fixed`.
///
/// # Errors
/// Positions that the flags name and that are too few.
pub(super) fn fit_positions(
    args: &TrainArgs,
    task: &mut LanguageModelingConfig,
    model: &mut ModelConfig,
    is_open: bool,
    fixed: bool,
) -> Result<()> {
    let (_, positions) = model.max_positions();
    if is_open && positions < task.positions() {
        task.tokens_per_sample = positions.saturating_sub(usize::from(task.add_bos_token));
        return Ok(());
    }
    if fixed {
        return Ok(());
    }
    args.model.fit_positions(model, task.positions())
}

/// Refuses the criterion of an adaptive softmax for a model without one.
///
/// # Errors
/// There is none.
pub(super) fn check_criterion(args: &TrainArgs, model: &ModelConfig) -> Result<()> {
    let cutoff = model.fields().remove("adaptive_softmax_cutoff");
    let is_adaptive = cutoff.is_some_and(|cutoff| !cutoff.is_null());
    if args.optim.criterion.as_deref() == Some("adaptive_loss") && !is_adaptive {
        bail!(
            "--criterion adaptive_loss needs an adaptive softmax, which this model does not have\nhint: give \
             --adaptive-softmax-cutoff, or --criterion cross_entropy"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use burnseq::tasks::TaskConfig;
    use burnseq_train::CriterionConfig;

    use super::super::testing::{problem, request};
    use super::*;
    use crate::train::{GRAMMAR, Request};

    fn blocks_of(request: &Request) -> &LanguageModelingConfig {
        match &request.task {
            TaskConfig::LanguageModeling(config) => config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_language_model_is_trained_with_the_loss_and_the_blocks_of_fairseq() {
        let named = request("--task language_modeling").unwrap();
        assert_eq!(named.model, ModelConfig::from_arch("transformer_lm").unwrap());
        assert_eq!(*blocks_of(&named), LanguageModelingConfig::default());
        assert_eq!(named.train.criterion, CriterionConfig::default());
        assert!(named.notes.is_empty());
        let smoothed =
            "--task language_modeling --criterion label_smoothed_cross_entropy --label-smoothing 0.2";
        assert_ne!(
            request(smoothed).unwrap().train.criterion,
            CriterionConfig::default()
        );

        let by_arch = request("--arch transformer_lm_gpt --tokens-per-sample 64 --add-bos-token").unwrap();
        assert_eq!(by_arch.model.fields()["max_target_positions"], 65);
        assert!(
            by_arch.notes[0].contains("so the task is language_modeling"),
            "{:?}",
            by_arch.notes
        );
        let published = request("--arch gpt").unwrap();
        assert_eq!(blocks_of(&published).tokens_per_sample, 512);
        let longer = "--arch transformer_lm --tokens-per-sample 64 --max-target-positions 128";
        assert_eq!(
            request(longer).unwrap().model.fields()["max_target_positions"],
            128
        );
    }

    #[test]
    fn flags_of_the_other_task_are_refused_together() {
        let lm =
            problem("--arch transformer_lm -s de --eval-bleu --bpe-dropout 0.1 --benchmark 3 --lengths a b");
        for flag in ["--source-lang", "--eval-bleu", "--bpe-dropout", "--benchmark"] {
            assert!(lm.contains(flag), "{flag}: {lm}");
        }
        let translation = problem("--tokens-per-sample 3 --sample-break-mode eos --shorten-method truncate");
        for flag in ["--tokens-per-sample", "--sample-break-mode", "--shorten-method"] {
            assert!(
                translation.contains(&format!("{flag} belongs to --task language_modeling")),
                "{translation}"
            );
        }
        assert!(
            problem("--arch transformer_lm --tokens-per-sample 0")
                .contains("--tokens-per-sample 0 leaves no token")
        );
        let adaptive = "--arch transformer_lm --criterion adaptive_loss";
        assert!(problem(adaptive).contains("needs an adaptive softmax"));
        let adaptive = request(&format!("{adaptive} --adaptive-softmax-cutoff 9")).unwrap();
        assert_eq!(adaptive.train.criterion, CriterionConfig::default());
        let words = ["train", "--arch", "transformer_lm", "--self-target"];
        let target = GRAMMAR
            .try_parse::<TrainArgs>(words)
            .unwrap()
            .unwrap_err()
            .to_string();
        assert!(target.contains("have read the token itself"), "{target}");
        request("--arch transformer_lm --future-target").unwrap();
    }
}
