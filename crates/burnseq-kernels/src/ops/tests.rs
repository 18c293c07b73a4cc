//! The kernels against the composed operations: results and gradients.

use burn::tensor::{Bool, Device, Distribution, Int, Tensor, TensorData, activation};

use super::*;

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), &Device::flex())
}

/// The largest number of a tensor, signs aside; NaN fails.
fn largest<const D: usize>(x: Tensor<D>) -> f32 {
    let values: Vec<f32> = x.into_data().iter().collect();
    burnseq_testing::largest_difference("tensors", &values, &vec![0.0; values.len()]) as f32
}

/// A tensor on the autodiff device whose gradient is asked for.
fn leaf<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
    Tensor::from_inner(x.clone()).require_grad()
}

/// Checks that two functions of three tensors give the same result and the same gradients.
fn agree<const A: usize, const B: usize, const C: usize>(
    [a, b, c]: [&dyn std::any::Any; 3],
    kernel: impl Fn(Tensor<A>, Tensor<B>, Tensor<C>) -> Tensor<3>,
    composed: impl Fn(Tensor<A>, Tensor<B>, Tensor<C>) -> Tensor<3>,
) {
    let (a, b, c): (&Tensor<A>, &Tensor<B>, &Tensor<C>) = (
        a.downcast_ref().unwrap(),
        b.downcast_ref().unwrap(),
        c.downcast_ref().unwrap(),
    );
    let plain = kernel(a.clone(), b.clone(), c.clone());
    let expected = composed(a.clone(), b.clone(), c.clone());
    let most = largest(expected.clone());
    let off = largest(plain.clone() - expected);
    assert!(
        off < 2e-5 && off < 1e-4 * most,
        "results differ by {off:e} of {most:e}"
    );

    let weights = Tensor::from_inner(random(plain.dims()));
    let gradients = |f: &dyn Fn(Tensor<A>, Tensor<B>, Tensor<C>) -> Tensor<3>| {
        let (a, b, c) = (leaf(a), leaf(b), leaf(c));
        let y = f(a.clone(), b.clone(), c.clone());
        let grads = (y * weights.clone()).sum().backward();
        (
            a.grad(&grads).unwrap(),
            b.grad(&grads).unwrap(),
            c.grad(&grads).unwrap(),
        )
    };
    let (ours, theirs) = (gradients(&kernel), gradients(&composed));
    let sizes = [
        largest(theirs.0.clone()),
        largest(theirs.1.clone()),
        largest(theirs.2.clone()),
    ];
    let differences = [
        largest(ours.0 - theirs.0),
        largest(ours.1 - theirs.1),
        largest(ours.2 - theirs.2),
    ];
    for (off, most) in differences.into_iter().zip(sizes) {
        assert!(
            off < 1e-4 && off < 1e-3 * most,
            "gradients differ by {off:e} of {most:e}"
        );
    }
}

#[test]
fn the_affine_map_agrees() {
    for [batch, len, input, output] in [[2, 3, 5, 7], [3, 40, 64, 96]] {
        let (x, w, b) = (
            random([batch, len, input]),
            random([output, input]),
            random([output]),
        );
        agree(
            [&x, &w, &b],
            |x: Tensor<3>, w: Tensor<2>, b: Tensor<1>| linear(x, w, Some(b), Precision::Fp32),
            |x, w, b| composed::linear(x, w, Some(b)),
        );
        agree(
            [&x, &w, &b],
            |x, w, b| linear_relu(x, w, b, Precision::Fp32),
            |x, w, b| activation::relu(composed::linear(x, w, Some(b))),
        );
        agree(
            [&x, &w, &b],
            |x, w: Tensor<2>, b: Tensor<1>| linear(x, w, None, Precision::Fp32) + b.unsqueeze(),
            |x, w, b| composed::linear(x, w, None) + b.unsqueeze(),
        );
    }
}

#[test]
fn layer_norm_agrees() {
    for width in [5, 32, 100] {
        for eps in [1e-12, 1e-5, 0.5] {
            let (x, w, b) = (
                random([3, 30, width]) * 3.0 + 1.0,
                random([width]),
                random([width]),
            );
            agree(
                [&x, &w, &b],
                |x, w, b| layer_norm(x, w, b, eps),
                |x, w, b| composed::layer_norm(x, w, b, eps),
            );
        }
    }
}

