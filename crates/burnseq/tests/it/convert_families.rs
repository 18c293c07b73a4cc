//! Conversion of fairseq's models beside the Transformer: small checkpoints that fairseq has written (`tests/data/fairseq`),
//! and files made of the weights and options of the reference data, which holds no checkpoints of these models.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burnseq::convert::{
    Dictionaries, ImportOptions, Observer, Stage, from_fairseq, from_fairseq_observed, to_fairseq,
    to_fairseq_observed,
};
use burnseq::model::{Dropout, EncoderDecoder, Model, ModelConfig, OfConfig};
use burnseq::train::Checkpoint;
use burnseq_interchange::fairseq::{Contents, Entry, FairseqCheckpoint, Layout, Moments, Progress, save};
use burnseq_interchange::torch_file::TorchFile;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::convert::tensors;

/// Folder of the small checkpoints.
fn written() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/data/fairseq"]
        .iter()
        .collect()
}

/// Converts one of the small checkpoints, or what was made of it.
fn import_written(file: &Path, output: &Path) -> Checkpoint {
    let import = ImportOptions {
        with_optimizer: true,
        ..ImportOptions::default()
    };
    let dictionaries = Dictionaries::Files {
        src: written().join("dict.xx.txt"),
        tgt: written().join("dict.yy.txt"),
    };
    from_fairseq(file, &dictionaries, &import, output).unwrap();
    Checkpoint::open(output).unwrap()
}

#[test]
fn checkpoints_that_fairseq_wrote_compute_the_same_and_go_back_as_they_were() {
    let expected: Value =
        serde_json::from_slice(&std::fs::read(written().join("expected.json")).unwrap()).unwrap();
    let device = Device::flex();
    let ids = |name: &str| -> Tensor<2, Int> {
        let rows: Vec<Vec<i64>> = serde_json::from_value(expected[name].clone()).unwrap();
        let shape = [rows.len(), rows[0].len()];
        Tensor::from_data(TensorData::new(rows.concat(), shape), &device)
    };
    for family in ["lightconv", "lstm", "fconv"] {
        let dir = TempDir::new().unwrap();
        let theirs = written().join(format!("{family}.pt"));
        let first = import_written(&theirs, &dir.path().join("first"));
        let model = first.model::<Model>(&device).unwrap();
        let logits = model.forward(ids("src_tokens"), ids("prev_output_tokens"), &Dropout::off());
        let types = logits.dims()[2];
        let logits = logits.into_data_dtype(DType::F32);
        let values: Vec<f32> = serde_json::from_value(expected[family]["logits"].clone()).unwrap();
        let is_token = ids("prev_output_tokens").into_data();
        let rows = logits
            .as_slice::<f32>()
            .unwrap()
            .chunks(types)
            .zip(values.chunks(types));
        for ((ours, theirs), id) in rows.zip(is_token.iter::<i64>()) {
            let off = burnseq_testing::largest_difference(family, ours, theirs);
            assert!(id == 1 || off < 1e-6, "{family}: logits are {off:.1e} off");
        }

        let ours = dir.path().join("ours.pt");
        to_fairseq(first.path(), &ours).unwrap();
        assert_eq!(names(&ours), names(&theirs), "{family}");
        // fairseq's optimiser numbers what it trains, in this order.
        let parameters: Vec<String> = serde_json::from_value(expected[family]["parameters"].clone()).unwrap();
        let (unused, used) = parameters.into_iter().partition(|name| is_unused(name));
        let layout = Layout {
            parameters: used,
            unused,
        };
        let others: Vec<String> = names(&theirs)
            .into_iter()
            .filter(|name| !layout.parameters.contains(name) && !layout.unused.contains(name))
            .collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let moments = |path: &Path| {
            let file = FairseqCheckpoint::open(path).unwrap();
            let adam = file.adam(&layout, &others).unwrap().unwrap();
            assert_eq!(adam.step, 2, "{family}");
            adam.moments
        };
        assert_eq!(moments(&ours), moments(&theirs), "{family}");
        let second = import_written(&ours, &dir.path().join("second"));
        for name in ["model.safetensors", "optimizer.safetensors"] {
            assert!(
                first.file(name).unwrap() == second.file(name).unwrap(),
                "{family}: {name}"
            );
        }
        assert_eq!(first.meta().model_config, second.meta().model_config, "{family}");
        assert_eq!(first.meta().train_state, second.meta().train_state, "{family}");
    }
}

