//! Flags of the model families, made from the settings that each of them declares.
//!
//! A name that several families have is one flag. What it takes is then a matter of the family: the flag keeps its text
//! until the model is known.

use std::ffi::OsString;
use std::sync::LazyLock;

use anyhow::{Result, anyhow};
use burnseq_model::{Family, Kind, LanguageModel, Model, ModelConfig, OfConfig, Setting};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Map, Value};

use crate::problems::{Problems, cut};

/// Heading of flags that several families have.
pub(in crate::train) const HEADING: &str = "Model (overrides the preset of --arch)";

/// All families that there is a task for.
static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    let mut families = ModelConfig::families_of::<Model>();
    families.extend(ModelConfig::families_of::<LanguageModel>());
    families
});

/// All flags, in the order in which the families declare them.
static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(flags);

/// A flag, and the families that have it.
#[derive(Debug)]
struct Flag {
    /// Name of the setting; clap's id of the flag.
    name: &'static str,
    /// The name as a flag.
    long: String,
    /// Other names of it, as flags.
    aliases: Vec<String>,
    /// Who takes it, and as what.
    takers: Vec<(&'static Family, &'static Setting)>,
    /// Where it is listed.
    heading: String,
}

/// A name in the spelling of flags.
fn spelled(name: &str) -> String {
    name.replace('_', "-")
}

fn flags() -> Vec<Flag> {
    fn add(flags: &mut Vec<Flag>, name: &'static str, taker: (&'static Family, &'static Setting)) {
        match flags.iter_mut().find(|flag| flag.name == name) {
            Some(flag) => flag.takers.push(taker),
            None => flags.push(Flag {
                name,
                long: spelled(name),
                aliases: Vec::new(),
                takers: vec![taker],
                heading: String::new(),
            }),
        }
    }
    let families: &'static [Family] = &FAMILIES;
    let settings = || families.iter().flat_map(|family| family.settings);
    let mut flags = Vec::new();
    for family in families {
        for setting in family.settings {
            add(&mut flags, setting.field, (family, setting));
            for &alias in setting.aliases {
                // What one family calls a field is another one's other name for it.
                if settings().any(|other| other.field == alias) {
                    add(&mut flags, alias, (family, setting));
                } else if let Some(flag) = flags.iter_mut().find(|flag| flag.name == setting.field)
                    && !flag.aliases.contains(&spelled(alias))
                {
                    flag.aliases.push(spelled(alias));
                }
            }
        }
    }
    for flag in &mut flags {
        flag.heading = match flag.takers.as_slice() {
            [(family, _)] => format!("Model: {} alone", family.name),
            _ => HEADING.to_owned(),
        };
    }
    flags
}

impl Flag {
    /// What it means: for one family, or for each that has it.
    fn help(&self, family: Option<&Family>) -> String {
        if let Some((_, setting)) = self.taker(family) {
            return setting.help.to_owned();
        }
        let mut meanings: Vec<(&str, Vec<&str>)> = Vec::new();
        for (family, setting) in &self.takers {
            match meanings.iter_mut().find(|(help, _)| *help == setting.help) {
                Some((_, names)) => names.push(family.name),
                None => meanings.push((setting.help, vec![family.name])),
            }
        }
        // Of one family alone, the heading says so.
        let is_plain = [1, FAMILIES.len()].contains(&self.takers.len());
        if let ([(help, _)], true) = (meanings.as_slice(), is_plain) {
            return (*help).to_owned();
        }
        let meanings = meanings.iter().enumerate().map(|(number, (help, names))| {
            let names = names.join(", ");
            match number {
                0 => format!("{help} ({names})"),
                _ => format!("{} ({names})", uncapitalised(help)),
            }
        });
        meanings.collect::<Vec<_>>().join("; ")
    }

    /// What the value defaults to, in brackets: in a preset that is shown, else where presets follow other flags.
    fn default(&self, shown: Option<&Shown>) -> String {
        if let Some(Shown { family, arch, preset }) = shown {
            let field = family
                .setting(self.name)
                .map_or(self.name, |setting| setting.field);
            let text = match preset.fields().get(field) {
                None | Some(Value::Null) => return String::new(),
                Some(Value::Bool(_)) if self.is_switch() => return String::new(),
                Some(Value::Bool(true)) => "True".to_owned(),
                Some(Value::Bool(false)) => "False".to_owned(),
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
            };
            let leader = preset
                .followers(arch)
                .iter()
                .find(|(follower, _)| *follower == field);
            return match leader {
                Some((_, other)) => format!(" [default: that of --{}, {text}]", spelled(other)),
                None => format!(" [default: {text}]"),
            };
        }
        let mut leaders: Vec<(&str, Vec<&str>)> = Vec::new();
        for (family, _) in &self.takers {
            for (arch, preset) in &family.presets {
                let followers = preset.followers(arch).iter();
                for (_, other) in followers.filter(|(field, _)| *field == self.name) {
                    match leaders.iter_mut().find(|(known, _)| known == other) {
                        Some((_, archs)) => archs.push(arch),
                        None => leaders.push((other, vec![arch])),
                    }
                }
            }
        }
        let told = leaders.iter().map(|(other, archs)| {
            let archs = archs.join(" or ");
            format!(" [default with --arch {archs}: that of --{}]", spelled(other))
        });
        told.collect()
    }

