#!/bin/sh
# tools/bench.sh - measures Myna against QEMU on the same guest; what `make bench` calls.
#
#   QEMU=qemu-system-riscv64   the peer            QEMU10=PATH   a second peer
#   BENCH_KIT=../shared/bench  folder of the benchmark programs' C sources (src/*.c)
#   ROUNDS=3 SCALE=20          runs of each case, work per program in percent
#   ONLY='boot disk'           some cases: boot first work scale disk
#
# One JSON line per case and emulator goes to build/bench.json, the table to standard output.
root=$(cd "$(dirname "$0")/.." && pwd)
command -v python3 >/dev/null || { echo 'bench: python3 is missing' >&2; exit 1; }
env -u MAKEFLAGS make -s -C "$root" build/mkinitramfs build/first_byte || exit 1
PYTHONDONTWRITEBYTECODE=1 exec python3 "$root/tools/bench.py"
