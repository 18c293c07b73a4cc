//! Names of weights, from all versions to those of today.

use std::collections::HashSet;

/// What the state dict of a model holds, by today's names. Old names are those of entries that it does not list.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Its parameters, and other names of them.
    pub parameters: HashSet<String>,
    /// Entries that count as parameters of the optimiser, and that nothing reads or trains.
    pub unused: HashSet<String>,
}

/// What an entry of a state dict is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A constant that is not learnt: version numbers, position tables.
    Buffer,
    /// What is never trained and counts as a parameter of the optimiser all the same: copies of parameters for a fast
    /// path, which 0.12.2 fills when a model is loaded, and the unused entries of a [`Layout`].
    Untrained,
    /// Parameters, under today's names. Where there are several, the rows are theirs in equal parts.
    Parameters(Vec<String>),
}

/// What 0.12.2 adds to an encoder block.
const COPIES: [&str; 8] = [
    "in_proj_weight",
    "in_proj_bias",
    "out_proj_weight",
    "out_proj_bias",
    "fc1_weight",
    "fc1_bias",
    "fc2_weight",
    "fc2_bias",
];

/// Norms of the sub-layers of an encoder block, by their old numbers.
const ENCODER_NORMS: [&str; 2] = ["self_attn_layer_norm", "final_layer_norm"];
/// The same of a decoder block.
const DECODER_NORMS: [&str; 3] = [
    "self_attn_layer_norm",
    "encoder_attn_layer_norm",
    "final_layer_norm",
];

/// The name of an entry without what PyTorch puts before those of a model that is wrapped for several devices; some
/// scripts save the wrapper.
pub(super) fn unwrapped(name: &str) -> &str {
    name.trim_start_matches("module.")
}

/// What the entry `name` of a state dict is.
pub(super) fn classify(name: &str, layout: &Layout) -> Entry {
    let name = unwrapped(name);
    if layout.parameters.contains(name) {
        return Entry::Parameters(vec![name.to_owned()]);
    }
    if layout.unused.contains(name) {
        return Entry::Untrained;
    }
    const BUFFERS: [&str; 6] = [
        "version",
        "adaptive_softmax.version",
        "embed_tokens._float_tensor",
        // Sinusoidal positions are computed.
        "embed_positions._float_tensor",
        "embed_positions.weights",
        "embed_positions.version",
    ];
    for side in ["encoder", "decoder"] {
        let inner = name.strip_prefix(side).and_then(|rest| rest.strip_prefix('.'));
        if inner.is_some_and(|inner| BUFFERS.contains(&inner)) {
            return Entry::Buffer;
        }
    }
    let block = name
        .strip_prefix("encoder.layers.")
        .and_then(|rest| rest.split_once('.'));
    if block.is_some_and(|(_, last)| COPIES.contains(&last)) {
        return Entry::Untrained;
    }
    Entry::Parameters(parameters(name, layout))
}

