//! `burnseq report`: runs are read, their data is counted, their best checkpoints translate, and one page shows all of it.

mod args;
mod data;
mod runs;
mod text;
mod translations;

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use burnseq_report::plot::Rasterizer;
use burnseq_report::{DataPart, Report};
use burnseq_text::write_atomically;

pub use args::{GRAMMAR, ReportArgs};

use crate::decoding::format;
use crate::exit::is_broken_pipe;
use crate::output::{HINT, check_free};
use runs::Loaded;

/// Runs `burnseq report`.
///
/// # Errors
/// Wrong usage; runs that cannot be read or compared; files that cannot be written.
pub fn run(args: &ReportArgs) -> Result<()> {
    args.check()?;
    let to_stdout = args.output == Path::new("-");
    if !to_stdout {
        check_free([args.output.as_path()], args.overwrite)?;
    }
    if let Some(out) = &args.out {
        check_empty(out, args.overwrite)?;
    }
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        examples: args.examples,
        ..Report::default()
    };
    let mut loaded = Vec::new();
    for (number, path) in args.runs.iter().enumerate() {
        let log = args.log_file.get(number).map(std::path::PathBuf::as_path);
        loaded.push(runs::read(
            path,
            log,
            args.checkpoint.as_deref(),
            &mut report.notes,
        )?);
    }
    runs::tell_apart(&mut loaded);
    runs::check_tasks(&loaded)?;
    let changed = loaded.iter().filter_map(|loaded| loaded.changed).max();
    report.made = changed.map_or_else(String::new, |time| format!("state of {}", runs::date(time)));
    report.runs = loaded.iter().map(|loaded| loaded.run.clone()).collect();
    examine(args, &loaded, &mut report)?;
    report.notes.iter().for_each(|note| format::note(note));

    let page = report.html()?;
    if to_stdout {
        let written = std::io::stdout()
            .write_all(page.as_bytes())
            .context("cannot write to stdout");
        // Whoever read it has seen enough, as `head` does, which is no failure.
        written.or_else(|error| {
            if is_broken_pipe(&error) {
                Ok(())
            } else {
                Err(error)
            }
        })?;
    } else {
        write_atomically(&args.output, |out| out.write_all(page.as_bytes()))?;
        say(&format!(
            "wrote {} ({} KiB)",
            args.output.display(),
            page.len().div_ceil(1024)
        ));
    }
    if let Some(out) = &args.out {
        figures(&report, out)?;
    }
    Ok(())
}

/// Data, translations and attention of the runs.
fn examine(args: &ReportArgs, loaded: &[Loaded], report: &mut Report) -> Result<()> {
    let mut attended = args.sentences()?;
    let mut compute = None;
    for (number, run) in loaded.iter().enumerate() {
        if text::is_language_model(run) {
            let compute = match &mut compute {
                Some(compute) => compute,
                None => compute.insert(args.compute.open()?),
            };
            let found = text::positions(args, (number, run), compute, &mut report.absent);
            report.positions.extend(found);
            continue;
        }
        let Some(opened) = data::open(run, args.data.as_ref(), &mut report.absent) else {
            continue;
        };
        let folder = opened.dir.path().display().to_string();
        let known = report
            .data
            .iter_mut()
            .find(|part: &&mut DataPart| part.folder == folder);
        match known {
            Some(known) => known.runs.push(run.run.name.clone()),
            None => {
                let part = data::part(run, &opened, args.gen_subset.as_deref(), &mut report.absent);
                report.data.push(part);
            }
        }
        let translates = args.num_sentences > 0 || attended.as_ref().is_some_and(|ids| !ids.is_empty());
        if !translates {
            continue;
        }
        let compute = match &mut compute {
            Some(compute) => compute,
            None => compute.insert(args.compute.open()?),
        };
        say(&format!("translating with {} ...", run.run.name));
        let found = translations::translate(
            args,
            (number, run),
            &opened,
            compute,
            &mut attended,
            &mut report.absent,
        )?;
        report.quality.extend(found.quality);
        report.attention.extend(found.attention);
    }
    Ok(())
}

/// Writes every figure as SVG and as PNG.
fn figures(report: &Report, out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let rasterizer = Rasterizer::default();
    let figures = report.figures();
    for figure in &figures {
        let svg = figure.standalone();
        write_atomically(&out.join(format!("{}.svg", figure.name)), |file| {
            file.write_all(svg.as_bytes())
        })?;
        let png = rasterizer.png(figure)?;
        write_atomically(&out.join(format!("{}.png", figure.name)), |file| {
            file.write_all(&png)
        })?;
    }
    say(&format!("wrote {} figures to {}", figures.len(), out.display()));
    Ok(())
}

/// Refuses a folder with files in it.
fn check_empty(out: &Path, overwrite: bool) -> Result<()> {
    let is_empty = fs::read_dir(out).map_or(true, |mut entries| entries.next().is_none());
    if overwrite || is_empty {
        return Ok(());
    }
    Err(anyhow!("{} is not empty\nhint: {HINT}", out.display()))
}

/// A line for people.
fn say(line: &str) {
    // Nobody is left to read it when stderr is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