#[test]
fn attention_agrees_with_every_mask() {
    let device = Device::flex();
    for (query_len, key_len, heads) in [(5, 7, 2), (1, 9, 4), (20, 20, 4), (33, 17, 1)] {
        let (batch, d_model) = (3, 32);
        let (q, k, v) = (
            random([batch, query_len, d_model]),
            random([batch, key_len, d_model]),
            random([batch, key_len, d_model]),
        );
        // On the left, so that some causal queries see nothing; the last sentence is nothing else.
        let pads = (0..batch).flat_map(|row| (0..key_len).map(move |key| key < row || row == 2));
        let pads: Vec<bool> = pads.collect();
        let is_pad = Tensor::<2, Bool>::from_bool(TensorData::new(pads, [batch, key_len]), &device);
        for causal in [false, true] {
            for is_pad in [None, Some(is_pad.clone())] {
                if causal && query_len != key_len {
                    continue;
                }
                agree(
                    [&q, &k, &v],
                    |q: Tensor<3>, k: Tensor<3>, v: Tensor<3>| {
                        attention(q, k, v, heads, is_pad.clone(), causal, None)
                    },
                    |q, k, v| composed::attention(q, k, v, heads, is_pad.clone(), causal, None),
                );
            }
        }
    }
}

#[test]
fn a_query_that_may_see_nothing_gets_the_mean() {
    let device = Device::flex();
    let (q, v) = (random([1, 2, 4]), random([1, 3, 4]));
    let is_pad = Tensor::<2, Bool>::from_bool(TensorData::from([[true, true, true]]), &device);
    let found = attention(q, v.clone(), v.clone(), 1, Some(is_pad), false, None);
    assert!(largest(found - v.mean_dim(1)) < 1e-6);
}

#[test]
fn attention_drops_probabilities_under_its_mask() {
    let (batch, heads, len, head_dim) = (2, 2, 12, 8);
    let mask = Mask {
        seed: 11,
        probability: 0.4,
    };
    let [q, k, v] = [(); 3].map(|_| random([batch, len, heads * head_dim]));
    let reference = |q: Tensor<3>, k: Tensor<3>, v: Tensor<3>| {
        let split = |x: Tensor<3>| x.reshape([batch, len, heads, head_dim]).swap_dims(1, 2);
        let scores = split(q).matmul(split(k).transpose()) * (head_dim as f64).powf(-0.5);
        let kept = composed::dropout(activation::softmax(scores, 3), mask);
        let found = kept.matmul(split(v));
        found.swap_dims(1, 2).reshape([batch, len, heads * head_dim])
    };
    let found = |mask| attention(q.clone(), k.clone(), v.clone(), heads, None, false, mask);
    assert!(largest(found(Some(mask)) - found(None)) > 0.05);
    agree(
        [&q, &k, &v],
        |q, k, v| attention(q, k, v, heads, None, false, Some(mask)),
        reference,
    );
}

#[test]
fn dropout_into_a_sum_is_dropout_and_then_the_sum() {
    let mask = Mask {
        seed: 5,
        probability: 0.25,
    };
    let (x, y, z) = (random([2, 9, 50]), random([2, 9, 50]), random([1]));
    let sum = |mask| dropout_add(x.clone(), y.clone(), mask);
    assert!(largest(sum(Some(mask)) - sum(None)) > 0.1);
    agree(
        [&x, &y, &z],
        |x: Tensor<3>, y: Tensor<3>, z: Tensor<1>| dropout_add(x, y, Some(mask)) + z.unsqueeze(),
        |x, y, z| x + composed::dropout(y, mask) + z.unsqueeze(),
    );
}