/// Remembers each stage with the bytes that it has and those that were done.
#[derive(Default)]
struct Stages(Mutex<Vec<(Stage, u64, u64)>>);

impl Observer for Stages {
    fn stage(&self, stage: Stage, bytes: u64) {
        self.0.lock().unwrap().push((stage, bytes, 0));
    }

    fn advance(&self, bytes: u64) {
        self.0.lock().unwrap().last_mut().unwrap().2 += bytes;
    }
}

#[test]
fn a_conversion_tells_its_stages_and_their_bytes() {
    let dir = TempDir::new().unwrap();
    let stages = |convert: &dyn Fn(&Arc<dyn Observer>)| {
        let stages = Arc::new(Stages::default());
        let observer: Arc<dyn Observer> = stages.clone();
        convert(&observer);
        let stages = stages.0.lock().unwrap().clone();
        let names: Vec<Stage> = stages.iter().map(|(stage, ..)| *stage).collect();
        assert_eq!(names, [Stage::Reading, Stage::Converting, Stage::Writing]);
        [stages[0], stages[2]].map(|(_, bytes, done)| (bytes, done))
    };
    let theirs = written().join("lightconv.pt");
    let first = dir.path().join("first");
    let dictionaries = Dictionaries::Files {
        src: written().join("dict.xx.txt"),
        tgt: written().join("dict.yy.txt"),
    };
    let import = ImportOptions {
        with_optimizer: true,
        ..ImportOptions::default()
    };
    let [read, wrote] = stages(&|observer| {
        from_fairseq_observed(&theirs, &dictionaries, &import, &first, observer).unwrap();
    });
    // What is not a parameter is left aside, and tables with two names are read once more.
    assert!(read.1 * 10 > read.0 * 9 && read.1 * 10 < read.0 * 11, "{read:?}");
    let files = ["model.safetensors", "optimizer.safetensors"];
    let sizes = files.map(|file| first.join(file).metadata().unwrap().len());
    // The headers are written, too.
    assert!(
        wrote.1 == sizes.iter().sum::<u64>() && wrote.0 < wrote.1,
        "{wrote:?}"
    );

    let ours = dir.path().join("ours.pt");
    let [read, wrote_back] = stages(&|observer| {
        to_fairseq_observed(&first, &ours, observer).unwrap();
    });
    assert_eq!(read, (sizes.iter().sum(), sizes.iter().sum()));
    assert!(
        wrote_back.0 == wrote.0 && wrote_back.1 >= wrote_back.0,
        "{wrote_back:?}"
    );
}

/// A parameter: name, shape, value and both moments.
type Parameter<'a> = (&'a str, Vec<usize>, [Vec<f32>; 3]);
/// A change of options and versions.
type Change = fn(&mut Map<String, Value>, &mut Vec<(&str, f32)>);

/// A model of fairseq.
struct Item {
    name: String,
    folder: PathBuf,
    args: Value,
    values: Value,
    weights: HashMap<String, TensorData>,
}

/// Every item of the families, or none (said once per test) where they are absent.
fn items() -> Vec<Item> {
    let mut items = Vec::new();
    for family in ["conv", "lstm", "fconv"] {
        let Some(folder) = burnseq_testing::golden(&format!("families/fairseq/{family}")) else {
            return Vec::new();
        };
        let mut folders: Vec<PathBuf> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("args.json").exists())
            .collect();
        folders.sort();
        assert!(!folders.is_empty(), "{} holds no item", folder.display());
        for folder in folders {
            let json =
                |name: &str| serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
            items.push(Item {
                name: format!("{family}/{}", folder.file_name().unwrap().to_str().unwrap()),
                args: json("args.json"),
                values: json("values.json"),
                weights: tensors(&folder.join("init.safetensors")),
                folder,
            });
        }
    }
    items
}

