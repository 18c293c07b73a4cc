//! Log records with fairseq's keys, as one line of text or one JSON object.
//!
//! Losses are in bits (base 2). Values are rounded as fairseq rounds them.

use serde_json::{Map, Value};

use super::{Measure, Meters};

/// Progress of training: an interval of updates, or a whole epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainRecord {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Updates of this epoch that are done.
    pub epoch_updates: usize,
    /// Updates per epoch.
    pub updates_per_epoch: usize,
    /// Updates since the start of training.
    pub num_updates: u64,
    /// Sums over the interval or epoch.
    pub meters: Meters,
    /// What the criterion measures in them.
    pub measures: Vec<Measure>,
    /// Seconds spent in updates since the start of training.
    pub train_wall: f64,
    /// Seconds since the start of training, earlier runs included.
    pub wall: f64,
    /// Factor of the loss, where it is scaled.
    pub loss_scale: Option<f64>,
    /// Largest memory of the device so far, bytes; only at the end of an epoch on a GPU.
    pub device_memory: Option<u64>,
    /// Seconds until the run is over, at the present speed; see [`crate::StopRule`].
    pub eta: Option<f64>,
}

/// Result of a validation.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidRecord {
    /// The epoch, counted from 1.
    pub epoch: u32,
    /// Name of the validation set.
    pub subset: String,
    /// Updates since the start of training.
    pub num_updates: u64,
    /// Sums over the validation set; `updates` counts batches.
    pub meters: Meters,
    /// What the criterion measures in them.
    pub measures: Vec<Measure>,
    /// Further metrics, such as `bleu`.
    pub metrics: Vec<(String, f64)>,
    /// Name and best value so far of the metric that chooses the best checkpoint; only for the
    /// first validation set.
    pub best: Option<(String, f64)>,
}

/// Key of the number of updates.
const NUM_UPDATES: &str = "num_updates";

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    // Huge perplexities have no digits to round.
    let scaled = (value * scale).round() / scale;
    if scaled.is_finite() { scaled } else { value }
}

/// `key`, value pairs in the order in which fairseq prints them.
type Fields = Vec<(String, Value)>;

