//! A batch of sources through whatever begins it as a model, and the search.

use burnseq_text::Vocab;

use crate::search::{self, Request};
use crate::{GenerateOptions, Hypothesis, NextToken, SearchError, Source};

/// Decodes batches of sources with one set of options.
#[derive(Debug, Clone)]
pub struct Generator {
    options: GenerateOptions,
}

/// What sources and hypotheses must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The dictionaries.
    pub vocab: Vocab,
    /// Longest source in tokens, the end of sentence included.
    pub max_source_positions: usize,
    /// Longest hypothesis in tokens, the end of sentence included.
    pub max_target_positions: usize,
}

impl Generator {
    /// Checks the options.
    ///
    /// # Errors
    /// The first option that is out of range or does not go with another.
    pub fn new(options: GenerateOptions) -> Result<Self, SearchError> {
        options.validate()?;
        Ok(Self { options })
    }

    /// The options.
    pub fn options(&self) -> &GenerateOptions {
        &self.options
    }

    /// The `nbest` best hypotheses of each source, best first; fewer where the search found fewer, at least one.
    ///
    /// `start` gives a model of these `limits` that begins to decode a batch with one row per source. The sources share
    /// one batch, so pass sources of similar length, as many as memory allows; with `retain_dropout` each is a batch of
    /// its own.
    ///
    /// # Errors
    /// A source that is too long, does not end with `</s>`, holds unknown ids, or asks for what no hypothesis can have;
    /// weights that give no probabilities.
    pub fn search<N: NextToken>(
        &self,
        limits: &Limits,
        sources: &[Source],
        mut start: impl FnMut(&[Source]) -> N,
    ) -> Result<Vec<Vec<Hypothesis>>, SearchError> {
        let requests = self.requests(sources, limits)?;
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        // Dropout's masks are laid over whole batches, and no sentence may depend on its neighbours.
        let together = if self.options.retain_dropout {
            1
        } else {
            sources.len()
        };
        let mut hypotheses = Vec::with_capacity(sources.len());
        for (sources, requests) in sources.chunks(together).zip(requests.chunks(together)) {
            let mut model = start(sources);
            hypotheses.extend(search::run_options(
                &self.options,
                &limits.vocab,
                requests,
                &mut model,
            ));
        }
        if let Some(index) = hypotheses.iter().position(Vec::is_empty) {
            return Err(SearchError::NoHypothesis {
                sentence: sources[index].id,
            });
        }
        Ok(hypotheses)
    }

    /// Checks the sources and says how long their hypotheses may be.
    ///
    /// # Errors
    /// Those of [`search`](Self::search) that are known before it begins.
    pub fn requests<'a>(
        &self,
        sources: &'a [Source],
        limits: &Limits,
    ) -> Result<Vec<Request<'a>>, SearchError> {
        let request = |source: &'a Source| {
            let max_len = self
                .options
                .max_len(source.tokens.len(), limits.max_target_positions);
            source.check(&limits.vocab, limits.max_source_positions, max_len, &self.options)?;
            Ok(Request { source, max_len })
        };
        sources.iter().map(request).collect()
    }
}
