# test/boot/boot.py - the boot tests; see run.sh.
"""Every test is a function with the decorator @test; it raises Failure or Skip with the reason."""
import functools
import hashlib
import http.server
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../../tools'))
import vm  # noqa: E402

OURS = vm.ROOT + '/build/myna system riscv64'
EMU = os.environ.get('EMU', OURS)
PATIENCE = 180  # seconds for a boot; a busy machine without KVM is slow
OPENSBI = '/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin'
UBOOT_S = '/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin'
UBOOT_M = '/usr/lib/u-boot/qemu-riscv64/u-boot.bin'
TESTS = []
TMP = ''


class Failure(Exception):
    """A test's reason to fail."""


class Skip(Exception):
    """A test's reason not to run."""


def test(function):
    TESTS.append(function)
    return function


def check(condition, why):
    if not condition:
        raise Failure(why)


@functools.lru_cache(None)
def guest():
    try:
        return vm.guest_folder()
    except (OSError, subprocess.CalledProcessError):
        return None


def machine(name, options, script=None, files=None, append='', reboot=False):
    """A started machine with the stock kernel; `script` runs in the guest as /test."""
    folder = guest()
    if not folder:
        raise Skip('the stock guest could not be fetched')
    initrd = folder + '/initrd'
    if script:
        initrd = f'{TMP}/{name}.initrd'
        vm.pack_initrd(folder + '/initrd', initrd, {'/test': script, **(files or {})})
    argv = shlex.split(EMU) + shlex.split(
        '-M virt -m 512 -display none -serial stdio -monitor none -nodefaults')
    if not reboot:
        argv.append('-no-reboot')
    argv += ['-kernel', folder + '/kernel', '-initrd', initrd,
             '-append', f'console=ttyS0 quiet panic=-1 {append}'] + shlex.split(options)
    return vm.Machine(argv, f'{TMP}/{name}.log')


def disk(name, size):
    path = f'{TMP}/{name}.raw'
    with open(path, 'wb') as f:
        f.write(os.urandom(size))
    return path


def sha(data):
    return hashlib.sha256(data).hexdigest()


def content(path):
    with open(path, 'rb') as f:
        return f.read()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class WebServer:
    """Serves one file of random bytes on 127.0.0.1."""

    def __init__(self, size):
        self.data = data = os.urandom(size)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                self.send_response(200)
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


# ---- the stock kernel ----------------------------------------------------------------------------

SAY = '#!/bin/sh\necho "@@ harts $(nproc)"\n'


@test
def boot_one_hart_and_power_off():
    with machine('boot1', '-smp 1', SAY + 'poweroff -f\n') as m:
        match, _, _ = m.expect(r'@@ harts (\d+)', PATIENCE)
        check(match[1] == '1', f'the guest counts {match[1]} harts')
        check(m.wait(30) == 0, f'exit status {m.process.returncode} after power-off')


@test
def boot_four_harts_and_power_off():
    with machine('boot4', '-smp 4', SAY + 'poweroff -f\n') as m:
        match, _, _ = m.expect(r'@@ harts (\d+)', PATIENCE)
        check(match[1] == '4', f'the guest counts {match[1]} harts')
        check(m.wait(30) == 0, f'exit status {m.process.returncode} after power-off')


@test
def reset_by_the_guest_boots_again():
    counter = f'{TMP}/counter.raw'
    with open(counter, 'wb') as f:
        f.write(b'0\n'.ljust(4096, b'\0'))
    script = '''#!/bin/sh
read -r n </dev/vda
n=$((n + 1))
echo "@@ boot $n"
echo $n | dd of=/dev/vda bs=512 count=1 conv=fsync 2>/dev/null
[ $n -lt 3 ] && reboot -f
poweroff -f
'''
    options = f'-drive file={counter},if=none,id=d,format=raw -device virtio-blk-pci,drive=d'
    with machine('reset', options, script, reboot=True) as m:
        for n in '123':
            match, _, _ = m.expect(r'@@ boot (\d)', PATIENCE)
            check(match[1] == n, f'boot {match[1]} instead of {n}')
        check(m.wait(30) == 0, f'exit status {m.process.returncode}')
    check(content(counter)[:2] == b'3\n', 'the disk does not hold what the last boot wrote')