#[test]
fn the_depthwise_convolution_agrees() {
    let (batch, width) = (3, 48);
    // Taps on either side, later inputs only, a filter longer than the sentence, and one output of a window.
    for (in_len, len, heads, kernel_size, padding_left) in [
        (9, 9, 4, 3, 1),
        (40, 40, 2, 7, 6),
        (5, 5, 3, 31, 30),
        (5, 5, 3, 8, 3),
        (7, 1, 4, 7, 0),
    ] {
        for (softmax, probability) in [(true, 0.0), (false, 0.0), (true, 0.3), (false, 0.3)] {
            let conv = DepthwiseConv {
                heads,
                kernel_size,
                padding_left,
                softmax,
                dropout: (probability > 0.0).then_some(Mask { seed: 9, probability }),
            };
            let (x, z) = (random([batch, in_len, width]), random([1]));
            let filters = random([batch, len, heads * kernel_size]) * 2.0;
            agree(
                [&x, &filters, &z],
                |x: Tensor<3>, f: Tensor<3>, z: Tensor<1>| dynamic_conv(x, f, &conv) + z.unsqueeze(),
                |x, f, z| depthwise_conv::composed_dynamic_conv(x, f, &conv) + z.unsqueeze(),
            );
            let filters = random([heads, kernel_size]) * 2.0;
            agree(
                [&x, &filters, &z],
                |x: Tensor<3>, f: Tensor<2>, z: Tensor<1>| lightweight_conv(x, f, len, &conv) + z.unsqueeze(),
                |x, f, z| depthwise_conv::composed_lightweight_conv(x, f, len, &conv) + z.unsqueeze(),
            );
        }
    }
}

#[test]
fn a_convolution_of_impulses_is_its_filter() {
    // One channel; an impulse at place 2 of 6 reaches place t by tap 2 - t + padding.
    let device = Device::flex();
    let x = Tensor::<3>::from_floats([[[0.0], [0.0], [1.0], [0.0], [0.0], [0.0]]], &device);
    let filters = Tensor::<2>::from_floats([[2.0, 3.0, 5.0]], &device);
    for (padding_left, expected) in [
        (1, [0.0, 5.0, 3.0, 2.0, 0.0, 0.0]),
        (2, [0.0, 0.0, 5.0, 3.0, 2.0, 0.0]),
    ] {
        let conv = DepthwiseConv {
            heads: 1,
            kernel_size: 3,
            padding_left,
            softmax: false,
            dropout: None,
        };
        let y = lightweight_conv(x.clone(), filters.clone(), 6, &conv).into_data();
        assert_eq!(y.as_slice::<f32>().unwrap(), expected);
    }
}

#[test]
fn a_convolution_over_a_scattered_past_agrees() {
    let (width, heads, kernel_size) = (48, 2, 5);
    // Two rows, then four that come from them, then three of those four.
    let steps = [2, 4, 3].map(|rows| random([rows, width]));
    let ancestors = [vec![1, 0, 1], vec![3, 0, 2], vec![0, 1, 2]];
    for (filter_rows, softmax, probability) in [(3, true, 0.0), (1, false, 0.3), (1, true, 0.0)] {
        let filters = random([filter_rows, 1, heads * kernel_size]);
        let conv = DepthwiseConv {
            heads,
            kernel_size,
            padding_left: 0,
            softmax,
            dropout: (probability > 0.0).then_some(Mask { seed: 4, probability }),
        };
        let ours = scattered_conv(&steps, &ancestors, filters.clone(), &conv);
        let theirs = depthwise_conv::composed_scattered_conv(&steps, &ancestors, filters, &conv);
        assert_eq!(ours.dims(), [3, 1, width]);
        assert!(largest(theirs.clone()) > 0.1);
        assert!(largest(ours - theirs) < 1e-5);
    }
}

#[test]
fn the_gaussian_error_linear_unit_agrees() {
    for by_tanh in [false, true] {
        // Some numbers far from 0, where it is 0 or its argument.
        let (x, y, z) = (random([3, 40, 7]) * 8.0, random([3, 40, 7]), random([1]));
        agree(
            [&x, &y, &z],
            |x: Tensor<3>, y: Tensor<3>, z: Tensor<1>| gelu(x, by_tanh) + y + z.unsqueeze(),
            |x, y, z| gelu::composed_gelu(x, by_tanh) + y + z.unsqueeze(),
        );
    }
}

#[test]
fn the_gated_linear_unit_agrees() {
    for width in [1, 7, 64] {
        let (x, y, z) = (
            random([3, 40, 2 * width]) * 4.0,
            random([3, 40, width]),
            random([1]),
        );
        agree(
            [&x, &y, &z],
            |x: Tensor<3>, y: Tensor<3>, z: Tensor<1>| glu(x) + y + z.unsqueeze(),
            |x, y, z| glu::composed_glu(x) + y + z.unsqueeze(),
        );
    }
}

