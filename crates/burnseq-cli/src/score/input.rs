//! What is scored: lines of files, of standard input, or of what a decoder printed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use burnseq_text::whitespace::is_space;
use burnseq_text::{LineReader, carries_subword_marks};

use super::args::ScoreArgs;
use crate::exit::usage;

/// Lines and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    /// The file as the user named it.
    pub(super) name: String,
    pub(super) lines: Vec<String>,
}

/// Systems and references; all have the same number of lines, at least one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inputs {
    pub(super) systems: Vec<Side>,
    pub(super) references: Vec<Side>,
}

impl Inputs {
    /// Reads everything that the flags name. `text` reads as sacreBLEU does: without white space at the end of lines, and
    /// with several systems, or references, between tabulators; of a decoder it takes the detokenised lines where there
    /// are references to compare them with.
    ///
    /// # Errors
    /// Files that cannot be read, are empty, or have different numbers of lines.
    pub(super) fn read(args: &ScoreArgs, text: bool) -> Result<Self> {
        let read_all = |paths: &[PathBuf]| {
            paths
                .iter()
                .map(|path| read_lines(path))
                .collect::<Result<Vec<_>>>()
        };
        let mut references = read_all(args.references())?;
        let mut systems = read_all(&args.systems())?;
        if text {
            references.iter_mut().chain(&mut systems).for_each(Side::trim);
            let from_stdin = args.systems().iter().position(|path| path == Path::new("-"));
            if let Some(number) = from_stdin.filter(|_| !args.refs.is_empty()) {
                systems = systems.remove(number).split_systems()?;
            }
            if let Some(count) = args.num_refs.filter(|count| *count > 1) {
                references = references.remove(0).split_references(count)?;
            }
        }
        let own_references = !references.is_empty();
        for path in &args.gen_output {
            let output = Decoded::parse(read_lines(path)?)?;
            systems.push(output.hypotheses(text && own_references)?);
            if own_references {
                output.check_numbers()?;
            } else {
                let targets = output.references()?;
                match references.first() {
                    None => references.push(targets),
                    Some(first) if first.lines == targets.lines => (),
                    Some(first) => bail!(
                        "the T- lines of {} are not those of {}",
                        path.display(),
                        first.name
                    ),
                }
            }
        }
        if text {
            // Those of a decoder, too.
            references.iter_mut().chain(&mut systems).for_each(Side::trim);
        }
        let inputs = Self { systems, references };
        inputs.check()?;
        Ok(inputs)
    }

    fn check(&self) -> Result<()> {
        let all = || self.references.iter().chain(&self.systems);
        if let Some(side) = all().find(|side| side.lines.is_empty()) {
            bail!("{} is empty; there is nothing to score", side.name);
        }
        let first = &self.references[0];
        let len = first.lines.len();
        match all().find(|side| side.lines.len() != len) {
            Some(side) => Err(anyhow!(
                "{} has {} lines but {} has {len}; both must have one line for each sentence",
                side.name,
                side.lines.len(),
                first.name
            )),
            None => Ok(()),
        }
    }
}

