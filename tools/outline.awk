# tools/outline.awk - one line per file named on input: its path and what its first line says it is for.
{
    path = name = $0
    sub(/^src\//, "", name)
    line = ""
    getline line < path
    if (line ~ /^#!/) getline line < path
    close(path)
    at = index(line, name " - ")
    if (!at) { print path ": the first line is not '" name " - purpose.'" > "/dev/stderr"; bad = 1; next }
    purpose = substr(line, at + length(name) + 3)
    sub(/ *\*\/ *$/, "", purpose)
    folder = file = path
    if (!sub(/\/[^\/]*$/, "", folder)) folder = "."
    sub(/.*\//, "", file)
    if (folder != last) print (NR > 1 ? "\n" : "") folder "/"
    last = folder
    printf "    %-20s %s\n", file, purpose
}
END { exit bad }
