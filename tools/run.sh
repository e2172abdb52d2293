#!/bin/sh
# tools/run.sh - boots a stock Debian guest to a shell on this terminal; what `make run` calls.
#
#   tools/run.sh [GUEST=riscv64] [OPTION..]    further options go to `myna run`
#   CPUS=2 MEMORY=1G APPEND='...'      the machine, and words added to the kernel's command line
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
guest=riscv64
case ${1-} in GUEST=*) guest=${1#GUEST=}; shift ;; esac
dir=$("$root/tools/guest.sh" "$guest")
size=$(stty size 2>/dev/null | tr ' ' x) || size=
[ "$size" != 0x0 ] || size= # a terminal that does not know
echo "myna: booting; Ctrl-A X ends the machine, Ctrl-A H lists more" >&2
exec "$root/build/myna" run --kernel "$dir/kernel" --initrd "$dir/initrd" \
    --append "console=ttyS0 quiet ${size:+myna.tty=$size} ${APPEND-}" \
    --cpus "${CPUS-2}" --memory "${MEMORY-1G}" --net user "$@"
