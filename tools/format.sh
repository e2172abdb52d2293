#!/bin/sh
# tools/format.sh - clang-formats the C files named (default: all); --check only lists those that differ.
set -u
check=
[ "${1-}" != --check ] || { check=yes; shift; }
[ $# -gt 0 ] || set -- $(find src test tools -name '*.[ch]')
command -v clang-format-14 >/dev/null && format=clang-format-14 || format=clang-format
new=$(mktemp)
trap 'rm -f "$new"' EXIT
bad=0
for file in "$@"; do
    # Our new() is C++'s keyword to it.
    $format "$file" | sed 's/\bnew (/new(/g' >"$new" || exit 1
    if cmp -s "$new" "$file"; then
        :
    elif [ -n "$check" ]; then
        echo "$file: differs from what \`make format\` makes of it"
        bad=1
    else
        cat "$new" >"$file"
    fi
    awk -v file="$file" 'length > 100 { print file ":" FNR ": " length " columns, limit 100"; bad = 1 }
        END { exit bad }' "$file" || bad=1
done
exit $bad
