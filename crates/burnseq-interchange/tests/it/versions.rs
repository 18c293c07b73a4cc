//! What differs between versions of fairseq: names of weights, and how the state of Adam is laid out.

use burnseq_interchange::fairseq::{FairseqCheckpoint, Layout};
use burnseq_interchange::pickle::Object;
use burnseq_interchange::torch_file::{Storages, save};

/// A parameter: its name, shape and whether Adam has a state of it.
type Parameter = (&'static str, &'static [usize], bool);

/// Elements `first`, `first + 1`, ...
fn count(first: f32, shape: &[usize]) -> Vec<f32> {
    (0..shape.iter().product())
        .map(|number: usize| first + number as f32)
        .collect()
}

/// A checkpoint with these parameters, the `n`-th of them filled from `100 * n` on. Its moments are the same numbers with
/// 0.25 and 0.5 added. `numbers` are the keys of the states; a single one means that all are in one vector.
fn checkpoint(parameters: &[Parameter], numbers: &[i64]) -> (tempfile::TempDir, FairseqCheckpoint) {
    let filled = |add: f32| -> Vec<Vec<f32>> {
        let fill = |(number, (_, shape, _)): (usize, &Parameter)| count(100.0 * number as f32 + add, shape);
        parameters.iter().enumerate().map(fill).collect()
    };
    let (weights, first, second) = (filled(0.0), filled(0.25), filled(0.5));
    let (flat_first, flat_second) = (first.concat(), second.concat());
    let mut storages = Storages::default();
    let mut model = vec![("encoder.version".into(), storages.tensor(&[1], &[3.0]))];
    for ((name, shape, _), values) in parameters.iter().zip(&weights) {
        model.push(((*name).into(), storages.tensor(shape, values)));
    }
    let state = |first: Object, second: Object| {
        Object::dict([
            ("step", Object::Int(7)),
            ("exp_avg", first),
            ("exp_avg_sq", second),
        ])
    };
    let mut states = Vec::new();
    if let [number] = numbers {
        let len = [flat_first.len()];
        let both = (
            storages.tensor(&len, &flat_first),
            storages.tensor(&len, &flat_second),
        );
        states.push((Object::Int(*number), state(both.0, both.1)));
    } else {
        for (at, number) in numbers.iter().enumerate() {
            let (_, shape, trained) = parameters[at];
            if trained {
                let both = (
                    storages.tensor(shape, &first[at]),
                    storages.tensor(shape, &second[at]),
                );
                states.push((Object::Int(*number), state(both.0, both.1)));
            }
        }
    }
    let group = Object::dict([(
        "params",
        Object::List(numbers.iter().map(|n| Object::Int(*n)).collect()),
    )]);
    let root = Object::dict([
        (
            "args",
            Object::Namespace(vec![("arch".into(), "transformer".into())]),
        ),
        ("model", Object::OrderedDict(model)),
        (
            "last_optimizer_state",
            Object::dict([
                ("state", Object::Dict(states)),
                ("param_groups", Object::List(vec![group])),
                ("loss_scale", Object::Float(128.0)),
            ]),
        ),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.pt");
    save(&path, &root, &storages).unwrap();
    let checkpoint = FairseqCheckpoint::open(&path).unwrap();
    (dir, checkpoint)
}

/// Weights and moments are these, each filled from `first` on.
fn assert_holds(checkpoint: &FairseqCheckpoint, expected: &[(&str, &[usize], f32)]) {
    let weights = checkpoint.weights(&Layout::default()).unwrap();
    let adam = checkpoint.adam(&Layout::default(), &[]).unwrap().unwrap();
    assert_eq!(adam.step, 7);
    assert_eq!(
        (weights.len(), adam.moments.len()),
        (expected.len(), expected.len())
    );
    for (((name, shape, first), (weight_name, weight)), (moment_name, moments)) in
        expected.iter().zip(&weights).zip(&adam.moments)
    {
        assert_eq!(
            (weight_name, moment_name),
            (&(*name).to_owned(), &(*name).to_owned())
        );
        for (tensor, add) in [(weight, 0.0), (&moments[0], 0.25), (&moments[1], 0.5)] {
            assert_eq!(
                (&tensor.shape[..], &tensor.values),
                (*shape, &count(first + add, shape)),
                "{name}"
            );
        }
    }
}

/// A block of fairseq 0.6, and an output projection of its own.
const OLD: [Parameter; 4] = [
    ("encoder.layers.0.self_attn.in_proj_weight", &[6, 2], true),
    ("encoder.layers.0.self_attn.in_proj_bias", &[6], true),
    ("encoder.layers.0.layer_norms.1.weight", &[2], true),
    ("decoder.embed_out", &[3, 2], true),
];

const OLD_TODAY: [(&str, &[usize], f32); 8] = [
    ("encoder.layers.0.self_attn.q_proj.weight", &[2, 2], 0.0),
    ("encoder.layers.0.self_attn.k_proj.weight", &[2, 2], 4.0),
    ("encoder.layers.0.self_attn.v_proj.weight", &[2, 2], 8.0),
    ("encoder.layers.0.self_attn.q_proj.bias", &[2], 100.0),
    ("encoder.layers.0.self_attn.k_proj.bias", &[2], 102.0),
    ("encoder.layers.0.self_attn.v_proj.bias", &[2], 104.0),
    ("encoder.layers.0.final_layer_norm.weight", &[2], 200.0),
    ("decoder.output_projection.weight", &[3, 2], 300.0),
];

#[test]
fn stacked_projections_and_numbered_norms_are_told_apart() {
    // PyTorch used addresses as keys then.
    let (_dir, checkpoint) = checkpoint(&OLD, &[140_001_112, 140_009_998, 140_001_040, 140_000_000]);
    assert_holds(&checkpoint, &OLD_TODAY);
}

#[test]
fn names_of_a_wrapped_model_are_those_of_the_model() {
    let wrapped = OLD.map(|(name, shape, trained)| {
        let name: &'static str = Box::leak(format!("module.{name}").into_boxed_str());
        (name, shape, trained)
    });
    let (_dir, checkpoint) = checkpoint(&wrapped, &[0, 1, 2, 3]);
    assert_holds(&checkpoint, &OLD_TODAY);
}

#[test]
fn the_moments_of_mixed_precision_are_cut_out_of_one_vector() {
    let (_dir, checkpoint) = checkpoint(&OLD, &[0]);
    assert_holds(&checkpoint, &OLD_TODAY);
}

#[test]
fn the_unused_copies_of_0_12_2_are_counted_and_left_out() {
    let parameters: [Parameter; 4] = [
        ("encoder.layers.0.in_proj_weight", &[6, 2], false),
        ("encoder.layers.0.fc1_bias", &[4], false),
        ("encoder.layers.0.self_attn.k_proj.weight", &[2, 2], true),
        ("encoder.layers.0.fc1.bias", &[4], true),
    ];
    let today: [(&str, &[usize], f32); 2] = [
        ("encoder.layers.0.self_attn.k_proj.weight", &[2, 2], 200.0),
        ("encoder.layers.0.fc1.bias", &[4], 300.0),
    ];
    for numbers in [&[0, 1, 2, 3][..], &[0]] {
        let (_dir, checkpoint) = checkpoint(&parameters, numbers);
        assert_holds(&checkpoint, &today);
    }
}

#[test]
fn a_stack_that_cannot_be_split_is_refused() {
    let (_dir, checkpoint) = checkpoint(&[("decoder.layers.0.self_attn.in_proj_bias", &[7], true)], &[]);
    let error = checkpoint.weights(&Layout::default()).unwrap_err().to_string();
    assert!(error.contains("in_proj_bias: has 7 rows"), "{error}");
}
