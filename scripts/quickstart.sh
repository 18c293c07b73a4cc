#!/usr/bin/env bash
# From a fresh clone to a translation score: build, prepare data/, train a small Transformer on the CPU, translate.
#
# usage: scripts/quickstart.sh [--dir FOLDER]
#   --dir FOLDER   write FOLDER/data-bin and FOLDER/checkpoints instead of ./data-bin and ./checkpoints
#
# Nothing is overwritten: where ./data-bin or ./checkpoints exist, the next free names with a number are used.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# ---- what to tune is here; the model and how it learns are in examples/toy/recipe.json ----
preprocess_options=(
    --src de --tgt en
    --bpe-size 2000
    --joined-dictionary
)
train_options=(
    --recipe toy # options of `train` behind it override the recipe
    --device cpu
)
generate_options=(--beam 5 --in-order --max-len-a 1.2 --max-len-b 10 --device cpu)
# --------------------------------------------------------------------------

say() { printf '\n== %s\n' "$*" >&2; }

usage() { sed -n "2,7s/^# \{0,1\}//p" scripts/quickstart.sh; }

folder=""
while [ "$#" -gt 0 ]; do
    case "$1" in
    --dir)
        if [ "$#" -lt 2 ]; then
            echo "--dir needs a folder" >&2
            exit 2
        fi
        folder="$2"
        shift 2
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        echo "unknown option \`$1\`; --help lists what there is" >&2
        exit 2
        ;;
    esac
done

if [ -n "$folder" ]; then
    data_bin="$folder/data-bin"
    checkpoints="$folder/checkpoints"
    for path in "$data_bin" "$checkpoints"; do
        if [ -e "$path" ]; then
            echo "$path is there already" >&2
            echo "hint: name another folder, or remove it" >&2
            exit 1
        fi
    done
    mkdir -p "$folder"
else
    data_bin="data-bin"
    checkpoints="checkpoints"
    run=1
    while [ -e "$data_bin" ] || [ -e "$checkpoints" ]; do
        run=$((run + 1))
        data_bin="data-bin-$run"
        checkpoints="checkpoints-$run"
    done
    if [ "$run" -gt 1 ]; then
        echo "an earlier run is kept: this one writes $data_bin and $checkpoints" >&2
    fi
fi

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

say "building (about 15 minutes of processor time when nothing is built yet)"
cargo build -p burnseq-cli
bin="${CARGO_TARGET_DIR:-target}/debug"

say "preprocess: data/ to $data_bin"
"$bin/preprocess" "${preprocess_options[@]}" --destdir "$data_bin"

say "train: a small Transformer, on the CPU"
started=$SECONDS
"$bin/train" "$data_bin" "${train_options[@]}" --save-dir "$checkpoints"
trained=$((SECONDS - started))

say "generate: the test set, which the model has not seen"
"$bin/generate" "$data_bin" --path "$checkpoints/checkpoint_best" "${generate_options[@]}" >"$checkpoints/generate-test.txt"

# D-<n> is the translation of line n of the test set, counted from 0.
say "some translations"
for n in 0 1 2 3 4 5; do
    printf '  German     %s\n' "$(sed -n "$((n + 1))p" data/test.de)"
    printf '  burnseq    %s\n' "$(awk -F '\t' -v id="D-$n" '$1 == id { print $3 }' "$checkpoints/generate-test.txt")"
    printf '  reference  %s\n\n' "$(sed -n "$((n + 1))p" data/test.en)"
done >&2

say "scores (all lines: $checkpoints/generate-test.txt; training took $((trained / 60)) min $((trained % 60)) s)"
grep -v -E '^[STHDP]-[0-9]' "$checkpoints/generate-test.txt"
