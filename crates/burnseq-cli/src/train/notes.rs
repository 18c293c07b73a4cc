//! What a user should know about a command before the run starts.

use burnseq_kernels::Compute;
use burnseq_train::LrSchedulerConfig;

use super::args::TrainArgs;
use super::config::Request;
use super::defaults;

/// Metrics of which smaller values are better.
const LOSSES: [&str; 3] = ["loss", "nll_loss", "ppl"];

/// The notes, a line each.
pub(super) fn at_start(args: &TrainArgs, request: &Request, compute: &Compute) -> Vec<String> {
    let mut notes = Vec::new();
    let settings = defaults::differing(args, request, compute);
    if !settings.is_empty() {
        let listed: Vec<String> = settings
            .iter()
            .map(|(ours, theirs)| format!("{ours} (fairseq: {theirs})"))
            .collect();
        notes.push(format!(
            "left open by this command, and set otherwise by fairseq: {}; --strict-fairseq-defaults takes fairseq's",
            listed.join(", ")
        ));
    }
    let scheduler = request.train.lr_scheduler.name();
    if let Some(lr) = args.schedule.min_lr.filter(|_| scheduler != "cosine") {
        notes.push(format!(
            "--min-lr {lr} is taken as --stop-min-lr, as up to fairseq 0.10: --lr-scheduler {scheduler} has no smallest rate"
        ));
    }
    let validation = &request.train.validation;
    let metric = validation.best_checkpoint_metric.as_str();
    if validation.maximize_best_checkpoint_metric && LOSSES.contains(&metric) {
        notes.push(format!(
            "--maximize-best-checkpoint-metric makes the largest {metric} the best one; leave it out to keep the checkpoint \
             with the smallest"
        ));
    }
    notes.extend(without_effect(args, request));
    notes
}

