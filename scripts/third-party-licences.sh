#!/usr/bin/env bash
# Prints the licences of all crates that are linked into a package: what each has, then the texts, each once.
#
# usage: scripts/third-party-licences.sh MANIFEST PACKAGE [FLAGS OF cargo tree, such as --features cuda]
set -euo pipefail
manifest="$1" package="$2"
shift 2

# SHA-256 of standard input.
checksum() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum
    else
        shasum -a 256
    fi
}

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
texts="$(mktemp -d)"
trap 'rm -rf "$texts"' EXIT
echo "Crates that are linked in, and their licences; the texts follow."
echo
while IFS='|' read -r crate licence; do
    # `name v1.2.3`; what lies in this repository has its path behind it.
    case "$crate" in *'('/*) continue ;; esac
    read -r name version _ <<<"$crate"
    version="${version#v}"
    printf '%s %s: %s\n' "$name" "$version" "$licence"
    for file in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$name-$version"/{LICEN[CS]E,COPYING,NOTICE,COPYRIGHT}* \
        "$root/vendor/$name"/{LICEN[CS]E,COPYING,NOTICE,COPYRIGHT}*; do
        if [ -f "$file" ]; then
            sum="$(checksum <"$file" | cut -d ' ' -f 1)"
            cp "$file" "$texts/$sum.text"
            echo "$name $version" >>"$texts/$sum.crates"
        fi
    done
done < <(cargo tree --manifest-path "$manifest" --package "$package" --edges normal --prefix none --locked \
    --format '{p}|{l}' "$@" | sed 's/ (\*)//' | sort -u)
for file in "$texts"/*.text; do
    if [ -f "$file" ]; then
        printf '\n%s\n' "------------------------------------------------------------------------"
        sort -u "${file%.text}.crates" | paste -sd ',' - | sed 's/,/, /g'
        echo
        cat "$file"
    fi
done
