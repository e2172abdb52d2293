#!/bin/sh
# test/run.sh - what `make test` runs: the build, unit tests, house rules, then every test/*/run.sh.
set -u
. test/tally.sh
make="${MAKE:-make} --no-print-directory -s -j${JOBS:-1}"

step build $make programs || finish
step check build/check
step layers $make layers
step docs $make docs
for script in test/*/run.sh; do
    step "$script" "$script"
done
finish
