#!/usr/bin/env bash
# Everything that is checked without running: format, lints, documentation. Warnings are errors.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/setup.sh
source scripts/setup.sh

echo "check: format" >&2
cargo fmt --all -- --check
cargo fmt --manifest-path crates/burnseq-python/Cargo.toml -- --check
echo "check: lints" >&2
cargo clippy --workspace --all-targets --quiet -- -D warnings
echo "check: documentation" >&2
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
echo "check: shell scripts" >&2
for script in scripts/*.sh examples/*/*.sh .ci/run; do
    bash -n "$script"
done
echo "check: all good" >&2
