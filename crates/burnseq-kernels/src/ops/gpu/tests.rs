//! The kernels beside the operations of the processor, wherever there is a GPU or a software renderer.

use std::sync::{Mutex, PoisonError};

#[cfg(feature = "wgpu")]
use burn::tensor::DeviceType;
use burn::tensor::{Bool, DType, Device, Distribution, Int, Tensor, TensorData};

#[cfg(not(feature = "wgpu"))]
use crate::device::DeviceName;
use crate::{
    Precision,
    dropout_mask::Mask,
    ops::{self, AdamStep},
};

/// A GPU, or `None` with a line that says so.
fn gpu() -> Option<Device> {
    #[cfg(feature = "wgpu")]
    let device = Device::enumerate(DeviceType::Wgpu).into_iter().next();
    #[cfg(not(feature = "wgpu"))]
    let device = DeviceName::Cuda(0).open().ok();
    if device.is_none() {
        eprintln!("skipped: there is no GPU");
    }
    device
}

/// Numbers that are the same on every device.
fn numbers<const D: usize>(shape: [usize; D], seed: u64) -> TensorData {
    // The generator is one for all threads.
    static DRAWING: Mutex<()> = Mutex::new(());
    let _alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
    let host = Device::flex();
    host.seed(seed);
    Tensor::<D>::random(shape, Distribution::Normal(0.0, 2.0), &host).into_data()
}

/// What `f` makes of `inputs` of type `dtype` on a device, and their gradients when each element of it is weighed
/// differently.
fn run<const N: usize, const D: usize, const E: usize>(
    device: &Device,
    inputs: [TensorData; N],
    dtype: DType,
    f: impl FnOnce([Tensor<D>; N]) -> Tensor<E>,
) -> Vec<Vec<f32>> {
    let device = device.clone().autodiff();
    let leaves = inputs.map(|data| {
        let data = data.convert_dtype(dtype);
        Tensor::<D>::from_data(data, (&device, dtype)).require_grad()
    });
    let output = ops::as_type(f(leaves.clone()), DType::F32);
    let weights = numbers(output.dims(), 99);
    let weighed = output.clone() * Tensor::from_data(weights, &device);
    let mut grads = weighed.backward();
    let mut found = vec![output.into_data().try_to_vec().unwrap()];
    found.extend(leaves.map(|leaf| {
        let grad = leaf.grad_remove(&mut grads).expect("it takes part");
        assert_eq!(grad.dtype(), dtype);
        ops::as_type(grad, DType::F32).into_data().try_to_vec().unwrap()
    }));
    found
}

/// `tolerance` is a share of the largest number expected.
fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{number}");
        let most = expected.iter().map(|x| x.abs()).fold(1e-3, f32::max);
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!(
                (found - expected).abs() < tolerance * most,
                "{number}, {at}: {found}, {expected}"
            );
        }
    }
}

/// Runs `f` on a GPU and on the processor.
fn compare<const N: usize, const D: usize, const E: usize>(
    inputs: [TensorData; N],
    f: impl Fn([Tensor<D>; N]) -> Tensor<E>,
) {
    if let Some(gpu) = gpu() {
        let expected = run(&Device::flex(), inputs.clone(), DType::F32, &f);
        assert_close(&run(&gpu, inputs, DType::F32, &f), &expected, 1e-5);
    }
}

/// [`compare`] with inputs of `dtype` on the GPU, and of the same values in `f32` on the processor.
fn compare_in<const N: usize, const D: usize, const E: usize>(
    dtype: DType,
    inputs: [TensorData; N],
    f: impl Fn([Tensor<D>; N]) -> Tensor<E>,
) {
    let Some(gpu) = gpu() else { return };
    let inputs = inputs.map(|data| data.convert_dtype(dtype).convert_dtype(DType::F32));
    let expected = run(&Device::flex(), inputs.clone(), DType::F32, &f);
    assert_close(&run(&gpu, inputs, dtype, &f), &expected, 1e-2);
}

/// The number formats of 16 bits that a GPU computes in.
fn half_formats() -> Vec<DType> {
    let formats = [DType::BF16, DType::F16];
    let Some(gpu) = gpu() else { return Vec::new() };
    formats
        .into_iter()
        .filter(|&dtype| gpu.supports_dtype(dtype))
        .collect()
}

const MASK: Mask = Mask {
    seed: 0x1234_5678_9ABC_DEF0,
    probability: 0.3,
};

