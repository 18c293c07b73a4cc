//! Line to line, on several threads.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::thread;

use anyhow::{Context, Result, anyhow};
use burnseq_text::LineReader;

use super::args::StreamArgs;
use super::output::Output;
use crate::decoding::format::note;
use crate::exit::usage;

/// Most threads.
const MAX_WORKERS: usize = 1024;
/// Lines that each thread takes at a time.
const LINES: usize = 5000;

/// Maps every line. `make` gives each thread its own mapping, which is told the number of the line, counted from 0.
///
/// # Errors
/// When the input cannot be read, is not UTF-8, a line cannot be mapped, or the output cannot be written.
pub(super) fn map_lines<F>(args: &StreamArgs, make: impl Fn() -> F) -> Result<()>
where
    F: FnMut(u64, &str) -> Result<String> + Send,
{
    let workers = match args.workers {
        Some(workers) if !(1..=MAX_WORKERS).contains(&workers) => {
            return Err(usage(anyhow!(
                "--workers must be at least 1 and at most {MAX_WORKERS}, got {workers}"
            )));
        }
        Some(workers) => workers,
        None => thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    let mut mappings: Vec<F> = (0..workers).map(|_| make()).collect();
    let mut reader = open(args.input.as_deref())?;
    let mut output = Output::create(args.output.as_ref(), args.overwrite)?;
    let size = if args.unbuffered { 1 } else { LINES * workers };
    let mut lines = Vec::with_capacity(size);
    let mut done = 0;
    let mut returns = 0;
    loop {
        lines.clear();
        while lines.len() < size
            && let Some(line) = reader.read_line()?
        {
            returns += lone_returns(line);
            lines.push(line.to_owned());
        }
        if lines.is_empty() {
            note_returns(reader.name(), returns);
            return output.finish();
        }
        let name = reader.name();
        for part in map_chunk(&mut mappings, done, &lines, name) {
            output.push(&part?, args.unbuffered)?;
        }
        done += lines.len() as u64;
    }
}

/// Carriage returns in a line that no line feed follows.
pub(super) fn lone_returns(line: &str) -> usize {
    line.strip_suffix('\r').unwrap_or(line).matches('\r').count()
}

/// Says that `count` carriage returns in the text `name` end no line.
pub(super) fn note_returns(name: &Path, count: usize) {
    if count > 0 {
        note(&format!(
            "{}: {count} carriage returns without a line feed end no line here, as in Moses; `preprocess` and `generate` take \
             them as line ends\nhint: `tr '\\r' '\\n' < FILE` makes lines of them",
            name.display()
        ));
    }
}

/// Opens a file, or standard input.
///
/// # Errors
/// When the file cannot be opened.
fn open(path: Option<&Path>) -> Result<LineReader<Box<dyn BufRead>>> {
    let (name, reader): (&Path, Box<dyn BufRead>) = match path {
        Some(path) if path != Path::new("-") => {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            (path, Box::new(BufReader::with_capacity(1 << 16, file)))
        }
        _ => (Path::new("stdin"), Box::new(io::stdin().lock())),
    };
    Ok(LineReader::new(reader, name).ending_at_newlines())
}

/// The text of a chunk that begins with line `first`, in parts, in order.
fn map_chunk<F>(mappings: &mut [F], first: u64, lines: &[String], name: &Path) -> Vec<Result<String>>
where
    F: FnMut(u64, &str) -> Result<String> + Send,
{
    let share = lines.len().div_ceil(mappings.len());
    let map_part = |mapping: &mut F, number: usize, part: &[String]| {
        let mut text = String::new();
        for (line, n) in part.iter().zip(first + (number * share) as u64..) {
            let mapped = mapping(n, line);
            text += &mapped.with_context(|| format!("{}:{}", name.display(), n + 1))?;
            text.push('\n');
        }
        Ok(text)
    };
    if lines.len() == share {
        return vec![map_part(&mut mappings[0], 0, lines)];
    }
    thread::scope(|scope| {
        let parts = lines.chunks(share).zip(mappings).enumerate();
        let threads: Vec<_> = parts
            .map(|(number, (part, mapping))| scope.spawn(move || map_part(mapping, number, part)))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<String>>| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}
