//! `train`: flags become a configuration, the configuration goes through one call of the library, its progress is
//! shown.

mod args;
mod benchmark;
mod check_device;
mod config;
mod config_file;
mod defaults;
pub mod flags;
pub(crate) mod max_tokens;
mod notes;
mod refused;
mod report;
mod summary;
pub(crate) mod values;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use burnseq::tasks::language_modeling::LanguageModelingTask;
use burnseq::tasks::translation::TranslationTask;
use burnseq::tasks::{Task, TaskConfig};
use burnseq_train::{Interrupt, StopReason};

pub use args::{LogFormat, TrainArgs};
pub use config::Request;
pub use config_file::{ConfigFile, RECIPES};
pub use refused::GRAMMAR;

use crate::exit::{coded, usage};
use crate::memory;
use report::Reporter;

/// Runs `train`.
///
/// # Errors
/// Wrong usage, data or checkpoints that cannot be used, a run that diverges.
pub fn run(args: &TrainArgs) -> Result<()> {
    let request = Request::new(args)?;
    if let Some(updates) = args.benchmark.benchmark {
        return benchmark::run(&args.benchmark, updates, request, args.dataset.is_auto());
    }
    if args.benchmark.check_device {
        return check_device::run(&args.benchmark, &request);
    }
    match request.task.clone() {
        TaskConfig::Translation(config) => {
            train(args, request, || TranslationTask::open(config).map_err(coded))
        }
        TaskConfig::LanguageModeling(config) => train(args, request, || {
            LanguageModelingTask::open(config).map_err(coded)
        }),
    }
}

/// Trains a model on the task that `open` gives.
fn train<T: Task>(args: &TrainArgs, mut request: Request, open: impl FnOnce() -> Result<T>) -> Result<()> {
    let format = args
        .run
        .log_format
        .unwrap_or_else(|| report::default_format(args.run.no_progress_bar));
    let format = match format {
        LogFormat::Tqdm if args.run.no_progress_bar => LogFormat::Simple,
        format => format,
    };
    let compute = request.compute.open()?;
    let replicas = request
        .compute
        .open_replicas(&compute.device, request.train.distributed_world_size)?;
    let notes = notes::at_start(args, &request, &compute);
    let task = open()?;
    task.check_model(&request.model).map_err(usage)?;
    memory::check_model(&request.model, &task.vocab(), &compute)?;
    let mut reporter = Reporter::new(
        format,
        args.run.log_file.as_deref(),
        args.run.tensorboard_logdir.as_deref(),
    )?;
    reporter.say(&task.description());
    for note in request.notes.iter().chain(&notes) {
        reporter.say(&format!("note: {note}"));
    }
    // Before hours of training.
    reporter.check()?;
    let limits = (args.dataset.max_tokens, args.dataset.batch_size);
    if let ((None, None), Some(max_tokens)) = (limits, request.train.dataset.max_tokens) {
        reporter.say(&format!(
            "note: batches of at most {max_tokens} tokens (--max-tokens)"
        ));
    }
    if compute.is_imitated() {
        reporter.say(&format!(
            "note: this processor only imitates {}, more slowly than fp32",
            compute.precision
        ));
    }
    if args.dataset.is_auto() {
        let say = &mut |line: &str| reporter.say(line);
        let saved = max_tokens::of_checkpoint(&request.train, &compute.device, say)?;
        let search = || {
            let data = task
                .data(&request.train, &request.model, &compute.device)
                .map_err(coded)?;
            let sentence_avg = request.train.optimization.sentence_avg;
            let objective = task
                .objective(&request.train.criterion, sentence_avg, &compute.device)
                .map_err(coded)?;
            let search = max_tokens::Search {
                criterion: objective.criterion,
                data: &*data.train,
                model: &request.model,
                vocab: &task.vocab(),
                compute: &compute,
                hardware: request.compute.hardware_name(),
            };
            search.run(&request.train, say)
        };
        request.train.dataset.max_tokens = Some(saved.map_or_else(search, Ok)?);
    }
    let interrupt = Interrupt::default();
    stop_on_signals(&interrupt)?;
    let save_dir = request.train.checkpoint.save_dir.clone();
    let no_save = request.train.checkpoint.no_save;
    let reporter = RefCell::new(reporter);
    let reason = task
        .train(
            request.train,
            &request.model,
            &compute,
            &replicas,
            interrupt,
            &mut |event| reporter.borrow_mut().event(event),
        )
        .map_err(coded)?;
    if reason == StopReason::Interrupted {
        // An error, so that what follows in a script does not run on a half-trained model.
        if no_save {
            bail!("interrupted; nothing was saved (--no-save)");
        }
        bail!(
            "interrupted; {} holds the run as it is now\nhint: run the same command again to go on",
            save_dir.join("checkpoint_last").display()
        );
    }
    reporter.into_inner().check()
}

/// What comes within this time after a signal is the same request: `timeout` sends one to the process and another to its
/// group.
const ONE_REQUEST: Duration = Duration::from_millis(500);

/// The first Ctrl-C or SIGTERM asks the run to stop after the update at hand; a later one ends the process.
fn stop_on_signals(interrupt: &Interrupt) -> Result<()> {
    let interrupt = interrupt.clone();
    let mut first: Option<Instant> = None;
    let handler = move || {
        let since = first.get_or_insert_with(Instant::now).elapsed();
        if interrupt.request() {
            if since < ONE_REQUEST {
                return;
            }
            // 128 + SIGINT, as shells report it.
            std::process::exit(130);
        }
        use std::io::Write;
        let _ = writeln!(
            std::io::stderr(),
            "\ninterrupt: finishing the update and saving; once more to exit at once"
        );
    };
    ctrlc::set_handler(handler).context("cannot watch for Ctrl-C")
}
