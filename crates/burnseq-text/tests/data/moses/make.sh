#!/bin/sh
# Makes expected.tsv from lines.tsv with Moses' own scripts: language, line, its tokens, and these put together again.
# Made with revision 34452895 of mosesdecoder and Perl 5.36: MOSES=mosesdecoder ./make.sh
set -e
cd "$(dirname "$0")"
scripts="$MOSES/scripts/tokenizer"
tab=$(printf '\t')
: > expected.tsv
while IFS="$tab" read -r language line; do
    tokens=$(printf '%s\n' "$line" | perl "$scripts/tokenizer.perl" -q -l "$language" 2>/dev/null; echo .)
    tokens=${tokens%?.}
    text=$(printf '%s\n' "$tokens" | perl "$scripts/detokenizer.perl" -q -l "$language" 2>/dev/null)
    printf '%s\t%s\t%s\t%s\n' "$language" "$line" "$tokens" "$text" >> expected.tsv
done < lines.tsv
