#!/usr/bin/env bash
# The Python package: builds its wheel, installs it in a fresh environment, and tests it there beside the binaries.
#
# usage: scripts/python.sh [--profile NAME] [--wheel-only] [--destdir DIR] [--features LIST] [-- ARGUMENTS OF PYTEST]
#   --profile NAME   release, or dev, which takes Burn from the build of the tests [default: release; dev to test]
#   --wheel-only     build the wheel, and neither install nor test it
#   --destdir DIR    where the wheel goes [default: target/wheels]
#   --features LIST  features of the build, such as cuda
#
# PYTHON names the interpreter [default: python3], 3.10 or newer. The tools come from pip, into temporary environments. The wheel is
# for that version of Python and all later ones. A release build takes about 30 minutes of processor time when nothing is built yet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'python: %s\n' "$*" >&2; }
usage() { sed -n '2,11s/^# \{0,1\}//p' scripts/python.sh; }

profile=""
wheel_only=""
destdir=target/wheels
features=""
pytest=()
while [ "$#" -gt 0 ]; do
    case "$1" in
    --profile | --destdir | --features)
        if [ "$#" -lt 2 ]; then
            echo "$1 needs a value" >&2
            exit 2
        fi
        case "$1" in
        --profile) profile="$2" ;;
        --destdir) destdir="$2" ;;
        --features) features="$2" ;;
        esac
        shift 2
        ;;
    --wheel-only) wheel_only=yes && shift ;;
    -h | --help) usage && exit ;;
    --)
        shift
        pytest=("$@")
        break
        ;;
    *)
        echo "unknown option \`$1\`; --help lists what there is" >&2
        exit 2
        ;;
    esac
done
if [ -z "$profile" ]; then
    profile="$([ -n "$wheel_only" ] && echo release || echo dev)"
fi

python="${PYTHON:-python3}"
if ! "$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    echo "$python is not Python 3.10 or newer with the module venv" >&2
    echo "hint: install it (Debian, Ubuntu: sudo apt-get install python3-venv), or name another one: PYTHON=python3.12 scripts/python.sh" >&2
    exit 1
fi
# shellcheck source=scripts/setup.sh
source scripts/setup.sh

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# A fresh environment in the folder $1 with the packages that follow.
environment() {
    local folder="$1"
    shift
    "$python" -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

say "building the wheel with the profile $profile"
environment "$work/build" 'maturin>=1.9,<2'
# In the wheel, with the licences of this project.
scripts/third-party-licences.sh crates/burnseq-python/Cargo.toml burnseq-python ${features:+--features "$features"} \
    >crates/burnseq-python/THIRD-PARTY-LICENSES.txt
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
"$work/build/bin/maturin" build --locked --profile "$profile" --manifest-path crates/burnseq-python/Cargo.toml \
    --interpreter "$work/build/bin/python" --out "$work/wheel" ${features:+--features "$features"} --quiet
wheel="$(basename "$work"/wheel/*.whl)"
mkdir -p "$destdir"
mv "$work/wheel/$wheel" "$destdir/"
say "wrote $destdir/$wheel ($(du -h "$destdir/$wheel" | cut -f 1))"
if [ -n "$wheel_only" ]; then
    echo "$destdir/$wheel"
    exit
fi

if [ -z "${BURNSEQ_BIN:-}" ]; then
    say "building the binaries that it is compared with"
    cargo build --quiet -p burnseq-cli
    export BURNSEQ_BIN="$CARGO_TARGET_DIR/debug"
fi
say "installing it in a fresh environment"
environment "$work/test" "$destdir/$wheel" pytest tqdm ipykernel nbclient mypy
say "testing it"
# Not from the checkout, so that the package is the installed one.
tests="$PWD/crates/burnseq-python/tests"
(cd "$work" && test/bin/python -m pytest -p no:cacheprovider "$tests" ${pytest[@]+"${pytest[@]}"})
