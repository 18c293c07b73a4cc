//! What users set of a Transformer that is a language model.

use crate::families::setting::{Setting, count, probability, shared, switch};

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
    shared::ACTIVATION_DROPOUT,
    probability(
        "decoder_layerdrop",
        "Probability that a block is left out of an update",
    ),
    shared::ACTIVATION_FN,
    count("max_target_positions", "Longest text in tokens"),
    switch("no_token_positional_embeddings", "No positions at all"),
    switch(
        "no_scale_embedding",
        "Do not scale embeddings by the square root of the width",
    ),
    shared::LAYERNORM_EMBEDDING,
];
