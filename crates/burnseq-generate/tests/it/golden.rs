//! The hypotheses that fairseq found with a trained model; `golden/generate/README.md` tells how they were made.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::{DType, Device, TensorData};
use burnseq_data::{BatchLimits, BatchSettings, Dataset, DatasetDir, LanguagePairDataset, PairOptions};
use burnseq_generate::Generate;
use burnseq_metrics::TokenisedBleu;
use burnseq_model::{
    EncoderDecoder, FamilyConfig, Stepwise, Transformer, TransformerConfig, load_state_dict,
};
use burnseq_search::{GenerateOptions, Generator, Hypothesis, Source};
use burnseq_testing::larger;
use burnseq_text::Vocab;
use burnseq_text::{RemoveBpe, UnkStyle};

/// The stored output of one run: hypotheses of each sentence, and BLEU4.
pub struct Stored {
    pub hypotheses: HashMap<usize, Vec<StoredHypothesis>>,
    pub bleu: f64,
}

pub struct StoredHypothesis {
    pub words: String,
    pub score: f64,
    pub positional: Vec<f64>,
    /// Source token of each token, where the run printed alignments.
    pub alignment: Vec<usize>,
}

/// The model, the test set and the dictionaries.
pub struct Golden {
    folder: PathBuf,
    pub model: Transformer,
    config: TransformerConfig,
    data: DatasetDir,
    pub test: LanguagePairDataset,
}

pub fn folder() -> Option<PathBuf> {
    burnseq_testing::shared("golden/generate")
}

fn unzip(path: PathBuf) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn load_model(path: &Path, config: &TransformerConfig, vocab: &Vocab) -> Transformer {
    let bytes = unzip(path.to_owned());
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensors = tensors.iter().map(|(name, view)| {
        let dtype = match view.dtype() {
            safetensors::Dtype::F16 => DType::F16,
            _ => DType::F32,
        };
        let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape(), dtype);
        (name.to_owned(), data.convert::<f32>())
    });
    load_state_dict(config.init(vocab, 1, &Device::flex()), &tensors.collect()).unwrap()
}

/// Reads what a run printed.
pub fn stored(path: &Path) -> Stored {
    let text = String::from_utf8(unzip(path.to_owned())).unwrap();
    let mut hypotheses: HashMap<usize, Vec<StoredHypothesis>> = HashMap::new();
    let mut bleu = f64::NAN;
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let id = || fields[0][2..].parse::<usize>().unwrap();
        if line.starts_with("H-") {
            let (score, words) = (fields[1].parse().unwrap(), fields[2].to_owned());
            hypotheses.entry(id()).or_default().push(StoredHypothesis {
                words,
                score,
                positional: Vec::new(),
                alignment: Vec::new(),
            });
        } else if line.starts_with("P-") {
            let last = hypotheses.get_mut(&id()).unwrap().last_mut().unwrap();
            last.positional = fields[1].split(' ').map(|score| score.parse().unwrap()).collect();
        } else if line.starts_with("A-") {
            let last = hypotheses.get_mut(&id()).unwrap().last_mut().unwrap();
            let pairs = fields[1].split(' ').map(|pair| pair.split_once('-').unwrap());
            last.alignment = pairs
                .enumerate()
                .map(|(place, (source, target))| {
                    assert_eq!(target.parse(), Ok(place));
                    source.parse().unwrap()
                })
                .collect();
        } else if let Some((_, rest)) = line.split_once("BLEU4 = ") {
            bleu = rest.split(',').next().unwrap().parse().unwrap();
        }
    }
    Stored { hypotheses, bleu }
}

impl Golden {
    pub fn load(folder: PathBuf) -> Self {
        let data = DatasetDir::open(folder.join("data-bin"), Some("de"), Some("en")).unwrap();
        let test = data.load("test", false, PairOptions::default()).unwrap();
        let config = TransformerConfig {
            share_decoder_input_output_embed: true,
            ..TransformerConfig::sized(256, 512, 4, 3)
        };
        let vocab = Vocab::fairseq(data.src_dict().len(), data.tgt_dict().len());
        let model = load_model(&folder.join("model.safetensors.gz"), &config, &vocab);
        Self {
            folder,
            model,
            config,
            data,
            test,
        }
    }

