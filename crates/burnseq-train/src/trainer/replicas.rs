//! Data parallelism: replicas of the model, each of which computes the gradients of its share of an update.
//!
//! The first replica is the trainer's own; each of the others is a thread with a model and an optimiser on its device. All
//! of them apply the same updates to the same weights, so that the first one's are those of the run: it alone validates,
//! logs and saves, and a checkpoint does not tell how many replicas there were.
//!
//! The batches of an update, their order and their dropout masks are those of one replica that has all of them, which
//! `--update-freq` can do as well; only the order of the additions differs. (fairseq draws the same masks on every replica.)

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use burn::module::{Module, ParamId};
use burn::tensor::Device;
use burnseq_data::Batch;

use super::all_reduce::{self, AllReduce};
use super::backprop::{Gradients, Learner, Pass};
use crate::error::Result;
use crate::gradients::Accumulated;
use crate::log::Tally;
use crate::optim::{Optimizer, OptimizerConfig};
use crate::out_of_memory::Part;

/// Shares the batches of an update, each in one or more parts, out to replicas: number `r` gets every `replicas`-th of
/// them, beginning with the `r`-th, as in fairseq. At the end of an epoch there may be none left for some.
pub(super) fn share_out<B: Batch>(batches: &[Vec<B>], replicas: usize) -> Vec<Vec<Part<B>>> {
    let mut shares: Vec<Vec<Part<B>>> = (0..replicas).map(|_| Vec::new()).collect();
    let mut number = 0;
    for (position, parts) in batches.iter().enumerate() {
        for batch in parts {
            shares[position % replicas].push(Part::whole(number, batch.clone()));
            number += 1;
        }
    }
    shares
}

/// What a replica is told to do.
enum Order<B> {
    /// Compute the gradients of a share, and tell when they are there.
    Gradients(Vec<Part<B>>, Pass),
    /// Replace the gradients of these parameters by their sums over all replicas.
    Sum(Arc<HashSet<ParamId>>),
    /// Apply them, multiplied by a factor.
    Step { factor: f64, lr: f64 },
}

/// That a replica has the gradients of its share.
struct Done {
    tally: Tally,
    /// What there is to say to the user.
    notes: Vec<String>,
    /// Parameters that have a gradient.
    params: Vec<ParamId>,
}

/// The replicas beside the trainer's own, and its end of the sums.
pub(super) struct Replicas<B> {
    // Dropped before the workers, so that none of them waits for a sum while it is waited for.
    all_reduce: Box<dyn AllReduce>,
    workers: Vec<Worker<B>>,
}

impl<B: Batch> Replicas<B> {
    /// Starts a replica of `model` and `optimizer` on each of `devices`.
    ///
    /// # Errors
    /// When the state of the optimiser cannot be copied.
    pub(super) fn start<M: Module + 'static>(
        learner: &Learner<M, B>,
        model: &M,
        optimizer: &Optimizer,
        config: &OptimizerConfig,
        devices: &[Device],
    ) -> Result<Self> {
        let mut all_devices = vec![learner.backprop.device.clone().without_autodiff()];
        all_devices.extend_from_slice(devices);
        let mut ends = all_reduce::ends(&all_devices).into_iter();
        let own = ends.next().expect("there is an end for each device");
        let mut workers = Vec::new();
        for (device, all_reduce) in devices.iter().zip(ends) {
            let learner = learner.on(device);
            let copy = model.clone().fork(&learner.backprop.device);
            let mut own_optimizer = config.init(&copy)?;
            own_optimizer.load_state_dict(&copy, optimizer.state_dict(model))?;
            workers.push(Worker::start(learner, copy, own_optimizer, all_reduce));
        }
        Ok(Self {
            all_reduce: own,
            workers,
        })
    }

    /// Gradients of all shares, the first of which is the trainer's own, summed on every replica.
    ///
    /// A parameter that has a gradient on some replica has one on all, as in fairseq.
    ///
    /// # Errors
    /// When what a replica has to compute does not fit in the memory of its device; see [`Learner::gradients`].
    ///
    /// # Panics
    /// When a replica panics.
    pub(super) fn gradients<M: Module>(
        &mut self,
        learner: &mut Learner<M, B>,
        model: &M,
        shares: Vec<Vec<Part<B>>>,
        pass: Pass,
    ) -> Result<Gradients> {
        let mut shares = shares.into_iter();
        let own = shares.next().expect("there is a share for each replica");
        for (worker, share) in self.workers.iter_mut().zip(shares) {
            worker.order(Order::Gradients(share, pass));
        }
        let mut gradients = learner.gradients(model, own, pass)?;
        let mut params: HashSet<ParamId> = gradients.sum.params(model).into_iter().collect();
        for worker in &mut self.workers {
            let done = worker.done()?;
            gradients.tally.add_share(done.tally);
            learner.memory.add_notes(done.notes);
            params.extend(done.params);
        }
        // Only now: a replica that had failed would leave the others waiting for its gradients.
        let params = Arc::new(params);
        for worker in &mut self.workers {
            worker.order(Order::Sum(Arc::clone(&params)));
        }
        let sum = |flat| self.all_reduce.sum(flat);
        gradients.sum.map_flat(model, &params, sum);
        Ok(gradients)
    }

    /// Applies the gradients on the replicas beside the trainer's own; `factor` is that of [`Accumulated::factor`].
    pub(super) fn step(&mut self, factor: f64, lr: f64) {
        for worker in &mut self.workers {
            worker.order(Order::Step { factor, lr });
        }
    }
}

