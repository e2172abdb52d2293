# tools/bench.py - the bench table; see bench.sh.
"""Interleaved runs, medians; times are taken on the host from lines on the guest's console."""
import json
import os
import random
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile

import vm

BUILD = vm.ROOT + '/build'
KIT = os.environ.get('BENCH_KIT', vm.ROOT + '/../shared/bench')
ROUNDS = int(os.environ.get('ROUNDS', '3'))
SCALE = os.environ.get('SCALE', '20')
ONLY = os.environ.get('ONLY', 'boot first work scale disk').split()
CC = os.environ.get('RISCV_CC', 'riscv64-linux-gnu-gcc')
CFLAGS = '-O2 -std=gnu11 -ffp-contract=off -fno-strict-aliasing -fno-tree-vectorize -w -static'
MEMORY = 512  # MiB
DISK_MIB = 512
PATIENCE = 600

INTEGER = ['dhry', 'sorthash', 'sha256', 'lz', 'interp', 'fib']
FLOAT = ['nbody', 'linpack', 'whet', 'fft', 'mandel', 'fma']
SYSTEM = ['forkexec', 'pagefault']

# name, what it is, unit, at least, aim; "x" figures are ratios to the peer, larger is better.
FIGURES = [
    ('boot', 'boot the stock kernel to init, 1 hart', 'x', '1.0x', '2x'),
    ('integer', 'integer programs in the guest, geomean', 'x', '1.4x', '2.5x'),
    ('float', 'floating-point programs in the guest, geomean', 'x', '3x', '6x'),
    ('forkexec', 'fork and exec loop in the guest', 'x', '1.0x', '1.5x'),
    ('pagefault', 'page-fault loop in the guest', 'x', '1.0x', '1.5x'),
    ('scale', 'throughput of 2 harts over 1', '', '1.8', '1.95'),
    ('disk', 'virtio-blk sequential read, 1 MiB requests', 'x', '1.0x', '1.5x'),
    ('rss', 'resident beyond guest RAM after boot', 'MiB', '< 40', '< 15'),
    ('first', 'start to first guest instruction', 'ms', '< 20', '< 5'),
]