#[test]
fn dropout_has_the_masks_of_the_processor() {
    compare([numbers([3, 50, 7], 1)], |[x]: [Tensor<3>; 1]| {
        ops::dropout(x, MASK)
    });
    compare(
        [numbers([3, 50, 7], 1), numbers([3, 50, 7], 2)],
        |[residual, x]: [Tensor<3>; 2]| ops::dropout_add(residual, x, Some(MASK)),
    );
    // What comes from elsewhere need not lie in one piece.
    compare([numbers([3, 50, 7], 1)], |[x]: [Tensor<3>; 1]| {
        ops::dropout(x.swap_dims(0, 1), MASK)
    });
}

/// Which keys are padding: `pads[sentence]` of them at the end of every sentence.
fn padding(pads: &[usize], key_len: usize, device: &Device) -> Tensor<2, Bool> {
    let is_pad = pads
        .iter()
        .flat_map(|pads| (0..key_len).map(move |key| key + pads >= key_len));
    let is_pad = TensorData::new(is_pad.collect::<Vec<bool>>(), [pads.len(), key_len]);
    Tensor::from_data(is_pad, &device.clone().without_autodiff())
}

#[test]
fn softmax_masks_as_the_processor_does() {
    // Fewer keys than a cube has units, as many, more; and more queries than a dimension has cubes.
    for [batch, heads, query_len, key_len] in
        [[3, 2, 5, 7], [3, 1, 32, 32], [3, 2, 40, 101], [1, 4, 16_500, 3]]
    {
        for causal in [false, true] {
            // The last sentence sees nothing at all.
            let pads = [0, 2, key_len];
            let scores = numbers([batch, heads, query_len, key_len], 3);
            compare([scores], |[scores]: [Tensor<4>; 1]| {
                let is_pad = padding(&pads[..batch], key_len, &scores.device());
                ops::masked_softmax(scores, Some(is_pad), causal, 0.4)
            });
        }
    }
    compare([numbers([2, 2, 9, 9], 3)], |[scores]: [Tensor<4>; 1]| {
        ops::masked_softmax(scores, None, true, 1.0)
    });
}

#[test]
fn attention_is_that_of_the_processor() {
    let inputs = [1, 2, 3].map(|seed| numbers([2, 9, 8], seed));
    for (causal, dropout) in [(false, None), (true, None), (true, Some(MASK))] {
        for padded in [false, true] {
            compare(inputs.clone(), |[queries, keys, values]| {
                let is_pad = padded.then(|| padding(&[0, 3], 9, &queries.device()));
                ops::attention(queries, keys, values, 2, is_pad, causal, dropout)
            });
        }
    }
}

/// `P` affine maps of `x`, with weights and biases of their own.
fn projections<const P: usize>(weights: [Tensor<3>; P]) -> [ops::Affine; P] {
    weights.map(|weight| {
        let weight = weight * 0.3; // small scores: rounding grows with them
        let [_, output, input] = weight.dims();
        ops::Affine {
            bias: weight.clone().slice([0..1, 0..output, 0..1]).reshape([output]) * 2.0,
            weight: weight.reshape([output, input]),
            precision: Precision::Fp32,
        }
    })
}

#[test]
fn attention_with_its_projections_is_that_of_the_processor() {
    // Small: a software renderer compiles larger matrix products for minutes.
    let weights = || [2, 3, 4].map(|seed| numbers([1, 6, 4], seed));
    let inputs = || {
        let [q, k, v] = weights();
        [numbers([2, 5, 4], 1), q, k, v]
    };
    for (causal, dropout) in [(false, None), (true, Some(MASK))] {
        compare(inputs(), |[x, q, k, v]| {
            let is_pad = padding(&[0, 2], 5, &x.device());
            ops::self_attention(x, projections([q, k, v]), 2, is_pad, causal, dropout)
        });
    }
    let inputs = || {
        let [_, k, v] = weights();
        [numbers([2, 5, 6], 1), numbers([2, 3, 4], 2), k, v]
    };
    for dropout in [None, Some(MASK)] {
        compare(inputs(), |[queries, memory, k, v]| {
            let is_pad = padding(&[0, 2], 3, &queries.device());
            ops::cross_attention(queries, memory, projections([k, v]), 2, is_pad, dropout)
        });
    }
}

