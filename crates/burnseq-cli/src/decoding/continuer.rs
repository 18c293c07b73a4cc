//! Language models that continue prompts: from texts to batches, and from hypotheses to what is printed.

use std::io::{self, Write};

use anyhow::{Result, anyhow};
use burnseq::decode::{TargetText, TextModel, Unk, task_of};
use burnseq::tasks::language_modeling;
use burnseq_data::TextDir;
use burnseq_generate::{Continue, ContinueOptions, Prompt};
use burnseq_model::{DecoderOnly, LanguageModel};
use burnseq_search::{Generator, Hypothesis};
use burnseq_text::tokenize_line;

use super::{ContinuingArgs, DecodingArgs, coded, format, models};
use crate::exit::usage;

/// Rows of a batch when no flag says so.
const MOST_ROWS: usize = 256;
/// Most tokens in a batch when no flag says so, what is to come included.
pub(crate) const MOST_TOKENS: usize = 24_000;
/// What `<unk>` is printed as in what a model writes.
const UNKNOWN: &str = "<unk>";

/// Whether the flags or the checkpoint ask for a language model.
pub(crate) fn is_language_model(task: Option<&str>, decoding: &DecodingArgs) -> bool {
    match task {
        Some(task) => task == language_modeling::NAME,
        None => {
            let path = models::paths(decoding).into_iter().next();
            let task = path.and_then(|path| task_of(&path).ok());
            task.is_some_and(|task| task.name == language_modeling::NAME)
        }
    }
}

/// Models with all that says how they continue.
pub(crate) struct Continuer<'a> {
    decoding: &'a DecodingArgs,
    continuing: &'a ContinuingArgs,
    generator: &'a Generator,
    /// Prompts are tokens of the dictionary already.
    tokenized: bool,
    /// The first model, with dictionary and text settings.
    pub(crate) text: TextModel,
    pub(crate) models: Vec<LanguageModel>,
    printed: TargetText,
    options: ContinueOptions,
    /// What a text begins with: `</s>`, behind `<s>` where the model was trained so.
    pub(crate) start: Vec<u32>,
    /// Longest text in tokens.
    pub(crate) positions: usize,
}

/// The beginning of a text as tokens: its lines are separated by `</s>`, and the last one goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beginning {
    pub(crate) ids: Vec<u32>,
    /// What stands where the ids are `<unk>`, in order.
    pub(crate) unknown: Vec<String>,
}

/// A beginning as the models read it.
pub(crate) struct Request {
    pub(crate) prompt: Prompt,
    /// Tokens before its text.
    start: usize,
    /// Tokens that were cut from the left.
    cut: usize,
    /// See [`Beginning::unknown`], of the tokens that are left.
    unknown: Vec<String>,
}

/// What is told at the end.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) prompts: usize,
    /// New tokens of the best continuations.
    pub(crate) tokens: usize,
    /// Unknown tokens of all prompts, and the first of them.
    unknown: Option<(usize, String)>,
    /// Prompts that were cut, the first of them, and its tokens.
    cut: Option<(usize, usize, usize)>,
    /// Continuations that ended at the positions.
    ended: usize,
}

