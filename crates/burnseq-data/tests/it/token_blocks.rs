//! Blocks of a stream of tokens, compared with fairseq's.

use burnseq_data::{
    Batch, BatchLimits, BatchSettings, Dataset, EpochIterator, EpochOptions, IndexedDataset, SampleBreakMode,
    SentenceFile, Sentences, ShortenMethod, TokenBlockDataset, TokenBlockOptions,
};
use burnseq_testing::{golden, read};
use serde_json::Value;

use crate::shared::numbers;

/// The break mode of a recorded value; none at all is `none`.
fn break_mode(value: &Value) -> SampleBreakMode {
    match value.as_str() {
        None => SampleBreakMode::None,
        Some(_) => serde_json::from_value(value.clone()).expect("a break mode"),
    }
}

fn matrix(value: &Value) -> Vec<Vec<usize>> {
    value.as_array().expect("a list").iter().map(numbers).collect()
}

/// The rows of a batch.
fn rows(tokens: &[i64], width: usize) -> Vec<Vec<usize>> {
    let rows = tokens.chunks_exact(width.max(1));
    rows.map(|row| row.iter().map(|&token| token as usize).collect())
        .collect()
}

#[test]
fn blocks_are_fairseqs() {
    let Some(path) = golden("families/fairseq/blocks/blocks.json") else {
        return;
    };
    let blocks: Value = serde_json::from_str(&read(&path)).unwrap();
    let mut compared = 0;
    for case in blocks["cases"].as_array().unwrap() {
        let sizes = numbers(&case["sizes_in"]);
        let document_sep_len = case["document_sep_len"].as_u64().unwrap() as usize;
        let mut next = 4;
        let sentence = |&size: &usize| {
            let mut sentence: Vec<u32> = (next..next + size as u32).collect();
            next += size as u32;
            if document_sep_len == 1
                && let Some(last) = sentence.last_mut()
            {
                *last = 2;
            }
            sentence
        };
        let stream = Sentences::Memory(sizes.iter().map(sentence).collect());
        let Some(block_size) = case["block_size"].as_u64() else {
            assert_eq!(case["break_mode"], "eos", "{case}");
            continue;
        };
        let options = TokenBlockOptions {
            sample_break_mode: break_mode(&case["break_mode"]),
            tokens_per_sample: block_size as usize,
            document_sep_len,
            ..TokenBlockOptions::default()
        };
        let dataset = TokenBlockDataset::new(stream, 1 << 20, options).unwrap();
        if let Some(error) = case.get("error") {
            // fairseq fails where no block is left; here the caller sees an empty dataset.
            assert!(dataset.is_empty(), "{error}");
            continue;
        }
        let lengths: Vec<usize> = (0..dataset.len()).map(|index| dataset.sizes(index)[0]).collect();
        assert_eq!(lengths, numbers(&case["sizes"]), "{case}");
        let starts = matrix(&case["block_to_dataset_index"]);
        for (index, item) in case["items"].as_array().unwrap().iter().enumerate() {
            let batch = dataset.collate(&[index], 1).unwrap();
            let target = numbers(&item["target"]);
            if target.len() != lengths[index] {
                // fairseq loses the last token of a block behind a sentence of no token, not even `</s>`.
                assert!(sizes.contains(&0), "{case}");
                continue;
            }
            assert_eq!(rows(&batch.target, batch.width).concat(), target, "{case}");
            // fairseq reads `</s>` for an empty sentence, and predicts nothing from it.
            let source = if target.is_empty() {
                vec![]
            } else {
                numbers(&item["source"])
            };
            assert_eq!(rows(&batch.src_tokens, batch.width).concat(), source, "{case}");
            if lengths[index] > 0 && sizes[starts[index][0]] > 0 {
                let (sentence, offset) = dataset.start(index);
                assert_eq!([sentence, offset], starts[index][..2], "{case}");
            }
            compared += 1;
        }
    }
    assert!(compared > 0);
}

/// The options of the command line that a case was made with; `None` for what is refused here.
fn options(case: &Value) -> Option<TokenBlockOptions> {
    let mut options = TokenBlockOptions {
        sample_break_mode: break_mode(&case["break_mode"]),
        tokens_per_sample: case["tokens_per_sample"].as_u64().unwrap() as usize,
        seed: case["seed"].as_u64().unwrap(),
        ..TokenBlockOptions::default()
    };
    let mut given = case["options"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap());
    while let Some(option) = given.next() {
        match option {
            "--add-bos-token" => options.add_bos_token = true,
            "--shorten-method" => {
                let method = given.next().unwrap();
                options.shorten_method = serde_json::from_value(method.into()).unwrap();
                assert_ne!(options.shorten_method, ShortenMethod::None);
            }
            "--self-target" | "--past-target" | "--future-target" | "--output-dictionary-size" => {
                return None;
            }
            _ => panic!("the test does not know {option}"),
        }
    }
    Some(options)
}

