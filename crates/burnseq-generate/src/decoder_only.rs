//! Decoding with language models: texts that begin with a prompt are continued.

use burn::tensor::{Device, Tensor, TensorData};
use burnseq_kernels::Stepping;
use burnseq_model::{DecoderOnly, Dropout};
use burnseq_search::search::{self, Request};
use burnseq_search::{
    Ensemble, GenerateOptions, Generator, Hypothesis, LogProbs, NextToken, Predictions, SearchError, Source,
    Wanted,
};
use burnseq_text::Vocab;

use crate::model_next_token::ModelNextToken;
use crate::retained_dropout::RetainedDropout;

/// A text to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What the model reads before the first new token: at least one, `</s>` first where the text begins with a sentence.
    pub tokens: Vec<u32>,
    /// Number of the prompt: names it in errors and seeds what is drawn for it.
    pub id: u64,
}

/// How texts are continued, beside the options of the search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContinueOptions {
    /// A text that reaches the positions of the model goes on from its last half, instead of ending there.
    pub sliding_window: bool,
    /// Hypotheses hold the tokens of the prompt from this one on, whose probabilities count in their scores, as in fairseq;
    /// 0: new tokens alone count.
    pub counted_from: usize,
}

/// A [`Generator`] that continues texts with language models, of which several are an [`Ensemble`].
///
/// Models must be on `device` and off autodiff.
pub trait Continue {
    /// The `nbest` best continuations of each prompt, best first; tokens are new ones, unless
    /// [`ContinueOptions::counted_from`] counts those of the prompt.
    ///
    /// `max_len_a` and `max_len_b` limit new tokens; so do the positions of the models, less those of the prompt. Prompts of
    /// any length share a batch, so pass as many as memory allows; on the processor neither batch mates nor their lengths
    /// change a bit of a result.
    ///
    /// # Errors
    /// A prompt that is empty, leaves no position or holds unknown ids; models that do not share their dictionary; unknown
    /// places of dropout; weights that give no probabilities.
    ///
    /// # Panics
    /// Without any model.
    fn continue_texts<M: DecoderOnly>(
        &self,
        models: &[M],
        prompts: &[Prompt],
        options: ContinueOptions,
        device: &Device,
    ) -> Result<Vec<Vec<Hypothesis>>, SearchError>;
}

impl Continue for Generator {
    fn continue_texts<M: DecoderOnly>(
        &self,
        models: &[M],
        prompts: &[Prompt],
        options: ContinueOptions,
        device: &Device,
    ) -> Result<Vec<Vec<Hypothesis>>, SearchError> {
        check_models(models)?;
        let dropout = RetainedDropout::new(self.options())?;
        let vocab = models[0].vocab();
        let positions = models.iter().map(M::max_positions).min().unwrap_or(0);
        let stepping = Stepping::on(device);
        let sources = prompts
            .iter()
            .map(|prompt| source(prompt, positions, &vocab, options))
            .collect::<Result<Vec<_>, _>>()?;
        let requests = prompts.iter().zip(&sources).map(|(prompt, source)| {
            let new = self.options().max_len(prompt.tokens.len(), usize::MAX);
            // Every new token but the last is read.
            let last = usize::from(self.options().ignore_eos);
            let room = positions - prompt.tokens.len() + last;
            let new = if options.sliding_window {
                new
            } else {
                new.min(room)
            };
            let max_len = source.prefix.len() + new;
            Request { source, max_len }
        });
        let requests: Vec<Request<'_>> = requests.collect();

        let mut hypotheses: Vec<Vec<Hypothesis>> = vec![Vec::new(); prompts.len()];
        for together in batches(self.options(), models, prompts, options, stepping) {
            let members = models.iter().enumerate().map(|(number, model)| {
                let starts: Vec<&[u32]> = together
                    .iter()
                    .map(|&index| start_of(&prompts[index], options))
                    .collect();
                Continuation::new(
                    model,
                    &starts,
                    Decoding {
                        temperature: self.options().temperature,
                        dropout: dropout.of(prompts[together[0]].id, number),
                        device: device.clone(),
                        stepping,
                        sliding_window: options.sliding_window,
                    },
                )
            });
            let mut ensemble = Ensemble::new(members.collect());
            let requests: Vec<Request<'_>> = together.iter().map(|&index| requests[index]).collect();
            let found = search::run_options(self.options(), &vocab, &requests, &mut ensemble);
            for (&index, found) in together.iter().zip(found) {
                hypotheses[index] = found;
            }
        }
        match hypotheses.iter().position(Vec::is_empty) {
            Some(index) => Err(SearchError::NoHypothesis {
                sentence: prompts[index].id,
            }),
            None => Ok(hypotheses),
        }
    }
}

