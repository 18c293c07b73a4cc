//! The formats of ids on disk: round trips, variants that other programs write, and every way in which a file
//! can be damaged.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use burnseq_data::{
    Batch, Dataset, Dtype, EncodedChunk, IndexedDataset, IndexedWriter, LanguagePairDataset, PairOptions,
    Sentences,
};

use crate::shared::{numbers, shared, shared_json};

const SENTENCES: [&[u32]; 4] = [&[4, 500, 2], &[2], &[], &[7, 8, 9, 2]];

fn write(prefix: &Path, dtype: Dtype) {
    let mut writer = IndexedWriter::create(prefix, dtype).unwrap();
    SENTENCES
        .iter()
        .for_each(|sentence| writer.push(sentence).unwrap());
    writer.finish().unwrap();
}

fn open_error(prefix: &Path) -> String {
    IndexedDataset::open(prefix)
        .expect_err("the file is damaged")
        .to_string()
}

#[test]
fn every_integer_type_survives_a_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    for dtype in [
        Dtype::I16,
        Dtype::U16,
        Dtype::I32,
        Dtype::U32,
        Dtype::I64,
        Dtype::U64,
    ] {
        let prefix = dir.path().join(format!("x.{dtype:?}"));
        write(&prefix, dtype);
        let read = IndexedDataset::open(&prefix).unwrap();
        assert_eq!((read.len(), read.dtype(), read.total_tokens()), (4, dtype, 8));
        assert_eq!(read.sizes().collect::<Vec<_>>(), [3, 1, 0, 4]);
        for (index, sentence) in SENTENCES.iter().enumerate() {
            assert_eq!(read.tokens(index).collect::<Vec<_>>(), *sentence);
            assert_eq!(&*read.sentence(index), *sentence);
        }
    }
}

#[test]
fn bytes_are_those_of_the_format() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("x");
    write(&prefix, Dtype::U16);
    let bin = fs::read(dir.path().join("x.bin")).unwrap();
    assert_eq!(bin, [4, 0, 244, 1, 2, 0, 2, 0, 7, 0, 8, 0, 9, 0, 2, 0]);
    let mut idx = b"MMIDIDX\0\0".to_vec();
    idx.extend(1_u64.to_le_bytes());
    idx.push(8);
    idx.extend(4_u64.to_le_bytes());
    [3_i32, 1, 0, 4].iter().for_each(|n| idx.extend(n.to_le_bytes()));
    [0_i64, 6, 8, 8].iter().for_each(|n| idx.extend(n.to_le_bytes()));
    assert_eq!(fs::read(dir.path().join("x.idx")).unwrap(), idx);
}

#[test]
fn an_empty_dataset_can_be_written_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("empty");
    IndexedWriter::create(&prefix, Dtype::U16)
        .unwrap()
        .finish()
        .unwrap();
    assert!(IndexedDataset::open(&prefix).unwrap().is_empty());
}

#[test]
fn chunks_of_other_threads_give_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("one"), Dtype::U32);
    let mut writer = IndexedWriter::create(dir.path().join("two"), Dtype::U32).unwrap();
    for half in SENTENCES.chunks(2) {
        let mut chunk = EncodedChunk::new(Dtype::U32);
        half.iter().for_each(|sentence| chunk.push(sentence));
        writer.append(&chunk).unwrap();
    }
    writer.finish().unwrap();
    for suffix in ["bin", "idx"] {
        let read = |name: &str| fs::read(dir.path().join(format!("{name}.{suffix}"))).unwrap();
        assert_eq!(read("one"), read("two"));
    }
}

#[test]
fn an_unfinished_dataset_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexedWriter::create(dir.path().join("x"), Dtype::U16).unwrap();
    writer.push(&[4, 2]).unwrap();
    assert!(!dir.path().join("x.idx").exists());
    drop(writer);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_token_too_large_for_the_type_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexedWriter::create(dir.path().join("x"), Dtype::U16).unwrap();
    let error = writer.push(&[65_536]).unwrap_err().to_string();
    assert!(error.contains("token id 65536 does not fit type U16"), "{error}");
}

