//! What users set of an encoder.

use super::{Classifier, SentencePairHead};
use crate::{
    families::setting::{Setting, choice, count, names_of, number, probability, shared, switch},
    layers::ActivationFn,
};

pub(super) const SETTINGS: &[Setting] = &[
    count("encoder_embed_dim", "Width of the layers"),
    count(
        "encoder_input_dim",
        "Width of the embeddings; that of the layers if left out",
    )
    .optional(),
    shared::ENCODER_FFN_EMBED_DIM,
    count("encoder_layers", "Layers"),
    count("encoder_attention_heads", "Attention heads"),
    count(
        "encoder_layer_groups",
        "Groups of layers with the same weights; every layer has its own if left out",
    )
    .optional(),
    count("encoder_group_len", "Layers of a group"),
    shared::ENCODER_NORMALIZE_BEFORE,
    shared::LAYERNORM_EMBEDDING,
    number("layer_norm_eps", "Added to the variance in layer norms"),
    shared::ACTIVATION_FN,
    choice(
        "pooler_activation_fn",
        &names_of(&ActivationFn::NAMES),
        "Non-linearity of the pooler, and of the classifier of RoBERTa",
    ),
    probability("dropout", "Drop probability after embeddings and sub-layers"),
    probability("attention_dropout", "Drop probability of attention probabilities"),
    shared::ACTIVATION_DROPOUT,
    probability("pooler_dropout", "Drop probability in heads over texts and tokens"),
    probability(
        "encoder_layerdrop",
        "Probability that a layer is left out of an update",
    ),
    count("max_source_positions", "Longest text in tokens"),
    count(
        "position_offset",
        "Row of the first column in the table of positions; BERT: 0; if left out, only tokens count, as in fairseq",
    )
    .optional(),
    count("segment_types", "Segments of a text; 0: they are not told apart"),
    switch("masked_lm_head", "Masked language model"),
    switch(
        "untie_weights_roberta",
        "An output projection of the masked language model beside the embeddings",
    ),
    switch("pooler", "Layer over the first vector of a text"),
    choice(
        "sentence_pair_head",
        &names_of(&SentencePairHead::NAMES),
        "Head over pairs of texts",
    ),
    switch("replaced_token_head", "Whether each token was replaced"),
    choice(
        "classifier",
        &names_of(&Classifier::NAMES),
        "What is classified: texts as in BERT, RoBERTa, ELECTRA or DistilBERT, tokens, or spans",
    ),
    count("num_classes", "Classes of the classifier"),
];
