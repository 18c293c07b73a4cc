//! Flags to configurations: defaults, recipe or file, preset, then flags; what comes out is complete and typed.

mod chosen;
mod language_modeling;
mod translation;

use std::path::PathBuf;

use anyhow::Result;
use burnseq::tasks::TaskConfig;
use burnseq_kernels::Precision;
use burnseq_model::ModelConfig;
use burnseq_train::losses::CrossEntropyConfig;
use burnseq_train::{CriterionConfig, TrainConfig};

use super::args::TrainArgs;
use super::config_file::ConfigFile;
use super::defaults;
use crate::compute::ComputeArgs;
use crate::exit::{coded, usage};
use crate::problems::Problems;
use chosen::{asked_task, default_arch, model_of_start, open_task};

/// What the flags ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The model.
    pub model: ModelConfig,
    /// The run.
    pub train: TrainConfig,
    /// The task, and the data.
    pub task: TaskConfig,
    /// Device and precision.
    pub compute: ComputeArgs,
    /// What the user should know about how it came about.
    pub notes: Vec<String>,
}

impl Request {
    /// Puts defaults, recipe or configuration file, preset and flags together; each wins over those before it. A run
    /// that starts from a checkpoint, and names no model, has the checkpoint's.
    ///
    /// # Errors
    /// An unknown recipe, a file that cannot be used, or a checkpoint to start from that is not there or cannot be read;
    /// else everything that is wrong with the settings: an unknown preset, flags that do not go together, values out of
    /// range.
    pub fn new(args: &TrainArgs) -> Result<Self> {
        let file = match (&args.run.recipe, &args.run.config) {
            (Some(name), _) => ConfigFile::recipe(name),
            (None, Some(path)) => ConfigFile::load(path),
            (None, None) if args.run.strict_fairseq_defaults => Ok(ConfigFile {
                train: defaults::of_fairseq(),
                ..ConfigFile::default()
            }),
            (None, None) => Ok(ConfigFile::default()),
        };
        let file = file?;
        let names_model = args.model.arch.is_some() || file.arch.is_some() || !file.model.is_empty();
        let mut checkpoint = file.train.checkpoint.clone();
        args.checkpoint.overlay(&mut checkpoint);
        let start = if names_model || args.checkpoint.check().is_err() {
            None
        } else {
            model_of_start(&checkpoint)?
        };
        Self::overlaid(args, file, start).map_err(usage)
    }