#[test]
fn damaged_files_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("x");
    let (idx, bin) = (dir.path().join("x.idx"), dir.path().join("x.bin"));
    write(&prefix, Dtype::U16);
    let good_idx = fs::read(&idx).unwrap();
    let good_bin = fs::read(&bin).unwrap();
    let patched = |at: usize, bytes: &[u8]| {
        let mut patched = good_idx.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        patched
    };
    let cases: [(Vec<u8>, &str); 10] = [
        (b"PK\x03\x04".to_vec(), "is not the index of a binarised dataset"),
        (Vec::new(), "is not the index of a binarised dataset"),
        (
            b"TNTIDX\0\0more".to_vec(),
            "is truncated: expected a header of 48 bytes, got 12",
        ),
        (
            good_idx[..20].to_vec(),
            "is truncated: expected a header of 26 bytes, got 20",
        ),
        (
            good_idx[..good_idx.len() - 1].to_vec(),
            "is 73 bytes long, but 4 sentences need 74",
        ),
        (patched(9, &2_u64.to_le_bytes()), "has version 2"),
        (patched(17, &[6]), "has token type code 6"),
        (
            patched(18, &u64::MAX.to_le_bytes()),
            "sentences need more than a file can hold",
        ),
        (patched(26, &(-1_i32).to_le_bytes()), "sentence 0 has length -1"),
        (
            patched(26 + 16 + 8, &999_i64.to_le_bytes()),
            "sentence 1 starts at byte 999, expected 6",
        ),
    ];
    for (bytes, expected) in cases {
        fs::write(&idx, bytes).unwrap();
        let error = open_error(&prefix);
        assert!(
            error.contains("x.idx: ") && error.contains(expected),
            "{expected}: {error}"
        );
    }
    fs::write(&idx, &good_idx).unwrap();
    fs::write(&bin, &good_bin[..10]).unwrap();
    let error = open_error(&prefix);
    assert!(
        error.contains("x.bin: is 10 bytes long, but sentence 3"),
        "{error}"
    );
    fs::write(&bin, [&good_bin[..], &[0, 0]].concat()).unwrap();
    let error = open_error(&prefix);
    assert!(
        error.contains("x.bin: is 18 bytes long, but the 4 sentences"),
        "{error}"
    );
    fs::remove_file(&bin).unwrap();
    assert!(open_error(&prefix).starts_with("cannot read"));
}

/// [`SENTENCES`] in fairseq's older format: ids one higher, starts counted in tokens, all numbers of 64 bits.
fn write_legacy(prefix: &Path) {
    let ids = SENTENCES.concat();
    let bin: Vec<u8> = ids.iter().flat_map(|id| (*id as i32 + 1).to_le_bytes()).collect();
    fs::write(prefix.with_extension("bin"), bin).unwrap();
    let mut idx = b"TNTIDX\0\0".to_vec();
    let header = [1, 4, 4, 4, 4]; // version, type i32, its size, sentences, dimensions
    let dimensions = [0, 1, 2, 3, 4];
    let starts = [0, 3, 4, 4, 8];
    let lengths = [3, 1, 0, 4];
    for number in [&header[..], &dimensions, &starts, &lengths].concat() {
        idx.extend(i64::to_le_bytes(number));
    }
    fs::write(prefix.with_extension("idx"), idx).unwrap();
}

#[test]
fn fairseqs_older_format_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("x");
    write_legacy(&prefix);
    let read = IndexedDataset::open(&prefix).unwrap();
    assert!(read.is_legacy());
    assert_eq!(
        (read.len(), read.dtype(), read.total_tokens()),
        (4, Dtype::I32, 8)
    );
    for (index, sentence) in SENTENCES.iter().enumerate() {
        assert_eq!(
            (read.size(index), &*read.sentence(index)),
            (sentence.len(), *sentence)
        );
    }
    // A stored 0 would be token -1.
    let bin = dir.path().join("x.bin");
    let mut bytes = fs::read(&bin).unwrap();
    bytes[..4].fill(0);
    fs::write(&bin, bytes).unwrap();
    assert_eq!(
        *IndexedDataset::open(&prefix).unwrap().sentence(0),
        [u32::MAX, 500, 2]
    );
}

