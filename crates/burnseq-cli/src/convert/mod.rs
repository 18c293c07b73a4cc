//! `burnseq convert`: checkpoints between fairseq and burnseq.

mod args;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context, Result, anyhow};
use burnseq::convert::{
    Conversion, Dictionaries, HuggingFaceOptions, ImportOptions, Observer, Stage, from_fairseq_observed,
    from_hugging_face, from_weights_observed, to_fairseq_observed, to_hugging_face,
};
use burnseq::decode::{is_hugging_face, overlaid};
use burnseq_model::ModelConfig;
use burnseq_text::replaces;
use indicatif::{HumanBytes, ProgressBar};

pub use args::{ConvertArgs, Direction, Format};

use crate::decoding::coded;
use crate::exit::usage;
use crate::output;
use crate::spelling::spelled;
use crate::terminal;

/// Folder of the data when none is named.
const DEFAULT_DATA: &str = "data-bin";

/// Runs `burnseq convert`: one line on stdout says what was written, notes go to stderr.
///
/// # Errors
/// Wrong usage; a checkpoint that cannot be read or converted; an output that exists or cannot be written.
pub fn run(args: &ConvertArgs) -> Result<()> {
    let direction = args.direction().map_err(usage)?;
    let is_there = match direction {
        Direction::ToFairseq => replaces(&args.output),
        Direction::FromFairseq
        | Direction::FromWeights
        | Direction::FromHuggingFace
        | Direction::ToHuggingFace => args.output.symlink_metadata().is_ok(),
    };
    if is_there && !args.overwrite {
        return Err(anyhow!(
            "{} is there already\nhint: {}",
            args.output.display(),
            output::HINT
        ));
    }
    let shown = Arc::new(Shown {
        input: args.input.display().to_string(),
        output: args.output.display().to_string(),
        bar: Mutex::new(terminal::spinner(format!(
            "opening {}",
            name_and_size(&args.input)
        ))),
    });
    let observer: Arc<dyn Observer> = shown.clone();
    let conversion = match direction {
        Direction::FromFairseq => from_fairseq_observed(
            &args.input,
            &dictionaries(args),
            &import(args),
            &args.output,
            &observer,
        ),
        Direction::FromWeights => {
            let arch = args.arch.as_deref().expect("`direction` checks it");
            let preset = ModelConfig::from_arch(arch).map_err(usage)?;
            let config = overlaid(&preset, &args.overrides.clone().unwrap_or_default()).map_err(coded)?;
            from_weights_observed(
                &args.input,
                &config,
                &dictionaries(args),
                &import(args),
                &args.output,
                &observer,
            )
        }
        Direction::ToFairseq => to_fairseq_observed(&args.input, &args.output, &observer),
        Direction::FromHuggingFace => {
            let options = HuggingFaceOptions {
                source_lang: args.languages.source_lang.clone(),
                target_lang: args.languages.target_lang.clone(),
                ignore_missing: args.ignore_missing,
            };
            from_hugging_face(&args.input, &options, &args.output, &observer)
        }
        Direction::ToHuggingFace => {
            check_replaced(&args.input, &args.output)?;
            let converted = replacing(&args.output, |output| {
                to_hugging_face(&args.input, output, &observer)
            })?;
            converted.map(|conversion| Conversion {
                output: args.output.clone(),
                ..conversion
            })
        }
    };
    shown.lock().finish_and_clear();
    report(args, &conversion.map_err(coded)?)
}

/// Makes sure that nothing but an earlier result is replaced: a folder of transformers, or an empty one, that neither is the
/// input nor holds it.
fn check_replaced(input: &Path, output: &Path) -> Result<()> {
    let Ok(found) = output.canonicalize() else {
        return Ok(());
    };
    if input.canonicalize().is_ok_and(|input| input.starts_with(&found)) {
        return Err(anyhow!(
            "{} is, or holds, what is converted, so it is not replaced\nhint: give another folder",
            output.display()
        ));
    }
    let is_empty = output
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_none());
    if is_empty || is_hugging_face(output) {
        return Ok(());
    }
    Err(anyhow!(
        "{} exists but is not a folder of transformers, so it is not replaced\nhint: give another folder",
        output.display()
    ))
}

