#!/bin/sh
# tools/cover.sh - runs the unit tests of a coverage build and prints reached lines per file and folder.
build=$1
find "$build" -name '*.gcda' -delete
"$build/check" >"$build/check.log" || tail -n 20 "$build/check.log"
find "$build/src" -name '*.gcda' ! -name '*_test.gcda' -exec gcov -n -r {} + 2>/dev/null | awk '
    /^File / { file = $2; gsub("\047", "", file) }
    /^Lines executed:/ && file ~ /^src\/.*\.c$/ {
        split($0, part, /[:% ]+/)
        if (!(file in total)) { total[file] = part[5]; hit[file] = part[3] * part[5] / 100 }
        file = ""
    }
    END {
        for (file in total) {
            folder = file
            sub(/^src\//, "", folder)
            sub(/\/.*/, "", folder)
            all[folder] += total[file]
            reached[folder] += hit[file]
            printf "%5.1f%% of %5d  %s\n", 100 * hit[file] / total[file], total[file], file | "sort -k4"
        }
        close("sort -k4")
        for (folder in all)
            printf "%5.1f%% of %5d  %s/\n", 100 * reached[folder] / all[folder], all[folder], folder | "sort -k4"
    }'
