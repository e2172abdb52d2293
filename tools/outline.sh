#!/bin/sh
# tools/outline.sh - prints the tree from the first lines of its files; fails when one has none.
find Makefile src test tools -name Makefile -o -name '*.[ch]' -o -name '*.sh' -o -name '*.awk' -o -name '*.py' |
    sed 's|\(.*\)/|\1/ |' | LC_ALL=C sort | tr -d ' ' | awk -f tools/outline.awk