impl<'a> Continuer<'a> {
    /// Loads the models that `decoding` names, of which there may be several: an ensemble.
    ///
    /// # Errors
    /// No model, or models that cannot be used together.
    pub(crate) fn open(
        decoding: &'a DecodingArgs,
        continuing: &'a ContinuingArgs,
        generator: &'a Generator,
        tokenized: bool,
    ) -> Result<Self> {
        let compute = decoding.compute.open()?;
        let overrides = decoding.overrides.clone().unwrap_or_default();
        let paths = models::paths(decoding);
        models::note_last(decoding);
        let mut opened = Vec::new();
        for path in &paths {
            let model = TextModel::load_with(path, &overrides, &compute).map_err(coded)?;
            if let Some(first) = opened.first() {
                let path = path.join(TextDir::DICTIONARY);
                TextModel::check_dictionary(first, &model.dictionary, &path).map_err(coded)?;
            }
            opened.push(model);
        }
        let models: Vec<LanguageModel> = opened.iter().map(|model| model.model.clone()).collect();
        let modules: Vec<_> = models.iter().map(LanguageModel::dropout_modules).collect();
        models::check_dropout_modules(decoding, &modules)?;
        if opened.is_empty() {
            return Err(usage(anyhow!(
                "--path names no checkpoint\nhint: name one, or several of an ensemble, separated by colons"
            )));
        }
        let text = opened.swap_remove(0);
        let start = text.start();
        decoding
            .marks
            .note(&text.dictionary)
            .into_iter()
            .chain(decoding.without_effect())
            .for_each(|note| format::note(&note));
        Ok(Self {
            decoding,
            continuing,
            generator,
            tokenized,
            options: ContinueOptions {
                sliding_window: continuing.sliding_window,
                counted_from: 0,
            },
            printed: TargetText::new(
                text.dictionary.clone(),
                text.text.clone(),
                decoding.marks.post_process(),
            ),
            positions: models.iter().map(DecoderOnly::max_positions).min().unwrap_or(0),
            start,
            models,
            text,
        })
    }

    /// Scores count the tokens of prompts behind the start.
    pub(crate) fn counting_prompts(mut self) -> Self {
        self.options.counted_from = self.start.len();
        self
    }

    /// The tokens of the beginning of a text.
    ///
    /// # Errors
    /// Text that the subword model cannot take.
    pub(crate) fn encode(&self, text: &str) -> Result<Beginning> {
        let dictionary = &self.text.dictionary;
        let mut beginning = Beginning::default();
        let lines: Vec<&str> = match self.text.whole_texts {
            true => vec![text],
            false => text.split('\n').collect(),
        };
        for (number, line) in lines.iter().enumerate() {
            let goes_on = number + 1 == lines.len();
            let tokens = if goes_on {
                self.text.prompt_tokens(line, self.tokenized)
            } else {
                self.text.line_tokens(line, self.tokenized)
            };
            for token in tokenize_line(&tokens.map_err(coded)?) {
                let id = dictionary.index(token);
                if id == dictionary.unk() {
                    beginning.unknown.push(token.to_owned());
                }
                beginning.ids.push(id);
            }
            if !goes_on {
                beginning.ids.push(dictionary.eos());
            }
        }
        Ok(beginning)
    }

    /// Beginnings as the models read them, numbered on.
    pub(crate) fn requests(&self, beginnings: Vec<Beginning>, told: &mut Told) -> Vec<Request> {
        let new = self.generator.options().max_len(0, usize::MAX);
        let unk = self.text.dictionary.unk();
        let request = |beginning: Beginning| {
            told.add_unknown(&beginning);
            let Beginning { ids, mut unknown } = beginning;
            let start = self.start_of(&ids);
            let mut tokens = [start, &ids].concat();
            let start = start.len();
            let cut = tokens.len().saturating_sub(self.kept(tokens.len(), new));
            let lost = tokens.drain(..cut).filter(|&id| id == unk).count();
            unknown.drain(..lost.min(unknown.len()));
            let id = told.prompts;
            told.prompts += 1;
            if cut > 0 {
                told.add_cut(id, tokens.len() + cut);
            }
            Request {
                prompt: Prompt {
                    tokens,
                    id: id as u64,
                },
                start,
                cut,
                unknown,
            }
        };
        beginnings.into_iter().map(request).collect()
    }

    /// What stands before a beginning: nothing where texts are whole, unless there is nothing else.
    fn start_of(&self, beginning: &[u32]) -> &[u32] {
        let counts = self.options.counted_from > 0;
        if self.text.whole_texts && !beginning.is_empty() && !counts {
            return &[];
        }
        &self.start
    }

