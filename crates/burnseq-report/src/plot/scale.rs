//! Axes: from values to places, and where ticks stand.

/// An axis from `from` to `to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    is_log: bool,
    /// Distance of ticks on a linear axis.
    step: f64,
}

impl Scale {
    /// An axis that holds all `values`, which are finite, with about `ticks` ticks; with `zero` it begins there.
    pub(super) fn linear(values: impl Iterator<Item = f64> + Clone, ticks: f64, zero: bool) -> Self {
        let (mut from, mut to) = range(values);
        if zero {
            (from, to) = (from.min(0.0), to.max(0.0));
        }
        if to - from < f64::EPSILON * to.abs().max(1.0) {
            // A single value stands in the middle.
            let margin = if to == 0.0 { 1.0 } else { 0.1 * to.abs() };
            if zero {
                to = from + 2.0 * margin;
            } else {
                (from, to) = (from - margin, to + margin);
            }
        }
        let rough = (to - from) / ticks;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(10.0 * power);
        Self {
            from: (from / step).floor() * step,
            to: (to / step).ceil() * step,
            is_log: false,
            step,
        }
    }

    /// An axis between two values, with about `ticks` ticks inside.
    pub(super) fn exact(from: f64, to: f64, ticks: f64) -> Self {
        let loose = Self::linear([from, to].into_iter(), ticks, false);
        let to = if to > from { to } else { loose.to };
        Self { from, to, ..loose }
    }

    /// A logarithmic axis that holds all `values`, which are positive.
    pub(super) fn log(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (from, to) = range(values);
        let (from, to) = (from.log10(), to.log10());
        let margin = (0.04 * (to - from)).max(0.02);
        Self {
            from: from - margin,
            to: to + margin,
            is_log: true,
            step: 1.0,
        }
    }

    /// Where a value stands: 0 at the beginning of the axis, 1 at its end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.is_log { value.log10() } else { value };
        (value - self.from) / (self.to - self.from)
    }

    /// Values with a tick, and their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        if self.is_log {
            return self.log_ticks();
        }
        let first = (self.from / self.step - 1e-9).ceil() as i64;
        let last = (self.to / self.step + 1e-9).floor() as i64;
        let values = (first..=last).map(|number| number as f64 * self.step);
        values.map(|value| (value, label(value, self.step))).collect()
    }

    fn log_ticks(&self) -> Vec<(f64, String)> {
        let decades = self.to - self.from;
        // Few decades have ticks between their powers.
        let factors: &[f64] = match decades {
            d if d < 1.0 => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
            d if d < 2.5 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let powers = self.from.floor() as i32..=self.to.ceil() as i32;
        let values = powers.flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)));
        values
            .filter(|value| (0.0..=1.0).contains(&self.place(*value)))
            .map(|value| (value, label(value, value)))
            .collect()
    }
}

fn range(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let from = values.clone().fold(f64::INFINITY, f64::min);
    let to = values.fold(f64::NEG_INFINITY, f64::max);
    if from <= to { (from, to) } else { (0.0, 1.0) }
}

/// A value with as many digits as ticks at the distance `step` need: `0.0005`, `12`, `20k`, `1.5M`.
pub(super) fn label(value: f64, step: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if step.abs() < 1e-3 && size < 0.1 {
        let text = format!("{value:.1e}");
        return text.replace(".0e", "e");
    }
    let (unit, suffix) = match size {
        s if s >= 1e9 => (1e9, "G"),
        s if s >= 1e6 => (1e6, "M"),
        s if s >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let digits = (-(step.abs() / unit).log10() - 1e-9).ceil().clamp(0.0, 6.0) as usize;
    // A step of 2.5 needs a digit more than its power of ten.
    let extra = ((step / unit) * 10_f64.powi(digits as i32)).fract();
    let digits = digits + usize::from(extra > 1e-6 && extra < 1.0 - 1e-6);
    format!("{:.digits$}{suffix}", value / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_all_values() {
        let scale = Scale::linear([3.2, 12.9].into_iter(), 5.0, false);
        assert_eq!(labels(&scale), ["2", "4", "6", "8", "10", "12", "14"]);
        assert_eq!((scale.place(2.0), scale.place(14.0)), (0.0, 1.0));
        let scale = Scale::linear([0.0, 0.001].into_iter(), 5.0, true);
        assert_eq!(labels(&scale), ["0", "2e-4", "4e-4", "6e-4", "8e-4", "1e-3"]);
        let scale = Scale::linear([0.0, 29_000.0].into_iter(), 3.0, true);
        assert_eq!(labels(&scale), ["0", "10k", "20k", "30k"]);
    }

    #[test]
    fn a_single_value_and_no_value_have_an_axis() {
        let scale = Scale::linear([7.0].into_iter(), 4.0, false);
        assert!((scale.place(7.0) - 0.5).abs() < 0.3 && scale.ticks().len() >= 2);
        assert!(Scale::linear(std::iter::empty(), 4.0, false).ticks().len() >= 2);
        assert!(Scale::linear([0.0].into_iter(), 4.0, true).place(0.0).abs() < 1e-9);
        assert!(Scale::exact(5.0, 5.0, 4.0).place(5.0).is_finite());
    }

    #[test]
    fn a_logarithmic_axis_has_a_tick_for_each_decade() {
        let scale = Scale::log([2.0, 6000.0].into_iter());
        assert_eq!(labels(&scale), ["10", "100", "1000"]);
        let scale = Scale::log([4.0, 90.0].into_iter());
        assert_eq!(labels(&scale), ["5", "10", "20", "50", "100"]);
    }
}
