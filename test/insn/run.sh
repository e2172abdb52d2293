#!/bin/sh
# test/insn/run.sh - assembles and runs test/insn/riscv/*.S; random programs against qemu-riscv64. LONG=1: for longer.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
objcopy=${RISCV_OBJCOPY:-riscv64-linux-gnu-objcopy}
isa=rv64gc_zba_zbb_zbc_zbs_zicbom_zicbop_zicboz
out=$build/insn-tests
status=0

mkdir -p "$out"
if command -v "$cc" >/dev/null; then
    for source in test/insn/riscv/*.S; do
        name=$(basename "$source" .S)
        if "$cc" -march=$isa -nostdlib -static -Wl,-Ttext=0x80000000,--build-id=none "$source" \
            -o "$out/$name.elf" 2>"$out/$name.log" &&
            "$objcopy" -O binary "$out/$name.elf" "$out/$name.bin"; then
            "$build/insn" "$out/$name.bin" "$source" || status=1
        else
            echo "FAIL $source: $(tail -n 1 "$out/$name.log")"
            status=1
        fi
    done
else
    echo "skip test/insn/riscv: no $cc"
fi

"$build/rvdiff" --seconds "$([ -n "${LONG:-}" ] && echo 600 || echo 3)"
case $? in
0) echo "ok rvdiff" ;;
77) echo "skip rvdiff: no qemu-riscv64" ;;
*) echo "FAIL rvdiff: see above" && status=1 ;;
esac
exit $status
