//! The options of fairseq's models: what they become here.

use burnseq_interchange::fairseq::Options;
use burnseq_model::ModelConfig;
use burnseq_model::families::fairseq::is_off;
use serde_json::{Map, Value};

use crate::tasks::TaskConfig;

/// Options that change what the model computes in a way that ours does not know: refused unless they are off.
pub const UNSUPPORTED: &[(&str, &str)] = &[
    (
        "adaptive_input",
        "inputs whose width depends on how frequent a token is",
    ),
    ("adaptive_softmax_cutoff", "an adaptive softmax"),
    ("base_layers", "mixture-of-experts layers"),
    ("char_inputs", "characters as input"),
    ("character_embeddings", "characters as input"),
    ("cross_self_attention", "attention over source and target at once"),
    (
        "decoder_layers_to_keep",
        "layers that are pruned when the model is loaded",
    ),
    ("decoder_xformers_att_config", "attention of xFormers"),
    (
        "encoder_layers_to_keep",
        "layers that are pruned when the model is loaded",
    ),
    ("encoder_xformers_att_config", "attention of xFormers"),
    (
        "ffn_blocks_to_remove",
        "feed-forward blocks that are pruned when the model is loaded",
    ),
    (
        "layer_wise_attention",
        "a decoder layer that attends to the encoder layer of the same number",
    ),
    ("merge_src_tgt_embed", "one table for two dictionaries"),
    (
        "mha_heads_to_keep",
        "heads that are pruned when the model is loaded",
    ),
    ("no_cross_attention", "a decoder that does not see the source"),
    ("quant_noise_pq", "quantisation noise"),
    ("quant_noise_scalar", "quantisation noise"),
];

/// Options that only change how the model is trained: refused unless they are off when training is to continue.
pub const UNSUPPORTED_IN_TRAINING: &[(&str, &str)] = &[
    ("left_pad_target", "targets padded on the left"),
    ("use_bmuf", "block-wise model updates"),
];

/// Options that are checked in another way; a family has more of them.
const CHECKED: &[&str] = &["_name", "arch", "task"];