fn number(value: f64) -> Value {
    // JSON has no infinity; a perplexity that overflows is shown as null.
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn field(key: &str, value: f64, digits: i32) -> (String, Value) {
    (key.to_owned(), number(round(value, digits)))
}

fn count(key: &str, value: u64) -> (String, Value) {
    (key.to_owned(), Value::from(value))
}

/// What training and validation tell first; nothing where nothing was measured, as in an epoch whose updates were all
/// skipped.
fn measured(meters: &Meters, measures: &[Measure]) -> Fields {
    if meters.is_empty() {
        return Fields::new();
    }
    let shown = |measure: &Measure| field(measure.name, measure.value, measure.digits);
    measures.iter().map(shown).collect()
}

/// The value of a measure.
fn value_of(measures: &[Measure], name: &str) -> Option<f64> {
    let found = measures.iter().find(|measure| measure.name == name);
    found.map(|measure| measure.value)
}

impl TrainRecord {
    fn fields(&self) -> Fields {
        let meters = &self.meters;
        let mut fields = measured(meters, &self.measures);
        fields.extend([
            field("wps", meters.wps(), 1),
            field("ups", meters.ups(), 2),
            field("wpb", meters.wpb(), 1),
            field("bsz", meters.bsz(), 1),
            count(NUM_UPDATES, self.num_updates),
        ]);
        if !meters.is_empty() {
            fields.extend([
                // Six significant digits, as fairseq's `%g`.
                ("lr".to_owned(), number(significant(meters.lr, 6))),
                field("gnorm", meters.mean_gnorm(), 3),
                field("clip", meters.clip_percent(), 1),
            ]);
        }
        if meters.skipped > 0 {
            fields.push(count("skipped", meters.skipped as u64));
        }
        fields.extend(self.loss_scale.map(|scale| field("loss_scale", scale, 4)));
        fields.extend([
            field("train_wall", self.train_wall, 0),
            field("wall", self.wall, 0),
        ]);
        if let Some(eta) = self.eta {
            fields.push(field("eta", eta, 0));
        }
        fields
    }

    /// One JSON object for an interval: `{"epoch": 1, "update": 0.104, "loss": ...}`, where
    /// `update` is the position in epochs, counted from 0.
    pub fn interval_json(&self) -> String {
        let position = f64::from(self.epoch - 1) + self.epoch_updates as f64 / self.updates_per_epoch as f64;
        let head = vec![count("epoch", self.epoch.into()), field("update", position, 3)];
        json(head, self.fields(), "")
    }

    /// An epoch tells how much of its batches was padding; fairseq does not.
    fn epoch_fields(&self) -> Fields {
        let mut fields = self.fields();
        fields.push(field("padding", self.meters.padding_percent(), 1));
        let gib = |bytes: u64| bytes as f64 / (1_u64 << 30) as f64;
        fields.extend(
            self.device_memory
                .map(|bytes| field("peak_device_mem_gib", gib(bytes), 2)),
        );
        fields
    }

    /// One JSON object for an epoch: `{"epoch": 1, "train_loss": ...}`.
    pub fn epoch_json(&self) -> String {
        json(
            vec![count("epoch", self.epoch.into())],
            self.epoch_fields(),
            "train_",
        )
    }

    /// The numbers of an interval by fairseq's tags, as trackers take them; `num_updates` is their step.
    pub fn interval_scalars(&self) -> Vec<(String, f64)> {
        scalars(self.fields())
    }

    /// The numbers of an epoch, likewise.
    pub fn epoch_scalars(&self) -> Vec<(String, f64)> {
        scalars(self.epoch_fields())
    }

    /// One line of text for an interval: `epoch 001:     50 / 483 loss=10.9, ...`.
    pub fn interval_line(&self) -> String {
        let fields: Vec<String> = self
            .fields()
            .into_iter()
            .map(|(key, value)| format!("{key}={}", text(&key, &value)))
            .collect();
        format!(
            "epoch {:03}: {:6} / {} {}",
            self.epoch,
            self.epoch_updates,
            self.updates_per_epoch,
            fields.join(", ")
        )
    }

    /// One line of text for an epoch: `epoch 001 | loss 7.562 | ...`.
    pub fn epoch_line(&self) -> String {
        line(&format!("epoch {:03}", self.epoch), self.epoch_fields())
    }

    /// What fits beside a progress bar.
    pub fn short(&self) -> String {
        let meters = &self.meters;
        let mut line = String::new();
        for (name, digits) in [("loss", 3), ("ppl", 2)] {
            if let Some(value) = value_of(&self.measures, name) {
                line.push_str(&format!("{name} {value:.digits$} "));
            }
        }
        format!(
            "{line}wps {:.0} lr {:.2e} gnorm {:.3}",
            meters.wps(),
            meters.lr,
            meters.mean_gnorm()
        )
    }
}

impl ValidRecord {
    /// Value of a metric, not rounded: one of `measures`, or one of `metrics`.
    pub fn value(&self, metric: &str) -> Option<f64> {
        let further = || {
            let mut metrics = self.metrics.iter();
            metrics.find(|(name, _)| name == metric).map(|(_, value)| *value)
        };
        value_of(&self.measures, metric).or_else(further)
    }

    fn fields(&self) -> Fields {
        let meters = &self.meters;
        let mut fields = measured(meters, &self.measures);
        for (key, value) in &self.metrics {
            fields.push(field(key, *value, 2));
        }
        fields.push(field("wps", meters.wps(), 1));
        fields.push(field("wpb", meters.wpb(), 1));
        fields.push(field("bsz", meters.bsz(), 1));
        fields.push(count(NUM_UPDATES, self.num_updates));
        if let Some((key, value)) = &self.best {
            fields.push(field(&format!("best_{key}"), *value, 3));
        }
        fields
    }

    /// The numbers by fairseq's tags, without the name of the set; `num_updates` is their step.
    pub fn scalars(&self) -> Vec<(String, f64)> {
        scalars(self.fields())
    }

    /// One JSON object: `{"epoch": 1, "valid_loss": ...}`; the prefix is the name of the set.
    pub fn json(&self) -> String {
        let prefix = format!("{}_", self.subset);
        json(vec![count("epoch", self.epoch.into())], self.fields(), &prefix)
    }

    /// One line of text: `epoch 001 | valid on 'valid' subset | loss 5.766 | ...`.
    pub fn line(&self) -> String {
        let head = format!("epoch {:03} | valid on '{}' subset", self.epoch, self.subset);
        line(&head, self.fields())
    }
}

/// The fields that are finite, but for the number of updates.
fn scalars(fields: Fields) -> Vec<(String, f64)> {
    let numbers = fields.into_iter().filter(|(key, _)| key != NUM_UPDATES);
    numbers
        .filter_map(|(key, value)| value.as_f64().map(|value| (key, value)))
        .collect()
}

fn json(head: Fields, fields: Fields, prefix: &str) -> String {
    let mut object: Map<String, Value> = head.into_iter().collect();
    object.extend(
        fields
            .into_iter()
            .map(|(key, value)| (format!("{prefix}{key}"), value)),
    );
    Value::Object(object).to_string()
}

fn line(head: &str, fields: Fields) -> String {
    let mut line = head.to_owned();
    for (key, value) in fields {
        line.push_str(&format!(" | {key} {}", text(&key, &value)));
    }
    line
}

/// A value for a reader: times as `1:02:03`, whole numbers without `.0`.
fn text(key: &str, value: &Value) -> String {
    match value.as_f64() {
        Some(seconds) if key == "eta" => format_duration(seconds),
        Some(number) if number == number.trunc() && number.abs() < 1e15 => format!("{number:.0}"),
        Some(number) => format!("{number}"),
        None => "inf".to_owned(),
    }
}

/// `value` rounded to a number of significant digits.
fn significant(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits.saturating_sub(1))
        .parse()
        .unwrap_or(value)
}