@test
def no_reboot_ends_at_a_reset():
    with machine('noreboot', '', '#!/bin/sh\necho "@@ here"\nreboot -f\n') as m:
        m.expect('@@ here', PATIENCE)
        check(m.wait(30) == 0, f'exit status {m.process.returncode}')
        check(m.text().count('@@ here') == 1, 'booted again')


@test
def shell_takes_commands_from_the_console():
    with machine('shell', '', append='myna.tty=30x100') as m:
        m.expect('poweroff', PATIENCE)
        time.sleep(1)
        m.send(b'stty size\n')
        m.expect('^30 100$', 60)
        m.send(b'cat\n')
        time.sleep(1)
        m.send(b'\x03')  # reaches cat only if the shell controls its terminal
        time.sleep(1)
        m.send(b'echo $((6 * 7))\n')
        m.expect('^42$', 60)
        m.send(b'poweroff\n')
        check(m.wait(60) == 0, f'exit status {m.process.returncode} after poweroff in the shell')


@test
def sigterm_ends_the_machine():
    with machine('sigterm', '', '#!/bin/sh\necho "@@ here"\nsleep 1000\n') as m:
        m.expect('@@ here', PATIENCE)
        m.process.send_signal(signal.SIGTERM)
        status = m.wait(20)
        check(status in (0, 1, 143, -signal.SIGTERM), f'exit status {status}')


# ---- virtio from inside the guest ----------------------------------------------------------------

def virtio(name, harts, bus):
    """One boot with every device on one transport; the host checks what the guest reports."""
    web, forwarded = WebServer(5_000_001), free_port()
    source, target, fixed = disk('source', 16 << 20), disk('target', 16 << 20), disk('fixed', 65536)
    fixed_before, hvc = content(fixed), f'{TMP}/{name}.hvc'
    options = f'-smp {harts}'
    for path, serial, more in [(source, 'source', ''), (target, 'target', ',cache=none'),
                               (fixed, 'fixed', ',readonly=on')]:
        options += (f' -drive file={path},if=none,id={serial},format=raw{more}'
                    f' -device virtio-blk-{bus},drive={serial},serial={serial}')
    options += (f' -netdev user,id=n,hostfwd=tcp:127.0.0.1:{forwarded}-:80'
                f' -device virtio-net-{bus},netdev=n -device virtio-rng-{bus}'
                f' -chardev file,id=c,path={hvc}'
                f' -device virtio-serial-{bus} -device virtconsole,chardev=c')
    files = {'/parameters': f'PORT={web.port}\n'}
    try:
        with machine(name, options, HERE + '/virtio.sh', files) as m:
            def value(key):
                return m.expect(f'@@ {key} (.*)', PATIENCE)[0][1]
            check(value('harts') == str(harts), 'wrong number of harts')
            check(value('read') == sha(content(source)), 'disk: the guest read something else')
            random = value('random')
            check(value('reread') == sha(content(source)[:8 << 20]), 'disk: reread differs')
            check(value('readonly') == 'refused', 'disk: a read-only disk was written')
            check(value('fetched') == sha(web.data), 'net: the guest fetched something else')
            value('serving')
            url = f'http://127.0.0.1:{forwarded}/random'
            with urllib.request.urlopen(url, timeout=60) as reply:
                check(sha(reply.read()) == random, 'net: the host fetched something else')
            m.send(b'go on\n')
            check(value('served') == 'go on', 'console: a line was changed')
            rng = value('rng')
            check(rng.startswith('virtio_rng') and rng.endswith(' 64'), f'rng: "{rng}"')
            check(value('hvc') == '/dev/hvc0', 'console: no /dev/hvc0')
            value('ready')
            line = ''.join(chr(33 + i % 90) for i in range(1500))
            m.send(line.replace('\\', '/').encode() + b'\n')
            check(value('echo') == line.replace('\\', '/'), 'console: a long line was changed')
            check(m.wait(30) == 0, f'exit status {m.process.returncode}')
    finally:
        web.stop()
    half = 8 << 20
    written = content(target)
    check(written[:half] == content(source)[:half], 'disk: the file is not what was written')
    check(sha(written[half:half + (256 << 10)]) == random, 'disk: the end is not what was written')
    check(content(fixed) == fixed_before, 'disk: the read-only file changed')
    check(b'hello from the virtio console' in content(hvc), 'console: nothing arrived from hvc0')