impl Inputs {
    /// What is wrong where translations hold subwords, and references do not, or the reverse: few tokens are equal then.
    pub(super) fn pieces_problem(&self) -> Option<String> {
        let system = self.systems.iter().find(|side| side.holds_pieces());
        let reference = self.references.iter().find(|side| side.holds_pieces());
        let remedy =
            "score text: the D- lines of `generate` and `burnseq interactive`, or H- lines with --remove-bpe";
        match (system, reference) {
            (Some(system), None) => Some(format!(
                "{} holds subwords (`@@ ` or `\u{2581}`), {} holds words; {remedy}",
                system.name, self.references[0].name
            )),
            (None, Some(reference)) => Some(format!(
                "{} holds subwords (`@@ ` or `\u{2581}`), {} holds words; {remedy}",
                reference.name, self.systems[0].name
            )),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

impl Side {
    /// Whether subword marks are on at least one line in twenty.
    fn holds_pieces(&self) -> bool {
        let marked = self
            .lines
            .iter()
            .filter(|line| carries_subword_marks(line))
            .count();
        marked > 0 && marked * 20 >= self.lines.len()
    }

    /// Removes white space at the ends of lines.
    fn trim(&mut self) {
        for line in &mut self.lines {
            line.truncate(line.trim_end_matches(is_space).len());
        }
    }

    /// The systems of lines with tabulators between them; the first line tells how many there are.
    fn split_systems(self) -> Result<Vec<Self>> {
        let count = self.lines.first().map_or(1, |line| line.split('\t').count());
        if count == 1 {
            return Ok(vec![self]);
        }
        let system = |number: usize| Self {
            name: format!("System {}", number + 1),
            lines: Vec::with_capacity(self.lines.len()),
        };
        let mut systems: Vec<Self> = (0..count).map(system).collect();
        for (number, line) in (1..).zip(&self.lines) {
            let fields: Vec<&str> = line.split('\t').collect();
            if fields.len() != count {
                bail!(
                    "{}:{number}: the line has {} fields between tabulators, the first one has {count}\nhint: replace tabulators \
                     that belong to the text by blanks",
                    self.name,
                    fields.len()
                );
            }
            for (system, field) in systems.iter_mut().zip(fields) {
                system.lines.push(field.to_owned());
            }
        }
        systems.iter_mut().for_each(Self::trim);
        Ok(systems)
    }

    /// The references of lines with tabulators between them.
    fn split_references(self, count: usize) -> Result<Vec<Self>> {
        let reference = |_| Self {
            name: self.name.clone(),
            lines: Vec::with_capacity(self.lines.len()),
        };
        let mut references: Vec<Self> = (0..count).map(reference).collect();
        for (number, line) in (1..).zip(&self.lines) {
            let fields: Vec<&str> = line.splitn(count, '\t').collect();
            if fields.len() != count {
                bail!(
                    "{}:{number}: --num-refs asks for {count} references between tabulators, the line has {}",
                    self.name,
                    fields.len()
                );
            }
            for (reference, field) in references.iter_mut().zip(fields) {
                reference.lines.push(field.to_owned());
            }
        }
        Ok(references)
    }
}

/// The lines of a file; `-` is standard input.
fn read_lines(path: &Path) -> Result<Side> {
    fn collect(mut reader: LineReader<impl std::io::BufRead>) -> Result<Side> {
        let name = reader.name().display().to_string();
        let mut lines = Vec::new();
        while let Some(line) = reader.read_line()? {
            lines.push(line.to_owned());
        }
        Ok(Side { name, lines })
    }
    if path == Path::new("-") {
        collect(LineReader::new(std::io::stdin().lock(), "standard input"))
    } else {
        collect(LineReader::open(path)?)
    }
}

/// The lines of a decoder by sentence number: the first, best hypothesis of each.
#[derive(Debug, Default)]
struct Decoded {
    name: String,
    /// `T-`: the reference.
    targets: BTreeMap<u64, String>,
    /// `H-`: tokens of the hypothesis.
    tokens: BTreeMap<u64, String>,
    /// `D-`: its text.
    text: BTreeMap<u64, String>,
}

impl Decoded {
    fn parse(side: Side) -> Result<Self> {
        let mut decoded = Self {
            name: side.name,
            ..Self::default()
        };
        for (number, line) in (1..).zip(&side.lines) {
            let mut columns = line.splitn(3, '\t');
            let label = columns.next().unwrap_or_default();
            let Some((kind, id)) = label.split_once('-') else {
                continue;
            };
            let map = match kind {
                "T" => &mut decoded.targets,
                "H" => &mut decoded.tokens,
                "D" => &mut decoded.text,
                _ => continue,
            };
            // A log line may begin so as well.
            let Ok(id) = id.parse() else { continue };
            // The text is what remains behind the score; that of a reference has no score before it.
            let text = if kind == "T" {
                line.split_once('\t').map(|(_, text)| text)
            } else {
                columns.nth(1)
            };
            let text = text.with_context(|| format!("{}:{number}: {label} has no text", decoded.name))?;
            map.entry(id).or_insert_with(|| text.to_owned());
        }
        if decoded.tokens.is_empty() {
            return Err(usage(anyhow!(
                "{} holds no H- line\nhint: --gen-output takes what `generate` or fairseq-generate printed",
                decoded.name
            )));
        }
        Ok(decoded)
    }

    fn side(&self, lines: &BTreeMap<u64, String>) -> Side {
        Side {
            name: self.name.clone(),
            lines: lines.values().cloned().collect(),
        }
    }

    fn hypotheses(&self, text: bool) -> Result<Side> {
        if !text {
            return Ok(self.side(&self.tokens));
        }
        match self.tokens.keys().find(|id| !self.text.contains_key(id)) {
            Some(id) => bail!(
                "{}: sentence {id} has an H- line but no D- line, which holds its text\n\
                 hint: cut the H- lines out and detokenise them",
                self.name
            ),
            None => Ok(self.side(&self.text)),
        }
    }

    /// The `T-` lines, which must be there for exactly the sentences that have a hypothesis.
    fn references(&self) -> Result<Side> {
        if self.targets.is_empty() {
            return Err(usage(anyhow!(
                "{} holds no T- line\nhint: give the references with -r",
                self.name
            )));
        }
        let mut numbers = self.tokens.keys().chain(self.targets.keys());
        match numbers.find(|id| !(self.tokens.contains_key(id) && self.targets.contains_key(id))) {
            Some(id) => bail!("{}: sentence {id} lacks its H- or T- line", self.name),
            None => Ok(self.side(&self.targets)),
        }
    }

    /// References from elsewhere stand for the sentences 0, 1, 2, ...
    fn check_numbers(&self) -> Result<()> {
        match (0..)
            .zip(self.tokens.keys())
            .find(|(expected, id)| expected != *id)
        {
            Some((expected, _)) => bail!(
                "{}: sentence {expected} has no H- line, so its lines do not stand against those of the references\n\
                 hint: fairseq drops the last sentences unless --required-batch-size-multiple 1 is given",
                self.name
            ),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Result<Decoded> {
        let lines = text.lines().map(str::to_owned).collect();
        let name = "out".to_owned();
        Decoded::parse(Side { name, lines })
    }

    fn error<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn the_best_hypothesis_of_each_sentence_is_taken_in_the_order_of_their_numbers() {
        let text = "2026 | INFO | loading\nS-10\tx\nT-10\tt\tten\nH-10\t-0.1\th ten\nD-10\t-0.1\tH ten\nP-10\t-0.1\n\
                    T-2\tt two\nH-2\t-0.1\th two\nH-2\t-0.2\tworse\nD-2\t-0.1\tH two\nH-x\n\
                    Generate test with beam=5: BLEU4 = 1.00";
        let decoded = decoded(text).unwrap();
        assert_eq!(decoded.hypotheses(false).unwrap().lines, ["h two", "h ten"]);
        assert_eq!(decoded.hypotheses(true).unwrap().lines, ["H two", "H ten"]);
        assert_eq!(decoded.references().unwrap().lines, ["t two", "t\tten"]);
        assert!(error(decoded.check_numbers()).contains("sentence 0 has no H- line"));
    }

    fn side(name: &str, text: &str) -> Side {
        Side {
            name: name.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    #[test]
    fn tabulators_part_systems_and_references() {
        let systems = side("stdin", "a \tb\nc\td\n").split_systems().unwrap();
        assert_eq!(systems, [side("System 1", "a\nc"), side("System 2", "b\nd")]);
        assert_eq!(
            side("stdin", "a\nb").split_systems().unwrap(),
            [side("stdin", "a\nb")]
        );
        let uneven = error(side("stdin", "a\tb\nc\n").split_systems());
        assert!(uneven.starts_with("stdin:2: the line has 1 fields"), "{uneven}");
        let references = side("ref", "a\tb\tc\nd\te\n").split_references(2).unwrap();
        assert_eq!(references, [side("ref", "a\nd"), side("ref", "b\tc\ne")]);
        let uneven = error(side("ref", "a\n").split_references(2));
        assert!(uneven.starts_with("ref:1: --num-refs asks for 2"), "{uneven}");
    }

    #[test]
    fn subwords_against_words_are_told() {
        let problem = |system: &str, reference: &str| {
            let inputs = Inputs {
                systems: vec![side("sys", system)],
                references: vec![side("ref", reference)],
            };
            inputs.pieces_problem()
        };
        let found = problem("\u{2581}ein Hund", "ein Hund").unwrap();
        assert!(
            found.starts_with("sys holds subwords") && found.contains("D- lines"),
            "{found}"
        );
        let found = problem("ein Hund", "ein H@@ und").unwrap();
        assert!(found.starts_with("ref holds subwords"), "{found}");
        assert_eq!(problem("H@@ und", "H@@ und"), None);
        assert_eq!(problem("Hund", "Hund"), None);
        let stray = format!("{}a@@ b", "ein Hund\n".repeat(40));
        assert_eq!(problem(&stray, "ein Hund"), None);
    }

    #[test]
    fn what_a_decoder_did_not_print_is_named() {
        assert!(error(decoded("BLEU4 = 1.00")).contains("out holds no H- line"));
        assert!(error(decoded("a\nH-0\t-0.1")).contains("out:2: H-0 has no text"));
        assert!(error(decoded("H-0\t-0.1\ta").unwrap().references()).contains("holds no T- line"));
        let uneven = decoded("H-0\t-0.1\ta\nT-0\ta\nT-1\tb").unwrap();
        assert!(error(uneven.references()).contains("sentence 1 lacks its H- or T- line"));
        assert!(error(uneven.hypotheses(true)).contains("sentence 0 has an H- line but no D- line"));
    }
}