/// Whether fairseq has an entry among its parameters and never reads or trains it.
fn is_unused(name: &str) -> bool {
    name.ends_with("conv.conv_bias")
}

/// Numbers that no two parameters have in common.
fn moment(name: &str, len: usize, scale: f32) -> Vec<f32> {
    let seed = name
        .bytes()
        .fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    (0..len)
        .map(|at| ((seed >> 8) as f32 / 1e4 + at as f32) * scale)
        .collect()
}

impl Item {
    /// The parameters in fairseq's order.
    fn parameters(&self) -> Vec<(&str, Vec<usize>)> {
        let shapes = self.values["shapes"].as_object().unwrap();
        let shapes = shapes.iter();
        shapes
            .map(|(name, shape)| (name.as_str(), serde_json::from_value(shape.clone()).unwrap()))
            .collect()
    }

    /// Second names of parameters.
    fn tied(&self) -> Vec<(&str, &str)> {
        let tied = self.values["tied"].as_object().unwrap().iter();
        tied.map(|(name, of)| (name.as_str(), of.as_str().unwrap()))
            .collect()
    }

    fn options(&self) -> &Map<String, Value> {
        self.args["model"].as_object().unwrap()
    }

    fn is_family(&self, family: &str) -> bool {
        self.name.starts_with(family)
    }

    /// The versions that fairseq notes.
    fn versions(&self) -> &'static [(&'static str, f32)] {
        if self.is_family("conv") {
            &[("encoder.version", 2.0), ("decoder.version", 2.0)]
        } else if self.is_family("fconv") {
            &[("decoder.version", 2.0)]
        } else {
            &[]
        }
    }

    /// Writes the model as a checkpoint of fairseq, with a state of Adam; `change` changes its options and versions.
    fn write(&self, path: &Path, change: impl FnOnce(&mut Map<String, Value>, &mut Vec<(&str, f32)>)) {
        let mut options = self.options().clone();
        let mut versions = self.versions().to_vec();
        change(&mut options, &mut versions);
        let versions: Vec<(&str, [f32; 1])> =
            versions.iter().map(|(name, number)| (*name, [*number])).collect();
        let parameters: Vec<Parameter<'_>> = self
            .parameters()
            .into_iter()
            .map(|(name, shape)| {
                let len = shape.iter().product();
                let value = self.weights[name].as_slice::<f32>().unwrap().to_vec();
                (
                    name,
                    shape,
                    [value, moment(name, len, 1e-3), moment(name, len, 1e-5)],
                )
            })
            .collect();
        let mut model = Vec::new();
        for (name, number) in &versions {
            model.push(Entry::Tensor(name, (&[1], number)));
        }
        for (name, shape, [value, ..]) in &parameters {
            model.push(Entry::Tensor(name, (shape, value)));
        }
        for (name, of) in self.tied() {
            model.push(Entry::SameAs(name, of));
        }
        let moments = parameters.iter().map(|(name, shape, [_, first, second])| {
            (!is_unused(name)).then(|| [(&shape[..], &first[..]), (&shape[..], &second[..])])
        });
        let contents = Contents {
            cfg: json!({
                "model": options,
                "task": self.args["task"],
                "criterion": self.args["criterion"],
                "optimizer": { "_name": "adam", "adam_betas": "(0.9, 0.98)", "adam_eps": 1e-8, "weight_decay": 1e-4 },
                "lr_scheduler": { "_name": "fixed" },
                "optimization": { "lr": [1e-3] },
            }),
            model_is_namespace: true,
            model,
            progress: Progress {
                epoch: 1,
                iterations_in_epoch: 3,
                num_updates: 3,
                val_loss: None,
                best: None,
                seconds: 0.0,
                criterion: None,
                optimizer: Some("FairseqAdam".to_owned()),
            },
            adam: Some(Moments {
                step: 3,
                lr: 1e-3,
                betas: (0.9, 0.98),
                eps: 1e-8,
                weight_decay: 1e-4,
                moments: moments.collect(),
            }),
        };
        save(path, &contents).unwrap();
    }

    /// Converts a file of fairseq to the folder `name`.
    fn import(&self, file: &Path, dir: &Path, name: &str) -> Result<Checkpoint, burnseq::Error> {
        let data = burnseq_testing::golden("families/fairseq/data/mt_bin").unwrap();
        let import = ImportOptions {
            with_optimizer: true,
            ..ImportOptions::default()
        };
        let folder = dir.join(name);
        from_fairseq(file, &Dictionaries::Folder(data), &import, &folder)?;
        Ok(Checkpoint::open(&folder).unwrap())
    }
}

