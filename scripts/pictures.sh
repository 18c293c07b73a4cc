#!/usr/bin/env bash
# The pictures of README.md and docs/: trains the toy recipe with the binaries that are built, and has `burnseq report` draw.
#
# usage: scripts/pictures.sh [DIR]
#   DIR  binaries [default: target/debug]
#
# Takes about three minutes on two cores. Writes docs/src/pictures/.
set -euo pipefail
case "${1:-}" in
-h | --help) sed -n '2,7s/^# \{0,1\}//p' scripts/pictures.sh && exit ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin="$(cd "${1:-target/debug}" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

"$bin/preprocess" --src de --tgt en --bpe-size 3000 --joined-dictionary --destdir "$work/data-bin"
"$bin/train" "$work/data-bin" --recipe toy --cpu --save-dir "$work/run" --log-interval 25 --log-file "$work/run/train.log"
"$bin/burnseq" report "$work/run" --data "$work/data-bin" --cpu --num-sentences 100 --output "$work/report.html" --out "$work/figures"
mkdir -p docs/src/pictures
cp "$work/figures/loss.svg" docs/src/pictures/learning-curve.svg
cp "$(find "$work/figures" -name 'attention-*-cross.svg' | sort | head -n 1)" docs/src/pictures/attention.svg