    fn taker(&self, family: Option<&Family>) -> Option<&(&'static Family, &'static Setting)> {
        let family = family?;
        self.takers.iter().find(|(taker, _)| taker.name == family.name)
    }

    /// The kinds of value that it may have, each once.
    fn kinds(&self, family: Option<&Family>) -> Vec<Kind> {
        if let Some((_, setting)) = self.taker(family) {
            return vec![setting.kind];
        }
        let mut kinds: Vec<Kind> = Vec::new();
        for (_, setting) in &self.takers {
            if kinds
                .iter()
                .all(|kind| kind.expected() != setting.kind.expected())
            {
                kinds.push(setting.kind);
            }
        }
        kinds
    }

    fn is_switch(&self) -> bool {
        self.takers
            .iter()
            .all(|(_, setting)| matches!(setting.kind, Kind::Switch))
    }

    /// The flag as clap takes it.
    fn arg(&'static self) -> Arg {
        let arg = Arg::new(self.name).long(self.long.as_str());
        self.shown(arg.visible_aliases(self.aliases.iter().map(String::as_str)), None)
    }

    /// The flag with help and values of one family, or of all that have it.
    fn shown(&'static self, arg: Arg, shown: Option<&Shown>) -> Arg {
        let family = shown.map(|shown| shown.family);
        let mut arg = arg
            .help(self.help(family) + &self.default(shown))
            .help_heading(match family {
                Some(_) => HEADING,
                None => self.heading.as_str(),
            })
            .hide(family.is_some() && self.taker(family).is_none());
        if self.is_switch() {
            return arg.action(ArgAction::SetTrue);
        }
        let kinds = self.kinds(family);
        arg = arg.action(ArgAction::Set).value_name(match kinds[..] {
            [Kind::Bool | Kind::Switch] => "BOOL",
            [Kind::Count] => "N",
            [Kind::Probability] => "P",
            [Kind::Number] => "X",
            [Kind::Choice(_)] => "NAME",
            [Kind::Counts] => "LIST",
            _ => "EXPR",
        });
        if let [Kind::Choice(names)] = kinds[..] {
            // The help says what they mean.
            return arg.value_parser(names.to_vec()).hide_possible_values(true);
        }
        arg.value_parser(move |text: &str| checked(&kinds, text))
    }
}

/// A text that one of the kinds takes.
fn checked(kinds: &[Kind], text: &str) -> Result<String, String> {
    let results: Vec<_> = kinds.iter().map(|kind| kind.parse(text)).collect();
    match results.iter().find_map(|result| result.as_ref().err()) {
        _ if results.iter().any(Result::is_ok) => Ok(text.to_owned()),
        Some(problem) if kinds.len() == 1 => Err(problem.clone()),
        _ => {
            let expected: Vec<String> = kinds.iter().map(Kind::expected).collect();
            Err(format!("expected {}", expected.join(" or ")))
        }
    }
}

fn uncapitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// The preset whose family's flags are shown.
struct Shown {
    family: &'static Family,
    arch: &'static str,
    preset: &'static ModelConfig,
}

impl Shown {
    fn of_arch(arch: &str) -> Option<Self> {
        let families: &'static [Family] = &FAMILIES;
        families.iter().find_map(|family| {
            let (arch, preset) = family.presets.iter().find(|(name, _)| *name == arch)?;
            Some(Self { family, arch, preset })
        })
    }
}

/// What `--arch` takes: the presets of each family; those that are the same model are joined by `=`.
pub(super) fn arch_help(default: &str) -> String {
    let families = FAMILIES.iter().map(|family| {
        let mut models: Vec<(&ModelConfig, Vec<&str>)> = Vec::new();
        for (arch, preset) in &family.presets {
            match models.iter_mut().find(|(model, _)| *model == preset) {
                Some((_, archs)) => archs.push(arch),
                None => models.push((preset, vec![arch])),
            }
        }
        let archs: Vec<String> = models.iter().map(|(_, archs)| archs.join(" = ")).collect();
        format!("{}: {}", family.name, archs.join(", "))
    });
    format!(
        "Preset, with its family; `train --arch NAME --help` shows the flags and defaults of that one alone. {} [default: \
         {default}]",
        families.collect::<Vec<_>>().join("; ")
    )
}

