//! Prompts made of a template and examples, and the choices among which a model decides.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use burnseq_text::LineReader;

use super::prompts::PromptArgs;
use crate::decoding::coded;
use crate::exit::usage;

/// The template of lines of two columns when none is given.
const DEFAULT_TEMPLATE: &str = "{0} {1}";

/// A text with places for the columns of a line; the last column is the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Template {
    parts: Vec<Part>,
    /// Number of the column that is the answer.
    answer: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(usize),
}

impl Template {
    /// Reads `Q: {0} A: {1}`; `\n` ends a line.
    fn parse(template: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let template = template.replace("\\n", "\n");
        let mut rest = template.as_str();
        while let Some(open) = rest.find('{') {
            let (text, column) = rest.split_at(open);
            let close = column.find('}');
            let number = close.and_then(|close| column[1..close].parse().ok());
            let (Some(close), Some(number)) = (close, number) else {
                bail!(
                    "--template {template:?}: expected the number of a column behind {{, as in {{0}}\nhint: write it like \"{}\"",
                    "Q: {0} A: {1}"
                );
            };
            parts.extend((!text.is_empty()).then(|| Part::Text(text.to_owned())));
            parts.push(Part::Column(number));
            rest = &column[close + 1..];
        }
        parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        let columns = parts.iter().filter_map(|part| match part {
            Part::Column(number) => Some(*number),
            Part::Text(_) => None,
        });
        let answer = columns.max();
        if let Some(answer) = answer
            && let Some(place) = parts.iter().position(|part| *part == Part::Column(answer))
            && parts[place..]
                .iter()
                .any(|part| matches!(part, Part::Column(number) if *number != answer))
        {
            bail!(
                "--template {template:?}: no column can follow the answer {{{answer}}}, as the model writes what follows a prompt\nhint: \
                 write it like \"{}\"",
                "Q: {0} A: {1}"
            );
        }
        match answer {
            Some(answer) if answer > 0 && answer < 100 => Ok(Self { parts, answer }),
            _ => bail!(
                "--template {template:?} has no place for an answer: columns are counted from 0, and the last one is the answer\n\
                 hint: write it like \"{}\"",
                "Q: {0} A: {1}"
            ),
        }
    }

    /// The text with all columns.
    fn filled(&self, columns: &[&str]) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Column(number) => columns[*number].to_owned(),
        };
        self.parts.iter().map(part).collect()
    }

    /// The text up to the answer, without blanks before it.
    fn up_to_answer(&self, columns: &[&str]) -> String {
        let before = self
            .parts
            .iter()
            .position(|part| *part == Part::Column(self.answer));
        let before = Self {
            parts: self.parts[..before.expect("the answer has a place")].to_vec(),
            answer: self.answer,
        };
        before.filled(columns).trim_end_matches(' ').to_owned()
    }

    /// The text with the answer, up to its end.
    fn answered(&self, columns: &[&str], answer: &str) -> String {
        let place = self
            .parts
            .iter()
            .position(|part| *part == Part::Column(self.answer));
        let through = Self {
            parts: self.parts[..=place.expect("the answer has a place")].to_vec(),
            answer: self.answer,
        };
        let mut all: Vec<&str> = columns.iter().copied().take(self.answer).collect();
        all.push(answer);
        through.filled(&all)
    }
}

/// What lines become before a model reads them.
#[derive(Debug)]
pub(super) struct FewShot {
    template: Template,
    /// The examples before each prompt, each with the end of its line.
    shots: String,
    choices: Option<Choices>,
}

/// A prompt, and the answer that its line holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Everything up to the answer.
    pub prompt: String,
    /// Everything up to the end of each choice, in the order of the choices.
    pub answered: Vec<String>,
    /// Number of the choice that is right, where the line says so.
    pub right: Option<usize>,
}

/// The answers among which a model chooses.
#[derive(Debug)]
struct Choices {
    /// Where they were read, for messages.
    file: String,
    /// For each prompt, or once for all of them.
    lines: Vec<Vec<String>>,
}