/// What is read of a prompt before the search begins.
fn start_of(prompt: &Prompt, options: ContinueOptions) -> &[u32] {
    match options.counted_from {
        0 => &prompt.tokens,
        start => &prompt.tokens[..start.min(prompt.tokens.len())],
    }
}

/// The prompt as the search sees it, once it is clear that the models take it.
fn source(
    prompt: &Prompt,
    positions: usize,
    vocab: &Vocab,
    options: ContinueOptions,
) -> Result<Source, SearchError> {
    let sentence = prompt.id;
    if let Some(&id) = prompt.tokens.iter().find(|&&id| id as usize >= vocab.tgt) {
        let vocab = vocab.tgt;
        return Err(SearchError::UnknownId { sentence, id, vocab });
    }
    let tokens = prompt.tokens.len();
    if tokens == 0 || tokens >= positions {
        return Err(SearchError::Prompt {
            sentence,
            tokens,
            limit: positions.saturating_sub(1),
        });
    }
    let start = start_of(prompt, options).len();
    Ok(Source {
        tokens: vec![vocab.eos() as u32],
        context: prompt.tokens[..start].to_vec(),
        prefix: prompt.tokens[start..].to_vec(),
        id: sentence,
        ..Source::default()
    })
}

/// Prompts that share a batch: all of them; those of one length where the models cannot prefill others together; each
/// alone under dropout, whose masks are laid over whole batches.
fn batches<M: DecoderOnly>(
    search: &GenerateOptions,
    models: &[M],
    prompts: &[Prompt],
    options: ContinueOptions,
    stepping: Stepping,
) -> Vec<Vec<usize>> {
    let all = 0..prompts.len();
    if search.retain_dropout {
        return all.map(|index| vec![index]).collect();
    }
    let length = |index: usize| start_of(&prompts[index], options).len();
    let mut order: Vec<usize> = all.collect();
    order.sort_by_key(|&index| length(index));
    let unequal = models.iter().all(|model| model.prefills_unequal(stepping));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for index in order {
        match batches.last_mut() {
            Some(batch) if unequal || length(batch[0]) == length(index) => batch.push(index),
            _ => batches.push(vec![index]),
        }
    }
    batches
}

/// Makes sure that the models of an ensemble share their dictionary.
fn check_models<M: DecoderOnly>(models: &[M]) -> Result<(), SearchError> {
    let vocab = models.first().expect("there is a model to decode with").vocab();
    let describe = |types: usize| format!("{types} types");
    match models.iter().position(|model| model.vocab() != vocab) {
        None => Ok(()),
        Some(index) => Err(SearchError::Ensemble {
            number: index + 1,
            theirs: describe(models[index].vocab().tgt),
            ours: describe(vocab.tgt),
        }),
    }
}

/// How a [`Continuation`] computes.
#[derive(Debug, Clone)]
struct Decoding {
    temperature: f64,
    dropout: Dropout,
    device: Device,
    stepping: Stepping,
    sliding_window: bool,
}

/// A language model in the middle of texts that began with prompts.
#[derive(Debug)]
pub struct Continuation<'a, M: DecoderOnly> {
    model: &'a M,
    inner: ModelNextToken<'a, M>,
    decoding: Decoding,
    /// The last token of each prompt, until it is fed in place of what the search begins with.
    last: Option<Vec<u32>>,
    /// What the state holds of each row's text, where texts may outgrow the positions.
    held: Vec<Vec<u32>>,
}

impl<'a, M: DecoderOnly> Continuation<'a, M> {
    /// Reads all of each prompt but its last token.
    fn new(model: &'a M, prompts: &[&[u32]], decoding: Decoding) -> Self {
        let read: Vec<&[u32]> = prompts.iter().map(|prompt| &prompt[..prompt.len() - 1]).collect();
        let last = prompts.iter().map(|prompt| prompt[prompt.len() - 1]).collect();
        let held = if decoding.sliding_window {
            read.iter().map(|read| read.to_vec()).collect()
        } else {
            Vec::new()
        };
        Self {
            inner: prefilled(model, &read, &decoding),
            model,
            decoding,
            last: Some(last),
            held,
        }
    }

