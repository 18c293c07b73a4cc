//! Conversion of fairseq's models beside the Transformer: small checkpoints that fairseq has written (`tests/data/fairseq`),
//! and files made of the weights and options of the reference data, which holds no checkpoints of these models.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burnseq::convert::{
    Dictionaries, ImportOptions, Observer, Stage, from_fairseq, from_fairseq_observed, from_weights,
    to_fairseq, to_fairseq_observed,
};
use burnseq::model::{
    DecoderOnly, Dropout, EncoderDecoder, LanguageModel, Model, ModelConfig, OfConfig, state_dict,
};
use burnseq::tasks::language_modeling;
use burnseq::train::{Checkpoint, CheckpointContents, TaskInfo, checkpoint};
use burnseq_interchange::fairseq::{Contents, Entry, FairseqCheckpoint, Layout, Moments, Progress, save};
use burnseq_interchange::torch_file::TorchFile;
use burnseq_text::{Dictionary, Vocab};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
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
    for family in ["conv", "lstm", "fconv", "lm"] {
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

    /// Whether it is a language model.
    fn is_lm(&self) -> bool {
        self.is_family("lm/")
    }

    /// The versions that fairseq notes.
    fn versions(&self) -> &'static [(&'static str, f32)] {
        const ADAPTIVE: &[(&str, f32)] = &[
            ("decoder.version", 3.0),
            ("decoder.adaptive_softmax.version", 1.0),
            ("decoder.embed_tokens._float_tensor", 0.0),
        ];
        if self.is_lm() {
            match self.name.as_str() {
                "lm/wiki103_adaptive" => ADAPTIVE,
                "lm/adaptive_softmax_untied" => &ADAPTIVE[..2],
                _ => &ADAPTIVE[..1],
            }
        } else if self.is_family("conv") {
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
                "dataset": { "batch_size": 4 },
            }),
            model_is_namespace: !self.is_lm(),
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
        let data = if self.is_lm() { "lm_bin" } else { "mt_bin" };
        let data = burnseq_testing::golden(&format!("families/fairseq/data/{data}")).unwrap();
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
                    "decoder_attention"
                        | "encoder_layers"
                        | "decoder_layers"
                        | "adaptive_input_cutoff"
                        | "adaptive_softmax_cutoff"
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
    let batch = tensors(&item.folder.join("batch1.safetensors"));
    let ids = |name: &str| Tensor::<2, Int>::from_data(batch[name].clone(), &device);
    let src_tokens = ids("net_input.src_tokens");
    let logits = if item.is_lm() {
        let model = LanguageModel::load(config, &vocab, weights, &device).unwrap();
        model.forward(src_tokens, &Dropout::off())
    } else {
        let model = Model::load(config, &vocab, weights, &device).unwrap();
        model.forward(src_tokens, ids("net_input.prev_output_tokens"), &Dropout::off())
    };
    // Of an adaptive softmax these are log-probabilities.
    let tolerance = if item.versions().len() > 1 { 3e-5 } else { 1e-5 };
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
        assert!(off < tolerance, "{}: logits are {off:.1e} off", item.name);
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

        // All options that the architecture of fairseq resolves, in a namespace where the model has no dataclass.
        let file = TorchFile::open(&ours).unwrap();
        let section = file.root().get("cfg").unwrap().get("model").unwrap();
        let class = section.instance().map(|(class, ..)| class);
        assert_eq!(class, (!item.is_lm()).then_some("argparse.Namespace"));
        let arch = if item.is_lm() { "_name" } else { "arch" };
        let arch = item.options()[arch].as_str().unwrap();
        for option in archs["archs"][arch]["fields"].as_object().unwrap().keys() {
            let written = ours_file.options().section("model").unwrap().get(option);
            let Some(expected) = item.options().get(option) else {
                continue;
            };
            let written = written.unwrap_or_else(|| panic!("{}: {option} is not written", item.name));
            let same = match (option.as_str(), written.as_f64(), expected.as_f64()) {
                // About layers that there are not.
                ("base_shuffle", ..) => true,
                // All options are written, so that any architecture of the class has the same meaning.
                ("_name", ..) => written == "transformer_lm",
                (_, Some(written), Some(expected)) => written == expected,
                // Notations with one meaning.
                ("encoder_layers" | "decoder_layers" | "decoder_attention", ..) => written.is_string(),
                // Only read with a criterion that there is not.
                ("adaptive_softmax_cutoff", ..) if !item.is_lm() => true,
                _ => written == expected,
            };
            assert!(same, "{}: {option} is {written}, not {expected}", item.name);
        }

        // And back: the same files.
        let second = item.import(&ours, dir.path(), "second").unwrap();
        let dictionaries: &[&str] = if item.is_lm() {
            &["dict.txt"]
        } else {
            &["dict.src.txt", "dict.tgt.txt"]
        };
        for name in ["model.safetensors", "optimizer.safetensors"]
            .iter()
            .chain(dictionaries)
        {
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
fn a_language_model_that_fairseq_trained_goes_on_and_goes_back() {
    let Some(folder) = burnseq_testing::golden("families/fairseq") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let theirs = folder.join("checkpoints/lm.pt");
    let dictionaries = Dictionaries::Folder(folder.join("data/lm_bin"));
    let import = ImportOptions {
        with_optimizer: true,
        ..ImportOptions::default()
    };
    let take_over = |file: &Path, name: &str| {
        let output = dir.path().join(name);
        let conversion = from_fairseq(file, &dictionaries, &import, &output).unwrap();
        (conversion, Checkpoint::open(&output).unwrap())
    };
    let (conversion, first) = take_over(&theirs, "first");
    assert_eq!((conversion.num_updates, conversion.notes), (Some(3), Vec::new()));
    let meta = first.meta();
    assert_eq!(meta.task.name, "language_modeling");
    assert_eq!(meta.train_state["task"]["tokens_per_sample"], 32);
    assert_eq!(meta.train_state["task"]["sample_break_mode"], "complete");
    // Three updates of four blocks each.
    assert_eq!(meta.train_state["state"]["data"]["offset"], 3);
    let mut expected = tensors(&folder.join("checkpoints/lm.safetensors"));
    expected.retain(|name, _| !name.ends_with("version") && name != "decoder.output_projection.weight");
    assert_eq!(first.model_tensors().unwrap(), expected);

    // Moments, by the numbers and norms that PyTorch tells of them.
    let told = std::fs::read(folder.join("checkpoints/lm.optimizer.json")).unwrap();
    let told: Value = serde_json::from_slice(&told).unwrap();
    let state = first.optimizer_state().unwrap().unwrap();
    assert_eq!(state.step, 3);
    let norm = |data: &TensorData| {
        let squares = data
            .as_slice::<f32>()
            .unwrap()
            .iter()
            .map(|v| f64::from(*v).powi(2));
        squares.sum::<f64>().sqrt()
    };
    for (number, both) in state.tensors.chunks(2).enumerate() {
        let told = &told["state_norms"][number.to_string()];
        for (which, (name, data)) in ["exp_avg", "exp_avg_sq"].iter().zip(both) {
            let told = told[*which].as_f64().unwrap();
            assert!(
                (norm(data) - told).abs() <= 1e-5 * told,
                "{name}: {} is not {told}",
                norm(data)
            );
        }
    }

    let ours = dir.path().join("ours.pt");
    to_fairseq(first.path(), &ours).unwrap();
    assert_eq!(names(&ours), names(&theirs));
    let (_, second) = take_over(&ours, "second");
    for name in ["model.safetensors", "optimizer.safetensors", "dict.txt"] {
        assert!(first.file(name).unwrap() == second.file(name).unwrap(), "{name}");
    }
    assert_eq!(meta.model_config, second.meta().model_config);
    assert_eq!(meta.train_state, second.meta().train_state);
}

#[test]
fn an_lstm_that_is_a_language_model_goes_to_fairseq_and_comes_back() {
    let dir = TempDir::new().unwrap();
    let dictionary = dir.path().join("dict.txt");
    std::fs::write(&dictionary, "a 3\nb 2\nc 1\nmadeupword0000 0\n").unwrap();
    let fields = json!({
        "decoder_embed_dim": 8, "decoder_hidden_size": 12, "decoder_out_embed_dim": 6, "decoder_layers": 2,
        "max_target_positions": 20,
    });
    let config = ModelConfig::from_arch("lstm_lm").unwrap();
    let config = config.with_fields(fields.as_object().unwrap()).unwrap();
    let model = LanguageModel::init(&config, &Vocab::fairseq(8, 8), 3, &Device::flex()).unwrap();
    let weights = dir.path().join("weights.safetensors");
    let data = state_dict(&model);
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = data
        .iter()
        .map(|(name, data)| {
            let values = data.as_slice::<f32>().unwrap();
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name.clone(), data.shape().to_vec(), bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    std::fs::write(&weights, safetensors::serialize(views, None).unwrap()).unwrap();
    let dictionaries = Dictionaries::File(dictionary);
    let import = ImportOptions::default();
    let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
    from_weights(&weights, &config, &dictionaries, &import, &first).unwrap();
    let pt = dir.path().join("lm.pt");
    to_fairseq(&first, &pt).unwrap();
    from_fairseq(&pt, &dictionaries, &import, &second).unwrap();
    let [first, second] = [first, second].map(|path| Checkpoint::open(&path).unwrap());
    assert!(first.file("model.safetensors").unwrap() == second.file("model.safetensors").unwrap());
    assert_eq!(first.meta().task, second.meta().task);
    assert_eq!(config.resolved(), second.meta().model_config.resolved());
    for name in [
        "decoder.layers.0.weight_ih",
        "decoder.layers.1.bias_hh",
        "decoder.additional_fc.weight",
    ] {
        assert!(names(&pt).iter().any(|found| found == name), "{name}");
    }
    // One dictionary for two sides, and two for one.
    let both = Dictionaries::Files {
        src: dir.path().join("dict.txt"),
        tgt: dir.path().join("dict.txt"),
    };
    let error = from_fairseq(&pt, &both, &import, &dir.path().join("none")).unwrap_err();
    assert!(error.to_string().contains("one dictionary too many"), "{error}");
}

#[test]
fn what_openai_has_and_fairseq_has_not_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let dictionary = dir.path().join("dict.txt");
    std::fs::write(&dictionary, "a 3\nb 2\nc 1\nmadeupword0000 0\n").unwrap();
    let config = ModelConfig::from_arch("gpt2").unwrap();
    let fields = json!({
        "decoder_embed_dim": 8, "decoder_input_dim": 8, "decoder_output_dim": 8, "decoder_ffn_embed_dim": 8,
        "decoder_layers": 1, "decoder_attention_heads": 2, "max_target_positions": 8,
    });
    let config = config.with_fields(fields.as_object().unwrap()).unwrap();
    let model = LanguageModel::init(&config, &Vocab::fairseq(8, 8), 3, &Device::flex()).unwrap();
    let weights = state_dict(&model);
    let contents = CheckpointContents {
        model_config: &config,
        dictionaries: &language_modeling::dictionaries(&Dictionary::load(&dictionary).unwrap()),
        task: &TaskInfo::new("language_modeling", []),
        train_state: Value::Null,
        model: &weights,
        raw_model: None,
        optimizer: None,
        files: &[("dict.txt".to_owned(), std::fs::read(&dictionary).unwrap())],
    };
    checkpoint::save(dir.path(), &["gpt2"], &contents).unwrap();
    let error = to_fairseq(&dir.path().join("gpt2"), &dir.path().join("gpt2.pt")).unwrap_err();
    assert!(error.to_string().contains("fairseq has no such model"), "{error}");
    assert!(!dir.path().join("gpt2.pt").exists());
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