/// `command` with the help of the family that `--arch` names among `words` alone; with that of all where it names none.
pub(in crate::train) fn for_arch(command: Command, words: &[OsString]) -> Command {
    let shown = arch_of(words).and_then(|arch| Shown::of_arch(&arch));
    let Some(shown) = shown else { return command };
    FLAGS.iter().fold(command, |command, flag| {
        command.mut_arg(flag.name, |arg| flag.shown(arg, Some(&shown)))
    })
}

/// Whether `--arch` names a preset, so that the flags of its family are told.
pub(in crate::train) fn names_arch(words: &[OsString]) -> bool {
    arch_of(words).is_some_and(|arch| Shown::of_arch(&arch).is_some())
}

/// The last value of `--arch`.
fn arch_of(words: &[OsString]) -> Option<String> {
    let words: Vec<&str> = words
        .iter()
        .map(|word| word.to_str().unwrap_or_default())
        .collect();
    let own = |word: &str| {
        let long = word.strip_prefix("--arch=");
        let short = word.strip_prefix("-a").filter(|rest| !rest.is_empty());
        long.or(short.map(|rest| rest.strip_prefix('=').unwrap_or(rest)))
            .map(str::to_owned)
    };
    let of_next = words
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| ["--arch", "-a"].contains(&pair[0]))
        .map(|(at, pair)| (at, pair[1].to_owned()));
    let attached = words
        .iter()
        .enumerate()
        .filter_map(|(at, word)| Some((at, own(word)?)));
    of_next
        .chain(attached)
        .max_by_key(|(at, _)| *at)
        .map(|(_, arch)| arch)
}

/// Flags of families as they are given, in their order.
#[derive(Debug, Clone, Default)]
pub struct FamilyFlags {
    given: Vec<(&'static str, String)>,
}

impl FamilyFlags {
    /// The settings that the flags make of a model, by field.
    ///
    /// # Errors
    /// Flags that the family does not have, and values that it does not take.
    pub(super) fn fields(&self, model: &ModelConfig) -> Result<Map<String, Value>> {
        let family = model.family();
        let mut problems = Problems::new();
        let mut fields = Map::new();
        for (name, text) in &self.given {
            let long = spelled(name);
            match family.setting(name).map(|setting| (setting, setting.kind.parse(text))) {
                Some((setting, Ok(value))) => {
                    fields.insert(setting.field.to_owned(), value);
                }
                Some((_, Err(problem))) => {
                    problems.push(anyhow!("invalid value {:?} for --{long}: {problem}", cut(text)));
                }
                None => problems.push(anyhow!(
                    "--{long} does not apply: {} has no such option\nhint: leave it out, or choose an --arch of {}",
                    model.phrase(),
                    takers(name, model)
                )),
            }
        }
        problems.into_result()?;
        Ok(fields)
    }
}

/// The families that have a flag: those whose models play the role of `model`, where there are any.
fn takers(name: &str, model: &ModelConfig) -> String {
    let flag = FLAGS.iter().find(|flag| flag.name == name);
    let families = flag
        .into_iter()
        .flat_map(|flag| flag.takers.iter().map(|(family, _)| family));
    let is_language_model = |model: &ModelConfig| LanguageModel::check(model).is_ok();
    let (mut names, others): (Vec<&Family>, Vec<&Family>) =
        families.partition(|family| is_language_model(&family.presets[0].1) == is_language_model(model));
    if names.is_empty() {
        names = others;
    }
    let names: Vec<&str> = names.into_iter().map(|family| family.name).collect();
    names.join(" or ")
}

impl Args for FamilyFlags {
    fn augment_args(command: Command) -> Command {
        FLAGS
            .iter()
            .fold(command, |command, flag| command.arg(flag.arg()))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FamilyFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let mut given: Vec<(usize, &'static str, String)> = Vec::new();
        for flag in FLAGS.iter() {
            let text = if flag.is_switch() {
                matches.get_flag(flag.name).then(|| "True".to_owned())
            } else {
                matches.get_one::<String>(flag.name).cloned()
            };
            if let Some(text) = text {
                let place = matches.indices_of(flag.name).and_then(Iterator::last);
                given.push((place.unwrap_or_default(), flag.name, text));
            }
        }
        given.sort_by_key(|(place, ..)| *place);
        self.given = given.into_iter().map(|(_, name, text)| (name, text)).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_has_a_value_in_all_families_or_in_none() {
        for flag in FLAGS.iter() {
            let switches = flag
                .takers
                .iter()
                .filter(|(_, setting)| matches!(setting.kind, Kind::Switch));
            assert!(
                [0, flag.takers.len()].contains(&switches.count()),
                "{}",
                flag.name
            );
        }
    }

    #[test]
    fn the_last_arch_counts_in_every_spelling() {
        for (line, expected) in [
            ("train --arch lstm", Some("lstm")),
            ("train -a lstm --arch=fconv data", Some("fconv")),
            ("train --arch fconv -alstm", Some("lstm")),
            ("train -a=lstm", Some("lstm")),
            ("train --lr 3", None),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(arch_of(&words).as_deref(), expected, "{line}");
        }
    }
}
