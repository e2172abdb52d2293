#!/bin/sh
# tools/deps.sh - installs what the named sets (build run test fuzz bench) need and this host lacks.
set -u

# set, how to see that it is there, Debian package
table='
build cmd:gcc                gcc
build cmd:awk                mawk
build hdr:stdio.h            libc6-dev
build hdr:libfdt.h           libfdt-dev
build hdr:slirp/libslirp.h   libslirp-dev
build hdr:zstd.h             libzstd-dev
build hdr:zlib.h             zlib1g-dev
run   cmd:xz                 xz-utils
run   file:/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
test  cmd:python3            python3
test  cmd:riscv64-linux-gnu-gcc gcc-riscv64-linux-gnu
test  file:/usr/riscv64-linux-gnu/include/stdio.h libc6-dev-riscv64-cross
test  cmd:qemu-riscv64       qemu-user
test  cmd:dtc                device-tree-compiler
test  file:/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.bin opensbi
test  file:/usr/lib/u-boot/qemu-riscv64_smode u-boot-qemu
fuzz  cmd:clang-14           clang-14
fuzz  file:/usr/lib/llvm-14/lib/clang libclang-rt-14-dev
bench cmd:qemu-system-riscv64 qemu-system-misc
'

there()
{
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null ;;
    file:*) [ -e "${1#file:}" ] ;;
    hdr:*) echo "#include <${1#hdr:}>" | "${CC:-gcc}" -E - >/dev/null 2>&1 ;;
    esac
}

missing= vital=
for set in "$@"; do
    while read -r name probe package; do
        [ "$name" = "$set" ] && ! there "$probe" || continue
        missing="$missing $package"
        [ "$set" = build ] || [ "$set" = run ] && vital=yes
    done <<END
$table
END
done
[ -n "$missing" ] || exit 0

echo "myna: this host lacks:$missing"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update
    # shellcheck disable=SC2086
    apt-get -q -y --no-install-recommends install $missing && exit 0
    echo "myna: they could not be installed" >&2
elif command -v apt-get >/dev/null; then
    echo "myna: to install them: sudo apt-get install$missing" >&2
else
    echo "myna: these are Debian's names; install what your system has for them" >&2
fi
[ -z "$vital" ] || exit 1
echo "myna: going on; tests that need them are skipped" >&2