/// The names of a state dict, in the order of the file.
fn names(path: &Path) -> Vec<String> {
    let file = TorchFile::open(path).unwrap();
    let model = file.root().get("model").unwrap();
    let entries = model.entries().unwrap();
    entries.map(|(key, _)| key.as_str().unwrap().to_owned()).collect()
}

#[test]
fn models_come_from_fairseq_bit_for_bit_and_compute_the_same() {
    let dir = TempDir::new().unwrap();
    for item in items() {
        let file = dir.path().join("theirs.pt");
        item.write(&file, |_, _| {});
        let checkpoint = item.import(&file, dir.path(), "ours").unwrap();
        let meta = checkpoint.meta();
        // Every option of a name of ours, as fairseq's own settings resolve it.
        let fields = meta.model_config.resolved().fields();
        for (name, value) in &fields {
            if let Some(option) = item.options().get(name)
                && !matches!(
                    name.as_str(),
                    "decoder_attention" | "encoder_layers" | "decoder_layers"
                )
            {
                assert_eq!(value.as_f64(), option.as_f64(), "{}: {name}", item.name);
                assert!(
                    value.is_number() || value == option,
                    "{}: {name} is {value}",
                    item.name
                );
            }
        }

        let ours = checkpoint.model_tensors().unwrap();
        let theirs = item.weights.iter().filter(|(name, _)| !is_unused(name));
        let tied = item.tied();
        let theirs: HashMap<String, TensorData> = theirs
            .filter(|(name, _)| tied.iter().all(|(second, _)| second != name))
            .map(|(name, data)| (name.clone(), data.clone()))
            .collect();
        assert_eq!(ours, theirs, "{}", item.name);

        let state = checkpoint.optimizer_state().unwrap().unwrap();
        assert_eq!(state.step, 3);
        assert_eq!(state.tensors.len(), 2 * theirs.len(), "{}", item.name);
        for (name, data) in &state.tensors {
            let (parameter, which) = name.rsplit_once('.').unwrap();
            let scale = if which == "exp_avg" { 1e-3 } else { 1e-5 };
            let values = data.as_slice::<f32>().unwrap();
            assert_eq!(
                values,
                moment(parameter, values.len(), scale),
                "{}: {name}",
                item.name
            );
        }

        // The whole pass of fairseq's DynamicConv cuts filters to the batch.
        let mut config = meta.model_config.clone();
        if item.is_family("conv") {
            let cut = Map::from_iter([("cut_filters_to_batch".to_owned(), true.into())]);
            config = config.with_fields(&cut).unwrap();
        }
        compare_logits(&item, &config, &ours, &checkpoint);
    }
}

