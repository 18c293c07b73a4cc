//! What users set of fconv.

use super::{AttentionSpec, ConvSpec};
use crate::families::setting::{Setting, count, notation, probability, switch};

/// An example of the convolutions of a side.
const LAYERS: &str = "[(256, 3)] * 4";
/// An example of the layers that attend.
const ATTENTION: &str = "True or [True, False, True]";

fn check_layers(text: &str) -> Result<(), String> {
    let layers = text.parse::<ConvSpec>();
    layers.map(|_| ()).map_err(|error| error.to_string())
}

fn check_attention(text: &str) -> Result<(), String> {
    let attention = text.parse::<AttentionSpec>();
    attention.map(|_| ()).map_err(|error| error.to_string())
}

pub(super) const SETTINGS: &[Setting] = &[
    count("encoder_embed_dim", "Width of the source embeddings"),
    notation(
        "encoder_layers",
        LAYERS,
        check_layers,
        "The encoder's convolutions as a list of (channels, taps): '[(256, 3)] * 4'",
    ),
    count("decoder_embed_dim", "Width of the target embeddings"),
    notation(
        "decoder_layers",
        LAYERS,
        check_layers,
        "The decoder's convolutions as a list of (channels, taps): '[(256, 3)] * 3'",
    ),
    count("decoder_out_embed_dim", "Width of what the output layer reads"),
    notation(
        "decoder_attention",
        ATTENTION,
        check_attention,
        "Which decoder layers attend to the source: True for all of them, or '[True, False, ...]'",
    ),
    probability(
        "dropout",
        "Drop probability of embeddings and inputs of convolutions",
    ),
    switch(
        "share_input_output_embed",
        "Use the decoder's embeddings as output layer",
    ),
    count(
        "max_source_positions",
        "Longest source in tokens, and two more that tables of positions need",
    ),
    count(
        "max_target_positions",
        "Longest target in tokens, and two more that tables of positions need",
    ),
];
