#!/usr/bin/env bash
# From a text file to a model of its characters and a sample:
#
#     examples/shakespeare/run.sh TEXT [FOLDER]
#
# TEXT is any text in UTF-8; the last tenth of its lines is kept to validate on. FOLDER holds all that is made
# (default: shakespeare). The size is that of nanoGPT's recipe for a processor: 4 layers, 4 heads, 128 wide, blocks of 64
# characters, 12 of them a batch, 2,000 updates, no dropout.
set -euo pipefail

text=${1:?a text file is needed: examples/shakespeare/run.sh TEXT}
folder=${2:-shakespeare}
mkdir -p "$folder"

lines=$(wc -l < "$text")
kept=$((lines - lines / 10))
head -n "$kept" "$text" > "$folder/train.txt"
tail -n "+$((kept + 1))" "$text" > "$folder/valid.txt"

preprocess --only-source --bpe characters \
    --trainpref "$folder/train.txt" --validpref "$folder/valid.txt" --destdir "$folder/data-bin" --overwrite

train "$folder/data-bin" --arch gpt2 --decoder-embed-dim 128 --decoder-input-dim 128 --decoder-output-dim 128 \
    --decoder-ffn-embed-dim 512 --decoder-layers 4 --decoder-attention-heads 4 --dropout 0 --attention-dropout 0 \
    --tokens-per-sample 64 --batch-size 12 --required-batch-size-multiple 1 \
    --optimizer adam --adam-betas '(0.9, 0.99)' --weight-decay 0.1 --clip-norm 1.0 \
    --lr 3e-3 --lr-scheduler cosine --min-lr 1e-4 --warmup-updates 100 --max-update 2000 \
    --validate-interval-updates 250 --no-epoch-checkpoints --save-dir "$folder/checkpoints"

burnseq eval-lm "$folder/data-bin" --path "$folder/checkpoints/checkpoint_best" --gen-subset valid

generate --path "$folder/checkpoints/checkpoint_best" --prompt "" --sampling --sampling-topk 40 --temperature 0.8 \
    --beam 1 --max-new-tokens 500 --ignore-eos --sliding-window
