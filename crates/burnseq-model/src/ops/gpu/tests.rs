//! The kernels beside the operations of the processor, wherever there is a GPU or a software renderer for Vulkan.

#[cfg(feature = "vulkan")]
use burn::tensor::DeviceType;
use burn::tensor::{Device, Distribution, Tensor, TensorData};

#[cfg(not(feature = "vulkan"))]
use crate::device::DeviceName;
use crate::{dropout::Mask, ops};

/// A GPU, or `None` with a line that says so.
fn gpu() -> Option<Device> {
    #[cfg(feature = "vulkan")]
    let device = Device::enumerate(DeviceType::Vulkan).into_iter().next();
    #[cfg(not(feature = "vulkan"))]
    let device = DeviceName::Cuda(0).open().ok();
    if device.is_none() {
        eprintln!("skipped: there is no GPU");
    }
    device
}

/// Numbers that are the same on every device.
fn numbers<const D: usize>(shape: [usize; D], seed: u64) -> TensorData {
    let host = Device::flex();
    host.seed(seed);
    Tensor::<D>::random(shape, Distribution::Normal(0.0, 2.0), &host).into_data()
}

/// What `f` makes of `inputs` on a device, and their gradients when each element of it is weighed differently. Nothing is
/// summed up: Mesa's software renderer crashes over the kernel that Burn tries for that.
fn run<const N: usize, const D: usize, const E: usize>(
    device: &Device,
    inputs: [TensorData; N],
    f: impl FnOnce([Tensor<D>; N]) -> Tensor<E>,
) -> Vec<Vec<f32>> {
    let device = device.clone().autodiff();
    let leaves = inputs.map(|data| Tensor::<D>::from_data(data, &device).require_grad());
    let output = f(leaves.clone());
    let weights = numbers(output.dims(), 99);
    let weighed = output.clone() * Tensor::from_data(weights, &device);
    let mut grads = weighed.backward();
    let mut found = vec![output.into_data().try_to_vec().unwrap()];
    found.extend(leaves.map(|leaf| {
        let grad = leaf.grad_remove(&mut grads).expect("it takes part");
        grad.into_data().try_to_vec().unwrap()
    }));
    found
}

fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len());
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{number}");
        let most = expected.iter().map(|x| x.abs()).fold(1e-3, f32::max);
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!(
                (found - expected).abs() < 1e-5 * most,
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
        let expected = run(&Device::flex(), inputs.clone(), &f);
        assert_close(&run(&gpu, inputs, &f), &expected);
    }
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
