//! The corpus as a whole, and the copy of it in `data/`.

use std::collections::HashSet;
use std::path::Path;
use std::sync::LazyLock;

use burnseq_corpus::{Corpus, Pair, SEED, Sizes};

static CORPUS: LazyLock<Corpus> = LazyLock::new(|| Corpus::generate(SEED, Sizes::default()));

fn all() -> impl Iterator<Item = &'static Pair> {
    CORPUS.splits().into_iter().flat_map(|(_, pairs)| pairs)
}

/// Lower-cased words of one side.
fn words(pairs: &[Pair], side: fn(&Pair) -> &str) -> HashSet<String> {
    let mark = |letter: char| ".,?!:„“\"".contains(letter);
    pairs
        .iter()
        .flat_map(|pair| side(pair).split(' '))
        .map(|word| word.trim_matches(mark).to_lowercase())
        .collect()
}

#[test]
fn the_committed_files_are_what_the_generator_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let mut bytes = 0;
    for (name, pairs) in CORPUS.splits() {
        for suffix in ["de", "en"] {
            let side = |pair: &'static Pair| if suffix == "de" { &pair.de } else { &pair.en };
            let path = folder.join(format!("{name}.{suffix}"));
            let text =
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            bytes += text.len();
            let expected: String = pairs.iter().map(|pair| format!("{}\n", side(pair))).collect();
            let differs = text
                .lines()
                .zip(expected.lines())
                .position(|(one, other)| one != other);
            assert!(
                text == expected,
                "{name}.{suffix} differs first at line {differs:?}; run `make-corpus`"
            );
        }
    }
    assert!(bytes < 2_000_000, "{bytes} bytes");
}

#[test]
fn another_seed_gives_another_corpus_and_the_same_seed_the_same() {
    let sizes = Sizes {
        train: 200,
        valid: 10,
        test: 10,
    };
    assert_eq!(Corpus::generate(1, sizes), Corpus::generate(1, sizes));
    assert_ne!(Corpus::generate(1, sizes), Corpus::generate(2, sizes));
}

#[test]
fn no_sentence_of_either_language_occurs_twice() {
    assert_eq!(
        (CORPUS.train.len(), CORPUS.valid.len(), CORPUS.test.len()),
        (20_000, 500, 500)
    );
    assert_eq!(all().map(|pair| &pair.de).collect::<HashSet<_>>().len(), 21_000);
    assert_eq!(all().map(|pair| &pair.en).collect::<HashSet<_>>().len(), 21_000);
    assert!(all().all(|pair| pair.de != pair.en));
}

#[test]
fn english_words_of_the_test_set_occur_in_training() {
    let known = words(&CORPUS.train, |pair| &pair.en);
    let unknown: Vec<_> = words(&CORPUS.test, |pair| &pair.en)
        .into_iter()
        .filter(|word| !known.contains(word))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn only_compounds_of_known_parts_are_new_in_the_test_set() {
    let known = words(&CORPUS.train, |pair| &pair.de);
    let unknown: Vec<_> = words(&CORPUS.test, |pair| &pair.de)
        .into_iter()
        .filter(|word| !known.contains(word))
        .collect();
    assert!((5..100).contains(&unknown.len()), "{} new words", unknown.len());
    for word in unknown {
        let ends_in_noun = word.char_indices().skip(3).any(|(start, _)| {
            // The first part starts some other compound of the training set.
            known.contains(&word[start..]) && known.iter().any(|other| other.starts_with(&word[..start]))
        });
        assert!(ends_in_noun, "{word} has no known parts");
    }
}

#[test]
fn sentences_are_short_and_clean() {
    let mut total = 0;
    for pair in all() {
        let count = pair.de.split(' ').count();
        assert!((1..=18).contains(&count), "{}", pair.de);
        total += count;
        for text in [&pair.de, &pair.en] {
            assert!(text.ends_with(['.', '?', '!', '“', '"']), "{text}");
            assert!(text.chars().next().is_some_and(char::is_uppercase), "{text}");
            let spaced = ["  ", " ,", " .", " ?", ",.", ",,", ",?"]
                .iter()
                .any(|flaw| text.contains(flaw));
            assert!(!spaced, "{text}");
        }
    }
    let mean = f64::from(u32::try_from(total).expect("fewer than 4 billion words")) / 21_000.0;
    assert!((7.0..10.0).contains(&mean), "{mean} words per sentence");
}

#[test]
fn the_phenomena_that_make_german_hard_are_there() {
    let count = |fits: &dyn Fn(&Pair) -> bool| CORPUS.train.iter().filter(|pair| fits(pair)).count();
    let has = |text: &'static str| move |pair: &Pair| format!(" {}", pair.de).contains(text);
    for (name, found, at_least) in [
        ("questions", count(&|pair| pair.de.ends_with('?')), 1500),
        ("orders", count(&|pair| pair.de.ends_with('!')), 200),
        ("subordinate clauses", count(&|pair| pair.de.contains(", ")), 2500),
        (
            "separable verbs, apart",
            count(&|pair| {
                [" an.", " auf.", " ein.", " ab.", " zurück."]
                    .iter()
                    .any(|end| pair.de.ends_with(end))
            }),
            250,
        ),
        (
            "separable verbs, with zu",
            count(&|pair| {
                ["anzu", "aufzu", "einzu", "abzu", "auszu"]
                    .iter()
                    .any(|start| pair.de.contains(start))
            }),
            50,
        ),
        ("nicht", count(&has(" nicht")), 700),
        ("kein", count(&has(" kein")), 150),
        ("umlauts", count(&|pair| pair.de.contains(['ä', 'ö', 'ü'])), 4000),
        ("compound numbers", count(&|pair| pair.de.contains("zig")), 200),
    ] {
        assert!(found >= at_least, "{name}: {found}");
    }
}

#[test]
fn translation_is_a_function_of_the_german_sentence_and_not_a_copy() {
    let tokens = |text: &str| text.split(' ').map(str::to_owned).collect::<HashSet<_>>();
    let shared: usize = CORPUS
        .test
        .iter()
        .map(|pair| tokens(&pair.de).intersection(&tokens(&pair.en)).count())
        .sum();
    let all: usize = CORPUS.test.iter().map(|pair| tokens(&pair.en).len()).sum();
    assert!(
        shared * 20 < all,
        "{shared} of {all} words are the same in both languages"
    );
}
