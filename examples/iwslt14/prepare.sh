#!/usr/bin/env bash
# IWSLT14 German-English from the official archive to a dataset, as fairseq's recipe prepares it, with burnseq's
# binaries only: Moses tokens, lower case, every 23rd pair for validation, 10,000 joint BPE merges.
#
# usage: examples/iwslt14/prepare.sh [--archive FILE] [--dir FOLDER] [--prefixes FOLDER]
#   --archive FILE      a local copy of de-en.tgz; without it the archive is downloaded (19 MB)
#   --dir FOLDER        where everything goes: the text in FOLDER/text, the dataset in FOLDER/data-bin [iwslt14.de-en]
#   --prefixes FOLDER   Moses' lists of abbreviations, nonbreaking_prefix.de and nonbreaking_prefix.en (in the folder
#                       scripts/share/nonbreaking_prefixes of mosesdecoder), instead of those built into burnseq
#
# BURNSEQ_BIN names a folder with built binaries; without it they are built first.
set -euo pipefail

url="http://dl.fbaipublicfiles.com/fairseq/data/iwslt14/de-en.tgz"
src=de
tgt=en
bpe_merges=10000
# Pairs that the recipe gives: train, valid, test.
expected="160239 7283 6750"

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
archive=""
folder="iwslt14.de-en"
prefixes=""

fail() {
    printf 'prepare.sh: error: %s\n' "$@" >&2
    exit 1
}

say() { printf '== %s\n' "$*" >&2; }

while [ "$#" -gt 0 ]; do
    case "$1" in
    -h | --help)
        sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    --archive | --dir | --prefixes)
        [ "$#" -ge 2 ] || fail "$1 needs a value"
        case "$1" in
        --archive) archive="$2" ;;
        --dir) folder="$2" ;;
        --prefixes) prefixes="$2" ;;
        esac
        shift 2
        ;;
    *) fail "unknown option $1; --help lists what there is" ;;
    esac
done
[ ! -e "$folder/text" ] || fail "$folder/text is there already" "hint: name another --dir, or remove it"
[ -z "$archive" ] || [ -f "$archive" ] || fail "$archive does not exist"
for lang in $src $tgt; do
    [ -z "$prefixes" ] || [ -f "$prefixes/nonbreaking_prefix.$lang" ] ||
        fail "$prefixes/nonbreaking_prefix.$lang does not exist"
done

bin="${BURNSEQ_BIN:-}"
if [ -z "$bin" ]; then
    say "building"
    root="$(cd "$here/../.." && pwd)"
    # shellcheck source=scripts/setup.sh
    source "$root/scripts/setup.sh"
    cargo build --manifest-path "$root/Cargo.toml" -p burnseq-cli
    bin="${CARGO_TARGET_DIR:-$root/target}/debug"
fi

mkdir -p "$folder"
# Everything is made in a folder of its own, which gets its name when it is complete.
work="$(mktemp -d "$folder/.preparing-XXXXXX")"
trap 'rm -rf "$work"' EXIT

if [ -z "$archive" ]; then
    archive="$folder/de-en.tgz"
    if [ ! -f "$archive" ]; then
        say "downloading $url"
        curl --fail --location --silent --show-error --output "$work/de-en.tgz" "$url"
        mv "$work/de-en.tgz" "$archive"
    fi
fi
say "unpacking $archive"
mkdir "$work/orig"
tar -xzf "$archive" -C "$work/orig"
orig="$work/orig/$src-$tgt"
[ -d "$orig" ] || fail "$archive holds no folder $src-$tgt"

tokenize() { # LANG
    "$bin/burnseq" text tokenize -l "$1" ${prefixes:+--nonbreaking-prefixes "$prefixes/nonbreaking_prefix.$1"}
}

say "training text: extract, tokenise, clean, lower-case"
for lang in $src $tgt; do
    "$bin/burnseq" text extract "$orig/train.tags.$src-$tgt.$lang" | tokenize "$lang" >"$work/tok.$lang"
done
"$bin/burnseq" text clean -s $src -t $tgt --min 1 --max 175 --ratio 1.5 "$work/tok" "$work/clean"
for lang in $src $tgt; do
    "$bin/burnseq" text lowercase "$work/clean.$lang" -o "$work/lower.$lang"
done
mkdir "$work/text"
"$bin/burnseq" text split -s $src -t $tgt --every 23 "$work/lower" "$work/text/train" "$work/text/valid"

say "test text"
for lang in $src $tgt; do
    files=()
    for set in TED.dev2010 TEDX.dev2012 TED.tst2010 TED.tst2011 TED.tst2012; do
        files+=("$orig/IWSLT14.$set.$src-$tgt.$lang.xml")
    done
    "$bin/burnseq" text extract "${files[@]}" | tokenize "$lang" | "$bin/burnseq" text lowercase -o "$work/text/test.$lang"
done

say "subwords and dataset"
"$bin/preprocess" --source-lang $src --target-lang $tgt --bpe subword_nmt --bpe-size "$bpe_merges" \
    --trainpref "$work/text/train" --validpref "$work/text/valid" --testpref "$work/text/test" --destdir "$folder/data-bin"
mv "$work/text" "$folder/text"

count() { wc -l <"$folder/text/$1.$src" | tr -d ' '; }
got="$(count train) $(count valid) $(count test)"
say "pairs (train, valid, test): $got"
if [ "$got" != "$expected" ]; then
    say "note: fairseq's recipe gives $expected from the official archive"
fi