@test
def virtio_pci_one_hart():
    virtio('pci', 1, 'pci')


@test
def virtio_mmio_four_harts():
    virtio('mmio', 4, 'device')


# ---- firmware ------------------------------------------------------------------------------------

def needs(*paths):
    for path in paths:
        if not os.path.exists(path):
            raise Skip(f'{path} is missing')


@test
def opensbi_then_the_kernel():
    needs(OPENSBI)
    with machine('opensbi', f'-smp 2 -bios {OPENSBI}', SAY + 'poweroff -f\n') as m:
        m.expect('OpenSBI v', PATIENCE)
        check(m.expect(r'@@ harts (\d+)', PATIENCE)[0][1] == '2', 'wrong number of harts')
        check(m.wait(30) == 0, f'exit status {m.process.returncode}')


def uboot(name, options):
    argv = shlex.split(EMU) + shlex.split(
        '-M virt -m 512 -display none -serial stdio -monitor none -nodefaults ' + options)
    with vm.Machine(argv, f'{TMP}/{name}.log') as m:
        m.expect('U-Boot 20', PATIENCE)
        m.expect(r'DRAM: +512 MiB', PATIENCE)


@test
def uboot_under_the_default_firmware():
    needs(UBOOT_S)
    uboot('uboot_s', f'-kernel {UBOOT_S}')


@test
def uboot_as_the_firmware():
    needs(UBOOT_M)
    uboot('uboot_m', f'-bios {UBOOT_M}')


# ---- bad input: one line that names the thing, exit status 1 -------------------------------------

def refuse(options, *words, prefix=None):
    """The command ends at once with status 1 and one line of error that has all the words."""
    argv = shlex.split(EMU) + shlex.split('-M virt -display none -nodefaults -no-reboot')
    argv = (prefix or []) + argv + (shlex.split(options) if isinstance(options, str) else options)
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        raise Failure('runs on') from None
    text = done.stderr.decode(errors='replace')
    check(done.returncode == 1, f'exit status {done.returncode}: {text[-200:]}')
    for word in words:
        check(word in text, f'"{word}" is not in: {text[-200:].strip()}')
    check(text.count('\n') == 1 or EMU != OURS, f'not one line: {text[-300:]}')


def kernel():
    if not guest():
        raise Skip('the stock guest could not be fetched')
    return f'-kernel {guest()}/kernel'


def small_file(name, data):
    path = f'{TMP}/{name}'
    with open(path, 'wb') as f:
        f.write(data)
    return path


def only_ours():
    if EMU != OURS:
        raise Skip('what it checks is ours')


@test
def bad_kernel_missing():
    refuse('-kernel /nonexistent/Image', '/nonexistent/Image')


@test
def bad_kernel_truncated():
    only_ours()
    if not guest():
        raise Skip('the stock guest could not be fetched')
    path = small_file('short-kernel', content(guest() + '/kernel')[:1 << 20])
    refuse(f'-kernel {path}', path)


@test
def bad_kernel_compressed_and_truncated():
    only_ours()
    import gzip
    path = small_file('short.gz', gzip.compress(os.urandom(100000))[:5000])
    refuse(f'-kernel {path}', path)


@test
def bad_kernel_elf_of_another_machine():
    only_ours()
    refuse('-kernel /bin/true', '/bin/true')


@test
def bad_kernel_is_a_directory():
    refuse('-kernel /tmp', '/tmp')


@test
def bad_initrd_missing():
    refuse(kernel() + ' -initrd /nonexistent/initrd', '/nonexistent/initrd')


@test
def bad_device_tree():
    only_ours()
    path = small_file('bad.dtb', os.urandom(5000))
    refuse(kernel() + f' -dtb {path}', path)


@test
def bad_firmware_missing():
    refuse('-bios /nonexistent/fw.bin', '/nonexistent/fw.bin')


