#!/bin/sh
# test/insn/run.sh - RISC-V instructions: assembler tests, the disassembler against objdump, random programs against
# qemu-riscv64. LONG=1: random programs for ten minutes.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
cross=${CROSS:-riscv64-linux-gnu-}
isa=rv64gc_zba_zbb_zbc_zbs_zicbom_zicbop_zicboz_svinval
sources=test/insn/riscv/*.S
out=$build/insn-tests
status=0

fail() # NAME WHY
{
    echo "FAIL $1: $2"
    status=1
}

run_source() # SOURCE
{
    base=$out/$(basename "$1" .S)
    if "${cross}gcc" -Wa,-march=$isa -nostdlib -static -Wl,-Ttext=0x80000000,--build-id=none "$1" \
        -o "$base.elf" 2>"$base.log" && "${cross}objcopy" -O binary "$base.elf" "$base.bin"; then
        "$build/insn" "$base.bin" "$1" || status=1
    else
        fail "$1" "$(tail -n 1 "$base.log")"
    fi
}

# Left out: what objdump does not know, CSRs, which it names, and where it has another word for the same.
compare_disassembly()
{
    "$build/rvdis" 1 20 >"$out/ours.txt"
    sed 's/^/.insn /; s/\t.*//' "$out/ours.txt" | "${cross}as" -march=$isa -o "$out/words.o" - || return
    "${cross}objdump" -d -M no-aliases "$out/words.o" | awk -F'\t' 'NF > 2 { print $3 "\t" $4 }' |
        sed -E 's/ +#.*//; s/\b([0-9a-f]+) <[^>]*>/0x\1/; s/[ \t]+$//' >"$out/theirs.txt"
    cut -f2- "$out/ours.txt" | sed -E 's/^(fcvt\.d\.(s|w|wu)\t.*),rne/\1/' | paste -d'|' - "$out/theirs.txt" |
        awk -F'|' '$1 != $2 && $2 !~ /^\.|^c\.s...64/ && $1 !~ /^(c\.nop|pause|csr)/ { print "ours | theirs: " $0; bad = 1 }
            END { exit bad || NR < 1000 }'
}

# Every instruction is made by rvdiff or named in an assembler test.
check_coverage()
{
    for name in $("$build/rvdiff" --others | tr _ .); do
        grep -qwiF "$name" $sources || fail "coverage" "no test of $name"
    done
}

mkdir -p "$out"
check_coverage
if command -v "${cross}gcc" >/dev/null; then
    for source in $sources; do
        run_source "$source"
    done
    if compare_disassembly; then echo "ok disassembly"; else fail disassembly "see above"; fi
else
    echo "skip test/insn/riscv: no ${cross}gcc"
fi

"$build/rvdiff" --seconds "$([ -n "${LONG:-}" ] && echo 600 || echo 3)"
case $? in
0) echo "ok rvdiff" ;;
77) echo "skip rvdiff: no qemu-riscv64" ;;
*) fail rvdiff "see above" ;;
esac
exit $status
