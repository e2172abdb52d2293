#!/bin/sh
# test/boot/virtio.sh - runs in the guest as /test: disks, network, console and random numbers.
# /parameters sets PORT (of the host's web server); every result is a line "@@ NAME value".
. /parameters
say() { echo "@@ $*"; }

say harts "$(nproc)"

disk() { # disk SERIAL: Linux names disks in the order in which it finds them
    for d in /sys/block/vd*; do
        [ "$(cat "$d/serial")" = "$1" ] && echo "/dev/${d##*/}"
    done
}
source=$(disk source) target=$(disk target) fixed=$(disk fixed)

# The source is read whole; its first half goes to the target and is read back.
say read "$(sha256sum <"$source" | cut -c1-64)"
dd if="$source" of="$target" bs=1M count=8 conv=fsync 2>/dev/null
dd if=/dev/urandom of=/tmp/random bs=4k count=64 2>/dev/null
dd if=/tmp/random of="$target" bs=4k seek=2048 conv=fsync 2>/dev/null
say random "$(sha256sum </tmp/random | cut -c1-64)"
echo 3 >/proc/sys/vm/drop_caches
say reread "$(dd if="$target" bs=1M count=8 2>/dev/null | sha256sum | cut -c1-64)"
if dd if=/dev/zero of="$fixed" bs=512 count=1 conv=fsync 2>/dev/null; then
    say readonly written
else
    say readonly refused
fi

if wget -q -O /tmp/file "http://10.0.2.2:$PORT/file"; then
    say fetched "$(sha256sum </tmp/file | cut -c1-64)"
else
    say fetched failed
fi
mkdir -p /tmp/www
cp /tmp/random /tmp/www/random
httpd -p 80 -h /tmp/www
say serving yes
read -r line
say served "$line"

rng=$(cat /sys/class/misc/hw_random/rng_current)
say rng "$rng $(dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c)"

[ -e /dev/hvc0 ] && echo 'hello from the virtio console' >/dev/hvc0
say hvc "$(ls /dev/hvc0 2>/dev/null || echo none)"

say ready yes
read -r line
say echo "$line"
poweroff -f