    /// The second model of the ensemble.
    fn model_b(&self) -> Transformer {
        let path = self.folder.join("model_b.f16.safetensors.gz");
        load_model(&path, &self.config, &self.model.vocab())
    }

    /// Decodes the first `n` sentences.
    pub fn decode(&self, n: usize, options: &GenerateOptions) -> (HashMap<usize, Vec<Hypothesis>>, Duration) {
        let models = std::slice::from_ref(&self.model);
        let source = |id| Source::new(id as u64, self.test.example(id).source);
        self.decode_with(models, n, source, |_| options.clone())
    }

    /// Decodes the first `n` sentences in batches of 64, as fairseq's runs did, with `options` for the width of a batch;
    /// gives the time of decoding too.
    pub fn decode_with(
        &self,
        models: &[Transformer],
        n: usize,
        source: impl Fn(usize) -> Source,
        options: impl Fn(usize) -> GenerateOptions,
    ) -> (HashMap<usize, Vec<Hypothesis>>, Duration) {
        let settings = BatchSettings {
            limits: BatchLimits {
                max_sentences: Some(64),
                ..BatchLimits::default()
            },
            max_positions: (1024, 1024),
            skip_too_long: false,
            seed: None,
        };
        let plan = self.test.plan(&settings).unwrap();
        let started = Instant::now();
        let mut all = HashMap::new();
        for batch in plan.batches {
            let width = batch.iter().map(|&id| self.test.example(id).source.len()).max();
            let generator = Generator::new(options(width.unwrap())).unwrap();
            let ids: Vec<usize> = batch.into_iter().filter(|&id| id < n).collect();
            let sources: Vec<Source> = ids.iter().map(|&id| source(id)).collect();
            let found = generator.generate(models, &sources, &Device::flex()).unwrap();
            all.extend(ids.into_iter().zip(found));
        }
        (all, started.elapsed())
    }

    pub fn stored(&self, name: &str) -> Stored {
        stored(&self.folder.join(format!("{name}.txt.gz")))
    }

    /// Compares with a stored run within the tolerances of its README; prints what was found.
    fn check(&self, name: &str, options: &GenerateOptions) {
        let stored = self.stored(name);
        let complete = stored.hypotheses.len();
        self.check_first(name, options, complete);
    }

    /// As `check`, for the first `n` sentences only; BLEU is compared when these are all.
    fn check_first(&self, name: &str, options: &GenerateOptions, n: usize) {
        self.compare(name, n, self.decode(n, options));
    }

    /// As `check`, of what `models` find for all sentences of the run.
    fn check_models(&self, name: &str, models: &[Transformer], options: &GenerateOptions) {
        let source = |id| Source::new(id as u64, self.test.example(id).source);
        let n = self.stored(name).hypotheses.len();
        self.compare(name, n, self.decode_with(models, n, source, |_| options.clone()));
    }

    /// Compares what was found for the first `n` sentences.
    fn compare(&self, name: &str, n: usize, (found, time): (HashMap<usize, Vec<Hypothesis>>, Duration)) {
        let stored = self.stored(name);
        assert_eq!(found.len(), n);
        let words =
            |ids: &[u32], unk| RemoveBpe::SubwordNmt.apply(&self.data.tgt_dict().decode_with(ids, unk));
        let (mut lines, mut equal, mut tokens) = (0, 0, 0);
        let (mut worst_score, mut worst_positional) = (0.0_f64, 0.0_f64);
        let mut bleu = TokenisedBleu::default();
        for id in 0..n {
            let (found, expected) = (&found[&id], &stored.hypotheses[&id]);
            assert_eq!(found.len(), expected.len(), "{name}: sentence {id}");
            let reference = self.test.example(id).target.unwrap();
            bleu.add_lines(
                &words(&reference, UnkStyle::Escaped),
                &words(&found[0].tokens, UnkStyle::Plain),
            );
            tokens += found[0].tokens.len();
            for (found, expected) in found.iter().zip(expected) {
                lines += 1;
                if words(&found.tokens, UnkStyle::Plain) != expected.words {
                    continue;
                }
                equal += 1;
                worst_score = larger(
                    worst_score,
                    (f64::from(found.score_base2()) - expected.score).abs(),
                );
                assert_eq!(
                    found.tokens.len(),
                    expected.positional.len(),
                    "{name}: sentence {id}"
                );
                for (found, expected) in found.positional_scores_base2().zip(&expected.positional) {
                    worst_positional = larger(worst_positional, (f64::from(found) - expected).abs());
                }
            }
        }
        let bleu = bleu.score().unwrap().score;
        let seconds = time.as_secs_f64();
        eprintln!(
            "{name}: {equal} of {lines} hypotheses equal, |H| {worst_score:.1e}, |P| {worst_positional:.1e}, \
             BLEU4 {bleu:.2} ({:.2}), {seconds:.2} s, {:.1} sentences/s, {:.0} tokens/s",
            stored.bleu,
            n as f64 / seconds,
            tokens as f64 / seconds
        );
        assert!(
            equal as f64 >= 0.995 * lines as f64,
            "{name}: {equal} of {lines} equal"
        );
        assert!(worst_score <= 1e-4, "{name}: scores differ by {worst_score}");
        assert!(
            worst_positional <= 2e-4,
            "{name}: scores of tokens differ by {worst_positional}"
        );
        if n == stored.hypotheses.len() {
            assert!(
                (bleu - stored.bleu).abs() <= 0.1,
                "{name}: BLEU4 {bleu}, stored {}",
                stored.bleu
            );
        }
    }
}