impl FewShot {
    /// What the flags ask for; none where lines stay as they are.
    ///
    /// # Errors
    /// A template without places; files that cannot be read, or whose lines do not fit.
    pub(super) fn new(args: &PromptArgs) -> Result<Option<Self>> {
        if args.template.is_none() && args.shots.is_none() && args.choices.is_none() {
            return Ok(None);
        }
        let template =
            Template::parse(args.template.as_deref().unwrap_or(DEFAULT_TEMPLATE)).map_err(usage)?;
        let mut shots = String::new();
        if let Some(path) = &args.shots {
            let lines = lines(path)?;
            let wanted = args.num_shots.unwrap_or(lines.len());
            if wanted > lines.len() {
                return Err(usage(anyhow!(
                    "--num-shots {wanted}: {} holds {} examples\nhint: give fewer, or a longer file",
                    path.display(),
                    lines.len()
                )));
            }
            for (number, line) in (1..).zip(&lines[..wanted]) {
                let columns: Vec<&str> = line.split('\t').collect();
                if columns.len() != template.answer + 1 {
                    bail!(
                        "{}:{number}: {} columns, the template takes {}\nhint: separate columns by tabs, the answer is the last",
                        path.display(),
                        columns.len(),
                        template.answer + 1
                    );
                }
                shots += &template.filled(&columns);
                shots.push('\n');
            }
        }
        let choices = args.choices.as_deref().map(Choices::read).transpose()?;
        Ok(Some(Self {
            template,
            shots,
            choices,
        }))
    }

    /// Whether answers are chosen instead of written.
    pub(super) fn chooses(&self) -> bool {
        self.choices.is_some()
    }

    /// Line `number` (0-based) of `place` as a question.
    ///
    /// # Errors
    /// A line of other columns than the template has; an answer that is no choice; no choices for this line.
    pub(super) fn question(&self, place: &str, number: usize, line: &str) -> Result<Question> {
        let columns: Vec<&str> = line.split('\t').collect();
        let answer = self.template.answer;
        if columns.len() != answer && columns.len() != answer + 1 {
            bail!(
                "{place}:{}: {} columns, the template takes {answer}, and the answer where it is known\nhint: separate columns \
                 by tabs",
                number + 1,
                columns.len()
            );
        }
        let prompt = self.shots.clone() + &self.template.up_to_answer(&columns);
        let Some(choices) = &self.choices else {
            return Ok(Question {
                prompt,
                answered: Vec::new(),
                right: None,
            });
        };
        let choices = choices.of(number)?;
        let right = columns.get(answer).map(|&right| {
            let found = choices.iter().position(|choice| choice == right);
            found.with_context(|| {
                format!(
                    "{place}:{}: the answer {right:?} is none of the choices\nhint: choose from: {}",
                    number + 1,
                    choices.join(", ")
                )
            })
        });
        let answered = choices
            .iter()
            .map(|choice| self.shots.clone() + &self.template.answered(&columns, choice));
        Ok(Question {
            answered: answered.collect(),
            prompt,
            right: right.transpose()?,
        })
    }

    /// A choice of line `number`.
    pub(super) fn choice(&self, number: usize, choice: usize) -> &str {
        let of_line = self.choices.as_ref().and_then(|choices| choices.of(number).ok());
        of_line.map_or("", |choices| &choices[choice])
    }

    /// Makes sure that there are choices for all of `prompts`, and for no others.
    ///
    /// # Errors
    /// The two numbers.
    pub(super) fn check_number(&self, prompts: usize) -> Result<()> {
        match &self.choices {
            Some(choices) if choices.lines.len() != 1 && choices.lines.len() != prompts => bail!(
                "{} has {} lines of choices for {prompts} prompts\nhint: give a line for each prompt, or one line for all",
                choices.file,
                choices.lines.len()
            ),
            _ => Ok(()),
        }
    }
}

