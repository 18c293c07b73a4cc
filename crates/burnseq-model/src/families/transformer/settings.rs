//! What users set of a Transformer.

use crate::{
    families::setting::{Setting, choice, count, names_of, probability, switch},
    layers::ActivationFn,
};

const ACTIVATIONS: [&str; ActivationFn::NAMES.len()] = names_of(&ActivationFn::NAMES);

pub(super) const SETTINGS: &[Setting] = &[
    count("encoder_embed_dim", "Width of the encoder"),
    count(
        "encoder_ffn_embed_dim",
        "Inner width of the encoder's feed-forward blocks",
    ),
    count("encoder_layers", "Encoder blocks"),
    count("encoder_attention_heads", "Attention heads of the encoder"),
    switch(
        "encoder_normalize_before",
        "Pre-norm instead of post-norm in the encoder",
    ),
    switch(
        "encoder_learned_pos",
        "Learned instead of sinusoidal positions in the encoder",
    ),
    count("decoder_embed_dim", "Width of the decoder"),
    count(
        "decoder_ffn_embed_dim",
        "Inner width of the decoder's feed-forward blocks",
    ),
    count("decoder_layers", "Decoder blocks"),
    count("decoder_attention_heads", "Attention heads of the decoder"),
    switch(
        "decoder_normalize_before",
        "Pre-norm instead of post-norm in the decoder",
    ),
    switch(
        "decoder_learned_pos",
        "Learned instead of sinusoidal positions in the decoder",
    ),
    switch(
        "share_decoder_input_output_embed",
        "Use the decoder's embeddings as output projection",
    ),
    switch(
        "share_all_embeddings",
        "One table for source, target and output; needs a joined dictionary",
    ),
    probability("dropout", "Drop probability after embeddings and sub-layers"),
    probability("attention_dropout", "Drop probability of attention probabilities"),
    probability(
        "activation_dropout",
        "Drop probability inside the feed-forward blocks",
    )
    .or(&["relu_dropout"]),
    probability(
        "encoder_layerdrop",
        "Probability that an encoder block is left out of an update",
    ),
    probability(
        "decoder_layerdrop",
        "Probability that a decoder block is left out of an update",
    ),
    choice(
        "activation_fn",
        &ACTIVATIONS,
        "Non-linearity of the feed-forward blocks: relu, relu_squared, gelu, gelu_accurate (= gelu_fast), tanh, swish, linear",
    ),
    count("max_source_positions", "Longest source in tokens"),
    count("max_target_positions", "Longest target in tokens"),
    switch("no_token_positional_embeddings", "No positions at all"),
    switch(
        "no_scale_embedding",
        "Do not scale embeddings by the square root of their width",
    ),
    switch(
        "layernorm_embedding",
        "Normalise the sum of embedding and position",
    ),
];