    /// The flags over a configuration file and the model of the checkpoint that the run starts from.
    fn overlaid(args: &TrainArgs, file: ConfigFile, start: Option<(PathBuf, ModelConfig)>) -> Result<Self> {
        let run = &args.run;
        let arch = args.model.arch.as_deref();
        let mut notes = Vec::new();
        let mut problems = Problems::new();
        let asked = problems.take(asked_task(args, &file)).flatten();
        let is_fresh = start.is_none();
        let names_model = !is_fresh || arch.is_some() || file.arch.is_some() || !file.model.is_empty();
        let named = match start {
            Some((path, model)) => {
                notes.push(format!("the architecture is that of {}", path.display()));
                Some(model)
            }
            None if names_model => problems.take(file.model(arch, default_arch(asked.as_ref()))),
            None => None,
        };
        let data = args.data.as_deref();
        let mut task = match asked {
            Some(task) => task,
            None => {
                let (task, note) = open_task(named.as_ref(), (!names_model).then_some(data));
                notes.extend(note);
                task
            }
        };
        let ConfigFile {
            arch: file_arch,
            model: file_model,
            task: file_task,
            mut train,
            names_criterion,
            ..
        } = file;

        let is_known = named.is_some() || !names_model;
        let mut model = match named {
            Some(model) => model,
            // Where the name is unknown, for a look at the flags that are not about the model; the run is refused.
            None => ModelConfig::from_arch(default_arch(Some(&task)))?,
        };
        if is_known {
            problems.take(args.model.overlay(&mut model, arch.or(file_arch.as_deref())));
        }
        if matches!(task, TaskConfig::LanguageModeling(_)) && !names_criterion {
            train.criterion = CriterionConfig::CrossEntropy(CrossEntropyConfig::default());
        }
        if let Some(seed) = run.seed {
            train.seed = seed;
        }
        if let Some(interval) = run.log_interval {
            train.log_interval = interval;
        }
        let mut compute = run.compute.clone();
        if run.strict_fairseq_defaults {
            defaults::check(args, &mut problems);
            if !compute.names_precision() {
                compute.precision = Some(Precision::Fp32);
            }
        }
        problems.take(args.optim.overlay(&mut train));
        if is_known {
            problems.take(language_modeling::check_criterion(args, &model));
        }
        problems.take(
            args.schedule
                .overlay(&mut train.lr_scheduler, &mut train.optimization),
        );
        if run.strict_fairseq_defaults {
            defaults::complete(args, &mut train);
        }
        args.stop.overlay(&mut train.stop);
        if let Some(Some(lr)) = problems.take(args.schedule.stop_min_lr(&train.lr_scheduler, &args.stop)) {
            train.stop.stop_min_lr = Some(lr).filter(|&lr| lr >= 0.0);
        }
        args.dataset.overlay(&mut train.dataset);
        args.validation.overlay(&mut train.validation);
        args.checkpoint.overlay(&mut train.checkpoint);
        problems.take(args.checkpoint.check());
        problems.take(args.ema.overlay(&mut train));
        problems.take(args.loss_scaling.overlay(&mut train, run.compute.is_fp16()));

        if let Some(data) = &args.data {
            task.data_mut().clone_from(data);
        }
        problems.take(args.dataset.overlay_task(&mut task));
        problems.take(args.model.overlay_task(&mut task, &model));
        match &mut task {
            TaskConfig::Translation(task) => translation::overlay(args, task, &mut problems),
            TaskConfig::LanguageModeling(task) => {
                language_modeling::overlay(args, task, &mut problems);
                let is_open = file_task.is_none() && args.language_modeling.tokens_per_sample.is_none();
                let fixed = !is_known || !is_fresh || file_model.contains_key("max_target_positions");
                let fitted = language_modeling::fit_positions(args, task, &mut model, is_open, fixed);
                problems.take(fitted);
                problems.take(task.validate().map_err(coded));
            }
        }
        task.complete(&mut train);
        // Measuring has an end and a validation of its own.
        if !args.benchmark.measures() {
            problems.take(train.validate(&task.metrics()).map_err(coded));
        }
        problems.into_result()?;

        Ok(Self {
            model,
            train,
            task,
            compute,
            notes,
        })
    }
}

/// Configurations of command lines.
#[cfg(test)]
mod testing {
    use super::*;
    use crate::train::GRAMMAR;

    pub(super) fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Request> {
        let words = std::iter::once("train").chain(words);
        Request::new(&GRAMMAR.try_parse::<TrainArgs>(words).unwrap()?)
    }

    pub(super) fn request(flags: &str) -> Result<Request> {
        of_words(flags.split_whitespace())
    }

    pub(super) fn problem(flags: &str) -> String {
        request(flags).unwrap_err().to_string()
    }
}

#[cfg(test)]
mod tests {
    use burnseq_train::{LossScalingConfig, OptimizationConfig, OptimizerConfig, StopRule};
    use serde_json::json;

    use super::testing::{of_words, problem, request};
    use super::translation::testing::translation_of;
    use super::*;

    #[test]
    fn the_bare_command_is_the_documented_recipe() {
        let request = request("").unwrap();
        assert_eq!(request.train, TrainConfig::default());
        assert_eq!(request.task, TaskConfig::default());
        assert_eq!(
            request.model,
            ModelConfig::from_arch("transformer_iwslt_de_en").unwrap()
        );
        assert_eq!(request.compute.device_name(), "auto");
    }

    #[test]
    fn switches_of_the_update_are_off_unless_asked_for() {
        let on = request("--sentence-avg --skip-remainder-batch --checkpoint-activations").unwrap();
        let expected = OptimizationConfig {
            sentence_avg: true,
            skip_remainder_batch: true,
            checkpoint_activations: true,
            ..OptimizationConfig::default()
        };
        assert_eq!(on.train.optimization, expected);
    }