    /// A language model that begins decoding `rows` texts with `</s>`, as the search does.
    pub fn from_start(model: &'a M, device: &Device) -> Self {
        let decoding = Decoding {
            temperature: 1.0,
            dropout: Dropout::off(),
            device: device.clone(),
            stepping: Stepping::on(device),
            sliding_window: true,
        };
        let state = model.start(Dropout::off(), decoding.stepping);
        Self {
            inner: ModelNextToken::from_state(model, state, 1.0, device.clone(), decoding.stepping),
            model,
            decoding,
            last: None,
            held: Vec::new(),
        }
    }

    /// The tokens that are fed now; texts that have no position left begin anew with their last half.
    fn fed(&mut self, prev_output_tokens: &[u32]) -> Vec<u32> {
        let fed = self.last.take().unwrap_or_else(|| prev_output_tokens.to_vec());
        if !self.decoding.sliding_window {
            return fed;
        }
        self.held.resize(fed.len(), Vec::new());
        let positions = self.model.max_positions();
        if self.held.iter().any(|held| held.len() >= positions) {
            let ended = |row: &usize| self.held[*row].len() >= positions;
            let rows: Vec<usize> = (0..self.held.len()).filter(ended).collect();
            for &row in &rows {
                let held = &mut self.held[row];
                held.drain(..held.len() - positions / 2);
            }
            if self.model.prefills_unequal(self.decoding.stepping) {
                let texts: Vec<&[u32]> = rows.iter().map(|&row| self.held[row].as_slice()).collect();
                let device = &self.decoding.device;
                prefill(self.model, &rows, &texts, device, self.inner.state_mut());
            } else {
                // All texts have one length, and so all have ended.
                let texts: Vec<&[u32]> = self.held.iter().map(Vec::as_slice).collect();
                self.inner = prefilled(self.model, &texts, &self.decoding);
            }
        }
        self.held
            .iter_mut()
            .zip(&fed)
            .for_each(|(held, &token)| held.push(token));
        fed
    }
}

/// A model that has read these texts, a row each.
fn prefilled<'a, M: DecoderOnly>(
    model: &'a M,
    texts: &[&[u32]],
    decoding: &Decoding,
) -> ModelNextToken<'a, M> {
    let Decoding {
        temperature,
        dropout,
        device,
        stepping,
        ..
    } = decoding;
    let mut state = model.start(dropout.clone(), *stepping);
    let rows: Vec<usize> = (0..texts.len()).collect();
    prefill(model, &rows, texts, device, &mut state);
    ModelNextToken::from_state(model, state, *temperature, device.clone(), *stepping)
}

/// Makes a model read these texts, of row `rows[i]` the text `texts[i]`, whatever it has read of them before.
fn prefill<M: DecoderOnly>(
    model: &M,
    rows: &[usize],
    texts: &[&[u32]],
    device: &Device,
    state: &mut M::State,
) {
    let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
    let width = lengths.iter().copied().max().unwrap_or(0);
    if width == 0 {
        return;
    }
    let mut tokens = vec![model.vocab().pad() as i32; texts.len() * width];
    for (row, text) in tokens.chunks_exact_mut(width).zip(texts) {
        row.iter_mut()
            .zip(*text)
            .for_each(|(place, &token)| *place = token as i32);
    }
    let tokens = Tensor::from_data(TensorData::new(tokens, [texts.len(), width]), device);
    model.prefill(tokens, rows, &lengths, state);
}

impl<M: DecoderOnly> NextToken for Continuation<'_, M> {
    fn log_probs(&mut self, prev_output_tokens: &[u32]) -> LogProbs {
        let fed = self.fed(prev_output_tokens);
        self.inner.log_probs(&fed)
    }

    fn predict(&mut self, prev_output_tokens: &[u32], wanted: Option<&Wanted>) -> Predictions {
        let fed = self.fed(prev_output_tokens);
        self.inner.predict(&fed, wanted)
    }

    fn reorder(&mut self, rows: &[usize], sentences: &[usize]) {
        self.inner.reorder(rows, sentences);
        if self.decoding.sliding_window {
            self.held = rows.iter().map(|&row| self.held[row].clone()).collect();
        }
    }
}