@test
def bad_disk_missing():
    path = '/nonexistent/d.raw'
    refuse(kernel() + f' -drive file={path},format=raw,if=none,id=d', path)


@test
def bad_disk_is_a_directory():
    refuse(kernel() + f' -drive file={TMP},format=raw,if=none,id=d', TMP)


@test
def bad_disk_without_permission():
    only_ours()
    path = small_file('readonly.raw', bytes(4096))
    os.chmod(path, 0o444)
    prefix = None
    if os.geteuid() == 0:
        prefix = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
        probe = prefix + ['test', '-x', shutil.which(shlex.split(EMU)[0]) or '']
        if subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode:
            raise Skip('root writes everything, and nobody else may run the emulator')
        os.chmod(TMP, 0o755)
    refuse(f'-drive file={path},format=raw,if=none,id=d', path, 'Permission denied', prefix=prefix)


@test
def bad_disk_in_use():
    path = disk('locked', 65536)
    options = f'-drive file={path},if=none,id=d,format=raw -device virtio-blk-pci,drive=d'
    with machine('locked', options, '#!/bin/sh\necho "@@ here"\nsleep 1000\n') as m:
        m.expect('@@ here', PATIENCE)
        refuse(options, path)


@test
def bad_port_in_use():
    with socket.socket() as s:
        s.bind(('0.0.0.0', 0))
        s.listen(1)
        port = s.getsockname()[1]
        refuse(f'-netdev user,id=n,hostfwd=tcp::{port}-:22', str(port))


@test
def bad_memory_more_than_the_host_has():
    only_ours()
    host = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    refuse(kernel() + f' -m {4 * host >> 20}', str(4 * host >> 20))


@test
def bad_memory_is_no_number():
    refuse(kernel() + ' -m lots', 'lots')


@test
def bad_harts_zero():
    only_ours()
    refuse(kernel() + ' -smp 0', '0')


@test
def bad_harts_thousand():
    refuse(kernel() + ' -smp 1000', '1000')


@test
def bad_machine():
    only_ours()
    refuse('-M virtt', 'virtt')


@test
def bad_option_suggests_the_nearest():
    only_ours()
    refuse('-kernal /tmp/x', '-kernal', '-kernel')


@test
def bad_device_suggests_the_nearest():
    only_ours()
    refuse('-device virtio-blk-pcl', 'virtio-blk-pcl', 'virtio-blk-pci')


@test
def bad_device_property_suggests_the_nearest():
    only_ours()
    refuse('-device virtio-rng-pci,max-byte=5', 'max-byte', 'max-bytes')


@test
def bad_netdev():
    refuse('-netdev uesr,id=n', 'uesr')


@test
def bad_drive_format():
    path = small_file('format.raw', bytes(4096))
    refuse(f'-drive file={path},format=qcow9,if=none,id=d', 'qcow9')


@test
def bad_serial():
    refuse('-serial /nonexistent', '/nonexistent')


def run_one(function):
    started = time.monotonic()
    name = function.__name__
    try:
        function()
        print(f'ok boot {name} ({time.monotonic() - started:.1f} s)', flush=True)
        return True
    except Skip as why:
        print(f'skip boot {name}: {why}', flush=True)
        return True
    except (Failure, vm.Timeout, OSError) as why:
        print(f'FAIL boot {name}: {" ".join(str(why).split())}', flush=True)
    except Exception:  # pylint: disable=broad-except
        print(f'FAIL boot {name}: {" ".join(traceback.format_exc().split())[-300:]}', flush=True)
    return False


def main():
    global TMP
    wanted = [t for t in TESTS if not sys.argv[1:] or any(a in t.__name__ for a in sys.argv[1:])]
    with tempfile.TemporaryDirectory(prefix='myna-boot-') as TMP:
        results = [run_one(t) for t in wanted]
        logs = os.environ.get('LOGS')
        if logs and not all(results):
            subprocess.run(f'mkdir -p {logs} && cp {TMP}/*.log {logs}/', shell=True, check=False)
    sys.exit(0 if all(results) else 1)


if __name__ == '__main__':
    main()