/// Lets `write` write beside `output`, and puts the result into its place.
fn replacing<T>(
    output: &Path,
    write: impl FnOnce(&Path) -> burnseq::Result<T>,
) -> Result<burnseq::Result<T>> {
    let cannot = || format!("{} cannot be replaced", output.display());
    let parent = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if output.symlink_metadata().is_err() {
        return Ok(write(output));
    }
    let beside = tempfile::Builder::new()
        .prefix(".replacing-")
        .tempdir_in(parent)
        .with_context(cannot)?;
    let (new, old) = (beside.path().join("new"), beside.path().join("old"));
    let written = match write(&new) {
        Ok(written) => written,
        Err(error) => return Ok(Err(error)),
    };
    std::fs::rename(output, &old).with_context(cannot)?;
    if let Err(error) = std::fs::rename(&new, output) {
        std::fs::rename(&old, output).with_context(cannot)?;
        return Err(error).with_context(cannot);
    }
    Ok(Ok(written))
}

/// A bar for each stage of a conversion.
struct Shown {
    input: String,
    output: String,
    bar: Mutex<ProgressBar>,
}

impl Shown {
    fn lock(&self) -> MutexGuard<'_, ProgressBar> {
        self.bar.lock().expect("no thread panics while it holds the bar")
    }
}

impl Observer for Shown {
    fn stage(&self, stage: Stage, bytes: u64) {
        let what = match stage {
            Stage::Reading => format!("reading {}", self.input),
            Stage::Converting => format!("converting {}", self.input),
            Stage::Writing => format!("writing {}", self.output),
        };
        let mut bar = self.lock();
        bar.finish_and_clear();
        *bar = match bytes {
            0 => terminal::spinner(what),
            bytes => terminal::bytes_bar(what, bytes),
        };
    }

    fn advance(&self, bytes: u64) {
        self.lock().inc(bytes);
    }
}

/// `model.pt (1.2 GiB)`; of a folder the name.
fn name_and_size(path: &Path) -> String {
    let name = path.display();
    match path.metadata() {
        Ok(file) if file.is_file() => format!("{name} ({})", HumanBytes(file.len())),
        _ => name.to_string(),
    }
}

fn dictionaries(args: &ConvertArgs) -> Dictionaries {
    match (&args.srcdict, &args.tgtdict) {
        (Some(src), Some(tgt)) => Dictionaries::Files {
            src: src.clone(),
            tgt: tgt.clone(),
        },
        (Some(dictionary), None) => Dictionaries::File(dictionary.clone()),
        (None, _) => Dictionaries::Folder(args.data.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA))),
    }
}

fn import(args: &ConvertArgs) -> ImportOptions {
    ImportOptions {
        task: None,
        source_lang: args.languages.source_lang.clone(),
        target_lang: args.languages.target_lang.clone(),
        with_optimizer: args.with_optimizer,
        with_position: false,
        ignore: args.ignore.clone(),
    }
}

fn report(args: &ConvertArgs, conversion: &Conversion) -> Result<()> {
    let adam = conversion.leaves_adam.then(|| {
        format!(
            "{} has the state of Adam, which is left out; --with-optimizer takes it over",
            args.input.display()
        )
    });
    for note in conversion.notes.iter().chain(&adam) {
        // Nobody is left to tell when stderr itself is closed.
        let _ = writeln!(std::io::stderr(), "note: {}", spelled(note));
    }
    let state = match conversion.num_updates {
        Some(updates) => format!(", the state of Adam after update {updates}"),
        None => String::new(),
    };
    writeln!(
        std::io::stdout(),
        "wrote {}: {} parameters{state}",
        conversion.output.display(),
        conversion.parameters
    )
    .context("cannot write to stdout")
}
