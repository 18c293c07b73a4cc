//! Names that transformers has given up, and entries that are no weights.

/// Today's name of a tensor: files converted from TensorFlow call scale and shift of a normalisation `gamma` and `beta`.
pub(super) fn mended(name: &str) -> String {
    for (old, new) in [(".gamma", ".weight"), (".beta", ".bias")] {
        if let Some(module) = name.strip_suffix(old) {
            return format!("{module}{new}");
        }
    }
    name.to_owned()
}

/// Whether an entry is a list of numbers from 0 on that older versions saved, not a weight.
pub(super) fn is_buffer(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    matches!(last, "position_ids" | "token_type_ids")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_are_mended() {
        for (old, new) in [
            (
                "bert.embeddings.LayerNorm.gamma",
                "bert.embeddings.LayerNorm.weight",
            ),
            ("LayerNorm.beta", "LayerNorm.bias"),
            ("gamma.weight", "gamma.weight"),
            ("gamma", "gamma"),
        ] {
            assert_eq!(mended(old), new);
        }
        assert!(is_buffer("bert.embeddings.position_ids") && is_buffer("position_ids"));
        assert!(!is_buffer("bert.embeddings.position_embeddings.weight"));
    }
}