#[test]
fn heads_that_are_split_see_what_they_may() {
    let inputs = [1, 2, 3].map(|seed| numbers([3, 2, 9, 8], seed));
    compare(inputs, |[queries, keys, values]: [Tensor<4>; 3]| {
        let unseen = padding(&[4], 9, &queries.device()).squeeze_dim(0);
        ops::attention_of_heads(queries, keys, values, unseen, None)
    });
}

#[test]
fn gradients_of_embeddings_are_summed_by_token() {
    // Token 3 is more frequent than a cube remembers, most others occur a few times, the last never.
    let tokens: Vec<i64> = (0..40 * 50)
        .map(|n| if n % 4 > 0 { 3 } else { n * 7 % 299 })
        .collect();
    for (types, width) in [(300, 1), (300, 64), (300, 200), (66_000, 2)] {
        compare([numbers([types, width], 4)], |[weight]| {
            let data = TensorData::new(tokens.clone(), [40, 50]);
            let tokens = Tensor::<2, Int>::from_data(data, &weight.device());
            ops::embedding(weight, tokens)
        });
    }
}

#[test]
fn loss_and_its_gradient_are_those_of_the_processor() {
    for (tokens, vocab, epsilon) in [
        (33, 700, 0.1),
        (33, 700, 0.0),
        (5, 1000, 0.3),
        (1, 2, 0.1),
        (66_000, 3, 0.1),
    ] {
        let target: Vec<i64> = (0..tokens)
            .map(|n| if n % 5 == 2 { 1 } else { n * 31 % vocab })
            .collect();
        compare([numbers([tokens as usize, vocab as usize], 5)], |[logits]| {
            let target = TensorData::new(target.clone(), [tokens as usize]);
            let target = Tensor::<1, Int>::from_data(target, &logits.device());
            let (loss, nll) = ops::label_smoothed_nll(logits, target, 1, epsilon);
            Tensor::cat(vec![loss, nll], 0)
        });
    }
    // Logits whose exponentials are out of range.
    compare([numbers([4, 300], 5)], |[logits]| {
        let target = TensorData::new(vec![0_i64, 5, 1, 299], [4]);
        let target = Tensor::<1, Int>::from_data(target, &logits.device());
        let (loss, nll) = ops::label_smoothed_nll(logits * 200.0 + 1000.0, target, 1, 0.1);
        Tensor::cat(vec![loss, nll], 0)
    });
}

#[test]
fn squares_are_summed_whatever_the_size() {
    let Some(gpu) = gpu() else { return };
    for shape in [[1, 1], [3, 7], [64, 64], [1000, 1001], [2500, 2000]] {
        let x = numbers(shape, 6);
        let sum = |device: &Device| ops::sum_of_squares(Tensor::<2>::from_data(x.clone(), device));
        let [found, again, expected] =
            [&gpu, &gpu, &Device::flex()].map(|device| sum(device).into_scalar::<f32>());
        assert!(
            (found - expected).abs() < 1e-4 * expected,
            "{shape:?}: {found}, {expected}"
        );
        assert_eq!(found, again, "{shape:?}");
        // A part of a tensor, and one that is turned.
        let part = Tensor::<2>::from_data(x.clone(), &gpu).slice([0..shape[0], shape[1] - 1..shape[1]]);
        let part: f32 = ops::sum_of_squares(part.transpose()).into_scalar();
        let expected = Tensor::<2>::from_data(x.clone(), &Device::flex())
            .slice([0..shape[0], shape[1] - 1..shape[1]])
            .square()
            .sum()
            .into_scalar::<f32>();
        assert!(
            (part - expected).abs() < 1e-4 * expected,
            "{shape:?}: {part}, {expected}"
        );
    }
}

const STEP: AdamStep = AdamStep {
    beta1: 0.9,
    beta2: 0.98,
    eps: 1e-3,
    grad_factor: 1.0,
    decay: 0.999,
    step_size: 0.01,
};

/// Parameter and moments after an update for each of `factors`, whose gradients are of type `dtype`.
fn trained(device: &Device, factors: &[f32], dtype: DType) -> Vec<Vec<f32>> {
    let shape = [37, 51];
    let mut state = [7, 8, 9].map(|seed| Tensor::<2>::from_data(numbers(shape, seed), device));
    state[2] = state[2].clone().abs();
    for (update, &factor) in factors.iter().enumerate() {
        let grad = numbers(shape, 10 + update as u64).convert_dtype(DType::F16);
        let grad = Tensor::<2>::from_data(grad.convert_dtype(dtype), (device, dtype));
        let factor = Tensor::<1>::from_floats([factor], device);
        let [param, exp_avg, exp_avg_sq] = state;
        state = ops::adam_step_on_device([param, grad, exp_avg, exp_avg_sq], &STEP, factor);
    }
    state
        .map(|tensor| tensor.into_data().try_to_vec().unwrap())
        .to_vec()
}