impl Choices {
    fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let lines: Vec<Vec<String>> = lines(path)?
            .iter()
            .map(|line| line.split('\t').map(str::to_owned).collect())
            .collect();
        let first = lines.first().map_or(0, Vec::len);
        if first < 2 {
            bail!("{file}:1: {first} choices, at least 2 are needed\nhint: separate choices by tabs");
        }
        if let Some(other) = lines.iter().position(|choices| choices.len() != first) {
            bail!(
                "{file}:{}: {} choices, line 1 has {first}\nhint: give every prompt as many choices",
                other + 1,
                lines[other].len()
            );
        }
        Ok(Self { file, lines })
    }

    fn of(&self, number: usize) -> Result<&[String]> {
        let line = if self.lines.len() == 1 { 0 } else { number };
        let choices = self.lines.get(line).map(Vec::as_slice);
        choices.with_context(|| {
            format!(
                "{} has {} lines of choices, and there are more prompts\nhint: give a line for each prompt, or one line for all",
                self.file,
                self.lines.len()
            )
        })
    }
}

/// The lines of a file.
fn lines(path: &Path) -> Result<Vec<String>> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = LineReader::new(std::io::BufReader::new(file), path).without_byte_order_mark();
    let mut lines = Vec::new();
    while let Some(line) = reader.read_line().map_err(coded)? {
        lines.push(line.to_owned());
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn few_shot(template: &str, shots: &str, choices: &[&[&str]]) -> FewShot {
        let lines = choices
            .iter()
            .map(|line| line.iter().map(|&choice| choice.to_owned()).collect());
        FewShot {
            template: Template::parse(template).unwrap(),
            shots: shots.to_owned(),
            choices: (!choices.is_empty()).then(|| Choices {
                file: "c".to_owned(),
                lines: lines.collect(),
            }),
        }
    }

    #[test]
    fn columns_fill_the_places_of_a_template() {
        let template = Template::parse("Q: {0}\\nA: {1}.").unwrap();
        assert_eq!(template.filled(&["x", "y"]), "Q: x\nA: y.");
        assert_eq!(template.up_to_answer(&["x"]), "Q: x\nA:");
        assert_eq!(template.answered(&["x"], "z"), "Q: x\nA: z");
        let pair = Template::parse("{0} and {1}: {2}").unwrap();
        assert_eq!(pair.up_to_answer(&["a", "b", "yes"]), "a and b:");
        for wrong in ["no place", "{0}", "{0} {x}", "{0} {1", "{1} means {0}"] {
            let error = Template::parse(wrong).unwrap_err().to_string();
            assert!(
                error.contains("--template") && error.contains("hint: "),
                "{error}"
            );
        }
    }

    #[test]
    fn a_question_is_what_comes_before_the_answer_with_the_examples_before_it() {
        let one = few_shot("{0} {1}", "a b\n", &[&["yes", "no"]]);
        assert_eq!(
            one.question("in", 4, "x\tno").unwrap(),
            Question {
                prompt: "a b\nx".to_owned(),
                answered: vec!["a b\nx yes".to_owned(), "a b\nx no".to_owned()],
                right: Some(1),
            }
        );
        assert_eq!(one.question("in", 0, "x").unwrap().right, None);
        for (line, part) in [
            ("x\tperhaps", "in:1: the answer \"perhaps\""),
            ("x\ty\tz", "in:1: 3 columns"),
        ] {
            let error = one.question("in", 0, line).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("hint: "), "{error}");
        }
        let each = few_shot("{0} {1}", "", &[&["a", "b"], &["c", "d"]]);
        assert_eq!((each.choice(0, 1), each.choice(1, 0)), ("b", "c"));
        each.check_number(2).unwrap();
        assert!(
            each.check_number(3)
                .unwrap_err()
                .to_string()
                .contains("2 lines of choices for 3 prompts")
        );
    }

    #[test]
    fn choices_of_unequal_number_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("choices");
        for (text, part) in [
            ("a\tb\nc\n", ":2: 1 choices, line 1 has 2"),
            ("a\n", ":1: 1 choices, at least 2"),
            ("", "at least 2"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Choices::read(&path).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("hint: "), "{error}");
        }
    }
}