def emulators():
    """[(name, argv)], ours first."""
    found = [('myna', [BUILD + '/myna', 'system', 'riscv64'])]
    for command in (os.environ.get('QEMU', 'qemu-system-riscv64'), os.environ.get('QEMU10', '')):
        argv = shlex.split(command)
        if argv and shutil.which(argv[0]):
            text = subprocess.run(argv + ['--version'], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout
            found.append(('QEMU ' + re.search(r'version (\d+\.\d+)', text)[1], argv))
    usable = [(n, a) for n, a in found if shutil.which(a[0])]
    if not usable:
        sys.exit('bench: neither build/myna nor QEMU is there')
    return usable


def build_programs(folder):
    """Compiles the kit's programs; {name: path} of those that could be built."""
    built = {}
    if not shutil.which(CC.split()[0]) or not os.path.isdir(KIT + '/src'):
        print(f'bench: no {CC} or no {KIT}/src: programs are left out', file=sys.stderr)
        return built
    os.makedirs(folder, exist_ok=True)
    for name in INTEGER + FLOAT + SYSTEM:
        source, out = f'{KIT}/src/{name}.c', f'{folder}/{name}'
        if not os.path.exists(source):
            continue
        if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(source):
            subprocess.run([*shlex.split(CC), *CFLAGS.split(), source, '-o', out, '-lm',
                            '-lpthread'], check=True)
        built[name] = out
    return built


class Bench:
    """What all cases share: the guest, a scratch folder, the programs."""

    def __init__(self, tmp):
        self.tmp = tmp
        self.guest = vm.guest_folder()
        self.programs = build_programs(BUILD + '/bench')
        self.checks = {}  # program: {what it printed}
        self.firmware = self.make_firmware()
        self.disk = self.make_disk() if 'disk' in ONLY else None
        self.initrds = {}

    def make_firmware(self):
        """Its first instructions write one byte to the serial port; then it idles."""
        code = [0x100002b7,  # lui  t0, 0x10000
                0x02100313,  # li   t1, '!'
                0x00628023,  # sb   t1, 0(t0)
                0x0000006f]  # j    .
        path = self.tmp + '/firmware.bin'
        with open(path, 'wb') as f:
            f.write(b''.join(word.to_bytes(4, 'little') for word in code).ljust(64, b'\0'))
        return path

    def make_disk(self):
        path = self.tmp + '/disk.raw'
        block = random.randbytes(1 << 20)
        with open(path, 'wb') as f:
            for _ in range(DISK_MIB):
                f.write(block)
        return path

    def initrd(self, name, files):
        if name not in self.initrds:
            self.initrds[name] = f'{self.tmp}/{name}.initrd'
            vm.pack_initrd(self.guest + '/initrd', self.initrds[name], files)
        return self.initrds[name]

    def machine(self, argv, initrd, options=''):
        argv = argv + shlex.split(
            f'-M virt -m {MEMORY} -display none -serial stdio -monitor none -nodefaults -no-reboot '
            f'-kernel {self.guest}/kernel -initrd {initrd} {options}')
        argv += ['-append', 'console=ttyS0 quiet panic=-1']
        return vm.Machine(argv, self.tmp + '/console.log')

    # ---- cases: each returns {figure: (wall seconds or another value, CPU seconds or None)} ------

    def boot(self, argv):
        init = '#!/bin/sh\necho "@@ init"\nwhile :; do busybox sleep 9; done\n'
        initrd = self.initrd('boot', {'/init': init})
        with self.machine(argv, initrd) as m:
            _, wall, cpu = m.expect('@@ init', PATIENCE)
            rss = m.resident_beyond(MEMORY << 20)
        return {'boot': (wall, cpu), 'rss': (rss / 1024, None)}

    def first(self, argv):
        command = argv + shlex.split(
            f'-M virt -m {MEMORY} -display none -serial stdio -monitor none -nodefaults '
            f'-bios {self.firmware}')
        text = subprocess.run([BUILD + '/first_byte', '11', *command], stdout=subprocess.PIPE,
                              check=True, text=True).stdout
        return {'first': (statistics.median(int(line) for line in text.split()) / 1e6, None)}

    def timed(self, argv, name, steps, files, options):
        """Runs `steps`, {name: shell text}, in one boot; {name: (wall, CPU)} and the console."""
        script = '#!/bin/sh\n'
        for step, text in steps.items():
            script += f'echo "@@ start {step}"\n{text}\necho "@@ end {step} $?"\n'
        files = {'/test': script + 'poweroff -f\n', **files}
        result = {}
        with self.machine(argv, self.initrd(name, files), options) as m:
            for step in steps:
                _, wall0, cpu0 = m.expect(f'@@ start {step}', PATIENCE)
                match, wall1, cpu1 = m.expect(f'@@ end {step} (.*)', PATIENCE)
                if match[1] != '0':
                    raise vm.Timeout(f'{step} failed in the guest: {m.tail()}')
                result[step] = (wall1 - wall0, cpu1 - cpu0)
            return result, m.text()

    def work(self, argv):
        steps = {name: f'/b/{name} {SCALE}' for name in self.programs}
        files = {f'/b/{name}': path for name, path in self.programs.items()}
        times, text = self.timed(argv, 'work', steps, files, '-smp 1')
        for program, value in re.findall(r'CHECK (\S+) (\w+)', text):
            self.checks.setdefault(program, set()).add(value)
        return times

    def scale(self, argv):
        if 'sha256' not in self.programs:
            return {}
        run = f'/b/sha256 {int(SCALE) * 4}'
        steps = {'warm': f'{run} & {run} & wait', 'one': run, 'two': f'{run} & {run} & wait'}
        files = {'/b/sha256': self.programs['sha256']}
        times, _ = self.timed(argv, 'scale', steps, files, '-smp 4')
        return {'scale': (2 * times['one'][0] / times['two'][0], None)}

    def disk_read(self, argv):
        read = f'dd if=/dev/vda of=/dev/null bs=1M count={DISK_MIB} iflag=direct 2>/dev/null'
        options = (f'-drive file={self.disk},if=none,id=d0,format=raw,cache=writeback '
                   '-device virtio-blk-pci,drive=d0')
        times, _ = self.timed(argv, 'disk', {'warm': read, 'read': read}, {}, options)
        return {'disk': (times['read'][0], times['read'][1])}


def measure(bench, peers):
    """{emulator: {figure or program: [(value, CPU)]}}"""
    results = {name: {} for name, _ in peers}
    for turn in range(ROUNDS):
        for case in ONLY:
            function = bench.disk_read if case == 'disk' else getattr(bench, case)
            for name, argv in peers if turn % 2 == 0 else peers[::-1]:
                try:
                    values = function(argv)
                except (vm.Timeout, subprocess.CalledProcessError) as why:
                    print(f'bench: {name}: {case}: {why}', file=sys.stderr)
                    continue
                for key, value in values.items():
                    results[name].setdefault(key, []).append(value)
                brief = ' '.join(f'{k} {v[0]:.3g}' for k, v in values.items())
                print(f'bench: round {turn + 1}/{ROUNDS} {name}: {brief}', file=sys.stderr,
                      flush=True)
    return results


def median(results, name, key, index=0):
    values = [v[index] for v in results[name].get(key, []) if v[index] is not None]
    return statistics.median(values) if values else None


def ratio(results, ours, peer, keys, index):
    """How many times faster ours is; the geometric mean over the keys both have."""
    pairs = [(median(results, peer, k, index), median(results, ours, k, index)) for k in keys]
    pairs = [a / b for a, b in pairs if a and b]
    return statistics.geometric_mean(pairs) if pairs else None


def shown(value, unit):
    if value is None:
        return '-'
    return f'{value:.2f}{unit}' if unit == 'x' else f'{value:.3g} {unit}'.strip()


def table(results, names):
    """The Markdown table: ours against each peer; wall time, CPU time in brackets."""
    ours, peers = names[0], names[1:]
    rows = ['| figure | at least | aim | ' + ' | '.join(f'{ours} vs {p}' for p in peers) + ' |',
            '|---' * (3 + len(peers)) + '|']
    keys = {'integer': INTEGER, 'float': FLOAT}
    for figure, text, unit, least, aim in FIGURES:
        cells = []
        for peer in peers:
            if unit == 'x':
                wall, cpu = (ratio(results, ours, peer, keys.get(figure, [figure]), i)
                             for i in (0, 1))
                cells.append(shown(wall, 'x') + (f' ({shown(cpu, "x")} CPU)' if cpu else ''))
            else:
                cells.append(f'{shown(median(results, ours, figure), unit)} / '
                             f'{shown(median(results, peer, figure), unit)}')
        rows.append(f'| {text} | {least} | {aim} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(rows)


def programs_table(results, names, checks):
    """Seconds of every program; `!` marks results that differ between emulators."""
    rows = ['| program | ' + ' | '.join(f'{n} s' for n in names) + ' |',
            '|---' * (1 + len(names)) + '|']
    for program in INTEGER + FLOAT + SYSTEM:
        values = [median(results, n, program) for n in names]
        if any(values):
            mark = '!' if len(checks.get(program, ())) > 1 else ''
            rows.append(f'| {program}{mark} | ' + ' | '.join(shown(v, '') for v in values) + ' |')
    return '\n'.join(rows)


def save(results):
    with open(BUILD + '/bench.json', 'w', encoding='utf-8') as f:
        for name, cases in results.items():
            for case, values in cases.items():
                json.dump({'case': case, 'emulator': name, 'median': median(results, name, case),
                           'values': [v[0] for v in values], 'cpu': [v[1] for v in values],
                           'scale': SCALE}, f)
                f.write('\n')


def main():
    peers = emulators()
    names = [name for name, _ in peers]
    with tempfile.TemporaryDirectory(prefix='myna-bench-', dir='/var/tmp') as tmp:
        bench = Bench(tmp)
        results = measure(bench, peers)
    save(results)
    if len(names) == 1:
        names *= 2  # nothing to compare with: the table still shows the figures
    print(f'\n{ROUNDS} rounds, scale {SCALE} %, {os.cpu_count()} CPUs\n')
    print(table(results, names))
    print('\n' + programs_table(results, list(dict.fromkeys(names)), bench.checks))


if __name__ == '__main__':
    main()
