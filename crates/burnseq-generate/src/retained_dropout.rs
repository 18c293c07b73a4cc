//! Dropout while decoding, so that hypotheses are samples of the model (Gal and Ghahramani 2016).

use burnseq_model::{Dropout, DropoutModule};
use burnseq_search::{GenerateOptions, SearchError};

/// The places of dropout that `options` name; `None`: all of them.
///
/// # Errors
/// A name that no place has.
pub fn retained_dropout_modules(
    options: &GenerateOptions,
) -> Result<Option<Vec<DropoutModule>>, SearchError> {
    let module = |name: &String| {
        DropoutModule::from_name(name).ok_or_else(|| SearchError::Option {
            option: "'retain_dropout_modules'",
            value: name.clone(),
            rule: format!(
                "choose from: {}",
                DropoutModule::ALL.map(DropoutModule::name).join(", ")
            ),
        })
    };
    let names = options.retain_dropout_modules.as_ref();
    names.map(|names| names.iter().map(module).collect()).transpose()
}

/// The masks of a sentence in each model of an ensemble.
#[derive(Debug, Clone)]
pub(crate) struct RetainedDropout {
    /// `None`: nothing is dropped.
    seed: Option<u64>,
    modules: Option<Vec<DropoutModule>>,
}

impl RetainedDropout {
    /// What `options` ask for.
    ///
    /// # Errors
    /// A name that no place of dropout has.
    pub(crate) fn new(options: &GenerateOptions) -> Result<Self, SearchError> {
        Ok(Self {
            seed: options.retain_dropout.then_some(options.seed),
            modules: retained_dropout_modules(options)?,
        })
    }

    /// The masks of model `model` of the ensemble for sentence `id`.
    pub(crate) fn of(&self, id: u64, model: usize) -> Dropout {
        let Some(seed) = self.seed else {
            return Dropout::off();
        };
        let dropout = Dropout::seeded_by(&[seed, id, model as u64]);
        match &self.modules {
            Some(modules) => dropout.only_in(modules),
            None => dropout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_as_in_fairseq_and_others_are_refused() {
        let named = |name: &str| {
            retained_dropout_modules(&GenerateOptions {
                retain_dropout_modules: Some(vec![name.to_owned()]),
                ..GenerateOptions::default()
            })
        };
        for module in DropoutModule::ALL {
            assert_eq!(named(module.name()).unwrap(), Some(vec![module]));
        }
        let error = named("Transformer").unwrap_err().to_string();
        assert!(
            error.starts_with("'retain_dropout_modules' = Transformer: choose from: TransformerEncoder, "),
            "{error}"
        );
        assert_eq!(
            retained_dropout_modules(&GenerateOptions::default()).unwrap(),
            None
        );
    }
}
