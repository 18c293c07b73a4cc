//! Sums over the replicas of a model, which data parallelism takes of their gradients.

use std::sync::mpsc::{Receiver, Sender, channel};

use burn::tensor::distributed::{ReduceOperation, all_reduce};
use burn::tensor::{Device, Tensor};

type Tensors = Vec<Tensor<1>>;

/// One replica's end of the sums.
pub(super) trait AllReduce: Send {
    /// The sums over all replicas, the same bits for each of them.
    ///
    /// Every replica calls this on a thread of its own, with tensors of the same lengths in the same order.
    fn sum(&mut self, tensors: Tensors) -> Tensors;
}

/// The ends of the sums of replicas on `devices`, in this order.
pub(super) fn ends(devices: &[Device]) -> Vec<Box<dyn AllReduce>> {
    if devices.iter().all(|device| *device == Device::flex()) {
        return in_process(devices.len());
    }
    let collective = Collective {
        devices: devices.to_vec(),
    };
    let end = || -> Box<dyn AllReduce> { Box::new(collective.clone()) };
    devices.iter().map(|_| end()).collect()
}

/// GPUs, by the collective operation of Burn (NCCL).
///
/// Not yet run on a machine with several GPUs.
#[derive(Debug, Clone)]
struct Collective {
    devices: Vec<Device>,
}

impl AllReduce for Collective {
    fn sum(&mut self, tensors: Tensors) -> Tensors {
        let sum = |tensor| all_reduce(tensor, ReduceOperation::Sum, self.devices.clone()).resolve();
        joined(tensors, sum)
    }
}

/// What `map` makes of tensors that are joined to one: every collective operation waits for its device.
fn joined(tensors: Tensors, map: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Tensors {
    let lengths = tensors.iter().map(|tensor| tensor.dims()[0]).collect();
    map(Tensor::cat(tensors, 0)).split_with_sizes(lengths, 0)
}

/// The first replica on the processor: it adds up what the others send, in their order, and sends them the sums.
#[derive(Debug)]
struct Root(Vec<(Receiver<Tensors>, Sender<Tensors>)>);

/// Any other replica on the processor.
#[derive(Debug)]
struct Leaf {
    root: Sender<Tensors>,
    sums: Receiver<Tensors>,
}

/// Why a replica that waits for another one is not left waiting.
const ALIVE: &str = "replicas sum up only after all of them have told that they can";

impl AllReduce for Root {
    fn sum(&mut self, mut tensors: Tensors) -> Tensors {
        for (leaf, _) in &self.0 {
            let other = leaf.recv().expect(ALIVE);
            tensors = tensors.into_iter().zip(other).map(|(a, b)| a + b).collect();
        }
        for (_, leaf) in &self.0 {
            leaf.send(tensors.clone()).expect(ALIVE);
        }
        tensors
    }
}

impl AllReduce for Leaf {
    fn sum(&mut self, tensors: Tensors) -> Tensors {
        self.root.send(tensors).expect(ALIVE);
        self.sums.recv().expect(ALIVE)
    }
}

/// Ends for replicas on the processor.
fn in_process(replicas: usize) -> Vec<Box<dyn AllReduce>> {
    let mut leaves: Vec<Box<dyn AllReduce>> = Vec::new();
    let mut root = Vec::new();
    for _ in 1..replicas {
        let (to_root, from_leaf) = channel();
        let (to_leaf, from_root) = channel();
        root.push((from_leaf, to_leaf));
        leaves.push(Box::new(Leaf {
            root: to_root,
            sums: from_root,
        }));
    }
    leaves.insert(0, Box::new(Root(root)));
    leaves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_replica_gets_the_sums_in_the_order_of_the_replicas() {
        // In f32 the order shows: 1e8 + 1 is 1e8.
        let values = [[1e8, 1.0], [1.0, 2.0], [-1e8, 3.0]];
        let device = Device::flex();
        let threads: Vec<_> = ends(&vec![device.clone(); 3])
            .into_iter()
            .zip(values)
            .map(|(mut end, [a, b])| {
                let tensors = vec![
                    Tensor::from_floats([a], &device),
                    Tensor::from_floats([b, -b], &device),
                ];
                std::thread::spawn(move || end.sum(tensors))
            })
            .collect();
        for thread in threads {
            let sums = thread.join().unwrap().into_iter();
            let sums: Vec<Vec<f32>> = sums.map(|sum| sum.into_data().try_to_vec().unwrap()).collect();
            assert_eq!(sums, [vec![0.0], vec![6.0, -6.0]]);
        }
    }

    #[test]
    fn joined_tensors_come_apart_again() {
        let device = Device::flex();
        let tensors = vec![
            Tensor::from_floats([1.0], &device),
            Tensor::from_floats([2.0, 3.0, 4.0], &device),
        ];
        let doubled = joined(tensors, |tensor| tensor * 2.0).into_iter();
        let doubled: Vec<Vec<f32>> = doubled
            .map(|tensor| tensor.into_data().try_to_vec().unwrap())
            .collect();
        assert_eq!(doubled, [vec![2.0], vec![4.0, 6.0, 8.0]]);
    }
}
