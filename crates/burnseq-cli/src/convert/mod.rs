//! `burnseq convert`: checkpoints between fairseq and burnseq.

mod args;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use burnseq::convert::{Conversion, Dictionaries, ImportOptions, from_fairseq, from_weights, to_fairseq};
use burnseq::decode::overlaid;
use burnseq_model::ModelConfig;
use burnseq_text::replaces;
use indicatif::HumanBytes;

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
        Direction::FromFairseq | Direction::FromWeights => args.output.symlink_metadata().is_ok(),
    };
    if is_there && !args.overwrite {
        return Err(anyhow!(
            "{} is there already\nhint: {}",
            args.output.display(),
            output::HINT
        ));
    }
    let waiting = terminal::spinner(format!("converting {}", name_and_size(&args.input)));
    let conversion = match direction {
        Direction::FromFairseq => from_fairseq(&args.input, &dictionaries(args), &import(args), &args.output),
        Direction::FromWeights => {
            let arch = args.arch.as_deref().expect("`direction` checks it");
            let preset = ModelConfig::from_arch(arch).map_err(usage)?;
            let config = overlaid(&preset, &args.overrides.clone().unwrap_or_default()).map_err(coded)?;
            from_weights(
                &args.input,
                &config,
                &dictionaries(args),
                &import(args),
                &args.output,
            )
        }
        Direction::ToFairseq => to_fairseq(&args.input, &args.output),
    };
    waiting.finish_and_clear();
    report(args, &conversion.map_err(coded)?)
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
