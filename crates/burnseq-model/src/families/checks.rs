//! Rules that the settings of several families share.

use burnseq_text::Vocab;

use crate::ModelError;

/// Longest sentence that a model can be made for.
pub(super) const MAX_POSITIONS: usize = 1_000_000;
/// Widest layers.
pub(super) const MAX_WIDTH: usize = 1 << 16;
/// Widest inner layers of feed-forward blocks.
pub(super) const MAX_INNER_WIDTH: usize = 1 << 18;
/// Most layers of a side.
pub(super) const MAX_LAYERS: usize = 1000;

/// An error about `field`, unless the rule holds.
pub(super) fn check(
    holds: bool,
    field: &'static str,
    value: impl ToString,
    rule: impl FnOnce() -> String,
) -> Result<(), ModelError> {
    if holds {
        Ok(())
    } else {
        Err(ModelError::Config {
            field,
            value: value.to_string(),
            rule: rule(),
        })
    }
}

/// Fields by name with their values, as the checks take them.
macro_rules! fields {
    ($config:ident: $($field:ident),+ $(,)?) => {
        &[$((stringify!($field), $config.$field)),+]
    };
}
pub(super) use fields;

/// Fields that are at least 1 and at most `most`.
pub(super) fn check_sizes(most: usize, sizes: &[(&'static str, usize)]) -> Result<(), ModelError> {
    for &(field, value) in sizes {
        check(value > 0, field, value, || "must be at least 1".into())?;
        check(value <= most, field, value, || format!("must be at most {most}"))?;
    }
    Ok(())
}

/// Fields that are drop probabilities.
pub(super) fn check_probabilities(probabilities: &[(&'static str, f64)]) -> Result<(), ModelError> {
    for &(field, probability) in probabilities {
        check((0.0..1.0).contains(&probability), field, probability, || {
            "must be at least 0 and below 1".into()
        })?;
    }
    Ok(())
}

/// Attention heads divide the width of their side, `encoder` or `decoder`.
pub(super) fn check_heads(side: &'static str, heads: usize, width: usize) -> Result<(), ModelError> {
    let field = if side == "encoder" {
        "encoder_attention_heads"
    } else {
        "decoder_attention_heads"
    };
    check(heads > 0 && width.is_multiple_of(heads), field, heads, || {
        let fit = (1..=64).filter(|heads| width.is_multiple_of(*heads));
        let fit: Vec<String> = fit.map(|heads| heads.to_string()).collect();
        format!(
            "must divide '{side}_embed_dim' {width}; it could be one of: {}",
            fit.join(", ")
        )
    })
}

/// Sinusoidal positions need a width that holds two frequencies.
pub(super) fn check_sinusoids(field: &'static str, width: usize, sinusoids: bool) -> Result<(), ModelError> {
    check(!sinusoids || width >= 4, field, width, || {
        "sinusoidal positions need at least 4".into()
    })
}

/// [`check_sinusoids`] of encoder and decoder, where their positions are not learned.
pub(super) fn check_positions([encoder, decoder]: [usize; 2], learned: [bool; 2]) -> Result<(), ModelError> {
    check_sinusoids("encoder_embed_dim", encoder, !learned[0])?;
    check_sinusoids("decoder_embed_dim", decoder, !learned[1])
}

/// Special symbols are ids of both dictionaries, and the decoder starts from a target type.
pub(super) fn check_vocab(vocab: &Vocab) -> Result<(), ModelError> {
    for (field, id) in [("pad", vocab.pad()), ("eos", vocab.eos())] {
        check(id < vocab.src.min(vocab.tgt), field, id, || {
            format!(
                "must be an id of both dictionaries, which have {} and {} types",
                vocab.src, vocab.tgt
            )
        })?;
    }
    let start = vocab.decoder_start();
    check(start < vocab.tgt, "decoder_start", start, || {
        format!(
            "must be an id of the target dictionary, which has {} types",
            vocab.tgt
        )
    })
}

/// As [`check_vocab`], where padding may also be the id behind the last one: no type at all.
pub(super) fn check_vocab_or_no_pad(vocab: &Vocab) -> Result<(), ModelError> {
    let mut vocab = *vocab;
    if vocab.pad() == vocab.tgt {
        vocab.special_symbols.pad = vocab.eos();
    }
    check_vocab(&vocab)
}

/// One table for both sides needs one dictionary and one width.
pub(super) fn check_shared_embeddings(
    vocab: &Vocab,
    [encoder, decoder]: [usize; 2],
) -> Result<(), ModelError> {
    let field = "share_all_embeddings";
    check(vocab.src == vocab.tgt, field, true, || {
        format!(
            "needs one dictionary, but the source has {} types and the target {}; preprocess with 'joined_dictionary'",
            vocab.src, vocab.tgt
        )
    })?;
    check(encoder == decoder, field, true, || {
        format!("needs 'encoder_embed_dim' {encoder} and 'decoder_embed_dim' {decoder} to be equal")
    })
}

/// Embeddings that are the output layer, too, need its width.
pub(super) fn check_output_width(embed_dim: usize, out_embed_dim: usize) -> Result<(), ModelError> {
    check(
        out_embed_dim == embed_dim,
        "decoder_out_embed_dim",
        out_embed_dim,
        || format!("must equal 'decoder_embed_dim' {embed_dim}, as the embeddings are the output layer"),
    )
}