fn options(beam: usize) -> GenerateOptions {
    GenerateOptions {
        beam,
        ..GenerateOptions::default()
    }
}

#[test]
fn the_stored_runs_are_reproduced() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    // Five best of all 1,000 sentences; the best ones are the run with one.
    golden.check(
        "beam5_nbest5",
        &GenerateOptions {
            nbest: 5,
            ..options(5)
        },
    );
    golden.check_first("beam1", &options(1), 200);
    golden.check_first(
        "beam4_lenpen0.6",
        &GenerateOptions {
            lenpen: 0.6,
            ..options(4)
        },
        200,
    );
    golden.check_first(
        "beam5_minlen10",
        &GenerateOptions {
            min_len: 10,
            ..options(5)
        },
        200,
    );
    golden.check(
        "beam5_unnormalized",
        &GenerateOptions {
            unnormalized: true,
            ..options(5)
        },
    );
    golden.check(
        "beam10_lenpen1.5",
        &GenerateOptions {
            lenpen: 1.5,
            ..options(10)
        },
    );
    golden.check(
        "beam5_unkpen-9_200",
        &GenerateOptions {
            unkpen: -9.0,
            ..options(5)
        },
    );
    golden.check(
        "beam5_temperature1.7_200",
        &GenerateOptions {
            temperature: 1.7,
            ..options(5)
        },
    );
    golden.check(
        "beam5_maxlen_a0_b8",
        &GenerateOptions {
            max_len_b: 8,
            ..options(5)
        },
    );
}

/// Bits of the scores that `model` gives each hypothesis of the first `n` sentences, decoded in batches of neighbours in
/// the data.
fn score_bits(
    golden: &Golden,
    model: &Transformer,
    n: usize,
    batch: usize,
    options: &GenerateOptions,
) -> Vec<Vec<Vec<u32>>> {
    let generator = Generator::new(options.clone()).unwrap();
    let source = |id: usize| Source::new(id as u64, golden.test.example(id).source);
    let ids: Vec<usize> = (0..n).collect();
    let mut bits = Vec::new();
    for ids in ids.chunks(batch) {
        let sources: Vec<Source> = ids.iter().map(|&id| source(id)).collect();
        let models = std::slice::from_ref(model);
        let found = generator.generate(models, &sources, &Device::flex()).unwrap();
        for hypotheses in found {
            let of_one = |hypothesis: &Hypothesis| {
                let scores = hypothesis.positional_scores.iter().chain([&hypothesis.score]);
                scores.map(|score| score.to_bits()).collect()
            };
            bits.push(hypotheses.iter().map(of_one).collect());
        }
    }
    bits
}

#[test]
fn scores_are_the_same_bits_in_any_batch_and_layout_of_the_weights() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    let laid_out = golden.model.clone().laid_out_for_decoding();
    let n = 48;
    for beam in [5, 1, 2] {
        let alone = score_bits(&golden, &laid_out, n, 1, &options(beam));
        for (layout, model, batch) in [
            ("as loaded", &golden.model, 1),
            ("laid out", &laid_out, 3),
            ("as loaded", &golden.model, n),
            ("laid out", &laid_out, n),
        ] {
            let together = score_bits(&golden, model, n, batch, &options(beam));
            let different = alone.iter().zip(&together).filter(|(a, b)| a != b).count();
            assert_eq!(
                different, 0,
                "of {n} sentences, beam {beam}, in batches of {batch}, weights {layout}"
            );
        }
    }
}

