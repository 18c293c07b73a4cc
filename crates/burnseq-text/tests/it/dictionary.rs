//! Dictionaries of `fairseq-preprocess`, byte for byte.

use burnseq_text::{Counts, Dictionary, LineReader, TextFile};

use crate::shared::{assert_same_lines, read, shared};

/// Counts as `preprocess` does: in parts.
fn count(path: &std::path::Path, parts: usize) -> Counts {
    let file = TextFile::open(path).unwrap();
    let mut counts = Counts::new();
    for range in file.split(parts) {
        let mut part = Counts::new();
        file.lines_in(range).for_each(|line| part.add_line(line.unwrap()));
        counts.merge(part);
    }
    counts
}

#[test]
fn fairseq_dictionaries_are_reproduced() {
    let Some(golden) = shared("golden/preprocess") else {
        return;
    };
    // Folder, text, language, threshold, nwords, joined.
    let cases = [
        ("a_default", "text", "de", 0, None, false),
        ("a_default", "text", "en", 0, None, false),
        ("b_joined", "text", "de", 0, None, true),
        ("b_joined", "text", "en", 0, None, true),
        ("c_threshold", "text", "de", 2, Some(1000), false),
        ("c_threshold", "text", "en", 3, Some(900), false),
        ("tricky/bin", "tricky/text", "de", 0, None, false),
        ("tricky/bin", "tricky/text", "en", 0, None, false),
    ];
    for (folder, text, language, threshold, nwords, joined) in cases {
        let expected = read(&golden.join(folder).join(format!("dict.{language}.txt")));
        for parts in [1, 7] {
            let mut counts = count(&golden.join(text).join(format!("train.{language}")), parts);
            if joined {
                let other = if language == "de" { "en" } else { "de" };
                counts.merge(count(&golden.join(text).join(format!("train.{other}")), parts));
            }
            let dictionary = Dictionary::from_counts(&counts, threshold, nwords, 8);
            assert_same_lines(
                &dictionary.to_string(),
                &expected,
                &format!("{folder}/{language}"),
            );
            let loaded = Dictionary::parse(expected.as_bytes(), folder).unwrap();
            assert_same_lines(&loaded.to_string(), &expected, folder);
        }
    }
}

#[test]
fn fairseq_ids_of_tricky_text_are_reproduced() {
    let Some(tricky) = shared("golden/preprocess/tricky") else {
        return;
    };
    let decoded: serde_json::Value = serde_json::from_str(&read(&tricky.join("decoded.json"))).unwrap();
    let mut lines_seen = 0;
    for (name, lines) in decoded.as_object().unwrap() {
        let language = name.rsplit_once('.').unwrap().1;
        let dictionary = Dictionary::load(tricky.join(format!("bin/dict.{language}.txt"))).unwrap();
        let mut reader = LineReader::open(tricky.join("text").join(name)).unwrap();
        for expected in lines.as_array().unwrap() {
            let line = reader
                .read_line()
                .unwrap()
                .expect("as many lines as fairseq reads");
            let ids = dictionary.encode_line(line, true);
            assert_eq!(
                ids.len() as u64,
                expected["n"].as_u64().unwrap(),
                "{name}: {line:?}"
            );
            let stored: Vec<u32> = serde_json::from_value(expected["ids"].clone()).unwrap();
            assert_eq!(ids[..stored.len()], stored, "{name}: {line:?}");
            lines_seen += 1;
        }
        assert_eq!(reader.read_line().unwrap(), None, "{name}");
        assert_eq!(
            reader.lone_carriage_returns(),
            u64::from(name == "test.en"),
            "{name}"
        );
    }
    assert!(lines_seen > 60, "{lines_seen}");
}

#[test]
fn iwslt_dictionaries_load_and_save_unchanged() {
    let Some(fixtures) = shared("data/iwslt14-de-en/fairseq-fixtures") else {
        return;
    };
    for (language, size) in [("de", 8848), ("en", 6632)] {
        let text = read(&fixtures.join(format!("dict.{language}.txt")));
        let dictionary = Dictionary::parse(text.as_bytes(), "dict").unwrap();
        assert_eq!(dictionary.len(), size);
        assert_same_lines(&dictionary.to_string(), &text, language);
        // Finalising again keeps fairseq's order, but for the fillers behind all others.
        let mut again = dictionary.clone();
        again.finalize(1, None, 8);
        assert_same_lines(&again.to_string(), &text, language);
    }
}
