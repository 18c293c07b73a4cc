//! What users set of a Transformer that is a language model.

use crate::{
    families::setting::{Setting, choice, count, counts, names_of, number, probability, shared, switch},
    layers::WeightInit,
};

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
    switch("adaptive_input", "Embeddings that are narrower for rare tokens"),
    counts(
        "adaptive_input_cutoff",
        "First token of each further band of them",
    )
    .optional(),
    count(
        "adaptive_input_factor",
        "How many times narrower a band is than the one before",
    ),
    counts(
        "adaptive_softmax_cutoff",
        "First token of each band of an adaptive softmax",
    )
    .optional(),
    count(
        "adaptive_softmax_factor",
        "How many times narrower a band is than the one before",
    ),
    probability("adaptive_softmax_dropout", "Drop probability inside its bands"),
    switch(
        "tie_adaptive_weights",
        "Use the tables of adaptive inputs in the adaptive softmax",
    ),
    switch(
        "tie_adaptive_proj",
        "Use the projections of adaptive inputs in the adaptive softmax",
    ),
    count(
        "position_offset",
        "Row of the first token in the table of positions; GPT: 0",
    )
    .optional(),
    choice(
        "weight_init",
        &names_of(&WeightInit::NAMES),
        "How weights are drawn: as fairseq does, or as OpenAI did for GPT and GPT-2",
    ),
    number("layer_norm_eps", "Added to the variance in layer norms"),
];
