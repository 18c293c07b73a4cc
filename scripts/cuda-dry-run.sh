#!/usr/bin/env bash
# A CUDA build without a GPU: every kernel is compiled by NVIDIA's own compiler, and launches are counted instead of run.
#
# usage: scripts/cuda-dry-run.sh --bin DIR --stand-in DIR --report FILE.py --packages DIR --out DIR [options]
#   --bin DIR        the binaries train, generate and preprocess, built with --features cuda
#   --stand-in DIR   libcuda.so.1 and libnvrtc.so, which stand in for the driver and count
#   --report FILE    the program that makes tables of what they wrote
#   --packages DIR   pip's folder `nvidia` with nvidia-cuda-nvrtc-cu12, -runtime-cu12, -nvcc-cu12 and -cccl-cu12
#   --out DIR        logs and tables; must not exist
#   --archs LIST     compute capabilities to pretend [default: 80,90]
#   --precisions L   [default: bf16,fp16,fp32]
#   --arch NAME      architecture of the model [default: transformer_iwslt_de_en]
#   --updates N      of training, with a validation and a checkpoint at the end [default: 300]
#   --max-tokens N   of a batch [default: 4096]
#   --data DATA-BIN  what to train on and to translate [default: the corpus in data/, prepared]
#
# What it cannot show: whether results are right, races, how long kernels take, what the real choice between kernels is, and
# what a real launch costs. Translations are made up: what comes from the device are words of 32 bits, at first those of a
# token, later those of the end of a sentence. The stand-in is told by CUDA_DRY_RUN_WORDS=TOKEN,COPIES,END; one that does not
# know the variable gives zeros, with which no sentence ends, and translating fails.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=scripts/cuda-toolkit.sh
source scripts/cuda-toolkit.sh

fail() {
    printf 'cuda-dry-run: %s\n' "$1" >&2
    exit 2
}

bin="" stand_in="" report="" packages="" out="" archs=80,90 precisions=bf16,fp16,fp32
arch=transformer_iwslt_de_en updates=300 max_tokens=4096 data=""
while [ "$#" -gt 0 ]; do
    case "$1" in
    -h | --help) sed -n '2,21s/^# \{0,1\}//p' scripts/cuda-dry-run.sh && exit ;;
    --*) [ "$#" -ge 2 ] || fail "$1 needs a value" ;;
    esac
    case "$1" in
    --bin) bin="$2" ;;
    --stand-in) stand_in="$2" ;;
    --report) report="$2" ;;
    --packages) packages="$2" ;;
    --out) out="$2" ;;
    --archs) archs="$2" ;;
    --precisions) precisions="$2" ;;
    --arch) arch="$2" ;;
    --updates) updates="$2" ;;
    --max-tokens) max_tokens="$2" ;;
    --data) data="$2" ;;
    *) fail "unknown option $1; --help lists what there is" ;;
    esac
    shift 2
done
for value in "$bin" "$stand_in" "$report" "$packages" "$out"; do
    [ -n "$value" ] || fail "--bin, --stand-in, --report, --packages and --out are needed; --help tells what they are"
done
for program in train generate preprocess; do
    [ -x "$bin/$program" ] || fail "--bin $bin has no $program"
done
[ -f "$stand_in/libcuda.so.1" ] || fail "--stand-in $stand_in has no libcuda.so.1"
[ -f "$report" ] || fail "--report $report does not exist"
[ -d "$packages/cuda_nvrtc" ] || [ -d "$packages/cu13" ] || fail "--packages $packages has no cuda_nvrtc or cu13"
ptxas="$packages/cuda_nvcc/bin/ptxas"
[ -x "$ptxas" ] || ptxas="$packages/cu13/bin/ptxas"
[ -x "$ptxas" ] || fail "--packages $packages has no ptxas, which comes with nvidia-cuda-nvcc"
[ ! -e "$out" ] || fail "$out is there already; name another folder"
mkdir -p "$out"
out="$(cd "$out" && pwd)"
cuda_toolkit "$packages" "$out/toolkit"
export LD_LIBRARY_PATH="$(cd "$stand_in" && pwd):$LD_LIBRARY_PATH"

if [ -z "$data" ]; then
    data="$out/data-bin"
    "$bin/preprocess" -s de -t en --trainpref data/train --validpref data/valid --testpref data/test --destdir "$data" \
        >"$out/preprocess.out" 2>&1 || fail "preprocess failed: $out/preprocess.out"
fi

failed=0
# Runs a command as a dry run called $1 on the device $2; prints how it ended and what it asked of the device.
dry_run() {
    local name="$1" device="$2" started="$SECONDS" code=0 folder="$out/$1"
    shift 2
    mkdir -p "$folder"
    CUDA_DRY_RUN_OUT="$folder/run" CUDA_DRY_RUN_ARCH="$device" CUDA_DRY_RUN_TRACE=1 CUDA_DRY_RUN_CHECK=1 \
        XDG_CACHE_HOME="$out/cache" "$@" >"$folder/out.txt" 2>"$folder/err.txt" || code=$?
    local violations=0
    [ ! -f "$folder/run/violations.txt" ] || violations="$(wc -l <"$folder/run/violations.txt")"
    printf '\n## %s: exit code %s, %s s, %s violations\n\n' "$name" "$code" "$((SECONDS - started))" "$violations"
    [ "$code" -eq 0 ] && [ "$violations" -eq 0 ] || failed=1
    python3 "$report" nvrtc "$folder/run" 2>&1 | head -8
    python3 "$report" ptxas "$folder/run" --ptxas "$ptxas" 2>&1 | head -20
    sed -n '/^device bytes/p' "$folder/run/summary.txt"
}

{
    echo "# Without a GPU, $(date -u +%F), $("$bin/train" --version), $(nproc) cores"
    for device in ${archs//,/ }; do
        for precision in ${precisions//,/ }; do
            save="$out/checkpoints-$device-$precision"
            dry_run "train-$device-$precision" "$device" "$bin/train" "$data" --arch "$arch" --device cuda \
                --precision "$precision" --max-tokens "$max_tokens" --max-update "$updates" --save-dir "$save" \
                --max-nonfinite 1000000000 --log-format simple --no-epoch-checkpoints
            python3 "$report" updates "$out/train-$device-$precision/run" --skip 5 2>&1 | head -40
            for beam in 5 1; do
                CUDA_DRY_RUN_ZEROS=1 CUDA_DRY_RUN_WORDS=5,30,2 \
                    dry_run "generate-$device-$precision-beam$beam" "$device" "$bin/generate" "$data" \
                    --path "$save/checkpoint_last" --device cuda --precision "$precision" --beam "$beam" --quiet
            done
        done
    done
} | tee "$out/summary.md"
exit "$failed"
