//! A SentencePiece model of any content: an error, or a model that normalises, encodes, samples and decodes any text.

#![no_main]

use burnseq_text::sentencepiece::SentencePiece;
use burnseq_text::{SampleRng, SubwordModel, SubwordSampler, SubwordSampling};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(model) = SentencePiece::from_bytes(input, "spm.model") else {
        return;
    };
    let subwords = SubwordModel::SentencePiece(model.clone());
    let samplings = [
        SubwordSampling::BpeDropout { p: 0.5 },
        SubwordSampling::Unigram { alpha: 0.5 },
    ];
    // No model is of both kinds.
    let sampler = samplings
        .into_iter()
        .find_map(|sampling| SubwordSampler::new(&subwords, sampling).ok());
    // The pieces themselves lead into every corner of the tries.
    let pieces: Vec<&str> = model.pieces().take(100).collect();
    for line in [
        "",
        " ",
        "Ein Mann schläft.",
        "\u{2581}a\0b\u{feff}\u{301}",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 xyzzy",
        &pieces.concat(),
        &pieces.join(" "),
    ] {
        if let Ok(tokens) = model.encode_line(line) {
            model.decode(&tokens);
        }
        if let Some(sampler) = &sampler {
            let _ = sampler.encode_line(line, &mut SampleRng::for_sentence(1, 1, 1));
        }
    }
});
