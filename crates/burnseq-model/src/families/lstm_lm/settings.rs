//! What users set of an LSTM that is a language model.

use crate::families::setting::{Setting, count, probability, shared};

pub(super) const SETTINGS: &[Setting] = &[
    count("decoder_embed_dim", "Width of the embeddings"),
    count(
        "decoder_hidden_size",
        "Width of the states; not given: that of the embeddings",
    )
    .optional(),
    count("decoder_layers", "Layers"),
    count("decoder_out_embed_dim", "Width of what the output layer reads"),
    probability(
        "decoder_dropout_in",
        "Drop probability of the embeddings; not given: that of dropout",
    )
    .optional(),
    probability(
        "decoder_dropout_out",
        "Drop probability of the output of layers; not given: that of dropout",
    )
    .optional(),
    shared::SHARE_DECODER_INPUT_OUTPUT_EMBED,
    probability("dropout", "Drop probability wherever none of its own is given"),
    count("max_target_positions", "Longest text in tokens"),
];
