//! State of Adam: two moments per parameter, by the parameter's number in the order of the model.

use super::checkpoint::FairseqCheckpoint;
use super::names::{Layout, unwrapped};
use crate::error::{Error, Result};
use crate::pickle::{Node, View};
use crate::torch_file::Tensor;

/// State of Adam under today's parameter names.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamState {
    /// Steps taken.
    pub step: u64,
    /// First and second moment by parameter, in the order of the file.
    pub moments: Vec<(String, [Tensor; 2])>,
}

/// Names of the moments.
const STATES: [&str; 2] = ["exp_avg", "exp_avg_sq"];

impl FairseqCheckpoint {
    /// The state of Adam; nothing when the checkpoint was saved without it.
    ///
    /// `without` names the entries of the state dict that the optimiser does not know: those that are another parameter
    /// under a second name, and those that are frozen.
    ///
    /// The moments of mixed-precision runs, which keep all parameters in one vector, are cut into parameters.
    ///
    /// # Errors
    /// Another optimiser than Adam; a state that is incomplete, damaged or does not fit the weights.
    pub fn adam(&self, layout: &Layout, without: &[&str]) -> Result<Option<AdamState>> {
        let Some(state) = self
            .file
            .root()
            .get("last_optimizer_state")
            .filter(|state| !state.is_none())
        else {
            return Ok(None);
        };
        let group = self.only_group(state)?;
        let numbers: Vec<usize> = group
            .get("params")
            .and_then(View::items)
            .and_then(|params| params.map(View::as_usize).collect())
            .ok_or_else(|| self.wrong("has no list of parameters"))?;
        let states = state
            .get("state")
            .ok_or_else(|| self.wrong("has no state of any parameter"))?;

        let mut parameters = self.parameters(layout)?;
        parameters.retain(|(name, ..)| !without.contains(&unwrapped(name)));
        let total: usize = parameters.iter().map(|(.., info)| info.len()).sum();
        let mut step = None;
        let mut moments = Vec::new();
        if numbers.len() == 1 && parameters.len() > 1 {
            let [first, second] = self.moments_of(states, numbers[0], "all parameters", group, &mut step)?;
            if first.values.len() != total || second.values.len() != total {
                return Err(self.wrong(format!(
                    "holds moments of {} numbers in one vector, the model has {total}",
                    first.values.len()
                )));
            }
            let mut at = 0;
            for (name, names, info) in parameters {
                let part = |whole: &Tensor| Tensor {
                    shape: info.shape.clone(),
                    values: whole.values[at..at + info.len()].to_vec(),
                };
                if !names.is_empty() {
                    self.push(&mut moments, &name, names, [part(&first), part(&second)])?;
                }
                at += info.len();
            }
        } else {
            if numbers.len() != parameters.len() {
                return Err(self.wrong(format!(
                    "is about {} parameters, the model has {}",
                    numbers.len(),
                    parameters.len()
                )));
            }
            for (number, (name, names, info)) in numbers.into_iter().zip(parameters) {
                if names.is_empty() {
                    continue; // it was never trained
                }
                let found = self.moments_of(states, number, &name, group, &mut step)?;
                if let Some(other) = found.iter().find(|moment| moment.shape != info.shape) {
                    return Err(self.wrong(format!(
                        "has a moment of shape {:?} for `{name}`, whose shape is {:?}",
                        other.shape, info.shape
                    )));
                }
                self.push(&mut moments, &name, names, found)?;
            }
        }
        let step = step.ok_or_else(|| self.wrong("does not say how many steps were taken"))?;
        Ok(Some(AdamState { step, moments }))
    }

    /// Whether the file holds moments of Adam, whatever they are like; reads no tensor.
    pub fn has_adam(&self) -> bool {
        let saved = self.file.root().get("last_optimizer_state");
        let states = saved.and_then(|saved| saved.get("state")).and_then(View::entries);
        states.is_some_and(|mut states| states.any(|(_, state)| state.get(STATES[0]).is_some()))
    }

    /// The one group of parameters.
    fn only_group<'a>(&self, state: View<'a>) -> Result<View<'a>> {
        let groups = state.get("param_groups").and_then(View::items);
        let groups: Vec<View<'a>> = groups
            .ok_or_else(|| self.wrong("has no groups of parameters"))?
            .collect();
        let [group] = groups.as_slice() else {
            return Err(self.wrong(format!(
                "has {} groups of parameters with settings of their own; only one can be continued",
                groups.len()
            )));
        };
        if matches!(group.get("amsgrad").map(View::node), Some(Node::Bool(true))) {
            return Err(self.wrong("is of AMSGrad, not Adam"));
        }
        Ok(*group)
    }

    /// Both moments of a parameter; its step must be that of the others.
    fn moments_of(
        &self,
        states: View<'_>,
        number: usize,
        name: &str,
        group: View<'_>,
        step: &mut Option<u64>,
    ) -> Result<[Tensor; 2]> {
        let mut entries = states
            .entries()
            .ok_or_else(|| self.wrong("has states that are not a dictionary"))?;
        let state = entries
            .find(|(key, _)| key.as_usize() == Some(number))
            .map(|(_, state)| state)
            .ok_or_else(|| self.wrong(format!("has no state of `{name}`")))?;
        // FusedAdam counts in the group.
        let own = state.get("step").or_else(|| group.get("step"));
        let own = match own {
            Some(own) => self.file.number("step", own)?,
            None => None,
        };
        match (own, *step) {
            (Some(own), None) if own >= 0.0 && own.fract() == 0.0 => *step = Some(own as u64),
            (Some(own), Some(others)) if own == others as f64 => {}
            _ => {
                return Err(self.wrong(format!(
                    "has another number of steps for `{name}` than for the others"
                )));
            }
        }
        let moment = |which: &str| -> Result<Tensor> {
            let entry = format!("{which} of `{name}`");
            let found = match state.get(which) {
                Some(value) => self.file.tensor(&entry, value)?,
                None => None,
            };
            let info = found.ok_or_else(|| {
                self.wrong(format!(
                    "has no {entry}: it is not of Adam\nhint: convert without 'with_optimizer'"
                ))
            })?;
            if state.get(&format!("{which}_scale")).is_some() {
                return Err(self.wrong(format!(
                    "has a scaled {entry} ('fp16_adam_stats'), which cannot be continued"
                )));
            }
            self.file.read(&entry, &info)
        };
        Ok([moment(STATES[0])?, moment(STATES[1])?])
    }

    fn push(
        &self,
        moments: &mut Vec<(String, [Tensor; 2])>,
        name: &str,
        names: Vec<String>,
        [first, second]: [Tensor; 2],
    ) -> Result<()> {
        let first = self.split(name, names.clone(), first)?;
        let second = self.split(name, names, second)?;
        let both = first.into_iter().zip(second);
        moments.extend(both.map(|((name, first), (_, second))| (name, [first, second])));
        Ok(())
    }

    fn wrong(&self, problem: impl Into<String>) -> Error {
        self.file.entry_error("last_optimizer_state", problem)
    }
}
