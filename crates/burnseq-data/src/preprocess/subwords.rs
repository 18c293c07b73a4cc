//! Which subword model segments the text: none, an existing one, or one learnt here.

use std::path::Path;

use super::Notes;
use super::config::{BpeKind, PreprocessConfig};
use super::observer::Observer;
use super::segment::{AsIs, Segment};
use super::survey::SplitSurvey;
use crate::error::{Error, Result};

/// Name of the text settings in the dataset.
pub(crate) const SETTINGS_FILE: &str = "text.json";

pub(crate) struct Subwords {
    description: String,
}

impl Subwords {
    pub(crate) fn prepare(
        config: &PreprocessConfig,
        surveys: &[SplitSurvey],
        _observer: &dyn Observer,
        notes: &mut Notes<'_>,
    ) -> Result<Self> {
        let marked = surveys.first().and_then(SplitSurvey::marks).is_some();
        if config.bpe != BpeKind::None && !marked {
            return Err(Error::Config("subwords are not learnt yet; give --bpe none".to_owned()));
        }
        if config.bpe == BpeKind::Auto {
            notes.add("the text already carries subword marks and is used as it is".to_owned());
        }
        Ok(Self {
            description: "none".into(),
        })
    }
    pub(crate) fn segmenter(&self, _side: usize) -> &dyn Segment {
        &AsIs
    }
    pub(crate) fn save(&self, _folder: &Path) -> Result<()> {
        Ok(())
    }
    pub(crate) fn description(&self) -> &str {
        &self.description
    }
}
