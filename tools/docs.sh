#!/bin/sh
# tools/docs.sh - fails when a document names a file, a link or a function that does not exist.
# Looked at: `words/in.backticks` that look like a path of ours, `names()` of functions, [links](to).
set -u
bad=0
complain() { echo "$1: names $2, which does not exist"; bad=1; }

tools/outline.sh >/dev/null || bad=1
for doc in *.md docs/*.md docs/adr/*.md; do
    words=$(grep -o '`[^` ]*`' "$doc" | tr -d '`')
    for path in $(echo "$words" | grep -E '^[A-Za-z0-9_./-]+(\.(c|h|S|sh|awk|py|md)|/)$' | grep -v '^[/.]'); do
        [ -e "$path" ] || [ -e "src/$path" ] || complain "$doc" "\`$path\`"
    done
    for path in $(grep -o '](\([^):#]*\)' "$doc" | cut -c3-); do
        [ -e "$(dirname "$doc")/$path" ] || complain "$doc" "($path)"
    done
    for name in $(echo "$words" | sed -n 's/^\([a-z_0-9]*\)()$/\1/p' | sort -u); do
        grep -rqw --include='*.[ch]' "$name" src test tools || complain "$doc" "\`$name()\`"
    done
done
exit $bad
