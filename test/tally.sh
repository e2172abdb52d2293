# test/tally.sh - sourced by test/run.sh and test/long.sh: runs steps and counts their result lines.
# A step prints lines "ok NAME", "FAIL NAME: why", "skip NAME: why"; one that prints none is a test itself.
tally=$(mktemp -d)
trap 'rm -rf "$tally"' EXIT
trap 'exit 130' INT TERM

step() # NAME COMMAND...
{
    name=$1
    shift
    echo "== $name"
    { "$@" 2>&1; echo $? >"$tally/status"; } | tee "$tally/out"
    status=$(cat "$tally/status")
    grep -E '^(ok|FAIL|skip) ' "$tally/out" >"$tally/lines"
    if [ "$status" != 0 ] && ! grep -q '^FAIL ' "$tally/lines"; then
        echo "FAIL $name: exit status $status" | tee -a "$tally/lines"
    elif [ ! -s "$tally/lines" ]; then
        echo "ok $name" | tee -a "$tally/lines"
    fi
    cat "$tally/lines" >>"$tally/all"
    return "$status"
}

# Says what failed and was skipped, then the one line that counts; ends the script.
finish()
{
    echo "== result"
    grep -E '^(FAIL|skip) ' "$tally/all"
    failed=$(grep -c '^FAIL ' "$tally/all")
    echo "$(grep -c '^ok ' "$tally/all") passed, $failed failed, $(grep -c '^skip ' "$tally/all") skipped"
    [ "$failed" = 0 ]
    exit
}
