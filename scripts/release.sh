#!/usr/bin/env bash
# A release archive: burnseq, preprocess, train and generate, with completions, manual pages, documentation and licences.
#
# usage: scripts/release.sh [--destdir DIR] [--target TRIPLE] [--features LIST] [--bin DIR]
#   --destdir DIR    where burnseq-VERSION-TARGET.tar.gz and its .sha256 go [default: target/release-archive]
#   --target TRIPLE  what to build for [default: this machine]; completions and manual pages come from the binaries,
#                    so this machine must be able to run them
#   --features LIST  features of the build, such as cuda; the name of the archive has them, too
#   --bin DIR        pack the binaries in DIR instead of building
#
# The build is `cargo build --release --locked`, about 30 minutes of processor time when nothing is built yet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'release: %s\n' "$*" >&2; }
usage() { sed -n '2,11s/^# \{0,1\}//p' scripts/release.sh; }

binaries=(burnseq preprocess train generate)
destdir=target/release-archive
target=""
features=""
bin=""
while [ "$#" -gt 0 ]; do
    case "$1" in
    --destdir | --target | --features | --bin)
        if [ "$#" -lt 2 ]; then
            echo "$1 needs a value" >&2
            exit 2
        fi
        case "$1" in
        --destdir) destdir="$2" ;;
        --target) target="$2" ;;
        --features) features="$2" ;;
        --bin) bin="$2" ;;
        esac
        shift 2
        ;;
    -h | --help) usage && exit ;;
    *)
        echo "unknown option \`$1\`; --help lists what there is" >&2
        exit 2
        ;;
    esac
done

# Builds the binaries, and sets $bin to their folder.
build() {
    # shellcheck source=scripts/setup.sh
    source scripts/setup.sh
    local flags=(--release --locked -p burnseq-cli)
    local folder="${CARGO_TARGET_DIR:-target}"
    if [ -n "$target" ]; then
        flags+=(--target "$target")
        folder="$folder/$target"
    fi
    if [ -n "$features" ]; then
        flags+=(--features "$features")
    fi
    say "building: cargo build ${flags[*]}"
    cargo build "${flags[@]}"
    bin="$folder/release"
}

# SHA-256 of files, as `sha256sum` prints it.
checksum() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$@"
    else
        shasum -a 256 "$@"
    fi
}

# The value of the first `NAME = "value"` of a manifest.
version() { sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1; }

# Lays out everything in the folder $1.
lay_out() {
    local folder="$1" binary
    mkdir -p "$folder/bin" "$folder/share/man/man1"
    for binary in "${binaries[@]}"; do
        if [ ! -x "$bin/$binary" ]; then
            echo "$bin has no binary \`$binary\`" >&2
            echo "hint: build it: cargo build --release --locked -p burnseq-cli" >&2
            exit 1
        fi
        cp "$bin/$binary" "$folder/bin/"
    done
    local bash="$folder/share/bash-completion/completions" zsh="$folder/share/zsh/site-functions" \
        fish="$folder/share/fish/vendor_completions.d"
    mkdir -p "$bash" "$zsh" "$fish"
    for binary in "${binaries[@]}"; do
        "$bin/burnseq" completions bash --binary "$binary" >"$bash/$binary"
        "$bin/burnseq" completions zsh --binary "$binary" >"$zsh/_$binary"
        "$bin/burnseq" completions fish --binary "$binary" >"$fish/$binary.fish"
    done
    "$bin/burnseq" man "$folder/share/man/man1" >/dev/null
    cp README.md CHANGELOG.md BENCHMARKS.md ARCHITECTURE.md CONTRIBUTING.md LICENSE-MIT LICENSE-APACHE "$folder/"
    # What the README links to; the commands of the tutorial work in the unpacked archive.
    cp -R docs examples data "$folder/"
    scripts/third-party-licences.sh Cargo.toml burnseq-cli ${features:+--features "$features"} ${target:+--target "$target"} \
        >"$folder/THIRD-PARTY-LICENSES.txt"
}

# The archive $2 of the folder $1, the same for the same files.
pack() {
    local folder="$1" archive="$2"
    local flags=()
    if tar --version 2>/dev/null | grep -q GNU; then
        local time="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
        flags=(--sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time")
    fi
    tar -C "$(dirname "$folder")" ${flags[@]+"${flags[@]}"} -cf - "$(basename "$folder")" | gzip -n -9 >"$archive.part"
    mv "$archive.part" "$archive"
}

if [ -z "$bin" ]; then
    build
fi
host="$(rustc -vV | sed -n 's/^host: //p')"
name="burnseq-$(version)-${target:-$host}${features:+-${features//,/-}}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
say "packing $name"
lay_out "$work/$name"
mkdir -p "$destdir"
archive="$destdir/$name.tar.gz"
pack "$work/$name" "$archive"
(cd "$destdir" && checksum "$name.tar.gz" >"$name.tar.gz.sha256")
say "wrote $archive ($(du -h "$archive" | cut -f 1)) and $archive.sha256"
echo "$archive"
