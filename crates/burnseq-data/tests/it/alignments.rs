//! Word alignments beside the text.

use std::fs;

use burnseq_data::preprocess::{BpeKind, PreprocessConfig, preprocess};
use burnseq_data::{Dtype, IndexedDataset};

use crate::corpus::Corpus;

#[test]
fn alignments_become_a_dataset_beside_the_text() {
    let corpus = Corpus::new();
    corpus.write("train.align", "0-0 1-1 2-2\n0-0 1-1\n\n0-0 1-1 2-2 0-2\n");
    let aligned = |workers| PreprocessConfig {
        align_suffix: Some("align".into()),
        workers: Some(workers),
        overwrite: true,
        ..corpus.config()
    };
    preprocess(&aligned(3), &()).unwrap();
    let data = IndexedDataset::open(corpus.dest().join("train.align.de-en")).unwrap();
    // fairseq stores alignments as u32, without an end of sentence.
    assert_eq!((data.len(), data.dtype()), (4, Dtype::U32));
    assert_eq!(*data.sentence(0), [0, 0, 1, 1, 2, 2]);
    assert_eq!(data.sizes().collect::<Vec<_>>(), [6, 4, 0, 8]);
    assert!(
        !corpus.dest().join("valid.align.de-en.idx").exists(),
        "there are none for valid"
    );

    // A pair that is left out takes its alignment with it.
    let short = PreprocessConfig {
        max_line_tokens: 2,
        ..aligned(1)
    };
    preprocess(&short, &()).unwrap();
    let data = IndexedDataset::open(corpus.dest().join("train.align.de-en")).unwrap();
    assert_eq!((data.len(), &*data.sentence(0)), (2, &[0, 0, 1, 1][..]));
}

#[test]
fn wrong_alignments_are_named_by_line() {
    for (alignments, expected) in [
        (
            "0-0\n0-0\n0-0\n\n",
            "train.align:3: `0-0` names source token 0, but the sentence has 0",
        ),
        (
            "0-0\n0-0\n\n0-0 1\n",
            "train.align:4: expected pairs such as `0-0 1-2`, got \"1\"",
        ),
        ("0-0\n", "train.de has 4 lines but "),
        (
            "\n\n\n\n\n",
            "train.align has 5; parallel files must be line-aligned",
        ),
    ] {
        let corpus = Corpus::new();
        let path = corpus.write("train.align", alignments);
        let binarised = PreprocessConfig {
            align_suffix: Some("align".into()),
            ..corpus.config()
        };
        let counted = PreprocessConfig {
            alignfile: Some(path),
            ..corpus.config()
        };
        for config in [binarised, counted] {
            let error = corpus.error(&config).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

#[test]
fn alignments_make_a_dictionary_for_unknown_words() {
    let corpus = Corpus::new();
    let alignments = corpus.write("links", "0-0 1-1 2-2\n0-0 1-1\n\n0-0 1-1 2-2 0-1\n");
    for workers in [1, 3] {
        let config = PreprocessConfig {
            alignfile: Some(alignments.clone()),
            workers: Some(workers),
            overwrite: true,
            ..corpus.config()
        };
        preprocess(&config, &()).unwrap();
        let text = fs::read_to_string(corpus.dest().join("alignment.de-en.txt")).unwrap();
        // In the order of the text; of `two` and `dogs` for `zwei`, the first.
        let expected = "ein a\nHund dog\nläuft runs\nMann man\nzwei two\nHunde dogs\nlaufen run\n";
        assert_eq!(text, expected);
    }
    let unknown = PreprocessConfig {
        alignfile: Some(alignments),
        thresholdsrc: 2,
        overwrite: true,
        ..corpus.config()
    };
    preprocess(&unknown, &()).unwrap();
    let text = fs::read_to_string(corpus.dest().join("alignment.de-en.txt")).unwrap();
    assert_eq!(text, "ein a\n");
}

#[test]
fn alignments_of_text_that_is_segmented_here_are_refused() {
    let corpus = Corpus::new();
    let config = PreprocessConfig {
        alignfile: Some(corpus.write("links", "\n\n\n\n")),
        bpe: BpeKind::Auto,
        ..corpus.config()
    };
    let error = corpus.error(&config);
    assert!(
        error.is_usage() && error.to_string().contains("'bpe' none"),
        "{error}"
    );
}
