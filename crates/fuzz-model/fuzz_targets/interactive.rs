//! Standard input of any content: `interactive` prints one group of lines for each line, in order, and never fails, but for
//! input that is no text or damaged compressed text.
//!
//! The first byte chooses the flags. The model is tiny and untrained.

#![no_main]

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use burnseq::burn::tensor::Device;
use burnseq::decode::TranslationModel;
use burnseq::model::{FamilyConfig, TransformerConfig};
use burnseq::text::Vocab;
use burnseq::tasks::translation::LanguagePair;
use burnseq::text::{Counts, Dictionary, LineReader, TextFiles, TextPipeline, TextSettings};
use burnseq_cli::interactive::{GRAMMAR, InteractiveArgs, answer};
use libfuzzer_sys::fuzz_target;

/// Ways to call it.
const FLAGS: [&str; 4] = [
    "--buffer-size 3 --print-alignment --print-step",
    "--tokenized --nbest 2 --replace-unk --remove-bpe",
    "--constraints --buffer-size 2",
    "--tokenized --sampling --sampling-topk 3 --seed 1",
];

struct Setup {
    model: TranslationModel,
    args: Vec<InteractiveArgs>,
}

thread_local! {
    static SETUP: Setup = Setup { model: model(), args: FLAGS.map(args).into() };
}

fuzz_target!(|input: &[u8]| {
    let [choice, text @ ..] = input else { return };
    let mut lines = LineReader::new(text, "stdin");
    let mut expected = 0_usize;
    loop {
        match lines.read_bytes() {
            Ok(Some(_)) => expected += 1,
            Ok(None) => break,
            Err(_) => return,
        }
    }
    let mut out = Vec::new();
    SETUP.with(|setup| {
        let args = &setup.args[usize::from(*choice) % FLAGS.len()];
        let reader = Cursor::new(text.to_vec());
        answer(args, &setup.model, reader, Path::new("stdin"), &mut out).expect("every line is answered");
    });
    let out = String::from_utf8(out).expect("text is printed");
    let mut groups = 0_usize;
    for line in out.lines() {
        let (kind, rest) = line.split_once('-').expect("every line names its kind");
        assert!("SWCHDPAIE".contains(kind), "{line:?}");
        let id = rest.split('\t').next().and_then(|id| id.split('_').next());
        groups += usize::from(kind == "S");
        assert_eq!(id, Some(groups.wrapping_sub(1).to_string().as_str()), "{line:?}");
    }
    assert_eq!(groups, expected, "{out}");
});

fn args(flags: &str) -> InteractiveArgs {
    let shared = "--cpu --beam 2 --max-len-a 0 --max-len-b 3";
    let words = ["interactive"]
        .into_iter()
        .chain(shared.split(' '))
        .chain(flags.split(' '));
    let args: InteractiveArgs = GRAMMAR
        .try_parse(words)
        .expect("the flags are known")
        .expect("none is refused");
    args.check().expect("they go together");
    args
}

fn model() -> TranslationModel {
    let dictionary = |text: &str| {
        let mut counts = Counts::new();
        counts.add_line(text);
        Arc::new(Dictionary::from_counts(&counts, 0, None, 8))
    };
    let src_dict = dictionary("ein Hund schläft . , & @-@ un@@ der");
    let tgt_dict = dictionary("a dog sleeps . , &quot; un@@");
    let vocab = Vocab::fairseq(src_dict.len(), tgt_dict.len());
    let config = TransformerConfig {
        max_source_positions: 20,
        max_target_positions: 20,
        ..TransformerConfig::sized(8, 8, 2, 1)
    };
    let settings = r#"{
        "normalization": {"type": "nmt_nfkc"}, "tokenizer": {"type": "moses", "language": "de"}, "lowercase": false
    }"#;
    let settings: TextSettings = serde_json::from_str(settings).expect("the settings are known");
    let pipeline = || TextPipeline::new(settings.clone(), &TextFiles::new()).expect("no file is needed");
    let device = Device::flex();
    TranslationModel {
        models: vec![config.init(&vocab, 1, &device).into()],
        device,
        task: LanguagePair {
            source_lang: "de".to_owned(),
            target_lang: "en".to_owned(),
        },
        src_dict,
        tgt_dict,
        src_text: pipeline(),
        tgt_text: pipeline(),
        lm: None,
    }
}