    #[test]
    fn a_recipe_gives_way_to_flags_and_arch_to_the_model_of_the_recipe() {
        let recipe = request("--recipe iwslt14_de_en").unwrap();
        let model = recipe.model.fields();
        assert_eq!(
            (&model["dropout"], &model["encoder_ffn_embed_dim"]),
            (&json!(0.3), &json!(1024))
        );
        assert_eq!(model["share_decoder_input_output_embed"], true);
        assert!(translation_of(&recipe).eval_bleu.is_some());

        let changed = request("--recipe iwslt14_de_en --dropout 0.2 --lr 1e-3 --max-update 7 other").unwrap();
        let model = changed.model.fields();
        assert_eq!(
            (&model["dropout"], &model["encoder_ffn_embed_dim"]),
            (&json!(0.2), &json!(1024))
        );
        assert_eq!(changed.train.optimization.lr, [1e-3]);
        assert_eq!(changed.train.lr_scheduler, recipe.train.lr_scheduler);
        assert_eq!(changed.task.data(), std::path::Path::new("other"));
        let stop = StopRule {
            max_update: Some(7),
            ..StopRule::endless()
        };
        assert_eq!(
            changed.train.stop, stop,
            "a stop option replaces the recipe's rule"
        );

        let other = request("--recipe iwslt14_de_en --arch transformer_tiny").unwrap();
        assert_eq!(other.model, ModelConfig::from_arch("transformer_tiny").unwrap());
        assert_eq!(other.train, recipe.train);
    }

    #[test]
    fn recipes_are_the_commands_they_stand_for() {
        let iwslt = of_words([
            "--arch",
            "transformer_iwslt_de_en",
            "--share-decoder-input-output-embed",
            "--optimizer",
            "adam",
            "--adam-betas",
            "(0.9, 0.98)",
            "--clip-norm",
            "0.0",
            "--lr",
            "5e-4",
            "--lr-scheduler",
            "inverse_sqrt",
            "--warmup-updates",
            "4000",
            "--dropout",
            "0.3",
            "--weight-decay",
            "0.0001",
            "--criterion",
            "label_smoothed_cross_entropy",
            "--label-smoothing",
            "0.1",
            "--max-tokens",
            "4096",
            "--eval-bleu",
            "--eval-bleu-args",
            r#"{"beam": 5, "max_len_a": 1.2, "max_len_b": 10}"#,
            "--eval-bleu-detok",
            "moses",
            "--eval-bleu-remove-bpe",
            "--eval-bleu-print-samples",
            "--best-checkpoint-metric",
            "bleu",
            "--maximize-best-checkpoint-metric",
            // What is ours: an end, and not every checkpoint.
            "--max-epoch",
            "60",
            "--patience",
            "10",
            "--keep-last-epochs",
            "10",
        ]);
        assert_eq!(iwslt.unwrap(), request("--recipe iwslt14_de_en").unwrap());

        let multi30k = "--arch transformer --encoder-embed-dim 256 --encoder-ffn-embed-dim 512 \
            --encoder-attention-heads 4 --encoder-layers 3 --decoder-attention-heads 4 --decoder-layers 3 \
            --share-decoder-input-output-embed --dropout 0.1 --adam-betas 0.9,0.98 --lr 1e-3 --warmup-updates 500 \
            --weight-decay 0.0001 --label-smoothing 0.1 --max-tokens 1024 --required-batch-size-multiple 1 \
            --max-epoch 7";
        assert_eq!(request(multi30k).unwrap(), request("--recipe multi30k").unwrap());

        let toy = "--arch transformer --encoder-embed-dim 128 --encoder-ffn-embed-dim 256 --encoder-layers 2 \
            --encoder-attention-heads 4 --decoder-layers 2 --decoder-attention-heads 4 --share-all-embeddings \
            --lr 3e-3 --lr-scheduler polynomial_decay --warmup-updates 300 --total-num-update 3000 --clip-norm 1.0 \
            --max-tokens 900 --max-update 3000 --eval-bleu \
            --eval-bleu-args {\"beam\":1,\"max_len_a\":1.2,\"max_len_b\":10} --best-checkpoint-metric bleu \
            --no-epoch-checkpoints";
        assert_eq!(request(toy).unwrap(), request("--recipe toy").unwrap());
    }