/// Options that leave the model as it is. Those about training and data are given anew when a run continues, as fairseq
/// wants them too.
#[rustfmt::skip]
pub const IGNORED: &[&str] = &[
    // Training: losses, optimisers, schedules, precision.
    "adam_betas", "adam_eps", "amp", "amp_batch_retries", "amp_init_scale", "amp_scale_window", "average_sync", "bf16",
    "block_lr", "block_momentum", "clip_norm", "criterion", "curriculum", "decay_steps", "debug_param_names", "distill",
    "ema_decay", "ema_fp32", "ema_seed_model", "ema_start_update", "ema_update_freq", "end_learning_rate",
    "final_lr_scale", "fixed_validation_seed", "force_anneal", "fp16", "fp16_adam_stats", "fp16_init_scale",
    "fp16_no_flatten_grads", "fp16_scale_tolerance", "fp16_scale_window", "global_sync_iter", "hold_steps",
    "ignore_prefix_size", "init_lr_scale", "label_smoothing", "lr", "lr_patience", "lr_period_updates", "lr_scheduler",
    "lr_shrink", "lr_threshold", "max_epoch", "max_lr", "max_update", "memory_efficient_bf16", "memory_efficient_fp16",
    "min_loss_scale", "min_lr", "momentum", "on_cpu_convert_precision", "optimizer", "optimizer_overrides", "patience",
    "phase_ratio", "power", "report_accuracy", "seed", "sentence_avg", "shrink_min", "skip_remainder_batch",
    "stop_min_lr", "stop_time_hours", "store_ema", "t_mult", "threshold_loss_scale", "total_num_update", "update_freq",
    "use_nbm", "use_old_adam", "warmup_init_lr", "warmup_iterations", "warmup_steps", "warmup_updates", "weight_decay",
    // Starting values and memory, without influence on what is computed.
    "adaptive_softmax_dropout", "adaptive_softmax_factor", "base_shuffle", "base_sublayers", "checkpoint_activations",
    "decoder_embed_path", "encoder_embed_path", "export", "min_params_to_wrap", "no_seed_provided",
    "offload_activations", "quant_noise_pq_block_size", "quantization_config_path", "tie_adaptive_proj",
    "tie_adaptive_weights",
    // Supervised alignments: a second loss on the attention of a plain Transformer.
    "alignment_heads", "alignment_lambda", "alignment_layer", "full_context_alignment", "load_alignments",
    // Data and batches.
    "align_suffix", "batch_size", "batch_size_valid", "combine_valid_subsets", "data", "data_buffer_size", "dataset_impl",
    "gen_subset", "grouped_shuffling", "ignore_unused_valid_subsets", "lazy_load", "left_pad_source", "max_sentences",
    "max_sentences_valid", "max_tokens", "max_tokens_valid", "max_valid_steps", "num_batch_buckets", "num_shards",
    "num_workers", "raw_text", "required_batch_size_multiple", "required_seq_len_multiple", "shard_id",
    "skip_invalid_size_inputs_valid_test", "source_lang", "target_lang", "train_subset", "truncate_source",
    "update_epoch_batch_itr", "update_ordered_indices_seed", "upsample_primary", "valid_subset",
    // Text in blocks, which the task reads.
    "add_bos_token", "future_target", "output_dictionary_size", "pad_to_fixed_bsz", "pad_to_fixed_length", "past_target",
    "sample_break_mode", "self_target", "shorten_data_split_list", "shorten_method", "tokens_per_sample",
    // Validation, checkpoints and logs.
    "aim_repo", "aim_run_hash", "azureml_logging", "best_checkpoint_metric", "checkpoint_shard_count",
    "checkpoint_suffix", "continue_once", "disable_validation", "empty_cache_freq", "eval_bleu", "eval_bleu_args",
    "eval_bleu_detok", "eval_bleu_detok_args", "eval_bleu_print_samples", "eval_bleu_remove_bpe",
    "eval_tokenized_bleu", "finetune_from_model", "keep_best_checkpoints", "keep_interval_updates",
    "keep_interval_updates_pattern", "keep_last_epochs", "load_checkpoint_on_all_dp_ranks", "log_file", "log_format",
    "log_interval", "maximize_best_checkpoint_metric", "no_epoch_checkpoints", "no_last_checkpoints", "no_progress_bar",
    "no_save", "no_save_optimizer_state", "profile", "reset_dataloader", "reset_logging", "reset_lr_scheduler",
    "reset_meters", "reset_optimizer", "restore_file", "save_dir", "save_interval", "save_interval_updates",
    "suppress_crashes", "tensorboard_logdir", "validate_after_updates", "validate_interval",
    "validate_interval_updates", "wandb_project", "write_checkpoints_asynchronously",
    // Machines.
    "all_gather_list_size", "broadcast_buffers", "bucket_cap_mb", "cpu", "cpu_offload", "ddp_backend", "ddp_comm_hook",
    "device_id", "distributed_backend", "distributed_init_method", "distributed_no_spawn", "distributed_num_procs",
    "distributed_port", "distributed_rank", "distributed_world_size", "enable_parallel_backward_allred_opt",
    "fast_stat_sync", "find_unused_parameters", "fix_batches_to_gpus", "fp32_reduce_scatter", "gradient_as_bucket_view",
    "heartbeat_timeout", "local_rank", "localsgd_frequency", "model_parallel_size", "no_reshard_after_forward",
    "not_fsdp_flatten_parameters", "nprocs_per_node", "num_gpus", "parallel_backward_allred_opt_threshold",
    "pipeline_balance", "pipeline_checkpoint", "pipeline_chunks", "pipeline_decoder_balance", "pipeline_decoder_devices",
    "pipeline_devices", "pipeline_encoder_balance", "pipeline_encoder_devices", "pipeline_model_parallel", "plasma_path",
    "slowmo_algorithm", "slowmo_base_algorithm", "slowmo_momentum", "tbmf_wrapper", "tpu", "use_plasma_view",
    "use_sharded_state", "user_dir", "zero_sharding",
    // Text, decoding and scores.
    "bpe", "bpe_codes", "bpe_separator", "eos", "eos_token", "gpt2_encoder_json", "gpt2_vocab_bpe", "lm_path",
    "lm_weight", "model_overrides", "moses_no_dash_splits", "moses_no_escape", "moses_source_lang", "moses_target_lang",
    "no_beamable_mm", "pad", "path", "post_process", "quiet", "remove_bpe", "results_path", "sacrebleu",
    "sacrebleu_char_level", "sacrebleu_lowercase", "sacrebleu_tokenizer", "scoring", "sentencepiece_alpha",
    "sentencepiece_enable_sampling", "sentencepiece_model", "sentencepiece_vocab", "simul_type", "source_lang_tok",
    "tokenizer", "unk",
];

