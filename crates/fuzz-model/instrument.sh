#!/bin/sh
# Stands before rustc (RUSTC_WRAPPER): instruments our crates for libFuzzer, and leaves the others alone.
rustc=$1
shift
case " $* " in
*" --crate-name burnseq"* | *" --crate-name checkpoint "* | *" --crate-name interactive "*)
    exec "$rustc" "$@" -Cpasses=sancov-module \
        -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*)
    exec "$rustc" "$@"
    ;;
esac