    #[test]
    fn without_a_stop_option_patience_stops_and_any_option_replaces_it() {
        let stop = |flags| request(flags).unwrap().train.stop;
        assert_eq!(stop("").patience, Some(10));
        assert_eq!(stop("--max-update 5").patience, None);
        assert_eq!(stop("--patience -1"), StopRule::endless());
        assert_eq!(
            stop("--max-epoch 0 --patience 3"),
            StopRule {
                patience: Some(3),
                ..StopRule::endless()
            }
        );
    }

    #[test]
    fn flags_that_would_be_ignored_are_refused() {
        assert!(problem("--amp").contains("float32"));
        assert!(problem("--bf16 --min-loss-scale 1").contains("--min-loss-scale needs --fp16"));
        assert!(problem("--momentum 0.9").contains("--optimizer nag"));
        assert!(problem("--optimizer sgd --adam-eps 1e-9").contains("--optimizer adam"));
        assert!(problem("--ema-decay 0.9").contains("--store-ema"));
        assert!(problem("--criterion cross_entropy --report-accuracy").contains("label_smoothed"));
        assert!(problem("--share-all-embeddings --decoder-embed-path x").contains("--encoder-embed-path"));
        assert!(problem("--criterion cross_entropy --label-smoothing 0.1").contains("--label-smoothing"));
        assert!(problem("--power 2").contains("polynomial_decay"));
        assert!(problem("--eval-bleu-print-samples").contains("--eval-bleu"));
        assert!(problem("--arch transformer_iwslt_de").contains("choose one of: transformer_iwslt"));
    }

    #[test]
    fn fairseqs_defaults_are_taken_where_they_are_asked_for() {
        let strict = |flags: &str| {
            let flags = format!(
                "--strict-fairseq-defaults --arch transformer --optimizer adam --max-tokens 9 {flags}"
            );
            request(&flags).unwrap()
        };
        let plain = strict("");
        assert_eq!(plain.train.criterion.metrics().len(), 0);
        assert_eq!(plain.train.optimization.lr, [0.25]);
        assert_eq!(plain.train.lr_scheduler.name(), "fixed");
        assert_eq!(plain.train.stop, StopRule::endless());
        assert_eq!(plain.compute.precision, Some(Precision::Fp32));
        let OptimizerConfig::Adam(adam) = &plain.train.optimizer else {
            panic!("{:?}", plain.train.optimizer)
        };
        assert_eq!((adam.betas, adam.weight_decay), ((0.9, 0.999), 0.0));
        let smoothed = |flags| match strict(flags).train.criterion {
            burnseq_train::CriterionConfig::LabelSmoothedCrossEntropy(config) => config.label_smoothing,
            other => panic!("{other:?}"),
        };
        assert_eq!(smoothed("--criterion label_smoothed_cross_entropy"), 0.0);
        assert_eq!(
            smoothed("--criterion label_smoothed_cross_entropy --label-smoothing 0.2"),
            0.2
        );
        assert_eq!(strict("--bf16").compute.precision, None);

        let open = problem("--strict-fairseq-defaults");
        assert!(
            open.contains("no default for --arch") && open.contains("no default for --optimizer"),
            "{open}"
        );
    }

    #[test]
    fn zero_and_minus_one_are_no_limit() {
        for off in ["0", "-1"] {
            let flags = format!(
                "--patience {off} --max-epoch {off} --max-update {off} --keep-interval-updates {off} --keep-last-epochs {off} \
                 --keep-best-checkpoints {off} --keep-interval-updates-pattern {off} --batch-size {off} --max-tokens 9 \
                 --max-tokens-valid {off} --batch-size-valid {off} --save-interval-updates {off} --stop-min-lr -1 \
                 --stop-time-hours {off}"
            );
            let found = request(&flags).unwrap().train;
            found.validate(&[]).unwrap();
            let plain = request("--patience -1 --max-tokens 9").unwrap().train;
            assert_eq!(found, plain);
        }
        let period = |flags: &str| {
            let found = request(&format!(
                "--lr-scheduler cosine --max-update 9 --lr-period-updates {flags}"
            ));
            found.unwrap().train.lr_scheduler
        };
        assert_eq!(period("0"), period("-1"));
        let buffer = request("--data-buffer-size 0").unwrap().train.dataset;
        assert_eq!((buffer.num_workers, buffer.data_buffer_size), (0, 10));
        let sentences = request("--max-tokens 0 --batch-size 5").unwrap().train.dataset;
        assert_eq!((sentences.max_tokens, sentences.batch_size), (None, Some(5)));
    }