    /// How many of the last tokens of a prompt of `len` tokens are read, where `new` are to follow.
    fn kept(&self, len: usize, new: usize) -> usize {
        if len < self.positions {
            return len;
        }
        // Half of the positions at most are left for new tokens.
        let room = if self.options.sliding_window {
            1
        } else {
            new.clamp(1, (self.positions / 2).max(1))
        };
        self.positions - room
    }

    /// The hypotheses of each request, best first.
    ///
    /// # Errors
    /// A search that the models do not take.
    pub(crate) fn continued(&self, requests: &[Request], told: &mut Told) -> Result<Vec<Vec<Hypothesis>>> {
        let decoding = self.decoding;
        let beam = self.generator.options().beam;
        let given = (decoding.max_tokens.is_some(), decoding.batch_size.is_some());
        let most_rows = decoding.batch_size().unwrap_or(match given {
            (false, false) => (MOST_ROWS / beam).max(1),
            _ => usize::MAX,
        });
        let most_tokens = match given {
            (false, false) => MOST_TOKENS,
            _ => decoding
                .max_tokens
                .and_then(|limit| limit.count())
                .unwrap_or(usize::MAX),
        };
        let new = self.generator.options().max_len(0, self.positions);
        let mut order: Vec<usize> = (0..requests.len()).collect();
        order.sort_by_key(|&index| requests[index].prompt.tokens.len());
        let mut found = vec![Vec::new(); requests.len()];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let fits = |&(rows, &index): &(usize, &usize)| {
                let tokens = requests[index].prompt.tokens.len() + new;
                rows < most_rows && (rows + 1).saturating_mul(tokens) <= most_tokens
            };
            let rows = rest.iter().enumerate().take_while(fits).count().max(1);
            let (batch, others) = rest.split_at(rows);
            let prompts: Vec<Prompt> = batch
                .iter()
                .map(|&index| requests[index].prompt.clone())
                .collect();
            let device = &self.text.device;
            let hypotheses = self
                .generator
                .continue_texts(&self.models, &prompts, self.options, device)
                .map_err(coded)?;
            for (&index, hypotheses) in batch.iter().zip(hypotheses) {
                told.tokens += hypotheses[0].tokens.len();
                let wanted = self.generator.options().max_len(0, usize::MAX);
                let room = self.positions - requests[index].prompt.tokens.len();
                let reached = |hypothesis: &Hypothesis| self.count_new(&requests[index], hypothesis) > room;
                if room < wanted && !self.options.sliding_window && hypotheses.iter().any(reached) {
                    told.ended += 1;
                }
                found[index] = hypotheses;
            }
            rest = others;
        }
        Ok(found)
    }

    /// Continues beginnings, and prints the texts in their order.
    ///
    /// # Errors
    /// A search that the models do not take; output that cannot be written.
    pub(crate) fn print(
        &self,
        beginnings: Vec<Beginning>,
        told: &mut Told,
        out: &mut dyn Write,
    ) -> Result<()> {
        let requests = self.requests(beginnings, told);
        let found = self.continued(&requests, told)?;
        for (request, hypotheses) in requests.iter().zip(&found) {
            for hypothesis in hypotheses {
                writeln!(out, "{}", self.shown(request, hypothesis))?;
                if self.continuing.ignore_eos {
                    writeln!(out)?; // between texts of several lines
                }
            }
        }
        Ok(out.flush()?)
    }

    /// New tokens of a hypothesis, its end included.
    fn count_new(&self, request: &Request, hypothesis: &Hypothesis) -> usize {
        let counted = match self.options.counted_from {
            0 => 0,
            start => request.prompt.tokens.len().saturating_sub(start),
        };
        hypothesis.tokens.len() - counted
    }

    /// The tokens of a prompt as they were given, as far as they were read.
    pub(crate) fn read<'r>(&self, request: &'r Request) -> &'r [u32] {
        let start = if request.cut > 0 { 0 } else { request.start };
        &request.prompt.tokens[start..]
    }

    /// The tokens that are shown of a hypothesis: those that were read, unless only new ones are asked for, and what is new.
    fn parts<'r>(&self, request: &'r Request, hypothesis: &'r Hypothesis) -> [&'r [u32]; 2] {
        let new = hypothesis.tokens.len() - self.count_new(request, hypothesis);
        let read = if self.continuing.continuation_only {
            &[]
        } else {
            self.read(request)
        };
        [read, &hypothesis.tokens[new..]]
    }

    /// Tokens of the dictionary, joined as `--remove-bpe` asks for.
    pub(crate) fn tokens(&self, ids: &[u32]) -> String {
        self.printed.tokens(ids, UNKNOWN)
    }

    /// The tokens of a hypothesis, as [`tokens`](Self::tokens) joins them.
    pub(crate) fn tokens_of(&self, request: &Request, hypothesis: &Hypothesis) -> String {
        self.tokens(&self.parts(request, hypothesis).concat())
    }

    /// The text of a hypothesis, a line for each `</s>` inside. What the dictionary lacks of the prompt stands there as it
    /// was given.
    pub(crate) fn shown(&self, request: &Request, hypothesis: &Hypothesis) -> String {
        let (eos, unk) = (self.text.dictionary.eos(), self.text.dictionary.unk());
        let [read, new] = self.parts(request, hypothesis);
        let ids = [read, new].concat();
        let mut lines: Vec<&[u32]> = match self.text.whole_texts {
            true => vec![&ids],
            false => ids.split(|&id| id == eos).collect(),
        };
        // The end of the last line is no line of its own.
        if !self.text.whole_texts && ids.last() == Some(&eos) {
            lines.pop();
        }
        let mut given = if read.is_empty() {
            &[]
        } else {
            request.unknown.as_slice()
        };
        let mut shown = Vec::new();
        for ids in lines {
            let unknown = ids.iter().filter(|&&id| id == unk).count();
            let (each, others) = given.split_at(unknown.min(given.len()));
            given = others;
            shown.push(self.printed.text(ids, Unk { each, rest: UNKNOWN }));
        }
        let border = if read.is_empty() && self.text.begins_word(self.read(request), new) {
            " "
        } else {
            ""
        };
        format!("{border}{}", shown.join("\n"))
    }

    /// What was unusual since the last time, as notes.
    pub(crate) fn note(&self, told: &mut Told) {
        if let Some((count, first)) = told.unknown.take() {
            format::note(&format!(
                "{count} tokens of the prompts are not in the dictionary of the model, the first of them {first:?}, and were \
                 read as <unk>"
            ));
        }
        if let Some((count, first, tokens)) = told.cut.take() {
            format::note(&format!(
                "{count} prompts are longer than the model reads and were cut from the left, the first of them prompt {first} \
                 with {tokens} tokens; the model has {} positions",
                self.positions
            ));
        }
        let ended = std::mem::take(&mut told.ended);
        if ended > 0 {
            format::note(&format!(
                "{ended} texts ended at the {} positions of the model; --sliding-window lets them go on",
                self.positions
            ));
        }
    }

    /// What was unusual, and the speed.
    pub(crate) fn tell(&self, told: &mut Told, seconds: f64) {
        self.note(told);
        let _ = writeln!(
            io::stderr(),
            "{}",
            format::speed_line("Continued", "prompts", told.prompts, told.tokens, seconds)
        );
    }
}

impl Told {
    /// Counts the unknown tokens of a prompt.
    pub(crate) fn add_unknown(&mut self, beginning: &Beginning) {
        if let Some(first) = beginning.unknown.first() {
            let (count, _) = self.unknown.get_or_insert_with(|| (0, first.clone()));
            *count += beginning.unknown.len();
        }
    }

    /// Counts prompt `number`, whose `tokens` are more than the model reads.
    pub(crate) fn add_cut(&mut self, number: usize, tokens: usize) {
        let (count, ..) = self.cut.get_or_insert((0, number, tokens));
        *count += 1;
    }
}
