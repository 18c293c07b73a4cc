//! Continues text with a language model: prompts of the command line, lines of text, or a part of a dataset.

use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use burnseq::decode::TextModel;
use burnseq::tasks::language_modeling;
use burnseq_data::TextDir;
use burnseq_generate::{Continue, ContinueOptions, Prompt, ReadText, score_texts};
use burnseq_model::{DecoderOnly, LanguageModel};
use burnseq_search::{Generator, Hypothesis};
use burnseq_text::{LineReader, SubwordSettings, write_atomically};
use burnseq_train::Checkpoint;

use super::args::GenerateArgs;
use super::few_shot::{FewShot, Question};
use crate::decoding::{coded, format, models};
use crate::exit::{is_broken_pipe, usage};

/// Lines that are read, sorted by length and continued together.
const CHUNK: usize = 4096;
/// Rows of a batch when no flag says so.
const MOST_ROWS: usize = 256;
/// Most tokens in a batch when no flag says so, what is to come included.
const MOST_TOKENS: usize = 24_000;

/// Whether the flags or the checkpoint ask for a language model.
pub(super) fn is_meant(args: &GenerateArgs) -> bool {
    match args.task.task.as_deref() {
        Some(task) => task == language_modeling::NAME,
        None => {
            let path = models::paths(&args.decoding).into_iter().next();
            let checkpoint = path.and_then(|path| Checkpoint::open(&path).ok());
            args.continuing.given().next().is_some()
                || checkpoint.is_some_and(|found| found.meta().task.name == language_modeling::NAME)
        }
    }
}

