#!/usr/bin/env bash
# The whole test suite. Arguments go to `cargo test`: `scripts/test.sh -p burnseq-text`.
#
# Tests that need reference data in ../shared are skipped where it is absent, and counted at the end. With
# BURNSEQ_REQUIRE_SHARED=1 they fail instead.
set -euo pipefail
case "${1:-}" in
-h | --help) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
source scripts/setup.sh

# The binaries first: the end-to-end tests run them, and the quick start shares this build.
cargo build -p burnseq-cli

mkdir -p target
export BURNSEQ_SKIPPED_TESTS="$PWD/target/skipped-tests.txt"
: > "$BURNSEQ_SKIPPED_TESTS"
status=0
if [ "$#" -gt 0 ]; then
    cargo test "$@" || status=$?
else
    cargo test --workspace || status=$?
fi
# A test may ask for several files.
skipped="$(cut -f1 "$BURNSEQ_SKIPPED_TESTS" | sort -u | wc -l)"
if [ "$skipped" -gt 0 ]; then
    echo "test: $skipped tests were skipped, because reference data in ../shared is absent: $BURNSEQ_SKIPPED_TESTS"
fi
exit "$status"