fn compare_logits(
    item: &Item,
    config: &ModelConfig,
    weights: &HashMap<String, TensorData>,
    checkpoint: &Checkpoint,
) {
    let device = Device::flex();
    let vocab = checkpoint.meta().dictionaries.vocab();
    let model = Model::load(config, &vocab, weights, &device).unwrap();
    let batch = tensors(&item.folder.join("batch1.safetensors"));
    let ids = |name: &str| Tensor::<2, Int>::from_data(batch[name].clone(), &device);
    let logits = model.forward(
        ids("net_input.src_tokens"),
        ids("net_input.prev_output_tokens"),
        &Dropout::off(),
    );
    let types = logits.dims()[2];
    let logits = logits.into_data_dtype(DType::F32);
    let expected = &tensors(&item.folder.join("forward.safetensors"))["logits"];
    assert_eq!(logits.shape(), expected.shape(), "{}", item.name);
    // Behind the end of a sentence nothing is compared.
    let is_token = batch["target"]
        .as_slice::<i64>()
        .unwrap()
        .iter()
        .map(|id| *id != 1);
    let rows = logits.as_slice::<f32>().unwrap().chunks(types);
    let rows = rows
        .zip(expected.as_slice::<f32>().unwrap().chunks(types))
        .zip(is_token);
    for ((ours, theirs), _) in rows.filter(|(_, is_token)| *is_token) {
        let off = burnseq_testing::largest_difference(&item.name, ours, theirs);
        assert!(off < 1e-5, "{}: logits are {off:.1e} off", item.name);
    }
}

#[test]
fn models_go_to_fairseq_under_its_names_and_in_its_order_and_come_back() {
    let archs = burnseq_testing::golden("families/fairseq/archs.json");
    let Some(archs) = archs else { return };
    let archs: Value = serde_json::from_slice(&std::fs::read(archs).unwrap()).unwrap();
    let dir = TempDir::new().unwrap();
    for item in items() {
        let (theirs, ours) = (dir.path().join("theirs.pt"), dir.path().join("ours.pt"));
        item.write(&theirs, |_, _| {});
        let first = item.import(&theirs, dir.path(), "first").unwrap();
        to_fairseq(first.path(), &ours).unwrap();

        // Parameters in fairseq's order, among what else there is.
        let found = names(&ours);
        let is_parameter = |name: &&String| item.values["shapes"].get(name.as_str()).is_some();
        let parameters: Vec<&str> = found.iter().filter(is_parameter).map(String::as_str).collect();
        let expected: Vec<&str> = item.parameters().into_iter().map(|(name, _)| name).collect();
        assert_eq!(parameters, expected, "{}", item.name);
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(sorted(found), sorted(names(&theirs)), "{}", item.name);

        // Values, and moments by number.
        let read = |path: &Path| FairseqCheckpoint::open(path).unwrap();
        let (ours_file, theirs_file) = (read(&ours), read(&theirs));
        let layout = Layout {
            unused: expected
                .iter()
                .filter(|name| is_unused(name))
                .map(|name| (*name).to_owned())
                .collect(),
            parameters: expected
                .iter()
                .filter(|name| !is_unused(name))
                .map(|name| (*name).to_owned())
                .collect(),
        };
        let weights = |file: &FairseqCheckpoint| {
            let weights = file.weights(&layout).unwrap();
            weights.into_iter().collect::<HashMap<_, _>>()
        };
        assert_eq!(weights(&ours_file), weights(&theirs_file), "{}", item.name);
        let tied: Vec<&str> = item.tied().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            ours_file.adam(&layout, &tied).unwrap(),
            theirs_file.adam(&layout, &tied).unwrap(),
            "{}",
            item.name
        );
        for (version, number) in item.versions() {
            assert_eq!(
                ours_file.constant(version).unwrap(),
                Some(*number),
                "{}",
                item.name
            );
        }

        // All options that the architecture of fairseq resolves, in a namespace.
        let file = TorchFile::open(&ours).unwrap();
        let section = file.root().get("cfg").unwrap().get("model").unwrap();
        let (class, ..) = section.instance().expect("an object");
        assert_eq!(class, "argparse.Namespace");
        let arch = item.options()["arch"].as_str().unwrap();
        for option in archs["archs"][arch]["fields"].as_object().unwrap().keys() {
            let written = ours_file.options().section("model").unwrap().get(option);
            let expected = &item.options()[option];
            let written = written.unwrap_or_else(|| panic!("{}: {option} is not written", item.name));
            let same = match (option.as_str(), written.as_f64(), expected.as_f64()) {
                (_, Some(written), Some(expected)) => written == expected,
                // Notations with one meaning.
                ("encoder_layers" | "decoder_layers" | "decoder_attention", ..) => written.is_string(),
                // Only read with a criterion that there is not.
                ("adaptive_softmax_cutoff", ..) => true,
                _ => written == expected,
            };
            assert!(same, "{}: {option} is {written}, not {expected}", item.name);
        }

        // And back: the same files.
        let second = item.import(&ours, dir.path(), "second").unwrap();
        for name in [
            "model.safetensors",
            "optimizer.safetensors",
            "dict.src.txt",
            "dict.tgt.txt",
        ] {
            assert!(
                first.file(name).unwrap() == second.file(name).unwrap(),
                "{}: {name}",
                item.name
            );
        }
        assert_eq!(
            first.meta().model_config,
            second.meta().model_config,
            "{}",
            item.name
        );
        assert_eq!(first.meta().task, second.meta().task, "{}", item.name);
        for folder in ["first", "second"] {
            std::fs::remove_dir_all(dir.path().join(folder)).unwrap();
        }
    }
}

