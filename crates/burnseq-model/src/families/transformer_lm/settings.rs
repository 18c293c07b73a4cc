//! What users set of a Transformer that is a language model.

use crate::{
    families::setting::{Setting, choice, count, names_of, probability, switch},
    layers::ActivationFn,
};

const ACTIVATIONS: [&str; ActivationFn::NAMES.len()] = names_of(&ActivationFn::NAMES);

pub(super) const SETTINGS: &[Setting] = &[
    count("decoder_embed_dim", "Width of the blocks"),
    count("decoder_input_dim", "Width of the embeddings"),
    count("decoder_output_dim", "Width of what the output projection reads"),
    count("decoder_ffn_embed_dim", "Inner width of the feed-forward blocks"),
    count("decoder_layers", "Blocks"),
    count("decoder_attention_heads", "Attention heads"),
    switch("decoder_normalize_before", "Pre-norm instead of post-norm"),
    switch(
        "no_decoder_final_norm",
        "No layer norm after the last block of a pre-norm stack",
    ),
    switch("decoder_learned_pos", "Learned instead of sinusoidal positions"),
    switch(
        "share_decoder_input_output_embed",
        "Use the embeddings as output projection",
    ),
    probability("dropout", "Drop probability after embeddings and sub-layers"),
    probability("attention_dropout", "Drop probability of attention probabilities"),
    probability(
        "activation_dropout",
        "Drop probability inside the feed-forward blocks",
    )
    .or(&["relu_dropout"]),
    probability(
        "decoder_layerdrop",
        "Probability that a block is left out of an update",
    ),
    choice(
        "activation_fn",
        &ACTIVATIONS,
        "Non-linearity of the feed-forward blocks: relu, relu_squared, gelu, gelu_accurate (= gelu_fast), tanh, swish, linear",
    ),
    count("max_target_positions", "Longest text in tokens"),
    switch("no_token_positional_embeddings", "No positions at all"),
    switch(
        "no_scale_embedding",
        "Do not scale embeddings by the square root of the width",
    ),
    switch(
        "layernorm_embedding",
        "Normalise the sum of embedding and position",
    ),
];
