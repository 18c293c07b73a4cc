//! Files that binaries write: none is replaced unless `--overwrite` is given.

use std::path::Path;

use anyhow::{Result, anyhow};
use burnseq_text::replaces;

/// What is said of a file that is there already.
pub(crate) const HINT: &str = "choose another name, or replace it with --overwrite";

/// Refuses to replace files. Devices and pipes are written to, and replaced by nothing.
///
/// # Errors
/// When one exists and may not be overwritten.
pub(crate) fn check_free<'a>(paths: impl IntoIterator<Item = &'a Path>, overwrite: bool) -> Result<()> {
    for path in paths {
        if !overwrite && replaces(path) {
            return Err(anyhow!("{} is there already\nhint: {HINT}", path.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_not_replaced_unless_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (there, free) = (dir.path().join("there"), dir.path().join("free"));
        std::fs::write(&there, "x").unwrap();
        check_free([free.as_path()], false).unwrap();
        check_free([there.as_path()], true).unwrap();
        let error = check_free([free.as_path(), &there], false).unwrap_err();
        assert_eq!(crate::exit::code(&error), 1);
        assert!(
            error
                .to_string()
                .contains("there is there already\nhint: choose another name"),
            "{error}"
        );
    }
}