#[test]
fn adam_is_that_of_the_processor_and_skips_updates_without_a_factor() {
    let Some(gpu) = gpu() else { return };
    let host = Device::flex();
    assert_close(
        &trained(&gpu, &[0.25, 2.0], DType::F32),
        &trained(&host, &[0.25, 2.0], DType::F32),
        1e-5,
    );
    assert_eq!(
        trained(&gpu, &[0.25, f32::NAN], DType::F32),
        trained(&gpu, &[0.25], DType::F32)
    );
    assert_eq!(
        trained(&gpu, &[f32::NAN], DType::F32),
        trained(&gpu, &[], DType::F32)
    );
    if gpu.supports_dtype(DType::F16) {
        // Gradients of fewer bits are read as they are.
        assert_eq!(
            trained(&gpu, &[0.5], DType::F16),
            trained(&gpu, &[0.5], DType::F32)
        );
    }
}

#[test]
fn adam_leaves_alone_what_is_still_needed() {
    let Some(gpu) = gpu() else { return };
    let before = numbers([5, 3], 1);
    let [param, grad, exp_avg, exp_avg_sq] =
        [1, 2, 3, 4].map(|seed| Tensor::<2>::from_data(numbers([5, 3], seed), &gpu));
    let factor = Tensor::<1>::from_floats([1.0], &gpu);
    let [after, _, _] =
        ops::adam_step_on_device([param.clone(), grad, exp_avg, exp_avg_sq.abs()], &STEP, factor);
    assert_eq!(param.into_data(), before);
    assert_ne!(after.into_data(), before);
}

#[test]
fn sixteen_bits_are_taken_and_given_back() {
    for dtype in half_formats() {
        eprintln!("{dtype:?}");
        compare_in(dtype, [numbers([3, 2, 40, 50], 3)], |[scores]: [Tensor<4>; 1]| {
            let is_pad = padding(&[0, 2, 50], 50, &scores.device());
            ops::masked_softmax(scores, Some(is_pad), true, 0.4)
        });
        compare_in(dtype, [numbers([60, 700], 5)], |[logits]| {
            let target = (0..60).map(|n| n % 7 + 1).collect::<Vec<i64>>();
            let target = Tensor::<1, Int>::from_data(TensorData::new(target, [60]), &logits.device());
            let (loss, nll) = ops::label_smoothed_nll(logits, target, 1, 0.1);
            Tensor::cat(vec![loss, nll], 0)
        });
        compare_in(dtype, [numbers([30, 70], 4)], |[weight]| {
            let tokens = TensorData::new((0..40_i64).map(|n| n * n % 30).collect::<Vec<_>>(), [5, 8]);
            let tokens = Tensor::<2, Int>::from_data(tokens, &weight.device());
            ops::embedding(weight, tokens)
        });
        compare_in(dtype, [numbers([3, 50, 7], 1)], |[x]: [Tensor<3>; 1]| {
            ops::dropout(x, MASK)
        });
        let gpu = gpu().expect("it told its formats");
        // As in training: parameters of 32 bits, which the operation casts.
        let inputs = [1, 2, 3, 4].map(|seed| numbers(if seed == 1 { [2, 5, 4] } else { [1, 6, 4] }, seed));
        let found = |device: &Device, dtype: DType| {
            run(device, inputs.clone(), DType::F32, |[x, q, k, v]| {
                let is_pad = padding(&[0, 2], 5, &x.device());
                let x = ops::as_type(x, dtype);
                ops::self_attention(x, projections([q, k, v]), 2, is_pad, true, Some(MASK))
            })
        };
        assert_close(&found(&gpu, dtype), &found(&Device::flex(), DType::F32), 1e-2);
        let x = numbers([50, 70], 6);
        let sum = |device: &Device, dtype: DType| {
            let x = Tensor::<2>::from_data(x.clone().convert_dtype(dtype), (device, dtype));
            ops::sum_of_squares(x).into_scalar::<f32>()
        };
        let (found, expected) = (sum(&gpu, dtype), sum(&Device::flex(), DType::F32));
        assert!((found - expected).abs() < 1e-2 * expected, "{found}, {expected}");
    }
}