#[test]
fn the_lstm_agrees_in_both_directions_and_with_padding_on_either_side() {
    let device = Device::flex();
    for (batch, len, hidden) in [(3, 2, 5), (4, 6, 16), (9, 13, 40)] {
        let gates = random([batch, len, 4 * hidden]) * 2.0;
        let (weight, z) = (random([4 * hidden, hidden]) * 0.5, random([1]));
        let pads = (0..batch).flat_map(|row| {
            (0..len).map(move |t| match row % 3 {
                0 => false,
                1 => t < row.min(len - 1),
                _ => t + row.min(len - 1) >= len,
            })
        });
        let is_pad = TensorData::new(pads.collect::<Vec<bool>>(), [batch, len]);
        let is_pad = Tensor::<2, Bool>::from_bool(is_pad, &device);
        for reverse in [false, true] {
            agree(
                [&gates, &weight, &z],
                |g: Tensor<3>, w: Tensor<2>, z: Tensor<1>| {
                    lstm(g, w, is_pad.clone(), reverse, Precision::Fp32) + z.unsqueeze()
                },
                |g, w, z| lstm::composed_lstm(g, w, is_pad.clone(), reverse) + z.unsqueeze(),
            );
        }
        let (gates, cell) = (random([batch, 4 * hidden]) * 2.0, random([batch, hidden]));
        agree(
            [&gates, &cell, &z],
            |g: Tensor<2>, c: Tensor<2>, z: Tensor<1>| (lstm_cell(g, c) + z.unsqueeze()).unsqueeze(),
            |g, c, z| (lstm::composed_lstm_cell(g, c) + z.unsqueeze()).unsqueeze(),
        );
    }
}

fn flat<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let count = x.shape().num_elements();
    x.reshape([count])
}

/// [`lstm_decoder`] step by step, from Burn's operations.
fn composed_lstm_decoder(
    [gates, weight, state, source]: [Tensor<3>; 4],
    [bias, input_proj, output_proj]: [Tensor<2>; 3],
    is_pad: Option<Tensor<2, Bool>>,
    masks: &[Option<Mask>],
) -> Tensor<3> {
    let ([batch, len, _], [layers, _, both]) = (gates.dims(), weight.dims());
    let ([_, _, width], hidden) = (source.dims(), both / 2);
    let of_layer = |x: &Tensor<3>, layer: usize| x.clone().slice(layer..layer + 1).squeeze_dim::<2>(0);
    let dropped = |x: Tensor<2>, mask: Option<Mask>| match mask {
        Some(mask) => composed::dropout(x, mask),
        None => x,
    };
    let mut states: Vec<Tensor<2>> = (0..layers).map(|layer| of_layer(&state, layer)).collect();
    let mut x = states[0].clone().slice([0..batch, 0..hidden]).zeros_like();
    let mut results = Vec::new();
    for t in 0..len {
        let mut last = x.clone();
        for (layer, state) in states.iter_mut().enumerate() {
            if layer > 0 {
                x = dropped(x, masks[t * layers + layer - 1]);
            }
            let before = state.clone().slice([0..batch, 0..hidden]);
            let inputs = Tensor::cat(vec![x, before], 1).unsqueeze_dim(1);
            let bias = bias.clone().slice(layer..layer + 1).squeeze_dim(0);
            let mut now = composed::linear(inputs, of_layer(&weight, layer), Some(bias)); // [batch, 1, 4 * hidden]
            if layer == 0 {
                now = now + gates.clone().slice([0..batch, t..t + 1]);
            }
            let cell = state.clone().slice([0..batch, hidden..both]);
            *state = lstm::composed_lstm_cell(now.squeeze_dim(1), cell);
            x = state.clone().slice([0..batch, 0..hidden]);
            last = x.clone();
        }
        if let Some(is_pad) = &is_pad {
            let hidden: Tensor<3> = last.clone().unsqueeze_dim(1);
            let queries = composed::linear(hidden.clone(), input_proj.clone(), None) * (width as f64).sqrt();
            let (source, is_pad) = (source.clone(), Some(is_pad.clone()));
            let context = composed::attention(queries, source.clone(), source, 1, is_pad, false, None);
            let found = Tensor::cat(vec![context, hidden], 2);
            x = activation::tanh(composed::linear(found, output_proj.clone(), None)).squeeze_dim(1);
        }
        x = dropped(x, masks[(t + 1) * layers - 1]);
        results.push(Tensor::cat(vec![x.clone(), last], 1));
    }
    Tensor::stack(results, 1)
}

