//! Continues lines as they come with a language model.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use burnseq_data::TextDir;
use burnseq_search::Generator;

use super::args::InteractiveArgs;
use super::input::Input;
use crate::decoding::continuer::{Continuer, Told};
use crate::decoding::{coded, format};
use crate::exit::writing_to_stdout;

/// A language model that answers lines.
pub(super) struct TextSession<'a> {
    continuer: Continuer<'a>,
}

impl<'a> TextSession<'a> {
    /// Loads what `args` name.
    ///
    /// # Errors
    /// A model that cannot be used; a dataset with another dictionary.
    pub(super) fn open(args: &'a InteractiveArgs, generator: &'a Generator) -> Result<Self> {
        let continuer = Continuer::open(&args.decoding, &args.continuing, generator, args.tokenized)?;
        if let Some(data) = &args.data {
            let dir = TextDir::open(data).map_err(coded)?;
            let path = dir.path().join(TextDir::DICTIONARY);
            continuer
                .text
                .check_dictionary(dir.dictionary(), &path)
                .map_err(coded)?;
        }
        Ok(Self { continuer })
    }

    /// Answers all lines of `input`, which `name` stands for in messages, at most `buffer_size` at a time.
    ///
    /// # Errors
    /// Input that cannot be read, output that cannot be written, text that the subword model cannot take.
    pub(super) fn run(
        &self,
        input: &mut Input,
        name: &Path,
        buffer_size: usize,
        out: &mut dyn Write,
    ) -> Result<()> {
        let mut told = Told::default();
        loop {
            let lines = input.next(buffer_size)?;
            if lines.is_empty() {
                return Ok(());
            }
            let beginnings = (told.prompts + 1..).zip(&lines).map(|(number, line)| {
                let text = String::from_utf8_lossy(line);
                if matches!(text, std::borrow::Cow::Owned(_)) {
                    format::note(&format!(
                        "{}:{number}: not UTF-8; what cannot be read was replaced by U+FFFD",
                        name.display()
                    ));
                }
                self.continuer.encode(&text)
            });
            let beginnings = beginnings.collect::<Result<_>>()?;
            let printed = self.continuer.print(beginnings, &mut told, out);
            printed.map_err(writing_to_stdout)?;
            self.continuer.note(&mut told);
        }
    }
}