#[test]
fn layer_norm_is_that_of_the_processor() {
    // Fewer columns than units, and more; fewer rows than share a column's gradients, and more.
    for [rows, width] in [[5, 7], [3, 130], [150, 64], [1, 512]] {
        let inputs = || {
            let [x, weight, bias] = [[rows, width], [1, width], [1, width]];
            [numbers(x, 1), numbers(weight, 2), numbers(bias, 3)]
        };
        let norm_with = |eps| {
            move |[x, weight, bias]: [Tensor<2>; 3]| {
                let x = x.reshape([1, rows, width]);
                ops::layer_norm(x, weight.reshape([width]), bias.reshape([width]), eps)
            }
        };
        let norm = norm_with(1e-5);
        compare(inputs(), norm);
        compare(inputs(), norm_with(0.5));
        for dtype in half_formats() {
            // Parameters stay in `f32`.
            compare_in(dtype, inputs(), |inputs| {
                let [x, weight, bias] = inputs;
                let [weight, bias] = [weight, bias].map(|tensor| ops::as_type(tensor, DType::F32));
                norm([x, weight, bias])
            });
        }
    }
}

#[test]
fn norms_of_residual_sums_are_those_of_the_processor() {
    for [rows, width] in [[5, 7], [3, 130], [150, 64]] {
        for mask in [None, Some(MASK)] {
            let inputs = || {
                let [x, row] = [[rows, width], [1, width]];
                [numbers(x, 1), numbers(x, 2), numbers(row, 3), numbers(row, 4)]
            };
            let norm = |[residual, x, weight, bias]: [Tensor<2>; 4]| {
                let [residual, x] = [residual, x].map(|x| x.reshape([1, rows, width]));
                let [weight, bias] = [weight, bias].map(|x| ops::as_type(x.reshape([width]), DType::F32));
                ops::residual_norm(residual, x, mask, weight, bias, 1e-5)
            };
            compare(inputs(), norm);
            for dtype in half_formats() {
                compare_in(dtype, inputs(), norm);
            }
        }
    }
}

#[test]
fn a_query_finds_in_the_source_what_it_finds_on_the_processor() {
    // Fewer keys than a cube has units, and more; fewer elements than units, and more; a sentence that is all padding.
    for (key_len, heads, head_dim) in [(3, 2, 4), (128, 1, 160), (300, 4, 8)] {
        let pads = [0, 2, key_len];
        let d_model = heads * head_dim;
        let found = |device: &Device, dtype: DType| {
            let tensor = |len: usize, seed: u64| {
                let data = numbers([3, len, d_model], seed).convert_dtype(dtype);
                Tensor::<3>::from_data(data, (device, dtype))
            };
            let is_pad = padding(&pads, key_len, device);
            let [queries, keys, values] = [tensor(5, 1), tensor(key_len, 2), tensor(key_len, 3)];
            let found = ops::step_attention(queries, keys, values, heads, is_pad, None);
            vec![ops::as_type(found, DType::F32).into_data().try_to_vec().unwrap()]
        };
        let Some(gpu) = gpu() else { return };
        let expected = found(&Device::flex(), DType::F32);
        assert_close(&found(&gpu, DType::F32), &expected, 1e-5);
        for dtype in half_formats() {
            assert_close(&found(&gpu, dtype), &expected, 2e-2);
        }
    }
}

#[test]
fn a_query_finds_in_the_past_what_it_finds_on_the_processor() {
    let Some(gpu) = gpu() else { return };
    let (rows, heads, head_dim, steps, capacity) = (3, 2, 6, 140, 160);
    let d_model = heads * head_dim;
    let (weights, x) = (
        numbers([3, d_model, d_model], 1),
        numbers([rows, steps, d_model], 2),
    );
    let projections = |device: &Device| {
        let weights = Tensor::<3>::from_data(weights.clone(), device);
        projections([0, 1, 2].map(|part| weights.clone().slice(part..part + 1)))
    };
    let x_of = |device: &Device, steps: std::ops::Range<usize>| {
        Tensor::<3>::from_data(x.clone(), device).slice([0..rows, steps])
    };
    let stacked = ops::stacked_for_decoding(projections(&gpu)).expect("a GPU takes them so");
    let mut past = Tensor::<4>::zeros([rows, 2 * heads, capacity, head_dim], &gpu);
    for step in 0..steps {
        let found;
        (found, past) = ops::attend_past(x_of(&gpu, step..step + 1), &stacked, past, step, heads);
        if ![0, 1, 127, 128, steps - 1].contains(&step) {
            continue;
        }
        let host = Device::flex();
        let [q, k, v] = projections(&host);
        let all = x_of(&host, 0..step + 1);
        let (keys, values) = (k.apply(all.clone()), v.apply(all));
        let queries = q.apply(x_of(&host, step..step + 1));
        let expected = ops::attention(queries, keys, values, heads, None, false, None);
        let [found, expected] = [found, expected].map(|x| vec![x.into_data().try_to_vec().unwrap()]);
        assert_close(&found, &expected, 1e-5);
    }
}