/// Continues what the flags name.
///
/// # Errors
/// Wrong usage; text, data or models that cannot be used; output that cannot be written.
pub(super) fn run(args: &GenerateArgs, generator: &Generator) -> Result<()> {
    args.check_language_model().map_err(usage)?;
    let job = Job::open(args, generator)?;
    let Some(path) = args.output_file() else {
        return match job.run(&mut BufWriter::new(io::stdout().lock())) {
            // Whoever read stdout has seen enough, as `head` does, which is no failure.
            Err(error) if is_broken_pipe(&error) => Ok(()),
            result => result,
        };
    };
    if let Some(folder) = &args.results_path {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    // The file appears when it is complete, or not at all.
    let mut failure = None;
    let written = write_atomically(&path, |out| {
        job.run(out).map_err(|error| {
            failure = Some(error);
            io::Error::other("decoding failed")
        })
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(written?),
    }
}

/// Prompts on their way through the models.
struct Job<'a> {
    args: &'a GenerateArgs,
    generator: &'a Generator,
    /// The first one, with dictionary and text settings.
    text: TextModel,
    models: Vec<LanguageModel>,
    options: ContinueOptions,
    /// What a text begins with: `</s>`, behind `<s>` where the model was trained so.
    start: Vec<u32>,
    positions: usize,
    few_shot: Option<FewShot>,
}

/// A prompt and what is known of it.
struct Request {
    prompt: Prompt,
    /// Tokens that were cut from the left.
    cut: usize,
}

/// What is told at the end.
#[derive(Debug, Default)]
struct Told {
    prompts: usize,
    /// New tokens of the best continuations.
    tokens: usize,
    /// Unknown tokens of all prompts.
    unknown: usize,
    /// Prompts that were cut, the first of them, and its tokens.
    cut: Option<(usize, u64, usize)>,
    /// Continuations that ended at the positions.
    ended: usize,
    /// Questions that were answered as the data says, and all whose answer is known.
    answered: (usize, usize),
}

impl<'a> Job<'a> {
    fn open(args: &'a GenerateArgs, generator: &'a Generator) -> Result<Self> {
        let compute = args.decoding.compute.open()?;
        let overrides = args.decoding.overrides.clone().unwrap_or_default();
        let paths = models::paths(&args.decoding);
        models::note_last(&args.decoding);
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
        models::check_dropout_modules(&args.decoding, &modules)?;
        if opened.is_empty() {
            return Err(usage(anyhow!(
                "--path names no checkpoint\nhint: name one, or several of an ensemble, separated by colons"
            )));
        }
        let text = opened.swap_remove(0);
        let dictionary = &text.dictionary;
        let mut start = vec![dictionary.eos()];
        if text.begins_with_bos {
            start.insert(0, dictionary.bos());
        }
        args.decoding
            .mark_note()
            .into_iter()
            .chain(args.decoding.without_effect())
            .for_each(|note| format::note(&note));
        Ok(Self {
            args,
            generator,
            options: ContinueOptions {
                sliding_window: args.continuing.sliding_window,
                counted_from: if args.continuing.count_prompt {
                    start.len()
                } else {
                    0
                },
            },
            few_shot: FewShot::new(&args.continuing)?,
            positions: models.iter().map(DecoderOnly::max_positions).min().unwrap_or(0),
            start,
            models,
            text,
        })
    }

    fn run(&self, out: &mut dyn Write) -> Result<()> {
        let started = Instant::now();
        let mut told = Told::default();
        let continuing = &self.args.continuing;
        if !continuing.prompt.is_empty() {
            self.answer("--prompt", &continuing.prompt, &mut told, out)?;
            if let Some(few_shot) = &self.few_shot {
                few_shot.check_number(told.prompts)?;
            }
        } else if let Some(input) = &self.args.input {
            self.text(input, &mut told, out)?;
        } else {
            self.dataset(&mut told, out)?;
        }
        if let (right, all @ 1..) = told.answered {
            let percent = 100.0 * right as f64 / all as f64;
            writeln!(out, "Accuracy: {percent:.2} % ({right} of {all})")?;
        }
        out.flush()?;
        self.tell(&told, started.elapsed().as_secs_f64());
        Ok(())
    }

    /// The tokens of a prompt; its lines are separated by `</s>`, and the last one goes on.
    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        for line in text.split('\n') {
            tokens.extend(self.text.encode_line(line, self.args.tokenized).map_err(coded)?);
        }
        tokens.pop();
        Ok(tokens)
    }

    /// Continues the lines of a file or of standard input.
    fn text(&self, input: &Path, told: &mut Told, out: &mut dyn Write) -> Result<()> {
        let (name, reader): (&Path, Box<dyn BufRead>) = if input == Path::new("-") {
            (Path::new("stdin"), Box::new(io::stdin().lock()))
        } else {
            let file =
                std::fs::File::open(input).with_context(|| format!("cannot read {}", input.display()))?;
            (input, Box::new(io::BufReader::with_capacity(1 << 16, file)))
        };
        let mut reader = LineReader::new(reader, name).without_byte_order_mark();
        loop {
            let mut lines = Vec::new();
            while lines.len() < CHUNK {
                let Some(line) = reader.read_line().map_err(coded)? else {
                    break;
                };
                lines.push(line.to_owned());
            }
            if lines.is_empty() {
                break;
            }
            self.answer(&name.display().to_string(), &lines, told, out)?;
        }
        self.few_shot
            .as_ref()
            .map_or(Ok(()), |few_shot| few_shot.check_number(told.prompts))
    }

    /// Continues lines of `place`, or chooses an answer for each.
    fn answer(&self, place: &str, lines: &[String], told: &mut Told, out: &mut dyn Write) -> Result<()> {
        let Some(few_shot) = &self.few_shot else {
            let prompts = lines
                .iter()
                .map(|line| self.encode(line))
                .collect::<Result<_>>()?;
            return self.lines(prompts, told, out);
        };
        let questions = (told.prompts..).zip(lines);
        let questions = questions.map(|(number, line)| few_shot.question(place, number, line));
        let questions = questions.collect::<Result<Vec<_>>>()?;
        if few_shot.chooses() {
            return self.choose(few_shot, &questions, told, out);
        }
        let prompts = questions.iter().map(|question| self.encode(&question.prompt));
        self.lines(prompts.collect::<Result<_>>()?, told, out)
    }

    /// Chooses the likeliest answer to each question.
    fn choose(
        &self,
        few_shot: &FewShot,
        questions: &[Question],
        told: &mut Told,
        out: &mut dyn Write,
    ) -> Result<()> {
        let mut texts = Vec::new();
        for question in questions {
            let prompt = self.encode(&question.prompt)?;
            for answered in &question.answered {
                texts.push(self.answered(&prompt, &self.encode(answered)?)?);
            }
        }
        let decoding = &self.args.decoding;
        let max_tokens = decoding
            .max_tokens
            .and_then(|limit| limit.count())
            .unwrap_or(MOST_TOKENS);
        let most_rows = decoding.batch_size().unwrap_or(usize::MAX);
        let scores = score_texts(&self.models[0], &texts, max_tokens, most_rows, &self.text.device);
        let options = self.generator.options();
        let lenpen = (!options.unnormalized).then_some(options.lenpen);
        let score = |scores: &Vec<f32>| {
            Hypothesis::from_positional_scores(vec![0; scores.len()], scores.clone(), lenpen).score_base2()
        };
        let mut scores = scores.iter().map(score);
        for question in questions {
            let of_choices: Vec<f32> = scores.by_ref().take(question.answered.len()).collect();
            let best = (0..of_choices.len())
                .rev()
                .max_by(|&a, &b| of_choices[a].total_cmp(&of_choices[b]));
            let best = best.expect("there are choices");
            let number = told.prompts;
            told.prompts += 1;
            if let Some(right) = question.right {
                told.answered.0 += usize::from(right == best);
                told.answered.1 += 1;
            }
            let listed: Vec<String> = of_choices.iter().map(|score| format!("{score:.4}")).collect();
            let choice = few_shot.choice(number, best);
            if !self.args.quiet {
                writeln!(out, "C-{number}\t{best}\t{choice}\t{}", listed.join(" "))?;
            }
        }
        Ok(())
    }

    /// A prompt with an answer, as it is read to score the answer: `all` begins as `prompt` does, but for a last token that
    /// the answer changes.
    fn answered(&self, prompt: &[u32], all: &[u32]) -> Result<ReadText> {
        let common = prompt.iter().zip(all).take_while(|(a, b)| a == b).count();
        let target = all[common..].to_vec();
        if target.is_empty() || target.len() >= self.positions {
            return Err(anyhow!(
                "a choice has {} tokens, the model scores 1 to {}\nhint: give shorter choices that are not empty",
                target.len(),
                self.positions - 1
            ));
        }
        let mut tokens = [self.start.as_slice(), &all[..all.len() - 1]].concat();
        tokens.drain(..tokens.len().saturating_sub(self.positions));
        Ok(ReadText { tokens, target })
    }

    /// Continues prompts, and prints the texts in their order.
    fn lines(&self, prompts: Vec<Vec<u32>>, told: &mut Told, out: &mut dyn Write) -> Result<()> {
        let requests = self.requests(prompts, told);
        let found = self.continued(&requests, told)?;
        for (request, hypotheses) in requests.iter().zip(&found) {
            for hypothesis in hypotheses {
                writeln!(out, "{}", self.shown(request, hypothesis))?;
                if self.args.continuing.ignore_eos {
                    writeln!(out)?; // between texts of several lines
                }
            }
        }
        Ok(out.flush()?)
    }

    /// Continues a part of a dataset, and prints fairseq's lines.
    fn dataset(&self, told: &mut Told, out: &mut dyn Write) -> Result<()> {
        let path = self.args.data.as_deref().unwrap_or(Path::new("data-bin"));
        let dir = TextDir::open(path)
            .map_err(coded)?
            .with_dataset_impl(self.args.dataset_impl);
        self.text
            .check_dictionary(dir.dictionary(), &dir.path().join(TextDir::DICTIONARY))
            .map_err(coded)?;
        let sentences = dir.load(self.args.subset()).map_err(coded)?;
        let size = self
            .args
            .prefix_size
            .filter(|&size| size > 0)
            .unwrap_or(usize::MAX);
        let eos = self.text.dictionary.eos();
        for start in (0..sentences.len()).step_by(CHUNK) {
            let prompts = (start..sentences.len().min(start + CHUNK)).map(|index| {
                let mut tokens = sentences.sentence(index);
                // A text that is to go on has no end.
                if tokens.last() == Some(&eos) {
                    tokens.pop();
                }
                tokens.truncate(size);
                tokens
            });
            let requests = self.requests(prompts.collect(), told);
            let found = self.continued(&requests, told)?;
            for (request, hypotheses) in requests.iter().zip(&found) {
                let id = request.prompt.id as usize;
                if self.args.quiet {
                    continue;
                }
                let read = self.new_tokens(request);
                writeln!(out, "S-{id}\t{}", self.tokens(&read))?;
                for hypothesis in hypotheses {
                    let tokens = self.tokens(&self.whole(request, hypothesis));
                    let text = self.shown(request, hypothesis);
                    let text = text.replace('\n', " ");
                    out.write_all(format::hypothesis_lines(id, hypothesis, &tokens, &text).as_bytes())?;
                    if self.args.decoding.print_step {
                        writeln!(out, "I-{id}\t{}", hypothesis.tokens.len())?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The prompts as the models read them, numbered on.
    fn requests(&self, prompts: Vec<Vec<u32>>, told: &mut Told) -> Vec<Request> {
        let new = self.generator.options().max_len(0, usize::MAX);
        let unk = self.text.dictionary.unk();
        let request = |tokens: Vec<u32>| {
            told.unknown += tokens.iter().filter(|&&token| token == unk).count();
            let mut tokens = [self.start.as_slice(), &tokens].concat();
            let cut = tokens.len().saturating_sub(self.kept(tokens.len(), new));
            tokens.drain(..cut);
            let id = told.prompts as u64;
            told.prompts += 1;
            if cut > 0 {
                let (count, first, tokens) = told.cut.unwrap_or((0, id, tokens.len() + cut));
                told.cut = Some((count + 1, first, tokens));
            }
            Request {
                prompt: Prompt { tokens, id },
                cut,
            }
        };
        prompts.into_iter().map(request).collect()
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
    fn continued(&self, requests: &[Request], told: &mut Told) -> Result<Vec<Vec<Hypothesis>>> {
        let decoding = &self.args.decoding;
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

    /// New tokens of a hypothesis, its end included.
    fn count_new(&self, request: &Request, hypothesis: &Hypothesis) -> usize {
        let counted = match self.options.counted_from {
            0 => 0,
            start => request.prompt.tokens.len().saturating_sub(start),
        };
        hypothesis.tokens.len() - counted
    }

    /// The tokens of a prompt as they were given, as far as they were read.
    fn new_tokens(&self, request: &Request) -> Vec<u32> {
        let start = if request.cut > 0 { 0 } else { self.start.len() };
        request.prompt.tokens[start..].to_vec()
    }

    /// The tokens that are shown of a hypothesis: the text so far, or what is new.
    fn whole(&self, request: &Request, hypothesis: &Hypothesis) -> Vec<u32> {
        let new = hypothesis.tokens.len() - self.count_new(request, hypothesis);
        let new = &hypothesis.tokens[new..];
        if self.args.continuing.continuation_only {
            return new.to_vec();
        }
        [&self.new_tokens(request), new].concat()
    }

    /// Tokens of the dictionary, joined as `--remove-bpe` asks for.
    fn tokens(&self, ids: &[u32]) -> String {
        let tokens = self.text.dictionary.decode(ids);
        self.args.decoding.post_process().apply(&tokens)
    }

    /// The text of a hypothesis, a line for each `</s>` inside.
    fn shown(&self, request: &Request, hypothesis: &Hypothesis) -> String {
        let ids = self.whole(request, hypothesis);
        let eos = self.text.dictionary.eos();
        let mut lines: Vec<&[u32]> = ids.split(|&id| id == eos).collect();
        // The end of the last line is no line of its own.
        if ids.last() == Some(&eos) {
            lines.pop();
        }
        let lines: Vec<String> = lines
            .into_iter()
            .map(|ids| match self.text.text.settings().subword {
                SubwordSettings::None => self.text.text.decode(&self.tokens(ids)),
                // Subwords are the business of their model.
                _ => self.text.text.decode(&self.text.dictionary.decode(ids)),
            })
            .collect();
        lines.join("\n")
    }

    /// What was unusual, and the speed.
    fn tell(&self, told: &Told, seconds: f64) {
        if told.unknown > 0 {
            format::note(&format!(
                "{} tokens of the prompts are not in the dictionary of the model, and were read as <unk>",
                told.unknown
            ));
        }
        if let Some((count, first, tokens)) = told.cut {
            format::note(&format!(
                "{count} prompts are longer than the model reads and were cut from the left, the first of them prompt {first} \
                 with {tokens} tokens; the model has {} positions",
                self.positions
            ));
        }
        if told.ended > 0 {
            format::note(&format!(
                "{} texts ended at the {} positions of the model; --sliding-window lets them go on",
                told.ended, self.positions
            ));
        }
        let _ = writeln!(
            io::stderr(),
            "{}",
            format::speed_line("Continued", "prompts", told.prompts, told.tokens, seconds)
        );
    }
}
