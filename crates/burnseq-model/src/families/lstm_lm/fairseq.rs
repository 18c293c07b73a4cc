//! The LSTM as a language model, in fairseq.

use serde_json::{Map, Value, json};

use super::LstmLmConfig;
use crate::families::fairseq::{Fairseq, is_off};

pub(super) const FAIRSEQ: Fairseq<LstmLmConfig> = Fairseq {
    options,
    checked: &["adaptive_softmax_cutoff", "decoder_attention", "residuals"],
    check,
    ..Fairseq::plain(
        "lstm_lm",
        &["decoder_hidden_size", "decoder_out_embed_dim", "residuals"],
    )
};

fn options(_: &LstmLmConfig) -> Map<String, Value> {
    let options = json!({
        // Only read with the criterion `adaptive_loss`.
        "adaptive_softmax_cutoff": "10000,50000,200000",
        "decoder_attention": "0",
        "decoder_embed_path": null,
        "residuals": false,
    });
    options.as_object().cloned().unwrap_or_default()
}

fn check(_: &LstmLmConfig, options: &Map<String, Value>) -> Result<(), String> {
    let adaptive = options
        .get("criterion")
        .is_some_and(|criterion| criterion == "adaptive_loss");
    if adaptive {
        return Err(
            "option `criterion` = \"adaptive_loss\": an LSTM has no adaptive softmax here".to_owned(),
        );
    }
    match options.get("residuals") {
        Some(value) if !is_off(value) => Err(format!("option `residuals` = {value}: not supported")),
        _ => Ok(()),
    }
}