#[test]
fn lengths_are_those_of_fairseq() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    let matched = GenerateOptions {
        match_source_len: true,
        ..options(5)
    };
    golden.check("beam5_matchsource_200", &matched);
    // fairseq takes the padded width of the batch for the length of each source in it.
    let models = std::slice::from_ref(&golden.model);
    let source = |id| Source::new(id as u64, golden.test.example(id).source);
    let limited = |width: usize| GenerateOptions {
        max_len_b: (0.7 * width as f64 + 2.0) as usize,
        ..options(5)
    };
    let found = golden.decode_with(models, 200, source, limited);
    golden.compare("beam5_maxlen_a0.7_b2", 200, found);
}

#[test]
fn prefixes_are_forced_as_in_fairseq() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    let source = |id| {
        let example = golden.test.example(id);
        let mut prefix = example.target.unwrap();
        prefix.truncate(2);
        Source {
            prefix,
            ..Source::new(id as u64, example.source)
        }
    };
    let models = std::slice::from_ref(&golden.model);
    let found = golden.decode_with(models, 1000, source, |_| options(5));
    golden.compare("beam5_prefix2", 1000, found);
}

#[test]
fn no_ngram_is_repeated() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    let blocked = |no_repeat_ngram_size| GenerateOptions {
        no_repeat_ngram_size,
        ..options(5)
    };
    golden.check("beam5_norepeat2_patched", &blocked(2));
    golden.check("beam5_norepeat3_patched_200", &blocked(3));
}

#[test]
fn an_ensemble_averages_probabilities() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    let model_b = golden.model_b();
    golden.check_models("model_b_beam5", std::slice::from_ref(&model_b), &options(5));
    golden.check_models("beam5_ensemble2", &[golden.model.clone(), model_b], &options(5));
}

fn diverse(beam: usize, groups: usize) -> GenerateOptions {
    GenerateOptions {
        nbest: beam,
        diverse_beam_groups: Some(groups),
        ..options(beam)
    }
}

#[test]
fn groups_of_one_are_as_diverse_as_in_fairseq() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    golden.check("beam5_diverse5_patched_200", &diverse(5, 5));
}

/// fairseq lets a hypothesis of a larger group go on behind its `</s>`, so that runs agree until the first hypothesis
/// of a sentence has ended. Those that end first are the shortest ones.
#[test]
fn larger_groups_are_as_diverse_as_in_fairseq_until_a_hypothesis_ends() {
    let Some(folder) = folder() else { return };
    let golden = Golden::load(folder);
    let stored = golden.stored("beam6_diverse2_patched_200");
    let (found, _) = golden.decode(200, &diverse(6, 2));
    let mut equal = 0;
    for (id, found) in &found {
        let expected = &stored.hypotheses[id];
        let first_step = expected
            .iter()
            .map(|hypothesis| hypothesis.positional.len())
            .min();
        let expected: Vec<&Vec<f64>> = expected
            .iter()
            .map(|hypothesis| &hypothesis.positional)
            .filter(|scores| Some(scores.len()) == first_step)
            .collect();
        let first: Vec<&Hypothesis> = found
            .iter()
            .filter(|hypothesis| Some(hypothesis.tokens.len()) == first_step)
            .collect();
        assert!(
            found
                .iter()
                .all(|hypothesis| Some(hypothesis.tokens.len()) >= first_step)
        );
        let alike = |(found, expected): (&&Hypothesis, &&Vec<f64>)| {
            let scores = found.positional_scores_base2().zip(expected.iter());
            scores
                .into_iter()
                .all(|(found, expected)| (f64::from(found) - expected).abs() <= 2e-4)
        };
        if first.len() == expected.len() && first.iter().zip(&expected).all(alike) {
            equal += 1;
        }
    }
    eprintln!("beam6_diverse2_patched_200: {equal} of 200 sentences begin alike");
    assert!(equal >= 199, "{equal} of 200");
}