#[test]
fn what_a_family_does_not_support_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("odd.pt");
    let mut seen = 0;
    for item in items() {
        let refused = |change: Change, expected: &str| {
            item.write(&file, change);
            let said = item.import(&file, dir.path(), "none").unwrap_err().to_string();
            assert!(said.contains(expected), "{}: {said}", item.name);
            assert!(!dir.path().join("none").exists());
        };
        match item.name.as_str() {
            "conv/lightconv_noglu" => {
                refused(
                    |options, _| _ = options.insert("decoder_output_dim".into(), 16.into()),
                    "option `decoder_output_dim` = 16: another width than `decoder_embed_dim` = 32",
                );
                refused(
                    |options, _| _ = options.insert("adaptive_softmax_cutoff".into(), "10,20".into()),
                    "option `adaptive_softmax_cutoff` = \"10,20\": there is no support for an adaptive softmax",
                );
                refused(
                    |options, _| _ = options.insert("encoder_conv_type".into(), "separable".into()),
                    "option `encoder_conv_type` = \"separable\": expected one of: dynamic, lightweight",
                );
                refused(
                    |options, _| _ = options.insert("gated_residual".into(), true.into()),
                    "unknown options of the model: `gated_residual` = true",
                );
            }
            "lstm/lstm" => {
                refused(
                    |options, _| _ = options.insert("criterion".into(), "adaptive_loss".into()),
                    "there is no support for an adaptive softmax (criterion `adaptive_loss`)",
                );
                refused(
                    |options, _| _ = options.insert("decoder_attention".into(), "maybe".into()),
                    "option `decoder_attention` = \"maybe\": expected True or False",
                );
            }
            "fconv/fconv_iwslt" => {
                refused(|_, versions| versions.clear(), "its `decoder.version` is 1");
                refused(
                    |options, _| _ = options.insert("encoder_layers".into(), "__import__('os')".into()),
                    "option `encoder_layers` = \"__import__('os')\": expected `[` at character 1",
                );
                refused(
                    |options, _| {
                        options.insert("_name".into(), "fconv_self_att".into());
                        options.remove("share_input_output_embed");
                    },
                    "the architecture `fconv_self_att` is of no family that can be converted",
                );
            }
            _ => continue,
        }
        seen += 1;
    }
    assert!(seen == 0 || seen == 3);
}
