#!/usr/bin/env bash
# From a fresh clone to a translation score: build, prepare data/, train a small Transformer on the CPU for about three minutes,
# translate, and draw a report.
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
    --bpe-size 3000
    --joined-dictionary
)
train_options=(
    --recipe toy # options of `train` behind it override the recipe
    --device cpu
)
generate_options=(--beam 5 --in-order --max-len-a 1.2 --max-len-b 10 --device cpu)
# --------------------------------------------------------------------------

say() { printf '\n== %s\n' "$*" >&2; }
explain() { printf '   %s\n' "$@" >&2; }

usage() { sed -n "2,8s/^# \{0,1\}//p" scripts/quickstart.sh; }

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

say "1 of 6: build"
explain "The binaries are compiled: about 15 minutes of processor time when nothing is built yet, seconds afterwards."
cargo build -p burnseq-cli
bin="${CARGO_TARGET_DIR:-target}/debug"

say "2 of 6: preprocess, from text to a dataset"
explain "data/ has 20,000 German sentences with their English translations. From them burnseq learns subwords, splits all" \
    "text into them and writes numbers to $data_bin. The table below counts what came of it."
"$bin/preprocess" "${preprocess_options[@]}" --destdir "$data_bin"

say "3 of 6: train a small Transformer on the processor"
explain "It reads all sentences about ten times. After each pass it translates sentences that it does not learn from: their" \
    "BLEU, from 0 to 100, is to rise, and the loss is to fall. Ctrl-C stops it; the same command would go on."
started=$SECONDS
"$bin/train" "$data_bin" "${train_options[@]}" --save-dir "$checkpoints" --log-file "$checkpoints/train.log"
trained=$((SECONDS - started))

say "4 of 6: translate the test set, which the model has not seen"
"$bin/generate" "$data_bin" --path "$checkpoints/checkpoint_best" "${generate_options[@]}" >"$checkpoints/generate-test.txt"
# D-<n> is the translation of line n of the test set, counted from 0.
for n in 0 1 2 3 4 5; do
    printf '\n  German     %s\n' "$(sed -n "$((n + 1))p" data/test.de)"
    printf '  burnseq    %s\n' "$(awk -F '\t' -v id="D-$n" '$1 == id { print $3 }' "$checkpoints/generate-test.txt")"
    printf '  reference  %s\n' "$(sed -n "$((n + 1))p" data/test.en)"
done >&2

say "5 of 6: score"
explain "How much the 500 translations have in common with the references; training took $((trained / 60)) min $((trained % 60)) s."
grep -v -E '^[STHDP]-[0-9]' "$checkpoints/generate-test.txt"

say "6 of 6: report"
"$bin/burnseq" report "$checkpoints" --data "$data_bin" --num-sentences 100 --device cpu --output "$checkpoints/report.html"

say "done"
explain "Look at curves, translations and attention:   $checkpoints/report.html" \
    "All translations, with their scores:          $checkpoints/generate-test.txt" \
    "" \
    "Next:" \
    "  export PATH=\"$(cd "$bin" && pwd):\$PATH\"" \
    "  echo 'Der Hund schläft.' | generate --path $checkpoints/checkpoint_best --input -" \
    "  burnseq interactive --path $checkpoints/checkpoint_best    # line by line, Ctrl-D ends it" \
    "  burnseq inspect $checkpoints $data_bin                     # what is in these folders" \
    "" \
    "Your own text, step by step: docs/src/tutorial.md"
