#!/usr/bin/env bash
# All that is to be measured on a GPU, in one run: exactness, speed beside PyTorch, and the BLEU of a short training.
#
# usage: scripts/verify-cuda.sh --bin DIR --data DATA-BIN --yardstick FILE.py --lengths SRC.idx TGT.idx --out DIR [options]
#   --bin DIR             the binaries train, generate and burnseq, built with --features cuda
#   --data DATA-BIN       IWSLT14 as `examples/iwslt14/prepare.sh` makes it
#   --yardstick FILE.py   the PyTorch program that scripts/bench.sh takes
#   --lengths SRC TGT     whose sentence lengths make the batches of the comparison
#   --out DIR             logs, tables and translations; must not exist
#   --curve DATA-BIN      Multi30k as `examples/multi30k` makes it: 500 updates on the device and on the processor are compared
#   --large N             tokens of the larger batches that are compared, too; 0 for none [default: 16384]
#   --minutes N           time for training [default: 8]
#   --device NAME         cuda, cuda:N, or cpu to try the script itself [default: cuda]
#   --python FILE         python3 with torch and numpy [default: python3]
#   --skip NAME           leave a part out: check, curve, bench, profile, train; may be given several times
#
# A part that fails is reported, and the others run nevertheless.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=scripts/cuda-toolkit.sh
source scripts/cuda-toolkit.sh

fail() {
    printf 'verify-cuda: %s\n' "$1" >&2
    exit 2
}

bin="" data="" yardstick="" lengths=() out="" curve="" large=16384 minutes=8 device=cuda python=python3 skip=" "
while [ "$#" -gt 0 ]; do
    case "$1" in
    -h | --help) sed -n '2,18s/^# \{0,1\}//p' scripts/verify-cuda.sh && exit ;;
    --lengths) [ "$#" -ge 3 ] || fail "--lengths needs two files" ;;
    --*) [ "$#" -ge 2 ] || fail "$1 needs a value" ;;
    esac
    case "$1" in
    --bin) bin="$2" ;;
    --data) data="$2" ;;
    --yardstick) yardstick="$2" ;;
    --lengths) lengths=("$2" "$3") && shift ;;
    --out) out="$2" ;;
    --curve) curve="$2" ;;
    --large) large="$2" ;;
    --minutes) minutes="$2" ;;
    --device) device="$2" ;;
    --python) python="$2" ;;
    --skip) skip="$skip$2 " ;;
    *) fail "unknown option $1; --help lists what there is" ;;
    esac
    shift 2
done
for value in "$bin" "$data" "$yardstick" "${lengths[0]:-}" "$out"; do
    [ -n "$value" ] || fail "--bin, --data, --yardstick, --lengths and --out are needed; --help tells what they are"
done
case "$large" in "" | *[!0-9]*) fail "--large needs a whole number, got '$large'" ;; esac
[ ! -e "$out" ] || fail "$out is there already; name another folder"
mkdir -p "$out"
case "$device" in cpu) kind=cpu ;; *) kind=cuda ;; esac

# The kernels are compiled while they are first used, by NVRTC with the headers of a toolkit. pip's packages of PyTorch bring both.
if [ "$kind" = cuda ]; then
    packages="$("$python" -c 'import importlib.util as u; print(list(u.find_spec("nvidia").submodule_search_locations)[0])' 2>/dev/null || true)"
    cuda_toolkit "$packages" "$out/toolkit"
    nvidia-smi >"$out/nvidia-smi.txt" 2>&1
fi

failed=0
# Runs a part, keeps what it prints, and says how long it took.
part() {
    local name="$1" started="$SECONDS" code=0
    shift
    "$@" >"$out/$name.out" 2>"$out/$name.err" || code=$?
    printf '%-28s exit code %s, %s s\n' "$name" "$code" "$((SECONDS - started))" | tee -a "$out/summary.txt"
    [ "$code" -eq 0 ] || failed=1
    return "$code"
}

wanted() { case "$skip" in *" $1 "*) return 1 ;; esac }

if wanted check; then
    for precision in fp32 bf16 fp16; do
        part "check-$precision" "$bin/train" --check-device --device "$device" --precision "$precision"
        sort -g -r "$out/check-$precision.out" | head -n 3 | tee -a "$out/summary.txt"
    done
fi

if [ -n "$curve" ] && wanted curve; then
    # Masks, batches and weights are the same on both, so that the losses differ by rounding alone.
    learn() {
        "$bin/train" "$curve" --recipe multi30k --device "$1" --precision "$2" --max-update 500 --log-interval 50 \
            --log-format json --no-save --disable-validation --required-seq-len-multiple 8
    }
    part curve-processor learn cpu fp32
    for precision in fp32 bf16; do
        part "curve-$precision" learn "$device" "$precision" && "$python" - "$out/curve-processor" "$out/curve-$precision" <<'PYTHON' | tee -a "$out/summary.txt"
import json, re, sys