/// Flags that do not act beside the others, as in fairseq: a note on each.
fn without_effect(args: &TrainArgs, request: &Request) -> Vec<String> {
    let (schedule, train) = (&args.schedule, &request.train);
    let mut flags: Vec<(&str, &str)> = Vec::new();
    match &train.lr_scheduler {
        LrSchedulerConfig::Fixed(config) if config.force_anneal.is_none() && schedule.lr_shrink.is_some() => {
            flags.push((
                "--lr-shrink",
                "the rate shrinks from the epoch of --force-anneal on",
            ));
        }
        LrSchedulerConfig::Cosine(config) if config.lr_period_updates.is_none() => {
            const ONE_PERIOD: &str =
                "there is one period up to --max-update, as --lr-period-updates gives no other";
            flags.extend(schedule.lr_shrink.map(|_| ("--lr-shrink", ONE_PERIOD)));
            flags.extend(schedule.t_mult.map(|_| ("--t-mult", ONE_PERIOD)));
        }
        _ => {}
    }
    let warmup = match &train.lr_scheduler {
        LrSchedulerConfig::Cosine(config) => config.warmup_updates,
        _ => 1,
    };
    if warmup == 0 && schedule.warmup_init_lr.is_some_and(|lr| lr >= 0.0) {
        flags.push(("--warmup-init-lr", "there is no warm-up"));
    }
    let batches = train.optimization.update_freq.iter().max().copied().unwrap_or(1);
    if args.optim.skip_remainder_batch && batches * train.distributed_world_size == 1 {
        flags.push(("--skip-remainder-batch", "an update has one batch"));
    }
    let line = |(flag, why): &(&str, &str)| format!("{flag} changes nothing here: {why}");
    flags.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use burnseq_kernels::Precision;

    use super::*;
    use crate::train::GRAMMAR;

    fn notes_on(flags: &str, precision: Precision) -> Vec<String> {
        let words = std::iter::once("train").chain(flags.split_whitespace());
        let args = GRAMMAR.try_parse::<TrainArgs>(words).unwrap().unwrap();
        let request = Request::new(&args).unwrap();
        let compute = Compute {
            precision,
            ..Compute::from(&Device::flex())
        };
        at_start(&args, &request, &compute)
    }

    fn notes(flags: &str) -> Vec<String> {
        notes_on(flags, Precision::Fp32)
    }

    #[test]
    fn what_fairseq_sets_otherwise_is_named_once_a_command_looks_like_its() {
        for plain in [
            "",
            "--arch transformer --dropout 0.3",
            "--recipe toy --lr 1e-3",
            "--arch transformer --optimizer adam --max-tokens 10 --strict-fairseq-defaults",
        ] {
            assert!(notes(plain).is_empty(), "{plain}: {:?}", notes(plain));
        }
        assert_eq!(
            notes("--optimizer nag --lr 0.25 --max-epoch 1"),
            [
                "left open by this command, and set otherwise by fairseq: --criterion label_smoothed_cross_entropy (fairseq: \
                 cross_entropy), --label-smoothing 0.1 (fairseq: 0), --lr-scheduler inverse_sqrt (fairseq: fixed), \
                 --warmup-updates 4000 (fairseq: 0); --strict-fairseq-defaults takes fairseq's"
            ]
        );
        let complete = "--optimizer adam --adam-betas (0.9,0.98) --weight-decay 0 --lr 1 --lr-scheduler inverse_sqrt \
                        --criterion label_smoothed_cross_entropy --label-smoothing 0.1 --max-update 5";
        assert!(notes(complete).is_empty(), "{:?}", notes(complete));
        let adam = notes("--optimizer adam --lr 1 --lr-scheduler fixed --criterion cross_entropy");
        for part in [
            "--adam-betas 0.9,0.98 (fairseq: 0.9,0.999)",
            "--weight-decay 0.0001",
            "--patience 10 (fairseq: no end)",
        ] {
            assert!(adam[0].contains(part), "{part}: {adam:?}");
        }
        let half = notes_on(complete, Precision::Bf16);
        assert!(half[0].contains("--precision bf16 (fairseq: fp32)"), "{half:?}");
        assert!(notes_on(&format!("{complete} --bf16"), Precision::Bf16).is_empty());
    }

    #[test]
    fn flags_that_do_not_act_beside_the_others_are_named() {
        for (flags, expected) in [
            (
                "--recipe toy --lr-scheduler fixed --lr-shrink 0.5",
                "--lr-shrink changes nothing here",
            ),
            (
                "--recipe toy --lr-scheduler cosine --max-update 9 --lr-shrink 0.5",
                "--lr-shrink changes nothing here",
            ),
            (
                "--recipe toy --lr-scheduler cosine --max-update 9 --t-mult 2",
                "--t-mult changes nothing here",
            ),
            (
                "--recipe toy --lr-scheduler cosine --max-update 9 --warmup-updates 0 --warmup-init-lr 1e-7",
                "--warmup-init-lr changes nothing here",
            ),
            (
                "--skip-remainder-batch",
                "--skip-remainder-batch changes nothing here",
            ),
        ] {
            assert!(
                notes(flags).join("\n").contains(expected),
                "{flags}: {:?}",
                notes(flags)
            );
        }
        for flags in [
            "--recipe toy --lr-scheduler fixed --lr-shrink 0.5 --force-anneal 3",
            "--recipe toy --lr-scheduler cosine --max-update 9 --lr-shrink 0.5 --t-mult 2 --lr-period-updates 3",
            "--skip-remainder-batch --update-freq 2",
            "--skip-remainder-batch --distributed-world-size 2",
        ] {
            assert!(notes(flags).is_empty(), "{flags}: {:?}", notes(flags));
        }
    }

    #[test]
    fn an_old_flag_and_a_loss_to_maximise_are_explained() {
        let old = notes("--min-lr 1e-9");
        assert!(
            old[0].starts_with("--min-lr 0.000000001 is taken as --stop-min-lr"),
            "{old:?}"
        );
        assert!(notes("--min-lr 1e-9 --lr-scheduler cosine --max-update 9 --recipe toy").is_empty());
        let worst = notes("--maximize-best-checkpoint-metric");
        assert!(worst[0].contains("largest loss the best"), "{worst:?}");
        let bleu = "--maximize-best-checkpoint-metric --best-checkpoint-metric bleu --eval-bleu";
        assert!(notes(bleu).is_empty());
    }
}
