#!/bin/sh
# tools/guest.sh - fetches a stock Debian kernel and busybox by package name, packs an initramfs.
#
#   tools/guest.sh [--refresh] [riscv64]      prints the folder with `kernel` and `initrd`
#
# Everything lives in a private folder: apt's sources, lists, status and cache as well, so that the
# host's apt configuration and foreign architectures stay as they are. What is there is not fetched
# again; --refresh asks for newer packages.
#   MYNA_CACHE   the folder (default: cache/ in the checkout; is that read-only, ~/.cache/myna)
#   MIRROR       Debian mirror (default: the host's own)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
refresh=
[ "${1-}" = --refresh ] && refresh=1 && shift
guest=${1-riscv64}

say() { echo "myna: $*" >&2; }
die() { say "$*"; exit 1; }

case $guest in
riscv64) deb=riscv64 suites="trixie stable" kernel=linux-image-riscv64 elf_machine=f300 ;;
*) die "no guest '$guest'; there is: riscv64" ;;
esac

cache=${MYNA_CACHE-$root/cache}
mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || cache=${XDG_CACHE_HOME-$HOME/.cache}/myna
dir=$cache/$guest
mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial" "$dir/apt/incoming" ||
    die "$dir: cannot make this folder"
apt_log=$dir/apt/log

# ---- apt in a folder of its own ------------------------------------------------------------------

host_mirror() { # the one this machine's own apt uses
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep -m1 '/debian/*$' ||
        grep -rhoEm1 'https?://[^ ]+/debian/?' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
        head -n 1 | grep .
}

configure_apt() { # configure_apt SUITE
    key=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -e $key ] || die "$key is missing; install debian-archive-keyring"
    mirror=${MIRROR-$(host_mirror)} || die "apt here names no Debian mirror; set MIRROR=URL"
    echo "deb [signed-by=$key] $mirror $1 main" >"$dir/apt/sources.list"
    : >"$dir/apt/status"
    cat >"$dir/apt/apt.conf" <<END
#clear APT::Architectures;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Architecture "$deb";
APT::Architectures { "$deb"; };
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Dir::State "$dir/apt";
Dir::State::lists "$dir/apt/lists";
Dir::State::status "$dir/apt/status";
Dir::Cache "$dir/apt";
Dir::Cache::archives "$dir/apt/archives";
Dir::Etc::sourcelist "$dir/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
END
}

# With a progress bar on a terminal, quietly into the log otherwise.
apt() {
    tool=$1
    shift
    if [ -t 2 ]; then
        "apt-$tool" -q=0 -c "$dir/apt/apt.conf" "$@" >&2
    else
        "apt-$tool" -q=2 -c "$dir/apt/apt.conf" "$@" >>"$apt_log" 2>&1
    fi
}

# A mirror that is being updated may serve a release whole under one of its names only.
update_lists() {
    rm -f "$dir/apt/updated"
    for suite in $suites; do
        say "[1/4] package lists of Debian $suite ($deb)"
        configure_apt "$suite"
        if apt get update; then
            echo "$suite" >"$dir/apt/updated"
            return
        fi
    done
    die "cannot fetch the package lists; the network may be down ($apt_log)"
}

release() { sed -n 's/^Version: //p' "$dir"/apt/lists/*Release | head -n 1; }

# The package the meta package stands for, and its archive's name.
actual_kernel() {
    apt-cache -c "$dir/apt/apt.conf" depends "$kernel" 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}
archive_of() {
    apt-get -q=2 -c "$dir/apt/apt.conf" download --print-uris "$1" 2>/dev/null | cut -d' ' -f2
}

fetch() { # fetch STEP PACKAGE: sets $archive
    archive=$(archive_of "$2")
    [ -n "$archive" ] || return 1
    if [ ! -e "$dir/apt/archives/$archive" ]; then
        say "[$1/4] $2"
        # What an interruption leaves there is continued the next time, if the mirror can.
        (cd "$dir/apt/incoming" && apt get download "$2") || return 1
        mv "$dir/apt/incoming/$archive" "$dir/apt/archives/$archive"
    fi
    archive=$dir/apt/archives/$archive
}

fetch_all() {
    package=$(actual_kernel)
    [ -n "$package" ] || return 1
    fetch 2 "$package" && kernel_deb=$archive && fetch 3 busybox-static && busybox_deb=$archive
}

# ---- what the guest boots ------------------------------------------------------------------------

unpack() { # unpack ARCHIVE PATTERN..: the files of a package, into $dir/root
    from=$1
    shift
    dpkg-deb --fsys-tarfile "$from" | tar -x -C "$dir/root.new" --wildcards "$@"
}

bytes() { # bytes FILE OFFSET COUNT: as hexadecimal digits
    od -An -v -tx1 -j "$2" -N "$3" "$1" | tr -d ' \n'
}

module() { # module NAME: adds a module after those it needs
    name=$(echo "$1" | tr - _)
    grep -qx "$name" "$dir/tmp/modules" && return
    from=$(find "$dir/root.new" -name '*.ko*' | awk -v name="$name" '
        { base = $0; sub(/.*\//, "", base); sub(/\.ko.*/, "", base); gsub(/-/, "_", base) }
        base == name { print; exit }')
    [ -n "$from" ] || return 0 # built into the kernel
    case $from in
    *.xz) xz -dc "$from" ;;
    *.zst) zstd -qdc "$from" ;;
    *.gz) gzip -dc "$from" ;;
    *) cat "$from" ;;
    esac >"$dir/tmp/$name.ko"
    for need in $(tr '\0' '\n' <"$dir/tmp/$name.ko" | sed -n 's/^depends=//p' | tr , ' '); do
        module "$need"
    done
    name=$(echo "$1" | tr - _) # the recursion used the variable
    echo "$name" >>"$dir/tmp/modules"
}

