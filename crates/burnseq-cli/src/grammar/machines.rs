//! Flags about processes, hosts and devices: one process does all the work here, on the devices of one host.

use super::tables::{Harmless, Refused, number, off, switch, value, words};
use crate::grammar::reasons::{DEVICE, HOSTS, ONE_PROCESS, PIPELINE, SLOWMO};

/// Those that change nothing.
pub(crate) const MACHINES_HARMLESS: &[Harmless] = &[
    switch("broadcast-buffers", ONE_PROCESS),
    value("bucket-cap-mb", ONE_PROCESS),
    switch("cpu-offload", ONE_PROCESS),
    words(
        "ddp-backend",
        &["c10d", "fully_sharded", "legacy_ddp", "no_c10d", "pytorch_ddp"],
        ONE_PROCESS,
    ),
    value("ddp-comm-hook", ONE_PROCESS),
    number("device-id", off, ONE_PROCESS),
    value("distributed-backend", ONE_PROCESS),
    value("distributed-init-method", ONE_PROCESS),
    switch("distributed-no-spawn", ONE_PROCESS),
    value("distributed-num-procs", ONE_PROCESS),
    value("distributed-port", ONE_PROCESS),
    number("distributed-rank", off, ONE_PROCESS),
    switch("fast-stat-sync", ONE_PROCESS),
    switch("find-unused-parameters", ONE_PROCESS),
    switch(
        "fix-batches-to-gpus",
        "every epoch shuffles its batches over all devices",
    ),
    switch("fp32-reduce-scatter", ONE_PROCESS),
    switch("gradient-as-bucket-view", ONE_PROCESS),
    value("heartbeat-timeout", ONE_PROCESS),
    number("local_rank", off, ONE_PROCESS),
    value("localsgd-frequency", SLOWMO),
    switch("no-reshard-after-forward", ONE_PROCESS),
    switch("not-fsdp-flatten-parameters", ONE_PROCESS),
    value("nprocs-per-node", ONE_PROCESS),
    value("pipeline-balance", PIPELINE),
    value("pipeline-checkpoint", PIPELINE),
    value("pipeline-chunks", PIPELINE),
    value("pipeline-decoder-balance", PIPELINE),
    value("pipeline-decoder-devices", PIPELINE),
    value("pipeline-devices", PIPELINE),
    value("pipeline-encoder-balance", PIPELINE),
    value("pipeline-encoder-devices", PIPELINE),
    value("slowmo-base-algorithm", SLOWMO),
    value("slowmo-momentum", SLOWMO),
    switch("use-sharded-state", ONE_PROCESS),
    value("zero-sharding", ONE_PROCESS),
];

/// Those that are refused, where they ask for more than one process.
pub(crate) const MACHINES: &[Refused] = &[
    (
        "ddp-backend",
        "leave it out; every update sums the gradients of all devices",
    ),
    ("device-id", DEVICE),
    ("distributed-rank", HOSTS),
    ("local_rank", DEVICE),
    (
        "pipeline-model-parallel",
        "leave it out; a model is not divided among devices",
    ),
];
