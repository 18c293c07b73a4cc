//! `validate` from end to end.

use serde_json::Value;

use crate::toy::{Toy, logged, refused, stderr, succeed};

const VALIDATE: &str = "validate";

#[test]
fn what_validate_finds_is_what_training_logged() {
    let toy = Toy::new();
    let flags = "--max-epoch 12 --lr 5e-3 --warmup-updates 20 --dropout 0.1 --max-tokens 128 --no-epoch-checkpoints \
                 --eval-bleu --report-accuracy --label-smoothing 0.2";
    let trained = succeed(toy.run("run", flags));
    let last = |key: &str| logged(&trained, key).pop().unwrap();
    // Weights that were never trained would not do.
    let first_loss = logged(&trained, "valid_loss")[0];
    assert!(last("valid_loss") < first_loss - 1.0 && last("valid_bleu") > 5.0);

    let flags = "data-bin --path run/checkpoint_last.pt --cpu --log-format json --eval-bleu --valid-subset valid,train";
    let output = succeed(toy.tool(VALIDATE, flags));
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    for key in [
        "valid_loss",
        "valid_nll_loss",
        "valid_ppl",
        "valid_accuracy",
        "valid_num_updates",
        "valid_bleu",
    ] {
        assert_eq!(lines[0][key].as_f64(), Some(last(key)), "{key} in {}", lines[0]);
    }
    let train_loss = lines[1]["train_loss"].as_f64().unwrap();
    assert!(train_loss > 0.0 && train_loss < first_loss - 1.0, "{}", lines[1]);

    let output = succeed(toy.tool(
        VALIDATE,
        "data-bin --path run/checkpoint_best --cpu --batch-size 3",
    ));
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(
        line.starts_with("epoch 0") && line.contains(" | valid on 'valid' subset | loss "),
        "{line}"
    );
    assert!(!line.contains("bleu") && output.stderr.is_empty());
}

#[test]
fn what_cannot_be_validated_is_refused() {
    let toy = Toy::new();
    succeed(toy.run("run", "--max-epoch 1"));
    let validate = |flags: &str| toy.tool(VALIDATE, &format!("data-bin --cpu {flags}"));
    refused(&validate("--path nowhere"), 1, &["nowhere", "no checkpoint here"]);
    refused(
        &validate("--path run/checkpoint_last --valid-subset dev"),
        1,
        &["no split \"dev\"", "train, valid"],
    );
    refused(
        &validate("--path run/checkpoint_last --max-tokens 3"),
        1,
        &["--skip-invalid-size-inputs-valid-test"],
    );
    refused(
        &validate("--path run/checkpoint_last --required-batch-size-multiple 0"),
        2,
        &["--required-batch-size-multiple"],
    );
    refused(
        &validate("--amp"),
        2,
        &["--amp is not supported", "hint: use --bf16"],
    );
    let dict = toy.data.join("dict.yy.txt");
    let text = std::fs::read_to_string(&dict).unwrap();
    std::fs::write(&dict, text.replace("w7 ", "v7 ")).unwrap();
    let output = validate("--path run/checkpoint_last");
    refused(&output, 1, &["dict.yy.txt", "\"v7\" instead of \"w7\""]);
    assert_eq!(stderr(&output).matches("error").count(), 1);
}