    #[test]
    fn the_smallest_rate_of_old_recipes_ends_the_run_and_leaves_the_other_rules() {
        let stop = |flags: &str| request(flags).unwrap().train.stop;
        let old = stop("--min-lr 1e-9 --lr-scheduler inverse_sqrt");
        assert_eq!((old.stop_min_lr, old.patience), (Some(1e-9), Some(10)));
        let limited = stop("--min-lr 1e-9 --max-update 5");
        assert_eq!((limited.stop_min_lr, limited.max_update), (Some(1e-9), Some(5)));
        assert_eq!(stop("--min-lr -1").stop_min_lr, None);
        let cosine = request("--min-lr 1e-9 --lr-scheduler cosine --max-update 5")
            .unwrap()
            .train;
        assert_eq!(cosine.stop.stop_min_lr, None);
        let twice = problem("--min-lr 1e-9 --stop-min-lr 1e-9");
        assert!(twice.contains("hint: leave out --min-lr"), "{twice}");
        for schedule in ["fixed", "polynomial_decay", "tri_stage"] {
            let flags = format!("--min-lr 1e-9 --max-update 5 --lr-scheduler {schedule}");
            assert_eq!(stop(&flags).stop_min_lr, Some(1e-9));
        }
    }

    #[test]
    fn all_flags_that_do_not_act_are_told_at_once() {
        let all = problem(
            "--power 2 --t-mult 2 --momentum 0.9 --ema-decay 0.9 --ema-update-freq 2 --eval-tokenized-bleu",
        );
        for flag in [
            "--power belongs",
            "--t-mult belongs",
            "--momentum belongs",
            "--ema-decay needs",
            "--ema-update-freq needs",
            "--eval-tokenized-bleu needs",
        ] {
            assert!(all.contains(flag), "{flag}: {all}");
        }
        assert_eq!(all.matches("hint: ").count(), 6);
    }

    #[test]
    fn an_unknown_preset_hides_no_other_problem() {
        let all = problem(
            "--arch transformer_iwslt_de --power 2 --momentum 0.9 --adam-eps -1 --lr -1 --clip-norm -1",
        );
        for part in [
            "unknown architecture `transformer_iwslt_de`",
            "--power belongs",
            "--momentum belongs",
            "--adam-eps must",
            "--lr must",
            "--clip-norm must",
        ] {
            assert!(all.contains(part), "{part}: {all}");
        }
    }

    #[test]
    fn a_run_starts_from_one_checkpoint() {
        let two = problem("--finetune-from-model none --restore-file other");
        assert!(two.contains("cannot be used with --restore-file"), "{two}");
        assert!(!two.contains("no checkpoint"), "{two}");
        // fairseq's default, as its users write it.
        assert!(
            request("--arch transformer --finetune-from-model x --restore-file checkpoint_last.pt").is_ok()
        );
        let empty = of_words(["--restore-file", ""]).unwrap_err().to_string();
        assert_eq!(empty, "--restore-file needs a value");
    }

    #[test]
    fn measuring_needs_neither_an_end_nor_a_validation() {
        assert!(problem("--disable-validation").contains("patience"));
        assert!(request("--disable-validation --check-device").is_ok());
        assert!(request("--disable-validation --benchmark 1 --lengths a b").is_ok());
    }

    #[test]
    fn half_precision_scales_the_loss_and_no_other_does() {
        let scaling = |flags| request(flags).unwrap().train.loss_scaling;
        assert_eq!(scaling("--fp16"), Some(LossScalingConfig::default()));
        let changed = LossScalingConfig {
            fp16_init_scale: 4.0,
            fp16_scale_window: Some(7),
            fp16_scale_tolerance: 0.25,
            min_loss_scale: 0.5,
            threshold_loss_scale: Some(1.0),
        };
        let flags = "--fp16-init-scale 4 --fp16-scale-window 7 --fp16-scale-tolerance 0.25 --min-loss-scale 0.5 \
            --threshold-loss-scale 1 --precision fp16";
        assert_eq!(scaling(flags), Some(changed));
        assert_eq!((scaling(""), scaling("--bf16")), (None, None));
    }
}