fn parameters(name: &str, layout: &Layout) -> Vec<String> {
    if name == "decoder.embed_out" {
        return vec!["decoder.output_projection.weight".to_owned()];
    }
    let Some((path, last)) = name.rsplit_once('.') else {
        return vec![name.to_owned()];
    };
    // One matrix for queries, keys and values, until 0.8.
    let stacked = |what: &str| {
        ["q_proj", "k_proj", "v_proj"]
            .map(|part| format!("{path}.{part}.{what}"))
            .to_vec()
    };
    match last {
        "in_proj_weight" => return stacked("weight"),
        "in_proj_bias" => return stacked("bias"),
        "q_proj_weight" | "k_proj_weight" | "v_proj_weight" => {
            return vec![format!("{path}.{}.weight", last.trim_end_matches("_weight"))];
        }
        _ => {}
    }
    if let Some((layer, number)) = path.rsplit_once(".layer_norms.") {
        let norms: &[&str] = if name.starts_with("encoder.") {
            &ENCODER_NORMS
        } else {
            &DECODER_NORMS
        };
        if let Ok(number) = number.parse::<usize>() {
            // In a Transformer they have names today, in other models numbers from 1 on.
            let counted = format!("{layer}.layer_norm{}.{last}", number.saturating_add(1));
            if layout.parameters.contains(&counted) {
                return vec![counted];
            }
            if let Some(norm) = norms.get(number) {
                return vec![format!("{layer}.{norm}.{last}")];
            }
        }
    }
    vec![name.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(name: &str) -> Entry {
        super::classify(name, &Layout::default())
    }

    fn names(name: &str) -> Vec<String> {
        match classify(name) {
            Entry::Parameters(names) => names,
            other => panic!("{name} is a parameter, not {other:?}"),
        }
    }

    #[test]
    fn old_names_become_those_of_today() {
        assert_eq!(
            names("encoder.layers.3.self_attn.in_proj_weight"),
            ["q_proj", "k_proj", "v_proj"].map(|part| format!("encoder.layers.3.self_attn.{part}.weight"))
        );
        assert_eq!(
            names("decoder.layers.0.encoder_attn.in_proj_bias")[1],
            "decoder.layers.0.encoder_attn.k_proj.bias"
        );
        assert_eq!(
            names("decoder.layers.0.encoder_attn.k_proj_weight"),
            ["decoder.layers.0.encoder_attn.k_proj.weight"]
        );
        assert_eq!(
            names("encoder.layers.1.layer_norms.1.bias"),
            ["encoder.layers.1.final_layer_norm.bias"]
        );
        assert_eq!(
            names("decoder.layers.1.layer_norms.1.weight"),
            ["decoder.layers.1.encoder_attn_layer_norm.weight"]
        );
        assert_eq!(
            names("decoder.layers.1.layer_norms.2.weight"),
            ["decoder.layers.1.final_layer_norm.weight"]
        );
        assert_eq!(names("decoder.embed_out"), ["decoder.output_projection.weight"]);
    }

    #[test]
    fn wrappers_for_several_devices_leave_no_trace() {
        for prefix in ["module.", "module.module."] {
            let wrapped = |name: &str| format!("{prefix}{name}");
            assert_eq!(
                names(&wrapped("encoder.embed_tokens.weight")),
                ["encoder.embed_tokens.weight"]
            );
            assert_eq!(
                names(&wrapped("decoder.layers.0.self_attn.in_proj_weight"))[2],
                "decoder.layers.0.self_attn.v_proj.weight"
            );
            assert_eq!(classify(&wrapped("encoder.version")), Entry::Buffer);
            assert_eq!(classify(&wrapped("encoder.layers.0.fc1_bias")), Entry::Untrained);
        }
    }

    #[test]
    fn today_s_names_stay_and_buffers_and_copies_are_told() {
        for name in [
            "encoder.embed_tokens.weight",
            "encoder.embed_positions.weight",
            "decoder.layers.5.self_attn.out_proj.bias",
            "encoder.layers.0.layer_norms.7.weight",
            "alien",
        ] {
            assert_eq!(names(name), [name]);
        }
        for name in [
            "encoder.version",
            "decoder.embed_positions._float_tensor",
            "encoder.embed_positions.weights",
        ] {
            assert_eq!(classify(name), Entry::Buffer);
        }
        assert_eq!(classify("encoder.layers.11.in_proj_weight"), Entry::Untrained);
        assert_eq!(classify("encoder.layers.0.fc2_bias"), Entry::Untrained);
    }

    #[test]
    fn what_the_model_has_keeps_its_name_and_old_names_become_what_it_has() {
        let layout = Layout {
            parameters: [
                "encoder.layers.0.layer_norm2.bias",
                "decoder.layers.0.fc1_bias",
                "encoder.version",
            ]
            .map(str::to_owned)
            .into(),
            unused: ["encoder.layers.0.conv.conv_bias".to_owned()].into(),
        };
        let names = |name: &str| match super::classify(name, &layout) {
            Entry::Parameters(names) => names,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(
            names("encoder.layers.0.layer_norms.1.bias"),
            ["encoder.layers.0.layer_norm2.bias"]
        );
        assert_eq!(
            names("encoder.layers.0.layer_norms.0.bias"),
            ["encoder.layers.0.self_attn_layer_norm.bias"]
        );
        assert_eq!(names("encoder.version"), ["encoder.version"]);
        let unused = super::classify("module.encoder.layers.0.conv.conv_bias", &layout);
        assert_eq!(unused, Entry::Untrained);
    }
}