/// Seconds as `45s`, `12:34` or `1:02:03`, days in front when there are any.
pub fn format_duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "?".to_owned();
    }
    let seconds = seconds.max(0.0).round() as u64;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}:{rest:02}"),
        (0, _, _) => format!("{hours}:{minutes:02}:{rest:02}"),
        _ => format!("{days}d {hours}:{minutes:02}:{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::UpdateStats;

    fn record() -> TrainRecord {
        let mut meters = Meters::default();
        meters.add(&UpdateStats {
            ntokens: 100,
            src_ntokens: 150,
            places: 400,
            nsentences: 8,
            sample_size: 100,
            gnorm: 3.01249,
            clipped: false,
            lr: 0.000_719_442_8,
            seconds: 0.5,
            ..UpdateStats::default()
        });
        TrainRecord {
            epoch: 2,
            epoch_updates: 5,
            updates_per_epoch: 10,
            num_updates: 15,
            meters,
            measures: vec![
                Measure::new("loss", 10.9, 3),
                Measure::new("nll_loss", 2.0, 3),
                Measure::new("ppl", 4.0, 2),
            ],
            train_wall: 38.2,
            wall: 40.4,
            loss_scale: None,
            device_memory: None,
            eta: Some(3723.0),
        }
    }

    #[test]
    fn an_interval_has_the_keys_of_fairseq_in_its_order() {
        assert_eq!(
            record().interval_json(),
            r#"{"epoch":2,"update":1.5,"loss":10.9,"nll_loss":2.0,"ppl":4.0,"wps":200.0,"ups":2.0,"wpb":100.0,"bsz":8.0,"num_updates":15,"lr":0.000719443,"gnorm":3.012,"clip":0.0,"train_wall":38.0,"wall":40.0,"eta":3723.0}"#
        );
        assert_eq!(
            record().interval_line(),
            "epoch 002:      5 / 10 loss=10.9, nll_loss=2, ppl=4, wps=200, ups=2, wpb=100, bsz=8, \
             num_updates=15, lr=0.000719443, gnorm=3.012, clip=0, train_wall=38, wall=40, eta=1:02:03"
        );
    }

    #[test]
    fn epochs_and_validations_have_prefixed_keys() {
        assert!(
            record()
                .epoch_json()
                .starts_with(r#"{"epoch":2,"train_loss":10.9,"#)
        );
        assert!(
            record()
                .epoch_line()
                .starts_with("epoch 002 | loss 10.9 | nll_loss 2 | ppl 4 |")
        );
        assert!(record().epoch_line().ends_with(" | padding 37.5"));
        let valid = ValidRecord {
            epoch: 2,
            subset: "valid".to_owned(),
            num_updates: 15,
            meters: record().meters,
            measures: record().measures,
            metrics: vec![("bleu".to_owned(), 34.567)],
            best: Some(("bleu".to_owned(), 35.0)),
        };
        assert_eq!(
            valid.json(),
            r#"{"epoch":2,"valid_loss":10.9,"valid_nll_loss":2.0,"valid_ppl":4.0,"valid_bleu":34.57,"valid_wps":200.0,"valid_wpb":100.0,"valid_bsz":8.0,"valid_num_updates":15,"valid_best_bleu":35.0}"#
        );
        assert!(
            valid
                .line()
                .starts_with("epoch 002 | valid on 'valid' subset | loss 10.9 |")
        );
    }

    #[test]
    fn scalars_are_the_numbers_of_the_json_under_plain_tags() {
        let mut endless = record();
        endless.measures[2].value = f64::INFINITY;
        for (json, scalars, prefix) in [
            (endless.interval_json(), endless.interval_scalars(), ""),
            (endless.epoch_json(), endless.epoch_scalars(), "train_"),
        ] {
            let json: Value = serde_json::from_str(&json).unwrap();
            let in_json = json.as_object().unwrap();
            for (tag, value) in &scalars {
                assert_eq!(in_json[&format!("{prefix}{tag}")], *value, "{tag}");
            }
            // The epoch, the position and the updates are no scalars, and neither is infinity.
            let others = in_json.keys().filter(|key| {
                let key = key.strip_prefix(prefix).unwrap_or(key);
                scalars.iter().all(|(tag, _)| tag != key)
            });
            let expected: &[&str] = if prefix.is_empty() {
                &["epoch", "update", "ppl", "num_updates"]
            } else {
                &["epoch", "train_ppl", "train_num_updates"]
            };
            assert!(others.eq(expected), "{prefix}");
        }
    }

    #[test]
    fn accuracy_is_shown_where_it_is_counted() {
        let mut counted = record();
        counted.measures.push(Measure::new("accuracy", 100.0 / 3.0, 3));
        assert!(
            counted
                .epoch_line()
                .contains("| ppl 4 | accuracy 33.333 | wps 200 |")
        );
        assert!(!record().epoch_line().contains("accuracy"));
        let valid = ValidRecord {
            epoch: 2,
            subset: "valid".to_owned(),
            num_updates: 15,
            meters: counted.meters,
            measures: counted.measures,
            metrics: Vec::new(),
            best: None,
        };
        assert!(
            valid
                .json()
                .contains(r#""valid_ppl":4.0,"valid_accuracy":33.333,"#)
        );
        assert!((valid.value("accuracy").unwrap() - 100.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn skipped_updates_and_the_loss_scale_are_shown_where_there_are_any() {
        let mut scaled = record();
        assert!(scaled.epoch_line().contains("| clip 0 | train_wall 38 |"));
        scaled.meters.skip(0.0);
        scaled.loss_scale = Some(64.0);
        assert!(
            scaled
                .epoch_line()
                .contains("| clip 0 | skipped 1 | loss_scale 64 | train_wall 38 |")
        );
        assert!(
            scaled
                .interval_json()
                .contains(r#""clip":0.0,"skipped":1,"loss_scale":64.0,"train_wall""#)
        );
    }

    #[test]
    fn an_epoch_whose_updates_were_all_skipped_claims_no_loss() {
        let mut skipped = record();
        skipped.meters = Meters::default();
        skipped.meters.skip(1.0);
        assert_eq!(
            skipped.epoch_line(),
            "epoch 002 | wps 0 | ups 0 | wpb 0 | bsz 0 | num_updates 15 | skipped 1 | train_wall 38 | wall 40 | \
             eta 1:02:03 | padding 0"
        );
        let json: Value = serde_json::from_str(&skipped.epoch_json()).unwrap();
        assert!(
            json.get("train_loss").is_none() && json.get("train_ppl").is_none(),
            "{json}"
        );
    }

    #[test]
    fn the_memory_of_a_gpu_is_shown_once_an_epoch() {
        let on_gpu = TrainRecord {
            device_memory: Some(5 << 29), // 2.5 GiB
            ..record()
        };
        assert!(
            on_gpu
                .epoch_line()
                .ends_with(" | padding 37.5 | peak_device_mem_gib 2.5")
        );
        assert_eq!(on_gpu.interval_line(), record().interval_line());
    }

    #[test]
    fn durations_read_like_a_clock() {
        let shown: Vec<_> = [4.4, 61.0, 3600.0, 90_061.0].map(format_duration).into();
        assert_eq!(shown, ["4s", "1:01", "1:00:00", "1d 1:01:01"]);
    }

    #[test]
    fn a_perplexity_without_bound_is_still_valid_json() {
        let mut endless = record();
        endless.measures[2].value = f64::INFINITY;
        let parsed: Value = serde_json::from_str(&endless.interval_json()).unwrap();
        assert!(parsed["ppl"].is_null());
        assert!(endless.interval_line().contains("ppl=inf"));
    }
}