#[test]
fn damage_to_the_older_format_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("x");
    write_legacy(&prefix);
    let idx = prefix.with_extension("idx");
    let good = fs::read(&idx).unwrap();
    let cases: [(usize, i64, &str); 8] = [
        (8, 2, "has version 2"),
        (16, 7, "has token type code 7"),
        (24, 8, "says that a token of type I32 takes 8 bytes; it takes 4"),
        (32, 5, "holds 5 tensors of 4 dimensions together"),
        (40, 8, "holds 4 tensors of 8 dimensions together"),
        (56, 2, "places the dimension of sentence 1 at 2, expected 1"),
        (96, 4, "sentence 1 starts at token 4, expected 3"),
        (128, -1, "sentence 0 has length -1"),
    ];
    for (at, number, expected) in cases {
        let mut bytes = good.clone();
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        fs::write(&idx, bytes).unwrap();
        let error = open_error(&prefix);
        assert!(error.contains(expected), "{expected}: {error}");
    }
    // The largest length: no overflow, and nothing is allocated for it.
    let mut bytes = good.clone();
    bytes[128..136].copy_from_slice(&i64::MAX.to_le_bytes());
    fs::write(&idx, bytes).unwrap();
    assert!(open_error(&prefix).contains("x.bin: is 32 bytes long, but sentence 0"));
}

#[test]
fn megatrons_documents_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("x");
    write(&prefix, Dtype::U16);
    let idx = dir.path().join("x.idx");
    let fairseq = fs::read(&idx).unwrap();
    // Two documents, hence three bounds, behind the header and the columns.
    let mut megatron = [&fairseq[..26], &3_u64.to_le_bytes(), &fairseq[26..]].concat();
    [0_i64, 2, 4]
        .iter()
        .for_each(|n| megatron.extend(n.to_le_bytes()));
    let with_modes = [&megatron[..], &[0; 4]].concat();
    for bytes in [&megatron, &with_modes] {
        fs::write(&idx, bytes).unwrap();
        let read = IndexedDataset::open(&prefix).unwrap();
        assert_eq!(read.len(), 4);
        for (index, sentence) in SENTENCES.iter().enumerate() {
            assert_eq!(&*read.sentence(index), *sentence);
        }
    }
    fs::write(&idx, &with_modes[..with_modes.len() - 1]).unwrap();
    assert!(open_error(&prefix).contains("is 109 bytes long, but 4 sentences need 74"));
}

#[test]
fn starts_that_wrapped_around_at_two_gigabytes_are_computed_anew() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("x");
    // A first sentence of 2 GiB, which a sparse file holds for nothing.
    let lengths = [1_u64 << 30, 3, 1];
    let mut bin = fs::File::create(dir.path().join("x.bin")).unwrap();
    bin.seek(SeekFrom::Start(1 << 31)).unwrap();
    bin.write_all(&[7, 0, 8, 0, 2, 0, 2, 0]).unwrap();
    let mut idx = b"MMIDIDX\0\0".to_vec();
    idx.extend(1_u64.to_le_bytes());
    idx.push(8);
    idx.extend(3_u64.to_le_bytes());
    lengths
        .iter()
        .for_each(|&length| idx.extend((length as i32).to_le_bytes()));
    let starts = [0_i64, 1 << 31, (1 << 31) + 6];
    let write_starts = |starts: [i64; 3]| {
        let tail: Vec<u8> = starts.iter().flat_map(|start| start.to_le_bytes()).collect();
        fs::write(dir.path().join("x.idx"), [&idx[..], &tail].concat()).unwrap();
    };
    for starts in [starts, starts.map(|start| i64::from(start as i32))] {
        write_starts(starts);
        let read = IndexedDataset::open(&prefix).unwrap();
        assert_eq!(&*read.sentence(1), [7, 8, 2]);
        assert_eq!(&*read.sentence(2), [2]);
    }
    write_starts([0, 0, 6]);
    assert!(open_error(&prefix).contains("sentence 1 starts at byte 0, expected 2147483648"));
}

#[test]
fn no_damage_makes_reading_panic() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("x");
    let idx = dir.path().join("x.idx");
    let formats: [&dyn Fn(); 2] = [&|| write(&prefix, Dtype::U16), &|| write_legacy(&prefix)];
    let mut opened = 0;
    let mut read_all = |bytes: &[u8]| {
        fs::write(&idx, bytes).unwrap();
        if let Ok(read) = IndexedDataset::open(&prefix) {
            opened += 1;
            for index in 0..read.len() {
                assert_eq!(read.sentence(index).len(), read.size(index));
            }
        }
    };
    for make in formats {
        make();
        let good = fs::read(&idx).unwrap();
        for at in 0..good.len() {
            read_all(&good[..at]);
            for value in [0, 1, 0x7f, 0x80, 0xff, good[at] ^ 1, good[at] ^ 0x10] {
                let mut bytes = good.clone();
                bytes[at] = value;
                read_all(&bytes);
            }
        }
    }
    // Those that changed nothing, at least: two bytes of three are 0.
    assert!(opened > 100, "{opened}");
}

