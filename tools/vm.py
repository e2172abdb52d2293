# tools/vm.py - runs an emulator from Python: its console by line, time-outs, initramfs overlays.
"""Used by test/boot and tools/bench.py; the standard library only."""
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HZ = os.sysconf('SC_CLK_TCK')


class Timeout(Exception):
    """What was waited for did not come."""


def guest_folder():
    """The folder with the stock guest's `kernel` and `initrd`; fetches them when missing."""
    return subprocess.run([ROOT + '/tools/guest.sh'], stdout=subprocess.PIPE, check=True,
                          text=True).stdout.strip()


def pack_initrd(base, out, files):
    """Writes `out`: the archive `base`, then `files`, {guest path: host path or script text}."""
    with tempfile.TemporaryDirectory() as tmp:
        listing = ''
        for i, (path, source) in enumerate(sorted(files.items())):
            if '\n' in source:
                with open(f'{tmp}/{i}', 'w', encoding='utf-8') as f:
                    f.write(source)
            else:
                shutil.copy(source, f'{tmp}/{i}')
            for parent in reversed(_parents(path)):
                listing += f'dir {parent} 755\n'
            listing += f'file {path} {i} 755\n'
        packed = subprocess.run([ROOT + '/build/mkinitramfs'], input=listing.encode(), cwd=tmp,
                                stdout=subprocess.PIPE, check=True).stdout
    with open(base, 'rb') as f, open(out, 'wb') as g:
        shutil.copyfileobj(f, g)
        g.write(b'\0' * (-g.tell() % 4) + packed)


def _parents(path):
    found = []
    while os.path.dirname(path) not in ('', '/'):
        path = os.path.dirname(path)
        found.append(path)
    return found


class Machine:
    """A running emulator whose console is its standard input and output."""

    def __init__(self, argv, log, cpus=None):
        self.argv = shlex.split(argv) if isinstance(argv, str) else argv
        self.lines = []  # (seconds since the start, CPU seconds so far, text)
        self._partial = b''
        self._seen = 0
        self._changed = threading.Condition()
        self._ended = False
        self._log = open(log, 'wb')
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def _read(self):
        fd = self.process.stdout.fileno()
        while True:
            data = os.read(fd, 65536)
            now, cpu = time.monotonic() - self.started, self.cpu_seconds()
            with self._changed:
                *lines, self._partial = (self._partial + data).split(b'\n')
                for line in lines:
                    self.lines.append((now, cpu, line.decode(errors='replace').rstrip('\r')))
                self._ended = not data
                self._changed.notify_all()
            if not data:
                return
            self._log.write(data)
            self._log.flush()

    def cpu_seconds(self):
        try:
            with open(f'/proc/{self.process.pid}/stat', encoding='ascii') as f:
                fields = f.read().rsplit(')', 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / HZ

    def resident_beyond(self, ram):
        """Resident KiB outside the guest's RAM, the mapping of `ram` bytes and perhaps a guard.

        A page mapped twice counts once (Pss)."""
        total = size = 0
        with open(f'/proc/{self.process.pid}/smaps', encoding='ascii') as f:
            for line in f:
                key, value = line.split(None, 2)[:2]
                if key == 'Size:':
                    size = int(value) * 1024
                elif key == 'Pss:' and not ram <= size < ram + (1 << 20):
                    total += int(value)
        return total

    def expect(self, pattern, timeout):
        """Waits for a line that matches, after those already seen; returns (match, s, cpu s)."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                while self._seen < len(self.lines):
                    now, cpu, text = self.lines[self._seen]
                    self._seen += 1
                    match = re.search(pattern, text)
                    if match:
                        return match, now, cpu
                left = deadline - time.monotonic()
                if self._ended:
                    raise Timeout(f'the emulator ended before "{pattern}"; last: {self.tail()}')
                if left <= 0:
                    raise Timeout(f'no "{pattern}" within {timeout} s; last: {self.tail()}')
                self._changed.wait(left)

    def tail(self):
        text = [t for _, _, t in self.lines[-2:]] + [self._partial.decode(errors='replace')]
        return ' / '.join(t for t in text if t.strip())[-200:]

    def text(self):
        return '\n'.join(t for _, _, t in self.lines)

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait(self, timeout):
        """The exit status (negative: a signal)."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Timeout(f'still running after {timeout} s; last: {self.tail()}') from None
        self._reader.join(5)
        return status

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()
        self._log.close()