#[test]
fn the_lstm_decoder_agrees_with_and_without_attention_and_dropout() {
    let device = Device::flex();
    for (batch, len, layers, hidden, src_len, width) in
        [(3, 1, 1, 5, 4, 6), (2, 4, 2, 16, 7, 12), (11, 6, 3, 20, 5, 24)]
    {
        let threes = [
            random([batch, len, 4 * hidden]),
            random([layers, 4 * hidden, 2 * hidden]) * 0.4,
            random([layers, batch, 2 * hidden]),
            random([batch, src_len, width]),
        ];
        let twos = [
            random([layers, 4 * hidden]),
            random([width, hidden]) * 0.4,
            random([hidden, width + hidden]) * 0.4,
        ];
        // Padding on the right, on the left, and nothing else in the last sentence.
        let pads = (0..batch).flat_map(|row| {
            (0..src_len).map(move |s| match row {
                _ if row + 1 == batch => true,
                0 => s >= 2,
                _ => s < row % 3,
            })
        });
        let is_pad = TensorData::new(pads.collect::<Vec<bool>>(), [batch, src_len]);
        let is_pad = Tensor::<2, Bool>::from_bool(is_pad, &device);
        let masks = |probability: f64| -> Vec<Option<Mask>> {
            let mask = |seed| (probability > 0.0).then_some(Mask { seed, probability });
            (0..(len * layers) as u64).map(mask).collect()
        };
        let weights = Tensor::from_inner(random([batch, len, 2 * hidden]));
        for (is_pad, masks) in [
            (Some(is_pad.clone()), masks(0.0)),
            (Some(is_pad), masks(0.3)),
            (None, masks(0.3)),
        ] {
            let run = |ours: bool| {
                let (threes, twos) = (threes.each_ref().map(leaf), twos.each_ref().map(leaf));
                let result = if ours {
                    let [gates, weight, state, source] = threes.clone();
                    let [bias, input_proj, output_proj] = twos.clone();
                    let attention = is_pad.clone().map(|is_pad| LstmAttention {
                        source,
                        is_pad,
                        input_proj,
                        output_proj,
                    });
                    lstm_decoder(
                        gates,
                        weight,
                        bias,
                        state,
                        attention,
                        masks.clone(),
                        Precision::Fp32,
                    )
                } else {
                    composed_lstm_decoder(threes.clone(), twos.clone(), is_pad.clone(), &masks)
                };
                let grads = (result.clone() * weights.clone()).sum().backward();
                let of_threes = threes.map(|x| x.grad(&grads).map(flat));
                let of_twos = twos.map(|x| x.grad(&grads).map(flat));
                let mut found = vec![Some(flat(result.inner()))];
                found.extend(of_threes.into_iter().chain(of_twos));
                found
            };
            let (ours, theirs) = (run(true), run(false));
            assert_eq!(
                theirs.iter().flatten().count(),
                if is_pad.is_some() { 8 } else { 5 }
            );
            for (number, (ours, theirs)) in ours.into_iter().zip(theirs).enumerate() {
                let (Some(ours), Some(theirs)) = (ours.clone(), theirs.clone()) else {
                    assert!(
                        ours.is_none() && theirs.is_none(),
                        "only one has gradient {number}"
                    );
                    continue;
                };
                let most = largest(theirs.clone());
                let off = largest(ours - theirs);
                assert!(
                    off < 1e-4 * most.max(1.0),
                    "{number} differs by {off:e} of {most:e}"
                );
            }
        }
    }
}

#[test]
fn the_loss_agrees() {
    let device = Device::flex();
    let logits = random([40, 37]) * 4.0;
    let ids: Vec<i64> = (0..40).map(|i| (i * 7) % 37).collect();
    let target = Tensor::<1, Int>::from_data(TensorData::new(ids, [40]), &device);
    for epsilon in [0.0, 0.1] {
        type Loss = fn(Tensor<2>, Tensor<1, Int>, usize, f64) -> (Tensor<1>, Tensor<1>);
        let results = [label_smoothed_nll as Loss, composed::label_smoothed_nll].map(|f| {
            let logits = leaf(&logits);
            let (loss, nll) = f(logits.clone(), target.clone(), 1, epsilon);
            let grads = (loss.clone() * 0.5 + nll.clone() * 0.25).backward();
            (
                loss.into_scalar::<f32>(),
                nll.into_scalar::<f32>(),
                logits.grad(&grads).unwrap(),
            )
        });
        let [ours, theirs] = results;
        assert!(
            (ours.0 - theirs.0).abs() < 1e-5 * theirs.0,
            "{} {}",
            ours.0,
            theirs.0
        );
        assert!(
            (ours.1 - theirs.1).abs() < 1e-5 * theirs.1,
            "{} {}",
            ours.1,
            theirs.1
        );
        let off = largest(ours.2 - theirs.2);
        assert!(off < 1e-6, "gradients differ by {off:e}");
    }
}