/// The thread of a replica.
struct Worker<B> {
    /// `None` once dropped, which tells the thread to end.
    orders: Option<Sender<Order<B>>>,
    done: Receiver<Result<Done>>,
    thread: Option<JoinHandle<()>>,
}

impl<B: Batch> Worker<B> {
    fn start<M: Module + 'static>(
        learner: Learner<M, B>,
        model: M,
        optimizer: Optimizer,
        all_reduce: Box<dyn AllReduce>,
    ) -> Self {
        let (orders, received) = channel();
        let (sender, done) = channel();
        let thread =
            std::thread::spawn(move || work(learner, model, optimizer, all_reduce, received, &sender));
        Self {
            orders: Some(orders),
            done,
            thread: Some(thread),
        }
    }

    fn order(&mut self, order: Order<B>) {
        let orders = self.orders.as_ref().expect("it is only taken when dropped");
        if orders.send(order).is_err() {
            self.raise();
        }
    }

    fn done(&mut self) -> Result<Done> {
        match self.done.recv() {
            Ok(done) => done,
            Err(_) => self.raise(),
        }
    }

    /// Raises the panic that ended the thread.
    fn raise(&mut self) -> ! {
        let thread = self.thread.take().expect("a panic is raised once");
        match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("the thread ends when it is told to, or with a panic"),
        }
    }
}

impl<B> Drop for Worker<B> {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was raised by `order` or `done`, or the run ends without it.
            let _ = thread.join();
        }
    }
}