def losses(run):
    text = open(run + ".out").read() + open(run + ".err").read()
    lines = re.findall(r"train_inner.*?({.*})", text)
    return [float(json.loads(line)["loss"]) for line in lines]

expected, found = map(losses, sys.argv[1:])
assert expected and len(expected) == len(found), (len(expected), len(found))
off = max(abs(f - e) / e for f, e in zip(found, expected))
print(f"{len(found)} losses of {sys.argv[2].rsplit('/', 1)[-1]}: at most {100 * off:.3f} % off the processor's")
PYTHON
    done
fi

if wanted bench; then
    compare() {
        part "$1" scripts/bench.sh "$kind" "$yardstick" "${lengths[@]}" --train "$bin/train" --python "$python" "${@:2}" &&
            tee -a "$out/summary.txt" <"$out/$1.out"
    }
    compare bench
    [ "$large" -eq 0 ] || compare "bench-$large" --max-tokens "$large" --rounds 1 --precision bf16
fi

# Where the time of an update goes: CubeCL times every kernel, one after the other, so that only the shares count.
if wanted profile && [ "$kind" = cuda ]; then
    mkdir "$out/profile"
    printf '[profiling.logger]\nlevel = "medium"\nfile = "%s"\n' "$(realpath "$out")/profile/kernels.txt" >"$out/profile/cubecl.toml"
    profile() {
        local train lengths_at=()
        train="$(realpath "$bin/train")"
        lengths_at=("$(realpath "${lengths[0]}")" "$(realpath "${lengths[1]}")")
        (cd "$out/profile" && "$train" --device "$device" --precision bf16 --benchmark 5 --benchmark-warmup 5 \
            --lengths "${lengths_at[@]}" --max-tokens 4096 --arch transformer_iwslt_de_en --share-decoder-input-output-embed \
            --dropout 0.3 --label-smoothing 0.1 --criterion label_smoothed_cross_entropy)
    }
    part profile profile && "$python" - "$out/profile/kernels.txt" <<'PYTHON' | tee -a "$out/summary.txt"
import collections, re, sys

units = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
seconds, launches = collections.Counter(), collections.Counter()
for line in open(sys.argv[1], errors="replace"):
    found = re.match(r".*\| ([0-9.]+)(ns|µs|ms|s) *\| (.+)", line)
    if found:
        name = re.sub(r"<.*", "", found[3].strip())
        seconds[name] += float(found[1]) * units[found[2]]
        launches[name] += 1
assert seconds, "no kernel was timed"
total = sum(seconds.values())
print(f"10 updates and what tunes them: {sum(launches.values())} launches, {total:.3f} s in kernels; the longest:")
for name, time in seconds.most_common(20):
    print(f"{100 * time / total:5.1f} % {launches[name]:7} launches  {name}")
PYTHON
fi

if wanted train; then
    checkpoints="$out/checkpoints"
    hours="$(awk -v m="$minutes" 'BEGIN { print m / 60 }')"
    # Memory of the process and of the GPU, MiB, while training lasts.
    while sleep 5; do
        printf '%s %s %s\n' "$SECONDS" "$(pgrep -P $$ -x train | head -n 1 | xargs -I PID awk '/VmRSS/ { print int($2 / 1024) }' /proc/PID/status)" \
            "$(nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits 2>/dev/null | head -n 1)"
    done >"$out/memory.txt" 2>/dev/null &
    sampler=$!
    part train "$bin/train" "$data" --recipe iwslt14_de_en --device "$device" --save-dir "$checkpoints" --log-format json \
        --stop-time-hours "$hours" --keep-last-epochs 5
    kill "$sampler"
    grep -h valid_bleu "$out/train.out" "$out/train.err" >"$out/curve.txt"
    # Steady state: neither should change after the first epoch.
    grep -h 'kernels were compiled' "$out/train.out" "$out/train.err" | sed -n '1p;2p;$p' | tee -a "$out/summary.txt"
    awk 'NF > 1 { time[++n] = $1; host[n] = $2; device[n] = $3 }
        END { for (i = 1; i <= 5; i++) { k = int(n * i / 5); if (k) printf "memory after %s s: process %s MiB, GPU %s MiB\n", time[k] - time[1], host[k], device[k] } }' \
        "$out/memory.txt" | tee -a "$out/summary.txt"
    [ ! -d "$checkpoints" ] ||
        part average "$bin/burnseq" average --inputs "$checkpoints" --num-epoch-checkpoints 5 --output "$checkpoints/average"
    for checkpoint in checkpoint_best average; do
        for beam in 1 5; do
            [ -d "$checkpoints/$checkpoint" ] || continue
            part "test-$checkpoint-beam$beam" "$bin/generate" "$data" --path "$checkpoints/$checkpoint" --device "$device" \
                --beam "$beam" --max-tokens 16000 --remove-bpe
            grep -h -E '^(Generate|Translated|sacreBLEU)' "$out/test-$checkpoint-beam$beam.out" "$out/test-$checkpoint-beam$beam.err" |
                tee -a "$out/summary.txt"
        done
    done
fi
exit "$failed"
