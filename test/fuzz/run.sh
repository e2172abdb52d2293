#!/bin/sh
# test/fuzz/run.sh - runs each fuzz target: our driver for a moment, or libFuzzer for TIME seconds (BUILD=build-fuzz).
set -u
build=${BUILD:-build}
logs=$build/fuzz-logs
mkdir -p "$logs"
failed=0
for target in test/fuzz/*.c; do
    name=$(basename "$target" .c)
    [ "$name" != driver ] || continue
    corpus=test/fuzz/corpus/$name
    [ -d "$corpus" ] || corpus=
    log=$logs/$name
    if [ "$build" = build-fuzz ]; then # what is found goes to the logs, not into the checked-in corpus
        mkdir -p "$logs/$name-found"
        set -- -max_total_time="${TIME:-60}" -len_control=0 -artifact_prefix="$logs/$name-" "$logs/$name-found" $corpus
    else
        set -- -n "${LONG:+100}10000" $corpus
    fi
    if "$build/fuzz/$name" "$@" >"$log" 2>&1; then
        echo "ok fuzz $name"
    else
        tail -n 40 "$log"
        echo "FAIL fuzz $name: see $log; $(grep -m1 -o 'seed [0-9]*' "$log")"
        failed=1
    fi
done
exit $failed