list() { # the archive's list, for mkinitramfs; its files are in $dir/tmp
    for d in bin dev etc lib lib/modules proc root run sys tmp usr usr/share; do
        echo "dir /$d 755"
    done
    echo "node /dev/console 5 1 600"
    echo "node /dev/null 1 3 666"
    echo "link /sbin bin"
    echo "link /bin/sh busybox"
    echo "file /init init 755"
    echo "file /bin/dhcp-event dhcp-event 755"
    echo "file /etc/profile profile 644"
    echo "file /bin/busybox busybox 755"
    while read -r name; do
        echo "file /lib/modules/$name.ko $name.ko 644"
    done <"$dir/tmp/modules"
    echo "file /lib/modules/order modules 644"
    echo "file /etc/myna about 644"
}

build() {
    say "[4/4] kernel and initramfs"
    rm -rf "$dir/root.new" "$dir/tmp"
    mkdir -p "$dir/root.new" "$dir/tmp"
    unpack "$kernel_deb" './boot/vmlinu*' '*/virtio*' '*/net/core/*' '*/drivers/net/*failover*' \
        '*/char/hw_random/*' || die "$kernel_deb: cannot unpack"
    unpack "$busybox_deb" '*bin/busybox' || die "$busybox_deb: cannot unpack"
    image=$(ls "$dir"/root.new/boot/vmlinu* 2>/dev/null | head -n 1)
    busybox=$(find "$dir/root.new" -type f -name busybox | head -n 1)
    [ -s "$image" ] || die "$kernel_deb: no kernel in it"
    [ "$(bytes "$busybox" 18 2)" = $elf_machine ] || die "$busybox_deb: no busybox for $guest in it"
    : >"$dir/tmp/modules"
    for m in virtio_mmio virtio_pci virtio_blk virtio_net virtio_console virtio_rng; do
        module $m
    done
    echo "Debian $(release), Linux ${package#linux-image-}" >"$dir/tmp/about"
    [ -x "$root/build/mkinitramfs" ] || env -u MAKEFLAGS make -s -C "$root" build/mkinitramfs >&2
    cp "$busybox" "$root"/tools/guest/* "$dir/tmp"
    list >"$dir/tmp/list"
    (cd "$dir/tmp" && "$root/build/mkinitramfs" <list >initrd) || die "cannot pack the initramfs"
    mv "$image" "$dir/kernel"
    mv "$dir/tmp/initrd" "$dir/initrd"
    rm -rf "$dir/root.new" "$dir/tmp"
    state >"$dir/ready"
}

# What the result depends on; the result is kept while this stays the same.
state() { (cd "$root/tools" && cat guest.sh guest/* | cksum); }
ready() {
    [ -s "$dir/kernel" ] && [ -s "$dir/initrd" ] &&
        [ "$(state)" = "$(cat "$dir/ready" 2>/dev/null)" ]
}

exec 9>"$dir/lock"
flock 9 # two at a time would fetch twice
if [ -n "$refresh" ] || ! ready; then
    command -v apt-get >/dev/null || die "apt-get is missing: guests come from Debian's archive"
    : >"$apt_log"
    if [ -z "$refresh" ] && [ -s "$dir/apt/updated" ]; then
        configure_apt "$(cat "$dir/apt/updated")" # the checkout may have moved
    else
        update_lists
    fi
    # The lists may name packages that the mirror has replaced since.
    fetch_all || { update_lists && fetch_all; } || die "cannot fetch the packages ($apt_log)"
    build
fi
echo "$dir"