#[test]
fn affine_maps_are_those_of_the_processor() {
    for [rows, input, output] in [[5, 7, 3], [40, 64, 32], [1, 16, 8], [33, 20, 50]] {
        for relu in [false, true] {
            let inputs = || {
                let (weight, bias) = (numbers([output, input], 2), numbers([1, output], 3));
                [numbers([rows, input], 1), weight, bias]
            };
            let map = |[x, weight, bias]: [Tensor<2>; 3]| {
                let (x, bias) = (x.reshape([1, rows, input]), bias.reshape([output]));
                match relu {
                    true => ops::linear_relu(x, weight, bias, Precision::Fp32),
                    false => ops::linear(x, weight, Some(bias), Precision::Fp32),
                }
            };
            compare(inputs(), map);
            for dtype in half_formats() {
                compare_in(dtype, inputs(), map);
            }
        }
    }
}

/// Sizes of more tensors than a kernel takes, some of more elements than it has units.
const SIZES: [usize; 35] = {
    let mut sizes = [0; 35];
    let mut n = 0;
    while n < 35 {
        sizes[n] = [1, 7, 256, 20_000][n % 4] + n;
        n += 1;
    }
    sizes
};

#[test]
fn squares_of_many_tensors_are_those_of_each() {
    let Some(gpu) = gpu() else { return };
    let tensor = |n: usize| Tensor::<1>::from_data(numbers([SIZES[n]], n as u64), &gpu);
    let together = ops::sums_of_squares((0..SIZES.len()).map(|n| tensor(n).into_dispatch()).collect());
    let together: Vec<f32> = together.into_data().try_to_vec().unwrap();
    for (n, found) in together.into_iter().enumerate() {
        let expected = tensor(n)
            .into_data()
            .iter::<f32>()
            .map(|x| f64::from(x).powi(2))
            .sum::<f64>() as f32;
        assert!(
            (found - expected).abs() < 1e-5 * expected,
            "{n}: {found}, {expected}"
        );
    }
}

#[test]
fn many_parameters_take_the_steps_of_each() {
    let Some(gpu) = gpu() else { return };
    for factor in [0.25, f32::NAN] {
        let factor = Tensor::<1>::from_floats([factor], &gpu);
        let old = |n: usize| {
            let [param, exp_avg, exp_avg_sq, grad] = [0, 100, 200, 300]
                .map(|seed| Tensor::<1>::from_data(numbers([SIZES[n]], seed + n as u64), &gpu));
            [param, exp_avg, exp_avg_sq.abs(), grad]
        };
        let mut given = [(); 4].map(|()| Vec::new());
        // One is still needed when the others have changed.
        let kept = old(3)[0].clone();
        for n in 0..SIZES.len() {
            for (given, tensor) in given.iter_mut().zip(old(n)) {
                given.push(tensor.into_dispatch());
            }
        }
        given[0][3] = kept.clone().into_dispatch();
        let found = ops::adam_steps_on_device(given, &STEP, factor.clone());
        assert_eq!(kept.into_data(), old(3)[0].clone().into_data());
        for (number, found) in found.into_iter().enumerate() {
            assert_eq!(found.len(), SIZES.len());
            for (n, found) in found.into_iter().enumerate() {
                let [param, exp_avg, exp_avg_sq, grad] = old(n);
                let alone =
                    ops::adam_step_on_device([param, grad, exp_avg, exp_avg_sq], &STEP, factor.clone());
                let found = Tensor::<1>::from_dispatch(found).into_data();
                assert_eq!(found, alone[number].clone().into_data(), "{number} of {n}");
            }
        }
    }
}
