#!/usr/bin/env bash
# The whole test suite. Arguments go to `cargo test`: `scripts/test.sh -p burnseq-text`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
source scripts/setup.sh

# The binaries first: the end-to-end tests run them, and the quick start shares this build.
cargo build -p burnseq-cli
if [ "$#" -gt 0 ]; then
    cargo test "$@"
else
    cargo test --workspace
fi
