#!/bin/sh
# test/boot/run.sh - boot tests: a stock Debian guest, and bad input to the command line.
#
#   test/boot/run.sh [NAME..]    tests whose name contains a NAME; prints ok, FAIL, skip lines
#   EMU=qemu-system-riscv64      another program with QEMU's command line
#   LOGS=FOLDER                  keeps the consoles' logs when something fails
root=$(cd "$(dirname "$0")/../.." && pwd)
if ! command -v python3 >/dev/null; then
    echo 'skip boot: python3 is missing'
    exit 0
fi
if [ ! -x "$root/build/mkinitramfs" ]; then
    env -u MAKEFLAGS make -s -C "$root" build/mkinitramfs || exit 1
fi
PYTHONDONTWRITEBYTECODE=1 exec python3 "$root/test/boot/boot.py" "$@"
