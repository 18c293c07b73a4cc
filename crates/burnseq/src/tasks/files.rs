//! Files of a data folder that travel with a checkpoint.

use std::path::Path;

use burnseq_text::{FileError, TextSettings};

use crate::error::Result;

/// Text settings of these names in a data folder, and the subword models they name; nothing in folders of fairseq.
pub(super) fn text_files<const N: usize>(dir: &Path, names: [String; N]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str| -> Result<()> {
        if !files.iter().any(|(known, _)| known == name) {
            files.push((name.to_owned(), read(&dir.join(name))?));
        }
        Ok(())
    };
    for name in names {
        if dir.join(&name).is_file() {
            let settings = TextSettings::load(dir.join(&name))?;
            add(&name)?;
            settings.files().into_iter().try_for_each(&mut add)?;
        }
    }
    Ok(files)
}

/// The content of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(std::fs::read(path).map_err(FileError::read(path))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subword_models_that_the_settings_name_travel_with_the_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let files = || text_files(dir.path(), ["de", "en"].map(TextSettings::file_name));
        assert!(files().unwrap().is_empty());
        let json = r#"{"subword": {"type": "sentencepiece", "model": "spm.model"}}"#;
        std::fs::write(dir.path().join("text.de.json"), json).unwrap();
        std::fs::write(dir.path().join("text.en.json"), json).unwrap();
        assert!(files().unwrap_err().to_string().contains("spm.model"));
        std::fs::write(dir.path().join("spm.model"), [1, 2, 3]).unwrap();
        std::fs::write(dir.path().join("other"), "x").unwrap();
        let names: Vec<String> = files().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["text.de.json", "spm.model", "text.en.json"]);
    }
}
