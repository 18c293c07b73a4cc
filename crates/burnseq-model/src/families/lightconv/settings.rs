//! What users set of LightConv and DynamicConv.

use crate::{
    families::setting::{Setting, boolean, choice, count, counts, names_of, probability, shared, switch},
    layers::ConvType,
};

const CONV_TYPES: [&str; ConvType::NAMES.len()] = names_of(&ConvType::NAMES);

pub(super) const SETTINGS: &[Setting] = &[
    count("encoder_embed_dim", "Width of the encoder"),
    count(
        "encoder_conv_dim",
        "Width of the encoder's convolutions; not given: that of the encoder",
    )
    .optional(),
    shared::ENCODER_FFN_EMBED_DIM,
    count("encoder_layers", "Encoder blocks"),
    count(
        "encoder_attention_heads",
        "Heads of the encoder's convolutions, which share a filter each",
    ),
    shared::ENCODER_NORMALIZE_BEFORE,
    shared::ENCODER_LEARNED_POS,
    boolean(
        "encoder_glu",
        "Gated linear units before the encoder's convolutions",
    ),
    choice(
        "encoder_conv_type",
        &CONV_TYPES,
        "Filters of the encoder: dynamic (computed from the input) or lightweight (learned as they are)",
    ),
    counts(
        "encoder_kernel_size_list",
        "Taps of the encoder's filters, one number for each block or one for all",
    ),
    count("decoder_embed_dim", "Width of the decoder"),
    count(
        "decoder_conv_dim",
        "Width of the decoder's convolutions; not given: that of the decoder",
    )
    .optional(),
    shared::DECODER_FFN_EMBED_DIM,
    count("decoder_layers", "Decoder blocks"),
    count(
        "decoder_attention_heads",
        "Heads of the decoder's convolutions and of its cross-attention",
    ),
    shared::DECODER_NORMALIZE_BEFORE,
    shared::DECODER_LEARNED_POS,
    boolean(
        "decoder_glu",
        "Gated linear units before the decoder's convolutions",
    ),
    choice(
        "decoder_conv_type",
        &CONV_TYPES,
        "Filters of the decoder: dynamic (computed from the input) or lightweight (learned as they are)",
    ),
    counts(
        "decoder_kernel_size_list",
        "Taps of the decoder's filters, one number for each block or one for all",
    ),
    shared::SHARE_DECODER_INPUT_OUTPUT_EMBED,
    shared::SHARE_ALL_EMBEDDINGS,
    probability("dropout", "Drop probability after embeddings and sub-layers"),
    probability(
        "attention_dropout",
        "Drop probability of the probabilities of cross-attention",
    ),
    probability("relu_dropout", "Drop probability inside the feed-forward blocks"),
    probability(
        "input_dropout",
        "Drop probability of the input of the convolutions' sub-layers",
    ),
    probability("weight_dropout", "Drop probability of the filters' taps"),
    boolean("weight_softmax", "Normalise filters by a softmax"),
    switch("no_token_positional_embeddings", "No positions at all"),
    count("max_source_positions", "Longest source in tokens"),
    count("max_target_positions", "Longest target in tokens"),
    switch(
        "cut_filters_to_batch",
        "Cut dynamic filters of the decoder to the length of the batch before their softmax in training, as fairseq does",
    ),
];