#[test]
fn batches_and_their_order_are_fairseqs() {
    let (Some(path), Some(data)) = (
        golden("families/fairseq/blocks/task_batches.json"),
        golden("families/fairseq/data/lm_bin/valid.idx"),
    ) else {
        return;
    };
    let recorded: Value = serde_json::from_str(&read(&path)).unwrap();
    let mut compared = 0;
    for case in recorded["cases"].as_array().unwrap() {
        let Some(options) = options(case) else { continue };
        let seed = options.seed as u32;
        let file = SentenceFile::Indexed(IndexedDataset::open(data.with_extension("")).unwrap());
        let dataset = TokenBlockDataset::new(Sentences::files(vec![file]), 1 << 16, options).unwrap();
        assert_eq!(
            dataset.len() as u64,
            case["n"].as_u64().unwrap(),
            "{}",
            case["options"]
        );
        let lengths: Vec<usize> = (0..dataset.len()).map(|index| dataset.sizes(index)[0]).collect();
        assert_eq!(lengths, numbers(&case["sizes"]));
        let first: Vec<usize> = (0..8).collect();
        let batch = dataset.collate(&first, 0).unwrap();
        let expected = &case["batch_of_first_8"];
        assert_eq!(
            rows(&batch.src_tokens, batch.width),
            matrix(&expected["src_tokens"]),
            "{case}"
        );
        assert_eq!(
            rows(&batch.target, batch.width),
            matrix(&expected["target"]),
            "{case}"
        );
        assert_eq!(batch.lengths, numbers(&expected["src_lengths"]));
        assert_eq!(batch.ntokens() as u64, expected["ntokens"].as_u64().unwrap());
        assert_eq!(
            batch.nsentences() as u64,
            expected["nsentences"].as_u64().unwrap()
        );
        let settings = BatchSettings {
            limits: BatchLimits {
                max_tokens: Some(200),
                required_batch_size_multiple: 1,
                ..BatchLimits::default()
            },
            max_positions: (1024, 1024),
            skip_too_long: false,
            seed: Some(seed + 1),
        };
        let plan = dataset.plan(&settings).unwrap();
        assert_eq!(
            plan.batches.concat(),
            numbers(&case["ordered_indices_numpy_seed_4"]),
            "{case}"
        );
        assert_eq!(plan.batches, matrix(&case["batches_max_tokens_200_multiple_1"]));
        let epochs = EpochOptions {
            seed,
            ..EpochOptions::default()
        };
        let epochs = EpochIterator::new(plan.batches, epochs).unwrap();
        let order: Vec<Vec<usize>> = epochs.remaining().map(<[usize]>::to_vec).collect();
        assert_eq!(order, matrix(&case["epoch1_order"]));
        compared += 1;
    }
    assert!(compared > 0);
}

#[test]
fn halves_hold_the_same_tokens_in_less_padding() {
    let stream = || Sentences::Memory(vec![vec![4, 5, 6, 7, 2], vec![8, 2], vec![9, 2]]);
    let options = TokenBlockOptions {
        sample_break_mode: SampleBreakMode::Eos,
        required_seq_len_multiple: 2,
        ..TokenBlockOptions::default()
    };
    let dataset = TokenBlockDataset::new(stream(), 10, options).unwrap();
    let whole = dataset.collate(&[1, 2, 0], 1).unwrap();
    assert_eq!(whole.width, 6);
    let [first, second] = whole.halves().unwrap();
    assert_eq!(first, dataset.collate(&[1, 2], 1).unwrap());
    assert_eq!(second, dataset.collate(&[0], 1).unwrap());
    assert_eq!(first.src_tokens, [2, 8, 2, 9]);
    assert_eq!(second.halves(), None);
}

#[test]
fn random_parts_depend_on_seed_epoch_and_sentence_alone() {
    let stream = || Sentences::Memory(vec![(4..104).collect(), (4..104).collect()]);
    let dataset = |seed| {
        let options = TokenBlockOptions {
            sample_break_mode: SampleBreakMode::Eos,
            shorten_method: ShortenMethod::RandomCrop,
            tokens_per_sample: 10,
            seed,
            ..TokenBlockOptions::default()
        };
        TokenBlockDataset::new(stream(), 104, options).unwrap()
    };
    let targets = |seed, epoch| dataset(seed).collate(&[0, 1], epoch).unwrap().target;
    assert_eq!(targets(1, 1), targets(1, 1));
    assert_ne!(targets(1, 1), targets(1, 2));
    assert_ne!(targets(1, 1), targets(2, 1));
    let parts = targets(1, 1);
    assert_ne!(parts[..10], parts[10..]);
}

#[test]
fn a_block_without_a_place_and_a_foreign_token_are_refused() {
    let options = TokenBlockOptions {
        tokens_per_sample: 0,
        ..TokenBlockOptions::default()
    };
    let error = TokenBlockDataset::new(Sentences::Memory(vec![]), 10, options).unwrap_err();
    assert_eq!(error.to_string(), "'tokens_per_sample' must be at least 1");
    let stream = Sentences::Memory(vec![vec![4, 2], vec![11, 2]]);
    let dataset = TokenBlockDataset::new(stream, 10, TokenBlockOptions::default()).unwrap();
    let error = dataset.collate(&[0], 1).unwrap_err().to_string();
    assert!(
        error.starts_with("sentence 1 of text holds token id 11"),
        "{error}"
    );
}