const ADAM: AdamStep = AdamStep {
    beta1: 0.9,
    beta2: 0.98,
    eps: 1e-8,
    grad_factor: 0.5,
    decay: 0.999,
    step_size: 1e-3,
};

#[test]
fn adam_agrees() {
    let [param, grad, first] = [(); 3].map(|_| random([70, 900]));
    let second = random([70, 900]).square();
    let before = [param.clone(), first.clone(), second.clone()];
    let ours = adam_step(
        [param.clone(), grad.clone(), first.clone(), second.clone()],
        &ADAM,
    );
    let theirs = composed::adam_step([param, grad, first, second], &ADAM);
    for ((ours, theirs), before) in ours.into_iter().zip(theirs).zip(before) {
        assert!(largest(theirs.clone() - before) > 1e-3, "nothing has moved");
        assert!(largest(ours - theirs) < 1e-6);
    }
}

#[test]
fn adam_with_a_factor_on_the_device_agrees_and_is_left_out_where_that_is_not_a_number() {
    let [param, grad, first] = [(); 3].map(|_| random([7, 9]));
    let second = random([7, 9]).square();
    let with = |factor: f32, grad: &Tensor<2>| {
        let factor = Tensor::from_floats([factor], &Device::flex());
        let (param, first, second) = (param.clone(), first.clone(), second.clone());
        adam_step_on_device([param, grad.clone(), first, second], &ADAM, factor)
    };
    let expected = adam_step(
        [param.clone(), grad.clone(), first.clone(), second.clone()],
        &ADAM,
    );
    for (ours, theirs) in with(0.5, &grad).into_iter().zip(expected) {
        assert!(largest(ours - theirs) < 1e-6);
    }
    let broken = grad.clone() * f32::NAN;
    for (ours, old) in with(f32::NAN, &broken)
        .into_iter()
        .zip([param.clone(), first.clone(), second.clone()])
    {
        assert_eq!(ours.into_data(), old.into_data());
    }
}

#[test]
fn squares_are_summed() {
    let x: Tensor<3> = random([3, 50, 7]);
    let expected: f64 = x.to_data().iter::<f64>().map(|x| x * x).sum();
    let sum: f32 = sum_of_squares(x).into_scalar();
    assert!((f64::from(sum) / expected - 1.0).abs() < 1e-5);
    let inf: f32 =
        sum_of_squares(Tensor::<1>::from_floats([1.0, f32::INFINITY], &Device::flex())).into_scalar();
    assert_eq!(inf, f32::INFINITY);
}

#[test]
fn attention_over_a_scattered_past_agrees() {
    let (d_model, heads) = (24, 3);
    // Two rows, then four that come from them, then three of those four.
    let steps = [2, 4, 3].map(|rows| (random([rows, d_model]), random([rows, d_model])));
    let (keys, values): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    let ancestors = [vec![1, 0, 1], vec![3, 0, 2], vec![0, 1, 2]];
    let queries = random([3, 1, d_model]);
    let ours = cached_attention(queries.clone(), &keys, &values, &ancestors, heads, None);
    let theirs = composed::cached_attention(queries.clone(), &keys, &values, &ancestors, heads, None);
    assert!(largest(ours - theirs) < 1e-5);

    // The past of the second row lacks the first step.
    let lacking = [vec![1, NO_ANCESTOR, 1], vec![3, 0, 2], vec![0, 1, 2]];
    let ours = cached_attention(queries.clone(), &keys, &values, &lacking, heads, None);
    let theirs = composed::cached_attention(queries.clone(), &keys, &values, &lacking, heads, None);
    assert!(largest(ours.clone() - theirs) < 1e-5);
    let shorter = cached_attention(queries, &keys[1..], &values[1..], &ancestors[1..], heads, None);
    let second = |x: Tensor<3>| x.slice([1..2, 0..1, 0..d_model]);
    assert_eq!(largest(second(ours) - second(shorter)), 0.0);
}
