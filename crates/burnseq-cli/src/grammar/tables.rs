//! Flags of fairseq that binaries take without needing them, or refuse: what an entry says, and the tables that several
//! binaries share.

use crate::grammar::reasons::{FLOAT32, NO_AMP, NO_SCALE, OF_TRAIN, PLASMA, TRACKER};

/// A flag of fairseq, without its dashes, and what to do instead.
pub type Refused = (&'static str, &'static str);

/// A flag of fairseq that changes nothing here, and is taken with a note.
#[derive(Debug, Clone, Copy)]
pub struct Harmless {
    /// Its name without dashes.
    pub name: &'static str,
    /// Whether a value follows.
    pub arity: Arity,
    /// Values with which it changes nothing.
    pub allowed: Allowed,
    /// Why it changes nothing.
    pub why: &'static str,
}

/// How many values follow a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// None.
    Switch,
    /// One.
    Value,
    /// One behind an equals sign, or none.
    Optional,
}

/// Values with which a flag changes nothing.
#[derive(Debug, Clone, Copy)]
pub enum Allowed {
    /// All.
    Any,
    /// These.
    Words(&'static [&'static str]),
    /// Numbers of which this is true.
    Numbers(fn(f64) -> bool),
}

impl Harmless {
    /// Whether it changes nothing with this value.
    pub(super) fn allows(&self, value: &str) -> bool {
        match self.allowed {
            Allowed::Any => true,
            Allowed::Words(words) => words.contains(&value),
            Allowed::Numbers(allows) => value.parse().is_ok_and(allows),
        }
    }
}

/// A flag without a value.
pub(crate) const fn switch(name: &'static str, why: &'static str) -> Harmless {
    Harmless {
        name,
        arity: Arity::Switch,
        allowed: Allowed::Any,
        why,
    }
}

/// A flag that changes nothing whatever its value is.
pub(crate) const fn value(name: &'static str, why: &'static str) -> Harmless {
    Harmless {
        name,
        arity: Arity::Value,
        allowed: Allowed::Any,
        why,
    }
}

/// A flag that changes nothing with these values, and is refused with others.
pub(crate) const fn words(name: &'static str, words: &'static [&'static str], why: &'static str) -> Harmless {
    Harmless {
        name,
        arity: Arity::Value,
        allowed: Allowed::Words(words),
        why,
    }
}

/// A flag that changes nothing with some numbers, and is refused with others.
pub(crate) const fn number(name: &'static str, allows: fn(f64) -> bool, why: &'static str) -> Harmless {
    Harmless {
        name,
        arity: Arity::Value,
        allowed: Allowed::Numbers(allows),
        why,
    }
}

/// A flag whose value may be left out.
pub(crate) const fn optional(name: &'static str, why: &'static str) -> Harmless {
    Harmless {
        name,
        arity: Arity::Optional,
        allowed: Allowed::Any,
        why,
    }
}

/// 0, and what fairseq writes as -1: off.
pub(crate) fn off(number: f64) -> bool {
    number <= 0.0
}

/// The only one, or the first one counted from 0.
pub(crate) fn one(number: f64) -> bool {
    number == 1.0
}

/// Truth values as Python spells them.
pub(crate) const BOOLEANS: &[&str] = &["True", "False", "true", "false", "0", "1"];

/// Post-processing that a flag may name as the next word; any other mark goes behind an equals sign.
pub(crate) const MARKS: &[&str] = &[
    "@@",
    "@@ ",
    "subword_nmt",
    "sentencepiece",
    "wordpiece",
    "letter",
    "silence",
    "_EOW",
    "none",
];

/// Options of every tool of fairseq that change nothing in any binary.
pub(crate) const COMMON_HARMLESS: &[Harmless] = &[
    value("aim-repo", TRACKER),
    value("aim-run-hash", TRACKER),
    value("all-gather-list-size", "processes exchange no lists"),
    value("amp-batch-retries", NO_AMP),
    value("amp-init-scale", NO_AMP),
    value("amp-scale-window", NO_AMP),
    switch("azureml-logging", TRACKER),
    value("empty-cache-freq", "memory is reused by itself"),
    switch(
        "fp16-no-flatten-grads",
        "gradients are not copied, so there is nothing to flatten",
    ),
    number("model-parallel-size", one, "a model is not divided among devices"),
    switch(
        "on-cpu-convert-precision",
        "numbers are converted where they are used",
    ),
    value("plasma-path", PLASMA),
    switch("profile", "use a profiler of the system, such as `perf record`"),
    switch("reset-logging", "there is one log"),
    switch("use-plasma-view", PLASMA),
];

/// Trackers that every tool of fairseq takes and only training writes to.
pub(crate) const TRACKERS_HARMLESS: &[Harmless] = &[
    value(
        "tensorboard-logdir",
        "training alone has curves; `train` has this option, too",
    ),
    value("wandb-project", TRACKER),
];

/// Options of every tool of fairseq that no binary takes.
pub(crate) const COMMON: &[Refused] = &[
    ("amp", FLOAT32),
    ("memory-efficient-bf16", FLOAT32),
    ("memory-efficient-fp16", FLOAT32),
    (
        "model-parallel-size",
        "leave it out; a model is not divided among devices",
    ),
    (
        "quantization-config-path",
        "leave it out; weights are not quantised",
    ),
    ("simul-type", "leave it out; there are no simultaneous models"),
    (
        "suppress-crashes",
        "look at the exit code: 0 success, 1 the run failed, 2 wrong usage",
    ),
    ("tpu", "leave it out; there is no TPU support"),
    (
        "user-dir",
        "plug-ins in Python cannot be loaded; a new model or loss is a file in burnseq's own crates",
    ),
];

/// Options of training that every tool of fairseq takes without using them.
pub(crate) const TRAINING_HARMLESS: &[Harmless] = &[
    value("criterion", OF_TRAIN),
    value("fp16-init-scale", NO_SCALE),
    value("fp16-scale-tolerance", NO_SCALE),
    value("fp16-scale-window", NO_SCALE),
    value("lr-scheduler", OF_TRAIN),
    value("min-loss-scale", NO_SCALE),
    value("optimizer", OF_TRAIN),
    value("threshold-loss-scale", NO_SCALE),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_change_nothing_are_told_from_those_that_would() {
        let flag = number("x", off, "");
        assert!(flag.allows("0") && flag.allows("0.0") && flag.allows("-1"));
        assert!(!flag.allows("1") && !flag.allows("nan") && !flag.allows("x"));
        assert!(words("x", &["{}"], "").allows("{}") && !words("x", &["{}"], "").allows("{1}"));
        assert!(value("x", "").allows("anything"));
    }
}