/// Follows orders until there are no more.
fn work<M: Module, B: Batch>(
    mut learner: Learner<M, B>,
    mut model: M,
    mut optimizer: Optimizer,
    mut all_reduce: Box<dyn AllReduce>,
    orders: Receiver<Order<B>>,
    done: &Sender<Result<Done>>,
) {
    let mut gradients = Accumulated::new();
    for order in orders {
        match order {
            Order::Gradients(share, pass) => {
                let computed = learner.gradients(&model, share, pass).map(|computed| {
                    gradients = computed.sum;
                    Done {
                        tally: computed.tally,
                        notes: learner.memory.take_notes(),
                        params: gradients.params(&model),
                    }
                });
                if done.send(computed).is_err() {
                    return;
                }
            }
            Order::Sum(params) => gradients.map_flat(&model, &params, |flat| all_reduce.sum(flat)),
            Order::Step { factor, lr } => {
                let mut sums = std::mem::take(&mut gradients);
                sums.scale(factor);
                model = optimizer.step(model, sums, lr);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burnseq_data::{EpochIterator, EpochOptions, Mt19937, PairBatch};

    use super::*;
    use crate::trainer::fixture::{
        FATAL, LR, Poisonable, assert_moved, clean, config, distance, poisoned, trainer_with, weights,
    };
    use crate::trainer::{Event, TrainConfig};

    /// Batches that are told apart by their one sentence.
    fn batches(ids: impl Iterator<Item = usize>) -> Vec<Vec<PairBatch>> {
        let batch = |id| PairBatch {
            ids: vec![id],
            ..PairBatch::default()
        };
        ids.map(|id| vec![batch(id)]).collect()
    }

    #[test]
    fn replicas_get_the_batches_that_workers_of_fairseq_get() {
        for (count, replicas, update_freq) in [(7, 3, 2), (8, 2, 3), (5, 4, 1), (1, 2, 1)] {
            let ids: Vec<Vec<usize>> = (0..count).map(|id| vec![id]).collect();
            let order: Vec<usize> = EpochIterator::new(ids.clone(), EpochOptions::default())
                .unwrap()
                .epoch_order(1);
            let mut found: Vec<Vec<Vec<usize>>> = vec![Vec::new(); replicas];
            for update in order.chunks(replicas * update_freq) {
                let shares = share_out(&batches(update.iter().copied()), replicas);
                for (found, share) in found.iter_mut().zip(shares) {
                    found.push(share.iter().map(|part| part.batch.ids[0]).collect());
                }
            }
            for (shard_id, found) in found.into_iter().enumerate() {
                let options = EpochOptions {
                    num_shards: replicas,
                    shard_id,
                    ..EpochOptions::default()
                };
                let mut worker = EpochIterator::new(ids.clone(), options).unwrap();
                let taken: Vec<Vec<usize>> =
                    std::iter::from_fn(|| worker.next_batch().map(<[usize]>::to_vec)).collect();
                let expected: Vec<Vec<usize>> = taken.chunks(update_freq).map(<[_]>::concat).collect();
                assert_eq!(
                    found, expected,
                    "{count} batches, replica {shard_id} of {replicas}"
                );
            }
        }
    }

    #[test]
    fn the_parts_of_a_batch_stay_together_and_are_numbered_through() {
        let mut batches = batches(0..4);
        batches[1].push(PairBatch::default());
        let shares = share_out(&batches, 2);
        let numbers = |share: &[Part<PairBatch>]| share.iter().map(|part| part.number).collect::<Vec<_>>();
        assert_eq!(
            (numbers(&shares[0]), numbers(&shares[1])),
            (vec![0, 3], vec![1, 2, 4])
        );
    }

    /// Twenty updates with dropout on batches of one sentence, some of which are poisoned; weights and state, and how
    /// many of the updates were done now rather than before a resumed run.
    fn train(
        replicas: usize,
        update_freq: usize,
        change: impl FnOnce(&mut TrainConfig),
    ) -> (Vec<f32>, serde_json::Value, u64) {
        let mut config = config();
        config.distributed_world_size = replicas;
        config.optimization.update_freq = vec![update_freq];
        config.dataset.batch_size = Some(1);
        config.stop.max_epoch = None;
        config.stop.max_update = Some(20);
        change(&mut config);
        let mut rng = Mt19937::new(1);
        let mut sentences = [clean(), poisoned()].concat();
        sentences.extend((0..15).map(|_| {
            let words = (0..=rng.interval(6)).map(|_| 4 + rng.interval(6) as u32);
            let mut sentence: Vec<u32> = words.collect();
            sentence.push(2);
            sentence
        }));
        let mut trainer = trainer_with(config, sentences, 0.2, Poisonable::new).unwrap();
        let before = weights(&trainer);
        let mut updates = 0;
        let count = &mut |event: Event<'_>| updates += u64::from(matches!(event, Event::Update(_)));
        trainer.run(count).unwrap();
        let after = weights(&trainer);
        // Farther than the first of at least six updates.
        assert_moved(&before, &after, 2.0 * LR);
        let mut state = trainer.state().clone();
        (state.wall, state.train_wall) = (0.0, 0.0);
        (state.interval.seconds, state.epoch.seconds) = (0.0, 0.0);
        (after, serde_json::to_value(state).unwrap(), updates)
    }

    #[test]
    fn replicas_learn_what_one_learns_from_all_their_batches() {
        // Two terms are added in either order with the same result; more are not.
        let (alone, state, updates) = train(1, 2, |_| ());
        assert_ne!(state["interval"]["skipped"], 0, "some updates are skipped");
        assert!(train(2, 1, |_| ()) == (alone, state, updates));
        let (alone, ..) = train(1, 6, |_| ());
        let (shared, ..) = train(3, 2, |_| ());
        let far = distance(&alone, &shared);
        assert!(far > 0.0 && far < 1e-5, "{far}");
    }

    #[test]
    fn a_checkpoint_is_taken_up_by_any_number_of_replicas() {
        let to = |updates, folder: &tempfile::TempDir| {
            let folder = folder.path().to_owned();
            move |config: &mut TrainConfig| {
                config.stop.max_update = Some(updates);
                config.checkpoint.no_save = false;
                config.checkpoint.restore_file = "checkpoint_last".to_owned();
                config.checkpoint.save_dir = folder;
            }
        };
        let [whole, parts] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        train(2, 1, to(7, &parts));
        train(1, 2, to(13, &parts));
        let (resumed, state, updates) = train(2, 1, to(20, &parts));
        assert_eq!(updates, 7, "the run goes on, it does not begin anew");
        assert!((resumed, state, 20) == train(1, 2, to(20, &whole)));
    }

    #[test]
    #[should_panic(expected = "a fatal token")]
    fn the_panic_of_a_replica_ends_the_run() {
        let mut config = config();
        config.distributed_world_size = 2;
        config.dataset.batch_size = Some(1);
        config.dataset.curriculum = u32::MAX;
        // The second batch is for the second replica.
        let sentences = vec![vec![4, 2], vec![FATAL, 5, 2]];
        let mut trainer = trainer_with(config, sentences, 0.0, Poisonable::new).unwrap();
        trainer.run(&mut |_| ()).unwrap();
    }

    #[test]
    fn as_many_devices_are_needed_as_replicas() {
        let mut config = config();
        config.distributed_world_size = 2;
        let mut trainer = trainer_with(config, clean(), 0.0, |model| model)
            .unwrap()
            .with_replicas(Vec::new());
        let error = trainer.run(&mut |_| ()).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("'distributed_world_size' 2"));
    }
}
