//! Flags of fairseq-generate that are refused: each with one clear line instead of being misread or ignored.

use std::ffi::OsString;

use anyhow::{Result, anyhow};
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches};

use super::GenerateArgs;
use crate::exit::usage;

/// What to do instead of something that is still to come.
const WAIT: &str = "";

/// Flags that are refused, and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("bf16", "leave it out; decoding computes in float32"),
    (
        "bpe",
        "the checkpoint carries its subword model; --remove-bpe joins marked subwords",
    ),
    ("constraints", WAIT),
    ("dataset-impl", "leave it out; the format of the dataset is mmap"),
    ("diverse-beam-groups", WAIT),
    ("diverse-beam-strength", WAIT),
    ("diversity-rate", WAIT),
    ("fp16", "leave it out; decoding computes in float32"),
    ("iter-decode-eos-penalty", WAIT),
    ("iter-decode-max-iter", WAIT),
    ("iter-decode-with-beam", WAIT),
    ("lm-path", WAIT),
    ("lm-weight", WAIT),
    ("match-source-len", WAIT),
    ("no-repeat-ngram-size", WAIT),
    ("num-shards", WAIT),
    ("prefix-size", WAIT),
    ("print-alignment", WAIT),
    ("print-step", WAIT),
    ("replace-unk", WAIT),
    ("results-path", "redirect stdout to a file"),
    ("retain-dropout", WAIT),
    ("retain-dropout-modules", WAIT),
    ("sampling", WAIT),
    ("sampling-topk", WAIT),
    ("sampling-topp", WAIT),
    ("score-reference", WAIT),
    ("shard-id", WAIT),
    ("tokenizer", "the checkpoint carries its tokenizer"),
    ("user-dir", "plug-ins in Python cannot be loaded"),
];

/// Reads the command line; `--help` and flags that do not exist end the process, as usual.
///
/// # Errors
/// A flag that is refused.
pub fn parse() -> Result<GenerateArgs> {
    match try_parse(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => error.exit(),
    }
}

fn try_parse(args: impl IntoIterator<Item = OsString>) -> clap::error::Result<Result<GenerateArgs>> {
    let refused = REFUSED.iter().map(|&(name, _)| {
        let arg = Arg::new(name)
            .long(name)
            .hide(true)
            .num_args(0..=1)
            .action(ArgAction::Append);
        arg.allow_negative_numbers(true)
    });
    let matches = GenerateArgs::command().args(refused).try_get_matches_from(args)?;
    if let Some(problem) = problem(&matches) {
        return Ok(Err(usage(anyhow!(problem))));
    }
    GenerateArgs::from_arg_matches(&matches).map(Ok)
}

/// What is wrong with the first refused flag that is given.
fn problem(matches: &ArgMatches) -> Option<String> {
    let given = |name| matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine);
    let (name, instead) = REFUSED.iter().find(|(name, _)| given(name))?;
    let hint = if instead.is_empty() {
        String::new()
    } else {
        format!("\nhint: {instead}")
    };
    Some(format!("--{name} is not supported yet{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &str) -> clap::error::Result<Result<GenerateArgs>> {
        try_parse(
            ["generate"]
                .into_iter()
                .chain(flags.split_whitespace())
                .map(OsString::from),
        )
    }

    fn args(flags: &str) -> GenerateArgs {
        parse(flags).unwrap().unwrap()
    }

    #[test]
    fn the_flags_are_consistent() {
        let refused = REFUSED.iter().map(|&(name, _)| Arg::new(name).long(name));
        GenerateArgs::command().args(refused).debug_assert();
    }

    #[test]
    fn every_refused_flag_is_named_with_and_without_a_value() {
        for (name, _) in REFUSED {
            for flags in [
                format!("--{name}"),
                format!("--{name} -1"),
                format!("data-bin --{name}=x"),
            ] {
                let error = parse(&flags).unwrap().unwrap_err();
                assert_eq!(crate::exit::code(&error), 2);
                assert!(
                    error
                        .to_string()
                        .contains(&format!("--{name} is not supported yet")),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn a_command_of_fairseq_is_understood() {
        let args = args(
            "data-bin --path model --cpu --remove-bpe --batch-size 64 --required-batch-size-multiple 1 --seed 1 \
             --beam 4 --lenpen 0.6 --unkpen=-9 --max-len-a 1.2 --max-len-b 10 --gen-subset valid --max-sentences 8",
        );
        assert_eq!(args.data.as_deref(), Some("data-bin".as_ref()));
        assert_eq!(
            (args.beam, args.lenpen, args.unkpen),
            (Some(4), Some(0.6), Some(-9.0))
        );
        assert_eq!((args.batch_size, args.device()), (Some(8), "cpu"));
        assert_eq!(args.post_process(), burnseq_text::RemoveBpe::SubwordNmt);
        args.check().unwrap();
    }

    #[test]
    fn remove_bpe_takes_its_mark_behind_an_equals_sign_only() {
        let plain = args("--remove-bpe data-bin");
        assert_eq!(plain.data.as_deref(), Some("data-bin".as_ref()));
        assert_eq!(
            args("--post-process=sentencepiece").post_process(),
            burnseq_text::RemoveBpe::SentencePiece
        );
        assert_eq!(args("").post_process(), burnseq_text::RemoveBpe::None);
    }

    #[test]
    fn flags_of_datasets_do_not_go_with_text() {
        let problem = |flags: &str| args(flags).check().unwrap_err().to_string();
        assert!(problem("--input - --nbest 2").starts_with("--nbest goes with a dataset"));
        assert!(problem("--input - --quiet").starts_with("--quiet goes with a dataset"));
        assert!(problem("--input - data-bin").contains("leave out the folder"));
        assert!(problem("--input - -s de").contains("leave out the languages"));
        assert!(problem("--path a:b").contains("give one of them: --path a"));
        assert!(parse("--output x").is_err());
        args("--input - --path x.safetensors --arch transformer data-bin")
            .check()
            .unwrap();
    }

    #[test]
    fn overrides_are_a_json_object() {
        assert_eq!(
            args("--model-overrides {\"dropout\":0}")
                .model_overrides()
                .unwrap()
                .unwrap()
                .len(),
            1
        );
        let error = args("--model-overrides [1]").model_overrides().unwrap_err();
        assert_eq!(crate::exit::code(&error), 2);
    }
}
