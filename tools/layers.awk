# tools/layers.awk - fail when a file includes a folder its own may not see.
# Input: docs/layers ("folder: allowed folders"), then every source file as src/FOLDER/...
FILENAME == "docs/layers" { n = split($0, w, /[ :]+/); for (i = 2; i <= n; i++) ok[w[1] "," w[i]] = 1; next }
FNR == 1 { split(FILENAME, p, "/"); me = p[2] }
match($0, /^#include "[a-z0-9_]+\//) {
    to = substr($0, RSTART + 10, RLENGTH - 11)
    if (!((me "," to) in ok) && FILENAME !~ /_test\.c$/) { print FILENAME ":" FNR ": " me " may not include " to; bad = 1 }
}
END { exit bad }
