//! Small files that PyTorch and OmegaConf have written; `tests/data/make.py` says how.

use std::path::PathBuf;

use burnseq_interchange::fairseq::{FairseqCheckpoint, Layout};
use burnseq_interchange::pickle::{Node, View};
use burnseq_interchange::torch_file::{DType, TorchFile};
use serde_json::json;

pub fn data(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/data", name].iter().collect()
}

fn floats(file: &TorchFile, name: &str) -> (DType, Vec<usize>, Vec<f32>) {
    let info = file
        .tensor(name, file.root().get(name).unwrap())
        .unwrap()
        .unwrap();
    let tensor = file.read(name, &info).unwrap();
    (info.dtype, tensor.shape, tensor.values)
}

#[test]
fn every_value_of_both_formats_of_pytorch_is_read() {
    for name in ["values.pt", "values.legacy.pt"] {
        let file = TorchFile::open(&data(name)).unwrap();
        let whole: Vec<f32> = (0..12).map(|i| i as f32 / 4.0).collect();
        assert_eq!(floats(&file, "f32"), (DType::F32, vec![3, 4], whole.clone()));
        assert_eq!(floats(&file, "row"), (DType::F32, vec![4], whole[4..8].to_vec()));
        let transposed: Vec<f32> = (0..12).map(|i| whole[i % 3 * 4 + i / 3]).collect();
        assert_eq!(floats(&file, "transposed"), (DType::F32, vec![4, 3], transposed));
        assert_eq!(floats(&file, "f64"), (DType::F64, vec![1], vec![1.0 / 3.0]));
        assert_eq!(
            floats(&file, "f16"),
            (DType::F16, vec![3], vec![1.5, -65504.0, 5.960_464_5e-8])
        );
        let nearest = f32::from_bits(((-3e38f32).to_bits() + 0x8000) & 0xffff_0000);
        assert_eq!(floats(&file, "bf16"), (DType::BF16, vec![2], vec![1.5, nearest]));
        assert_eq!(floats(&file, "scalar"), (DType::F32, vec![], vec![2.5]));
        assert_eq!(floats(&file, "empty"), (DType::F32, vec![0, 3], vec![]));
        assert_eq!(floats(&file, "parameter"), (DType::F32, vec![2], vec![1.0, 1.0]));
        let (_, _, tied) = floats(&file, "tied");
        assert_eq!(
            tied.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
            [0x3f00_0000, 0x8000_0000, 1, 0x7f61_b1e6]
        );
        assert_eq!(floats(&file, "tied_again").2.len(), 4);

        let root = file.root();
        let number = |name: &str| file.number(name, root.get(name).unwrap()).unwrap();
        assert_eq!(number("numpy"), Some(0.1));
        assert_eq!(number("numpy_int"), Some(-5.0));
        assert_eq!(number("i64"), Some(7.0));
        assert_eq!(number("scalar"), Some(2.5));
        assert!(file.number("f32", root.get("f32").unwrap()).is_err());
        let items = |name: &str| -> Vec<Node> {
            root.get(name)
                .unwrap()
                .items()
                .unwrap()
                .map(|item| item.node().clone())
                .collect()
        };
        assert_eq!(
            items("tuple"),
            [
                Node::Int(1),
                Node::Int(-2),
                Node::None,
                Node::Bool(true),
                Node::Float(2.5),
                Node::Str("ä".to_owned())
            ]
        );
        assert_eq!(items("set"), [Node::Int(3)]);
        assert_eq!(items("size"), [Node::Int(2), Node::Int(3)]);
        assert_eq!(
            *root.get("dtype").unwrap().node(),
            Node::Global("torch.float16".to_owned())
        );
        let (class, _, state) = root.get("args").unwrap().instance().unwrap();
        assert_eq!(class, "argparse.Namespace");
        assert_eq!(
            state.and_then(|state| state.get("arch")).and_then(View::as_str),
            Some("transformer")
        );
        // Integers are not weights.
        let info = file.tensor("i64", root.get("i64").unwrap()).unwrap().unwrap();
        assert!(
            file.read("i64", &info)
                .unwrap_err()
                .to_string()
                .contains("i64: has type I64")
        );
    }
}

#[test]
fn configurations_of_omegaconf_become_plain_options() {
    for version in ["2.0.6", "2.3.0"] {
        let checkpoint = FairseqCheckpoint::open(&data(&format!("config.{version}.pt"))).unwrap();
        let options = checkpoint.options();
        assert_eq!(options.choice("model"), Some("transformer"));
        assert_eq!(options.choice("optimizer"), Some("adam"));
        assert_eq!(options.get("model", "encoder_layers"), Some(&json!(3)));
        assert_eq!(options.get("model", "dropout"), Some(&json!(0.1)));
        assert_eq!(options.get("model", "gone"), None);
        assert_eq!(options.get("optimization", "max_epoch"), Some(&json!(7)));
        assert_eq!(options.get("optimization", "sentence_avg"), Some(&json!(false)));
        assert_eq!(
            options.get("optimizer", "lr"),
            Some(&json!([0.0005])),
            "a reference"
        );
        assert_eq!(checkpoint.weights(&Layout::default()).unwrap()[0].1.values, [1.0]);
    }
}