/// The model that a checkpoint of fairseq holds, as its options describe it.
///
/// `ignore` names options that are taken as if they were not there; `training` says whether training is to continue.
///
/// # Errors
/// Another task or architecture; options that are not supported, or on no list; values of another type.
pub fn model_config(options: &Options, ignore: &[String], training: bool) -> Result<ModelConfig, String> {
    let task = super::task::task_config(options)?;
    let mut model = options
        .section("model")
        .ok_or("its configuration has no section `model`")?
        .clone();
    let arch = options.choice("model").unwrap_or("transformer");
    if let TaskConfig::LanguageModeling(task) = &task
        && model.get("max_target_positions").is_none_or(Value::is_null)
    {
        // As many positions as a block has tokens.
        model.insert("max_target_positions".to_owned(), task.tokens_per_sample.into());
    }
    let config = ModelConfig::from_fairseq(arch, &model)?;
    check(&config, &model, ignore, training)?;
    Ok(config)
}

fn check(
    config: &ModelConfig,
    model: &Map<String, Value>,
    ignore: &[String],
    training: bool,
) -> Result<(), String> {
    const HINT: &str = "hint: if it does not change what the model computes, name it in 'ignore'";
    let family = config.family();
    let checked = family.fairseq.map_or(&[][..], |names| names.checked);
    let mut unknown = Vec::new();
    for (name, value) in model {
        let is_known = family.setting(name).is_some() || checked.contains(&name.as_str());
        if ignore.contains(name) || is_known || IGNORED.contains(&name.as_str()) {
            continue;
        }
        let find = |list: &[(&str, &'static str)]| {
            list.iter()
                .find(|(known, _)| known == name)
                .map(|(_, what)| *what)
        };
        let trained = find(UNSUPPORTED_IN_TRAINING);
        if let Some(what) = find(UNSUPPORTED).or(trained.filter(|_| training)) {
            if !is_off(value) {
                let hint = match trained {
                    Some(_) => "hint: convert without 'with_optimizer', to translate or to fine-tune",
                    None => "hint: there is no equivalent; train the model without it",
                };
                return Err(format!(
                    "option `{name}` = {value}: there is no support for {what}\n{hint}"
                ));
            }
        } else if trained.is_none()
            && !CHECKED.contains(&name.as_str())
            && !matches!(value, Value::Null | Value::Bool(false))
        {
            unknown.push(format!("`{name}` = {value}"));
        }
    }
    if !unknown.is_empty() {
        return Err(format!(
            "unknown options of the model: {}\n{HINT}",
            unknown.join(", ")
        ));
    }
    let mut options = model.clone();
    options.retain(|name, _| !ignore.contains(name));
    config.check_fairseq(&options)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::*;

    fn model(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn transformer() -> ModelConfig {
        ModelConfig::from_arch("transformer").unwrap()
    }

    fn problem(value: Value, training: bool) -> String {
        check(&transformer(), &model(value), &[], training).unwrap_err()
    }

    #[test]
    fn every_option_is_on_one_list() {
        let unsupported = || {
            UNSUPPORTED
                .iter()
                .chain(UNSUPPORTED_IN_TRAINING)
                .map(|(name, _)| *name)
        };
        let general: Vec<&str> = unsupported()
            .chain(CHECKED.iter().chain(IGNORED).copied())
            .collect();
        let mut seen = HashSet::new();
        for name in &general {
            assert!(seen.insert(*name), "{name} is on two lists");
        }
        for family in ModelConfig::families() {
            // fairseq has no options of the others.
            let Some(fairseq) = family.fairseq else {
                continue;
            };
            let mut seen = HashSet::new();
            let checked = fairseq.checked.iter().copied();
            let names = family
                .settings
                .iter()
                .flat_map(|setting| setting.aliases.iter().copied().chain([setting.field]));
            for name in names.chain(checked) {
                // A family may have, or look at, what is refused of others or means nothing to them.
                let is_open = unsupported()
                    .chain(IGNORED.iter().copied())
                    .any(|other| other == name);
                assert!(
                    seen.insert(name) && (is_open || !general.contains(&name)),
                    "{name} of {} is on two lists",
                    family.name
                );
            }
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name_unless_it_is_off() {
        for (name, what) in UNSUPPORTED {
            let problem = problem(json!({ *name: 3 }), false);
            let expected = format!("option `{name}` = 3: there is no support for {what}\nhint: ");
            assert!(problem.starts_with(&expected), "{problem}");
            for off in [
                json!(null),
                json!(false),
                json!(0),
                json!(-1),
                json!(""),
                json!("False"),
            ] {
                let off = model(json!({ *name: off }));
                check(&transformer(), &off, &[], true).unwrap();
            }
        }
    }

    #[test]
    fn what_only_matters_in_training_is_refused_there() {
        let dropped = json!({ "use_bmuf": true });
        check(&transformer(), &model(dropped.clone()), &[], false).unwrap();
        assert!(problem(dropped, true).contains("'with_optimizer'"));
    }

    #[test]
    fn an_option_on_no_list_is_refused_unless_it_is_ignored() {
        let alien = json!({ "alien_attention": 2, "off": false, "unset": null });
        assert!(
            problem(alien.clone(), false)
                .contains("unknown options of the model: `alien_attention` = 2\nhint")
        );
        let ignore = ["alien_attention".to_owned()];
        check(&transformer(), &model(alien), &ignore, false).unwrap();
    }

    #[test]
    fn what_one_family_has_is_unknown_of_another_one() {
        let said = problem(json!({ "encoder_glu": true }), false);
        assert!(
            said.starts_with("unknown options of the model: `encoder_glu` = true"),
            "{said}"
        );
        let lightconv = ModelConfig::from_arch("lightconv").unwrap();
        check(&lightconv, &model(json!({ "encoder_glu": true })), &[], true).unwrap();
    }

    #[test]
    fn an_adaptive_softmax_is_refused_of_each_family() {
        let cut = json!({ "adaptive_softmax_cutoff": "100,200", "criterion": "adaptive_loss" });
        for arch in ["transformer", "lightconv", "lstm", "fconv"] {
            let config = ModelConfig::from_arch(arch).unwrap();
            let said = check(&config, &model(cut.clone()), &[], false).unwrap_err();
            assert!(
                said.starts_with("option `adaptive_softmax_cutoff` = \"100,200\""),
                "{arch}: {said}"
            );
        }
        // An LSTM always has the option, and reads it with that criterion alone.
        let config = ModelConfig::from_arch("lstm").unwrap();
        let plain = json!({ "adaptive_softmax_cutoff": "100,200", "criterion": "cross_entropy" });
        check(&config, &model(plain), &[], false).unwrap();
    }
}
