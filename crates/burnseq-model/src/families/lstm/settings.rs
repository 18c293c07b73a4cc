//! What users set of an LSTM.

use crate::families::setting::{Setting, boolean, count, probability, shared, switch};

pub(super) const SETTINGS: &[Setting] = &[
    count("encoder_embed_dim", "Width of the source embeddings"),
    switch("encoder_freeze_embed", "Do not train the source embeddings"),
    count(
        "encoder_hidden_size",
        "Width of the encoder's states in each direction; not given: that of its embeddings",
    )
    .optional(),
    count("encoder_layers", "Encoder layers, as many as decoder layers"),
    switch("encoder_bidirectional", "Read the source in both directions"),
    probability(
        "encoder_dropout_in",
        "Drop probability of the source embeddings; not given: that of dropout",
    )
    .optional(),
    probability(
        "encoder_dropout_out",
        "Drop probability of the output of encoder layers; not given: that of dropout",
    )
    .optional(),
    count("decoder_embed_dim", "Width of the target embeddings"),
    switch("decoder_freeze_embed", "Do not train the target embeddings"),
    count(
        "decoder_hidden_size",
        "Width of the decoder's states; not given: that of its embeddings",
    )
    .optional(),
    count("decoder_layers", "Decoder layers, as many as encoder layers"),
    count("decoder_out_embed_dim", "Width of what the output layer reads"),
    boolean("decoder_attention", "Attend to the source"),
    probability(
        "decoder_dropout_in",
        "Drop probability of the target embeddings; not given: that of dropout",
    )
    .optional(),
    probability(
        "decoder_dropout_out",
        "Drop probability of the output of decoder layers and of attention; not given: that of dropout",
    )
    .optional(),
    shared::SHARE_DECODER_INPUT_OUTPUT_EMBED,
    shared::SHARE_ALL_EMBEDDINGS,
    probability("dropout", "Drop probability wherever none of its own is given"),
    count("max_source_positions", "Longest source in tokens"),
    count("max_target_positions", "Longest target in tokens"),
];
