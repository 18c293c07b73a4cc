//! What users set of a Transformer.

use crate::{
    families::setting::{Setting, choice, count, names_of, probability, shared, switch},
    layers::SinusoidFrequencies,
};

pub(super) const SETTINGS: &[Setting] = &[
    count("encoder_embed_dim", "Width of the encoder"),
    shared::ENCODER_FFN_EMBED_DIM,
    count("encoder_layers", "Encoder blocks"),
    count("encoder_attention_heads", "Attention heads of the encoder"),
    shared::ENCODER_NORMALIZE_BEFORE,
    shared::ENCODER_LEARNED_POS,
    count("decoder_embed_dim", "Width of the decoder"),
    shared::DECODER_FFN_EMBED_DIM,
    count("decoder_layers", "Decoder blocks"),
    count("decoder_attention_heads", "Attention heads of the decoder"),
    shared::DECODER_NORMALIZE_BEFORE,
    shared::DECODER_LEARNED_POS,
    shared::SHARE_DECODER_INPUT_OUTPUT_EMBED,
    shared::SHARE_ALL_EMBEDDINGS,
    probability("dropout", "Drop probability after embeddings and sub-layers"),
    probability("attention_dropout", "Drop probability of attention probabilities"),
    shared::ACTIVATION_DROPOUT,
    probability(
        "encoder_layerdrop",
        "Probability that an encoder block is left out of an update",
    ),
    probability(
        "decoder_layerdrop",
        "Probability that a decoder block is left out of an update",
    ),
    shared::ACTIVATION_FN,
    count("max_source_positions", "Longest source in tokens"),
    count("max_target_positions", "Longest target in tokens"),
    switch("no_token_positional_embeddings", "No positions at all"),
    switch(
        "no_scale_embedding",
        "Do not scale embeddings by the square root of their width",
    ),
    shared::LAYERNORM_EMBEDDING,
    count(
        "position_offset",
        "Row of the first token in the tables of positions; Marian: 0",
    )
    .optional(),
    choice(
        "sinusoid_frequencies",
        &names_of(&SinusoidFrequencies::NAMES),
        "Frequencies of sinusoidal positions: fairseq's, or those of the paper",
    ),
    switch(
        "final_logits_bias",
        "Numbers that are added to the logits and not trained",
    ),
];
