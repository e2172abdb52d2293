#!/bin/sh
# test/long.sh - what `make check-long` runs: test/run.sh's steps under sanitizers and clang, and for longer.
# LONG=1 in the environment asks a script or a unit test for its long random run.
set -u
. test/tally.sh
make="${MAKE:-make} --no-print-directory -s -j${JOBS:-1}"

export TSAN_OPTIONS="suppressions=test/tsan.supp history_size=5" # long enough to name both sides
for san in asan tsan; do
    step "build $san" $make SAN=$san "build-$san/check" && step "check $san" "build-$san/check"
done
step "build clang" $make CC="${CLANG:-clang-14}" programs
step build $make programs || finish
export LONG=1
step check build/check
for script in test/*/run.sh; do
    step "$script" "$script"
done
step fuzz $make fuzz
finish
