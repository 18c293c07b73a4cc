//! Corpora that Moses' own scripts prepared.

use burnseq_text::SampleRng;
use burnseq_text::moses::{MosesDetokenizer, MosesTokenizer, lowercase, normalize_punctuation};

use crate::shared::{assert_same_lines, read, shared};

/// The sets that fairseq's recipe joins to the IWSLT14 test set, in its order.
const IWSLT_TEST: [&str; 5] = [
    "IWSLT14.TED.dev2010",
    "IWSLT14.TEDX.dev2012",
    "IWSLT14.TED.tst2010",
    "IWSLT14.TED.tst2011",
    "IWSLT14.TED.tst2012",
];

#[test]
fn iwslt_test_set_equals_the_one_of_fairseqs_recipe() {
    let Some(folder) = shared("data/iwslt14-de-en") else {
        return;
    };
    for language in ["de", "en"] {
        let tokenizer = MosesTokenizer::new(language);
        let mut tokenized = String::new();
        for set in IWSLT_TEST {
            let raw = read(&folder.join(format!("raw/{set}.de-en.{language}.gz")));
            for line in raw.lines() {
                let tokens = tokenizer.tokenize(&line.replace('’', "'"));
                tokenized.push_str(&lowercase(&tokens));
                tokenized.push('\n');
            }
        }
        assert_eq!(tokenized.lines().count(), 6750);
        let expected = read(&folder.join(format!("test.{language}.gz")));
        assert_same_lines(&tokenized, &expected, language);
    }
}

#[test]
fn multi30k_equals_its_own_tokenisation() {
    let Some(folder) = shared("data/multi30k-de-en") else {
        return;
    };
    // It was made with version 1.1, where an abbreviation at the end of the line keeps its full stop.
    let as_1_1 = |line: &str| line.strip_suffix(" .").map(|rest| format!("{rest}."));
    for (language, expected_differences) in [("de", 13), ("en", 0)] {
        let tokenizer = MosesTokenizer::new(language);
        let mut differences = 0;
        for set in ["train", "valid", "test_2016_flickr", "test_2017_flickr"] {
            let raw = read(&folder.join(format!("raw/{set}.{language}.gz")));
            let tokenized = read(&folder.join(format!("tok/{set}.{language}.gz")));
            assert_eq!(raw.lines().count(), tokenized.lines().count());
            for (line, expected) in raw.lines().zip(tokenized.lines()) {
                let tokens = tokenizer.tokenize(&normalize_punctuation(language, &lowercase(line)));
                if tokens != expected {
                    assert_eq!(
                        as_1_1(&tokens).as_deref(),
                        Some(expected),
                        "{set}.{language}: {line}"
                    );
                    differences += 1;
                }
            }
        }
        assert_eq!(differences, expected_differences, "{language}");
    }
}

#[test]
fn iwslt_detokenised_as_stored() {
    let Some(folder) = shared("data/iwslt14-de-en") else {
        return;
    };
    for (set, language, expected_differences) in [
        ("valid", "de", 5),
        ("valid", "en", 0),
        ("test", "de", 1),
        ("test", "en", 0),
    ] {
        let detokenizer = MosesDetokenizer::new(language);
        let tokens = read(&folder.join(format!("{set}.{language}.gz")));
        let expected = read(&folder.join(format!("detok/{set}.{language}.gz")));
        assert_eq!(tokens.lines().count(), expected.lines().count());
        let mut differences = 0;
        for (tokens, expected) in tokens.lines().zip(expected.lines()) {
            if detokenizer.detokenize(tokens) != expected {
                // The stored German text follows the English rule for the genitive.
                assert_eq!(MosesDetokenizer::new("en").detokenize(tokens), expected);
                assert!(tokens.contains("s &apos; "), "{tokens}");
                differences += 1;
            }
        }
        assert_eq!(differences, expected_differences, "{set}.{language}");
    }
}

#[test]
fn lines_of_many_languages_become_what_moses_makes_of_them() {
    let cases = include_str!("../data/moses/expected.tsv");
    let mut languages = std::collections::BTreeSet::new();
    for case in cases.lines() {
        let [language, line, tokens, text] = case.split('\t').collect::<Vec<_>>()[..] else {
            panic!("four columns: {case}");
        };
        assert_eq!(
            MosesTokenizer::new(language).tokenize(line),
            tokens,
            "{language}: {line}"
        );
        assert_eq!(
            MosesDetokenizer::new(language).detokenize(tokens),
            text,
            "{language}: {tokens}"
        );
        languages.insert(language);
    }
    assert_eq!(languages.len(), 31);
}

/// A line of what the rules look at, and of any characters at all.
fn odd_line(number: u64) -> String {
    const MARKS: [char; 24] = [
        ' ', ' ', '.', '.', ',', '\'', '"', '-', '(', ')', ':', '&', '|', '`', '·', '5', '½', 'a', 'B', 's',
        'ß', '漢', '„', '\t',
    ];
    let mut rng = SampleRng::for_sentence(3, 0, number);
    let length = rng.next_u64() % 30;
    (0..length)
        .map(|_| {
            let bits = rng.next_u64();
            if !bits.is_multiple_of(8) {
                MARKS[(bits >> 8) as usize % MARKS.len()]
            } else {
                char::from_u32((bits >> 8) as u32 % 0x11_0000).unwrap_or('x')
            }
        })
        .collect()
}

#[test]
fn only_blanks_change() {
    let letters = |line: &str| -> String { line.chars().filter(|c| !c.is_whitespace()).collect() };
    for number in 0..5_000 {
        let line = odd_line(number);
        for language in ["en", "de", "fr", "fi", "ca", "cs", "ko"] {
            let tokens = MosesTokenizer::new(language).escape(false).tokenize(&line);
            let kept: String = line.chars().filter(|c| *c >= ' ').collect();
            assert_eq!(letters(&tokens), letters(&kept), "{language}: {line:?}");
            // As in Moses, a full stop and an apostrophe at the end are set apart with too many blanks.
            let single = tokens.is_empty() || tokens.split(' ').all(|token| !token.is_empty());
            assert!(single || tokens.ends_with(". ' "), "{tokens:?}");
            // `&` may begin an entity, which the detokenizer resolves.
            let plain = tokens.replace('&', "+");
            let text = MosesDetokenizer::new(language).detokenize(&plain);
            assert_eq!(letters(&text), letters(&plain), "{language}: {plain:?}");
            normalize_punctuation(language, &line);
        }
    }
}
