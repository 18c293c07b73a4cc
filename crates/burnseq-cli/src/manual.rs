//! `burnseq man`: manual pages, and the same as Markdown for the docs.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Arg, Command, Parser};

use crate::commands::{COMMANDS, tree};
use crate::grammar::Flags;

/// Write a manual page for burnseq and one for each of its commands.
#[derive(Debug, Parser)]
#[command(name = "man", version, max_term_width = 110)]
pub struct ManArgs {
    /// The folder to write to, which is made if need be; pages of the same name in it are replaced
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Write Markdown instead, as in docs/src/commands
    #[arg(long)]
    pub markdown: bool,
}

impl Flags for ManArgs {}

/// Runs `burnseq man`.
///
/// # Errors
/// A folder that cannot be written to.
pub fn run(args: &ManArgs) -> Result<()> {
    let folder = &args.folder;
    let written = fs::create_dir_all(folder).and_then(|()| {
        if !args.markdown {
            return clap_mangen::generate_to(tree(), folder);
        }
        for (name, page) in pages() {
            fs::write(folder.join(name), page)?;
        }
        Ok(())
    });
    written.with_context(|| format!("cannot write manual pages to {}", folder.display()))
}

/// Name and content of the Markdown pages: the list of commands, and one for each.
pub fn pages() -> Vec<(String, String)> {
    let mut list = "# Commands\n\n| command | does |\n|---|---|\n".to_owned();
    let mut pages = Vec::new();
    for command in COMMANDS {
        let (name, about) = (command.name, command.about);
        list += &format!("| [{name}]({name}.md) | {} |\n", markdown_cell(about));
        let flags = (command.flags)().term_width(100);
        pages.push((format!("{name}.md"), page(flags, name)));
    }
    list += "\nThese pages are written by `burnseq man --markdown FOLDER`. `COMMAND --help` shows the flags that most people use, \
             `COMMAND --help-all` all of them.\n";
    pages.insert(0, ("README.md".to_owned(), list));
    pages
}

/// The page of a command, with those of its own commands below it.
fn page(mut command: Command, name: &str) -> String {
    command.build();
    let mut text = format!("# {name}\n\n");
    describe(&command, &mut text);
    for inner in command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
    {
        text += &format!("## {name} {}\n\n", inner.get_name());
        describe(inner, &mut text);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// What a command does, how it is called, and a table of flags for each heading.
fn describe(command: &Command, text: &mut String) {
    let about = command.get_long_about().or(command.get_about());
    if let Some(about) = about {
        *text += &format!("{about}\n\n");
    }
    let usage = command.clone().render_usage().to_string();
    *text += &format!("```text\n{}\n```\n\n", usage.trim_start_matches("Usage: "));
    let mut headings: Vec<(&str, Vec<&Arg>)> = Vec::new();
    let is_listed = |arg: &&Arg| !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str());
    for arg in command.get_arguments().filter(is_listed) {
        let heading = arg.get_help_heading().unwrap_or_default();
        match headings.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, args)) => args.push(arg),
            None => headings.push((heading, vec![arg])),
        }
    }
    for (heading, args) in headings {
        if !heading.is_empty() {
            *text += &format!("### {heading}\n\n");
        }
        *text += "| flag | meaning |\n|---|---|\n";
        for arg in args {
            *text += &format!("| {} | {} |\n", spelling(arg), meaning(arg));
        }
        text.push('\n');
    }
}

/// How a flag is written, with its values.
fn spelling(arg: &Arg) -> String {
    let values: Vec<String> = match arg.get_value_names() {
        Some(names) if arg.get_action().takes_values() => names.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    let values = values.join(" ");
    let mut names: Vec<String> = Vec::new();
    names.extend(arg.get_short().map(|short| format!("`-{short}`")));
    for long in arg
        .get_long()
        .into_iter()
        .chain(arg.get_visible_aliases().into_iter().flatten())
    {
        names.push(format!("`--{long}`"));
    }
    match (names.last_mut(), values.is_empty()) {
        (None, _) => format!("`{values}`"),
        (Some(_), true) => names.join(", "),
        (Some(last), false) => {
            last.truncate(last.len() - 1);
            last.push_str(&format!(" {}`", values.replace('|', "\\|")));
            names.join(", ")
        }
    }
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help());
    let mut text = help.map_or_else(String::new, |help| markdown_cell(&help.to_string()));
    let defaults: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        text += &format!(" [default: {}]", defaults.join(" "));
    }
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    if !values.is_empty() && !arg.is_hide_possible_values_set() && arg.get_action().takes_values() {
        text += &format!(" [values: {}]", values.join(", "));
    }
    text
}

/// `text` in a cell of a Markdown table: one line, no bar that ends the cell, and no `<` that HTML would take for a tag. Between
/// backticks a `<` stands for itself.
pub(crate) fn markdown_cell(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts = line.split('`').enumerate().map(|(place, part)| {
        if place % 2 == 0 {
            part.replace('<', "&lt;")
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join("`").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_with_all_its_flags() {
        let pages = pages();
        assert_eq!(pages.len(), COMMANDS.len() + 1);
        let train = &pages.iter().find(|(name, _)| name == "train.md").unwrap().1;
        for part in [
            "| `-a`, `--arch NAME` |",
            "### Loss and optimiser",
            "`--adam-eps",
            "```text\ntrain [OPTIONS] [DATA]\n```",
        ] {
            assert!(train.contains(part), "{part} is not in\n{train}");
        }
        let text = &pages.iter().find(|(name, _)| name == "text.md").unwrap().1;
        assert!(text.contains("## text tokenize\n"), "{text}");
    }
}
