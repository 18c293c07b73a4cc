//! Continues text with a language model: prompts of the command line, lines of text, or a part of a dataset.

use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use burnseq_data::TextDir;
use burnseq_generate::{ReadText, score_texts};
use burnseq_search::{Generator, Hypothesis};
use burnseq_text::{LineReader, write_atomically};

use super::args::GenerateArgs;
use super::few_shot::{FewShot, Question};
use crate::decoding::continuer::{Beginning, Continuer, MOST_TOKENS, Told};
use crate::decoding::{coded, format};
use crate::exit::{is_broken_pipe, usage, writing_to_stdout};

/// Lines that are read, sorted by length and continued together.
const CHUNK: usize = 4096;

/// Continues what the flags name.
///
/// # Errors
/// Wrong usage; text, data or models that cannot be used; output that cannot be written.
pub(super) fn run(args: &GenerateArgs, generator: &Generator) -> Result<()> {
    args.check_language_model().map_err(usage)?;
    let mut continuer = Continuer::open(&args.decoding, &args.continuing, generator, args.tokenized)?;
    if args.prompts.count_prompt {
        continuer = continuer.counting_prompts();
    }
    let job = Job {
        args,
        generator,
        continuer,
        few_shot: FewShot::new(&args.prompts)?,
    };
    let Some(path) = args.output_file() else {
        return match job.run(&mut BufWriter::new(io::stdout().lock())) {
            // Whoever read stdout has seen enough, as `head` does, which is no failure.
            Err(error) if is_broken_pipe(&error) => Ok(()),
            result => result.map_err(writing_to_stdout),
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
    continuer: Continuer<'a>,
    few_shot: Option<FewShot>,
}

/// Questions that were answered as the data says, and all whose answer is known.
type Answered = (usize, usize);

impl Job<'_> {
    fn run(&self, out: &mut dyn Write) -> Result<()> {
        let started = Instant::now();
        let (mut told, mut answered) = (Told::default(), (0, 0));
        let prompts = &self.args.prompts.prompt;
        if !prompts.is_empty() {
            self.answer("--prompt", prompts, &mut told, &mut answered, out)?;
            if let Some(few_shot) = &self.few_shot {
                few_shot.check_number(told.prompts)?;
            }
        } else if let Some(input) = &self.args.input {
            self.text(input, &mut told, &mut answered, out)?;
        } else {
            self.dataset(&mut told, out)?;
        }
        if let (right, all @ 1..) = answered {
            let percent = 100.0 * right as f64 / all as f64;
            writeln!(out, "Accuracy: {percent:.2} % ({right} of {all})")?;
        }
        out.flush()?;
        self.continuer.tell(&mut told, started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Continues the lines of a file or of standard input.
    fn text(
        &self,
        input: &Path,
        told: &mut Told,
        answered: &mut Answered,
        out: &mut dyn Write,
    ) -> Result<()> {
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
            self.answer(&name.display().to_string(), &lines, told, answered, out)?;
        }
        self.few_shot
            .as_ref()
            .map_or(Ok(()), |few_shot| few_shot.check_number(told.prompts))
    }

    /// Continues lines of `place`, or chooses an answer for each.
    fn answer(
        &self,
        place: &str,
        lines: &[String],
        told: &mut Told,
        answered: &mut Answered,
        out: &mut dyn Write,
    ) -> Result<()> {
        let continuer = &self.continuer;
        let Some(few_shot) = &self.few_shot else {
            let prompts = lines.iter().map(|line| continuer.encode(line));
            return continuer.print(prompts.collect::<Result<_>>()?, told, out);
        };
        let questions = (told.prompts..).zip(lines);
        let questions = questions.map(|(number, line)| few_shot.question(place, number, line));
        let questions = questions.collect::<Result<Vec<_>>>()?;
        if few_shot.chooses() {
            return self.choose(few_shot, &questions, told, answered, out);
        }
        let prompts = questions
            .iter()
            .map(|question| continuer.encode(&question.prompt));
        continuer.print(prompts.collect::<Result<_>>()?, told, out)
    }

    /// Chooses the likeliest answer to each question.
    fn choose(
        &self,
        few_shot: &FewShot,
        questions: &[Question],
        told: &mut Told,
        answered: &mut Answered,
        out: &mut dyn Write,
    ) -> Result<()> {
        let mut texts = Vec::new();
        for (number, question) in (told.prompts..).zip(questions) {
            let prompt = self.continuer.encode(&question.prompt)?;
            told.add_unknown(&prompt);
            let mut longest = 0;
            for (choice, whole) in question.answered.iter().enumerate() {
                let whole = self.continuer.encode(whole)?.ids;
                longest = longest.max(self.continuer.start.len() + whole.len() - 1);
                texts.push(self.answered(&prompt, &whole, few_shot.choice(number, choice))?);
            }
            if longest > self.continuer.positions {
                told.add_cut(number, longest);
            }
        }
        let decoding = &self.args.decoding;
        let max_tokens = decoding
            .max_tokens
            .and_then(|limit| limit.count())
            .unwrap_or(MOST_TOKENS);
        let most_rows = decoding.batch_size().unwrap_or(usize::MAX);
        let (model, device) = (&self.continuer.models[0], &self.continuer.text.device);
        let scores = score_texts(model, &texts, max_tokens, most_rows, device);
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
                answered.0 += usize::from(right == best);
                answered.1 += 1;
            }
            let listed: Vec<String> = of_choices.iter().map(|score| format!("{score:.4}")).collect();
            let choice = few_shot.choice(number, best);
            if !self.args.quiet {
                writeln!(out, "C-{number}\t{best}\t{choice}\t{}", listed.join(" "))?;
            }
        }
        Ok(())
    }

    /// A prompt with the answer `choice`, as it is read to score the answer: `all` begins as `prompt` does, but for a last
    /// token that the answer changes.
    fn answered(&self, prompt: &Beginning, all: &[u32], choice: &str) -> Result<ReadText> {
        let positions = self.continuer.positions;
        let common = prompt.ids.iter().zip(all).take_while(|(a, b)| a == b).count();
        let target = all[common..].to_vec();
        if target.is_empty() {
            let last = prompt
                .unknown
                .last()
                .map_or(String::new(), |last| format!(" {last:?}"));
            return Err(if choice.trim().is_empty() {
                anyhow!("a choice is empty, so there is nothing to score\nhint: give choices with a word")
            } else {
                anyhow!(
                    "the choice {choice:?} adds no token to its prompt: it becomes part of the last word{last}, which is unknown with \
                     and without it\nhint: put a blank before the place of the answer in --template"
                )
            });
        }
        if target.len() >= positions {
            return Err(anyhow!(
                "the choice {choice:?} has {} tokens, the model scores at most {}\nhint: give shorter choices",
                target.len(),
                positions - 1
            ));
        }
        let mut tokens = [self.continuer.start.as_slice(), &all[..all.len() - 1]].concat();
        tokens.drain(..tokens.len().saturating_sub(positions));
        Ok(ReadText { tokens, target })
    }

    /// Continues a part of a dataset, and prints fairseq's lines.
    fn dataset(&self, told: &mut Told, out: &mut dyn Write) -> Result<()> {
        let continuer = &self.continuer;
        let dictionary = &continuer.text.dictionary;
        let path = self.args.data.as_deref().unwrap_or(Path::new("data-bin"));
        let dir = TextDir::open(path)
            .map_err(coded)?
            .with_dataset_impl(self.args.dataset_impl);
        continuer
            .text
            .check_dictionary(dir.dictionary(), &dir.path().join(TextDir::DICTIONARY))
            .map_err(coded)?;
        let sentences = dir.load(self.args.subset()).map_err(coded)?;
        let size = self
            .args
            .prefix_size
            .filter(|&size| size > 0)
            .unwrap_or(usize::MAX);
        for start in (0..sentences.len()).step_by(CHUNK) {
            let prompts = (start..sentences.len().min(start + CHUNK)).map(|index| {
                let mut ids = sentences.sentence(index);
                // A text that is to go on has no end.
                if ids.last() == Some(&dictionary.eos()) {
                    ids.pop();
                }
                ids.truncate(size);
                let unknown = ids.iter().filter(|&&id| id == dictionary.unk());
                let unknown = unknown.map(|&id| dictionary.symbol(id).to_owned()).collect();
                Beginning { ids, unknown }
            });
            let requests = continuer.requests(prompts.collect(), told);
            let found = continuer.continued(&requests, told)?;
            for (request, hypotheses) in requests.iter().zip(&found) {
                let id = request.prompt.id as usize;
                if self.args.quiet {
                    continue;
                }
                writeln!(out, "S-{id}\t{}", continuer.tokens(continuer.read(request)))?;
                for hypothesis in hypotheses {
                    let tokens = continuer.tokens_of(request, hypothesis);
                    let text = continuer.shown(request, hypothesis).replace('\n', " ");
                    out.write_all(format::hypothesis_lines(id, hypothesis, &tokens, &text).as_bytes())?;
                    if self.args.decoding.print_step {
                        writeln!(out, "I-{id}\t{}", hypothesis.tokens.len())?;
                    }
                }
            }
        }
        Ok(())
    }
}
