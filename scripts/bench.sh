#!/usr/bin/env bash
# Training speed beside PyTorch: both learn from the same batches, in turn, on the same device.
#
# usage: scripts/bench.sh cpu|cuda YARDSTICK.py SRC.idx TGT.idx [options]
#   YARDSTICK.py SRC.idx TGT.idx   the PyTorch program, and whose sentence lengths (.idx or .idx.gz) make the batches
#   --rounds N        runs of each, in turn [default: 3]
#   --updates N       updates that are timed [default: 10 on the processor, 200 on a GPU]
#   --warmup N        updates before them [default: 2 on the processor, 100 on a GPU]
#   --max-tokens N    most tokens in a batch [default: 4096]
#   --precision P     bf16 or fp32; may be given twice [default: both]
#   --train FILE      the binary `train` [default: build it]
#   --python FILE     python3 with torch and numpy [default: python3]
#
# Prints the runs as JSON lines on standard error, and a table of medians for BENCHMARKS.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'bench: %s\n' "$1" >&2
    exit 2
}

case "${1:-}" in
-h | --help) sed -n '2,14s/^# \{0,1\}//p' "scripts/bench.sh" && exit ;;
cpu) updates=10 warmup=2 ;;
cuda) updates=200 warmup=100 ;;
*) fail "say cpu or cuda first; --help tells the rest" ;;
esac
device="$1"
[ "$#" -ge 4 ] || fail "YARDSTICK.py, SRC.idx and TGT.idx are needed; --help tells the rest"
yardstick="$2" src="$3" tgt="$4"
shift 4
rounds=3 max_tokens=4096 train="" python=python3 precisions=()
while [ "$#" -gt 0 ]; do
    [ "$#" -ge 2 ] || fail "$1 needs a value"
    case "$1" in
    --rounds) rounds="$2" ;;
    --updates) updates="$2" ;;
    --warmup) warmup="$2" ;;
    --max-tokens) max_tokens="$2" ;;
    --precision) precisions+=("$2") ;;
    --train) train="$2" ;;
    --python) python="$2" ;;
    *) fail "unknown option $1; --help lists what there is" ;;
    esac
    shift 2
done
[ "${#precisions[@]}" -gt 0 ] || precisions=(fp32 bf16)
for file in "$yardstick" "$src" "$tgt"; do
    [ -f "$file" ] || fail "$file is not there"
done
"$python" -c 'import torch, numpy' || fail "$python has no torch and numpy; name another with --python"

if [ -z "$train" ]; then
    # shellcheck source=scripts/setup.sh
    source scripts/setup.sh
    features=()
    [ "$device" = cpu ] || features=(--features cuda)
    cargo build --release -p burnseq-cli ${features[@]+"${features[@]}"}
    train="${CARGO_TARGET_DIR:-target}/release/train"
fi
work="$(mktemp -d)"
trap 'kill "${sampler:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

# The yardstick's batches, in the order in which it takes them: one a line, as sentence numbers.
"$python" - "$yardstick" "$src" "$tgt" "$max_tokens" >"$work/batches" <<'PYTHON'
import importlib.util, sys
import numpy as np
spec = importlib.util.spec_from_file_location("yardstick", sys.argv[1])
yardstick = importlib.util.module_from_spec(spec)
spec.loader.exec_module(yardstick)
batches = yardstick.make_batches(*map(yardstick.read_lengths, sys.argv[2:4]), int(sys.argv[4]))
np.random.default_rng(1).shuffle(batches)
for batch in batches:
    print(*batch)
PYTHON

# Largest memory in use on the GPU while a run lasts, in GiB; the yardstick tells its own.
sample_memory() {
    while sleep 0.2; do
        nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits
    done | awk '$1 > most { most = $1; printf "%.2f\n", most / 1024; fflush() }' >"$1"
}

of_torch() {
    local compile=()
    [ "$device" = cpu ] || compile=(--compile)
    OMP_WAIT_POLICY=PASSIVE "$python" "$yardstick" --device "$device" --dtype "$1" ${compile[@]+"${compile[@]}"} \
        --lengths "$src" "$tgt" --max-tokens "$max_tokens" --updates "$updates" --warmup "$warmup"
}

of_burnseq() {
    "$train" --device "$device" --precision "$1" --benchmark "$updates" --benchmark-warmup "$warmup" \
        --benchmark-batches "$work/batches" --lengths "$src" "$tgt" --max-tokens "$max_tokens" \
        --arch transformer_iwslt_de_en --share-decoder-input-output-embed --dropout 0.3 --label-smoothing 0.1 \
        --criterion label_smoothed_cross_entropy
}

# Median of a field over the lines of a file.
median() {
    grep -o "\"$2\": *[0-9.]*" "$1" | grep -o '[0-9.]*$' | sort -g |
        awk '{ x[NR] = $1 } END { if (NR == 0) print "-"; else print (x[int((NR + 1) / 2)] + x[int((NR + 2) / 2)]) / 2 }'
}

for precision in "${precisions[@]}"; do
    for round in $(seq "$rounds"); do
        of_torch "$precision" | tee -a "$work/torch.$precision" >&2
        if [ "$device" = cuda ]; then
            sample_memory "$work/memory" &
            sampler=$!
        fi
        of_burnseq "$precision" | tee -a "$work/burnseq.$precision" >&2
        if [ "$device" = cuda ]; then
            kill "$sampler" 2>/dev/null || true
            printf 'GPU memory in use, burnseq, round %s: %s GiB\n' "$round" "$(tail -n 1 "$work/memory")" >&2
        fi
    done
done

if [ "$device" = cuda ]; then
    hardware="$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)"
    ceiling="$("$python" - <<'PYTHON'
import time, torch
a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
for timed in (False, True):
    torch.cuda.synchronize(); start = time.perf_counter()
    for _ in range(20): a @ b
    torch.cuda.synchronize()
print(f"{20 * 2 * 8192**3 / (time.perf_counter() - start) / 1e12:.0f} TFLOPS, bf16 matrix product of 8192 x 8192")
PYTHON
)"
else
    hardware="$(grep -m 1 'model name' /proc/cpuinfo | cut -d: -f2- | sed 's/^ *//'), $(nproc) processors"
    ceiling="not measured"
fi
printf '%s, commit %s, %s, load %s; ceiling: %s; %s runs of %s updates each, medians:\n\n' "$(date -u +%F)" \
    "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$hardware" "$(cut -d' ' -f1 /proc/loadavg)" "$ceiling" "$rounds" "$updates"
printf '| precision | | updates/s | target tokens/s | source + target tokens/s | TFLOPS | padding | peak memory, GiB |\n|---|---|---|---|---|---|---|---|\n'
for precision in "${precisions[@]}"; do
    for who in torch burnseq; do
        printf '| %s | %s |' "$precision" "$who"
        for field in updates_per_s tgt_tokens_per_s src_tgt_tokens_per_s tflops padding peak_mem_gib; do
            printf ' %s |' "$(median "$work/$who.$precision" "$field")"
        done
        printf '\n'
    done
    printf '| %s | ratio | %s | | | | | |\n' "$precision" "$(
        awk -v a="$(median "$work/burnseq.$precision" updates_per_s)" -v b="$(median "$work/torch.$precision" updates_per_s)" \
            'BEGIN { printf "%.2f", a / b }'
    )"
done
