//! What rules make of the logits of a step, as tensors on the device.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use burnseq_search::rules::{Change, TokenRule};
use burnseq_search::search::Beam;
use burnseq_search::{BatchSearch, Search};

use super::IMPOSSIBLE;

/// What the rules make of the logits of a step.
pub(super) struct Edits {
    /// As the host worked it out, sentence by sentence.
    table: Vec<SentenceEdits>,
    /// Added to logits, `[sentences, 1, vocab]`.
    pub(super) added: Tensor<3>,
    /// Where the log-probability is what was added, `[sentences, 1, vocab]`; none where that is nowhere.
    pub(super) decided: Option<Tensor<3, Bool>>,
}

/// What the rules make of the logits of a sentence: of each token that they are about, and first of all others.
#[derive(Debug, Clone, PartialEq)]
struct SentenceEdits {
    /// Added to the logits; [`IMPOSSIBLE`] forbids.
    added: Vec<f32>,
    /// Whether the log-probability is what was added, whatever the logit.
    decided: Vec<bool>,
}

impl Edits {
    /// Those of the step that is `later` steps after those that `search` has made: seldom others than those `before`.
    pub(super) fn of_step(
        search: &BatchSearch<'_, Beam>,
        later: usize,
        device: &Device,
        before: Option<Self>,
    ) -> Self {
        let rules: Vec<&dyn TokenRule> = search
            .rules()
            .iter()
            .filter_map(|rule| rule.as_token_rule())
            .collect();
        let tokens = &search.wanted().expect("rules are about single tokens").tokens;
        let len = search.steps() + later;
        let table: Vec<SentenceEdits> = search
            .max_lens()
            .map(|max_len| SentenceEdits::new(&rules, tokens, len, max_len))
            .collect();
        match before {
            Some(before) if before.table == table => before,
            _ => Self::upload(table, tokens, search.vocab(), device),
        }
    }

    fn upload(table: Vec<SentenceEdits>, tokens: &[usize], vocab: usize, device: &Device) -> Self {
        let shape = [table.len(), 1 + tokens.len()];
        let mut columns = vec![0_i32; vocab];
        for (number, &token) in (1..).zip(tokens) {
            columns[token] = number;
        }
        let columns = Tensor::<1, Int>::from_data(TensorData::new(columns, [vocab]), device);
        let added: Vec<f32> = table.iter().flat_map(|edits| edits.added.clone()).collect();
        let added = Tensor::<2>::from_data(TensorData::new(added, shape), device);
        let decided: Vec<bool> = table.iter().flat_map(|edits| edits.decided.clone()).collect();
        let decided = decided.contains(&true).then(|| {
            let decided = Tensor::<2, Bool>::from_data(TensorData::new(decided, shape), device);
            decided.select(1, columns.clone()).unsqueeze_dim(1)
        });
        Self {
            table,
            added: added.select(1, columns).unsqueeze_dim(1),
            decided,
        }
    }
}

impl SentenceEdits {
    /// After `len` tokens of at most `max_len`; `rules` are about `tokens`.
    fn new(rules: &[&dyn TokenRule], tokens: &[usize], len: usize, max_len: usize) -> Self {
        let mut edits = Self {
            added: vec![0.0; 1 + tokens.len()],
            decided: vec![false; 1 + tokens.len()],
        };
        for rule in rules {
            let token = tokens.iter().position(|&token| token == rule.token());
            let place = 1 + token.expect("all tokens that rules are about are wanted");
            match rule.change(len, max_len) {
                Some(Change::Forbid) => edits.added[place] = IMPOSSIBLE,
                Some(Change::Add(nats)) => edits.added[place] += nats,
                Some(Change::Force) => edits.leave(place, edits.added[place], edits.decided[place]),
                Some(Change::Decide) => edits.leave(place, 0.0, true),
                None => {}
            }
        }
        edits
    }

    /// Makes everything else impossible.
    fn leave(&mut self, place: usize, added: f32, decided: bool) {
        self.added.fill(IMPOSSIBLE);
        self.decided.fill(false);
        (self.added[place], self.decided[place]) = (added, decided);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{device, vocab};
    use super::*;
    use burnseq_search::{GenerateOptions, Request, Source};

    #[test]
    fn what_rules_make_of_a_sentence_is_uploaded_when_it_changes() {
        let options = GenerateOptions {
            min_len: 2,
            unkpen: 0.5,
            ..GenerateOptions::default()
        };
        let source = Source::default();
        let request = |max_len| Request {
            source: &source,
            max_len,
        };
        let search = BatchSearch::new(
            Beam::new(&options),
            &options,
            &vocab(5),
            &[request(3), request(9)],
        );
        let mut edits: Option<Edits> = None;
        let mut uploads = Vec::new();
        for later in 0..6 {
            let table = edits.as_ref().map(|edits| edits.table.clone());
            let next = Edits::of_step(&search, later, &device(), edits);
            if Some(&next.table) != table.as_ref() {
                uploads.push(later);
            }
            edits = Some(next);
        }
        assert_eq!(uploads, [0, 2, 3]); // both, then both may end, then the first one must
        let edits = edits.unwrap();
        let added: Vec<f32> = edits.added.into_data().iter().collect();
        let no = IMPOSSIBLE;
        assert_eq!(added, [no, no, 0.0, no, no, 0.0, no, 0.0, -0.5, 0.0]);
        assert!(edits.decided.is_none());
    }
}
