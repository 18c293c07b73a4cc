//! How every binary ends: exit code 0 for success, 1 when the run failed, 2 for wrong usage, and
//! one block on stderr for each error, with the whole chain of causes once and its remedy.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use crate::problems::Problems;
use crate::spelling::spelled;

/// Wrong usage: flags that contradict each other, a value out of range. Ends with exit code 2.
#[derive(Debug)]
struct Usage(anyhow::Error);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spelled(&self.0.to_string()))
    }
}

impl std::error::Error for Usage {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Marks an error as wrong usage, so that [`run`] ends with exit code 2 instead of 1; of several errors each.
pub fn usage(error: impl Into<anyhow::Error>) -> anyhow::Error {
    match error.into().downcast::<Problems>() {
        Ok(problems) => anyhow::Error::new(problems.map(usage)),
        Err(error) => anyhow::Error::new(Usage(error)),
    }
}

/// Marks errors about settings as wrong usage; several that were found together stay apart.
pub fn coded(error: impl Into<burnseq::Error>) -> anyhow::Error {
    match error.into() {
        burnseq::Error::Train(burnseq_train::Error::Configs(all)) => {
            let mut problems = Problems::new();
            all.iter().for_each(|problem| problems.say(problem));
            usage(problems)
        }
        error if error.is_usage() => usage(error),
        error => error.into(),
    }
}

/// Runs the body of a binary; on failure prints `NAME: error: ...` to stderr.
///
/// The exit code is 0 on success, 2 when the error was marked by [`usage`], 1 otherwise.
pub fn run(name: &str, main: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    match main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for block in blocks(&error) {
                // Nobody is left to tell when stderr itself is closed.
                let _ = writeln!(std::io::stderr(), "{name}: error: {block}");
            }
            ExitCode::from(code(&error))
        }
    }
}

/// What is printed of an error: one block, or one for each of several errors that were found together.
pub fn blocks(error: &anyhow::Error) -> Vec<String> {
    match error.downcast_ref::<Problems>() {
        Some(problems) => problems.iter().map(describe).collect(),
        None => vec![describe(error)],
    }
}

/// The exit code that `error` ends with: 2 for wrong usage, 1 for everything else.
pub fn code(error: &anyhow::Error) -> u8 {
    if let Some(problems) = error.downcast_ref::<Problems>() {
        problems.code()
    } else if error.chain().any(|cause| cause.is::<Usage>()) {
        2
    } else {
        1
    }
}

/// Whether the run failed because whoever read its output has gone.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Says of an error of writing where the output was to go; other errors stay as they are. What was read or written elsewhere
/// says so already.
pub fn writing_to_stdout(error: anyhow::Error) -> anyhow::Error {
    if error.is::<std::io::Error>() && error.chain().count() == 1 {
        error.context("cannot write to stdout")
    } else {
        error
    }
}

/// The chain of causes on one line, then its `hint:` lines; see [`burnseq::describe`].
pub fn describe(error: &anyhow::Error) -> String {
    burnseq::describe(error.as_ref(), |text| spelled(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn only_what_has_no_place_yet_was_written_to_stdout() {
        let full = || std::io::Error::other("no space");
        let bare = writing_to_stdout(full().into());
        assert_eq!(describe(&bare), "cannot write to stdout: no space");
        let read = anyhow::Error::from(full()).context("cannot read a");
        assert_eq!(describe(&writing_to_stdout(read)), "cannot read a: no space");
    }

    #[test]
    fn the_chain_is_one_line_and_hints_come_last() {
        let error = anyhow!("no such file\nhint: make it").context("cannot read a.txt");
        assert_eq!(describe(&error), "cannot read a.txt: no such file\nhint: make it");
    }

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow!("no such file").context("cannot read a.txt: no such file");
        assert_eq!(describe(&error), "cannot read a.txt: no such file");
    }

    #[test]
    fn usage_errors_end_with_two_and_others_with_one() {
        assert_eq!(code(&usage(anyhow!("x")).context("y")), 2);
        assert_eq!(code(&anyhow!("x")), 1);
        assert_eq!(describe(&usage(anyhow!("x").context("y"))), "y: x");
    }

    #[test]
    fn errors_that_were_found_together_have_a_block_each() {
        let mut problems = Problems::new();
        problems.say("x\nhint: a");
        problems.say("y");
        let error = usage(problems.into_result().unwrap_err());
        assert_eq!(blocks(&error), ["x\nhint: a", "y"]);
        assert_eq!(code(&error), 2);

        let settings = burnseq_train::Error::Configs(vec!["x\nhint: a".to_owned(), "y".to_owned()]);
        let error = coded(settings);
        assert_eq!(blocks(&error), ["x\nhint: a", "y"]);
        assert_eq!(code(&error), 2);
    }
}