/// The files of a folder, those of gzip unpacked by the system's own.
fn unpack(folder: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(plain) = name.strip_suffix(".gz") {
            let gzip = Command::new("gzip").arg("-dc").arg(&path).output();
            fs::write(dir.path().join(plain), gzip.unwrap().stdout).unwrap();
        } else if path.is_file() {
            fs::copy(&path, dir.path().join(name)).unwrap();
        }
    }
    dir
}

#[test]
fn fairseqs_own_files_are_read_and_written_byte_for_byte() {
    let folders = [
        ("golden/preprocess/a_default", 6),
        ("golden/preprocess/b_joined", 6),
        ("golden/preprocess/c_threshold", 6),
        ("golden/preprocess/tricky/bin", 8),
        ("golden/generate/data-bin", 6),
        ("golden/generate/data-bin-test200", 2),
        ("data/iwslt14-de-en/fairseq-fixtures", 4),
    ];
    for (folder, expected) in folders {
        let Some(folder) = shared(folder) else { return };
        let unpacked = unpack(&folder);
        let mut files = 0;
        for entry in fs::read_dir(unpacked.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with("dict.") {
                let dictionary = burnseq_text::Dictionary::load(&path).unwrap();
                assert!(
                    dictionary.to_string().into_bytes() == fs::read(&path).unwrap(),
                    "{path:?}"
                );
            }
            // Of some indices the tokens are absent, because they are large.
            if !name.ends_with(".idx") || !path.with_extension("bin").exists() {
                continue;
            }
            let read = IndexedDataset::open(path.with_extension("")).unwrap();
            let out = tempfile::tempdir().unwrap();
            let mut writer = IndexedWriter::create(out.path().join("x"), read.dtype()).unwrap();
            (0..read.len()).for_each(|index| writer.push(&read.sentence(index)).unwrap());
            writer.finish().unwrap();
            for suffix in ["idx", "bin"] {
                let ours = fs::read(out.path().join(format!("x.{suffix}"))).unwrap();
                assert!(ours == fs::read(path.with_extension(suffix)).unwrap(), "{path:?}");
            }
            files += 1;
        }
        assert_eq!(files, expected, "{folder:?}");
    }
}

#[test]
fn batches_equal_those_of_fairseq() {
    for number in 1..=3 {
        let path = format!("golden/numerics/base/batch{number}.json");
        let Some(golden) = shared_json(&path) else { return };
        let rows = |key: &str| golden[key].as_array().unwrap().iter().map(numbers);
        // The sentences are taken out of the padded rows, put in another order, and batched anew.
        let sentences = |key: &str| -> Vec<Vec<u32>> {
            let tokens = |row: Vec<usize>| row.into_iter().filter(|&id| id != 1);
            rows(key)
                .map(|row| tokens(row).map(|id| id as u32).collect())
                .collect()
        };
        let ids = numbers(&golden["id"]);
        let place = |list: Vec<Vec<u32>>| {
            let mut places = vec![vec![2]; ids.iter().max().unwrap() + 1];
            ids.iter()
                .zip(list)
                .for_each(|(&id, sentence)| places[id] = sentence);
            Sentences::Memory(places)
        };
        let (src, tgt) = (place(sentences("src_tokens")), place(sentences("target")));
        let pairs = LanguagePairDataset::new(src, Some(tgt), 504, 504, PairOptions::default()).unwrap();
        let mut indices = ids.clone();
        indices.sort_unstable();
        let batch = pairs.collate(&indices, 0).unwrap();
        let flat = |key: &str| rows(key).flatten().map(|id| id as i64).collect::<Vec<_>>();
        // Rows of equal source length keep the order of `indices`.

        assert_eq!(batch.ids, ids);
        assert_eq!(batch.src_lengths, numbers(&golden["src_lengths"]));
        assert_eq!(batch.src_tokens, flat("src_tokens"));
        assert_eq!(batch.prev_output_tokens, flat("prev_output_tokens"));
        assert_eq!(batch.target, flat("target"));
        assert_eq!(batch.ntokens as u64, golden["ntokens"].as_u64().unwrap());
        assert_eq!(batch.nsentences() as u64, golden["nsentences"].as_u64().unwrap());
    }
}
