"""A version 2 hierarchy in a folder: files with the kernel's formats, and the rules that the driver depends on.

It stands in for the kernel where a machine has no version 2 controllers. Known to hold here: which files a group has,
that a group with processes gives its children no controllers, that a write to ``cgroup.procs`` moves a process, and
what is read back after a write. Not here: that limits bound anything.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

FILES = {
    "memory": {
        "memory.current": "0\n",
        "memory.max": "max\n",
        "memory.swap.max": "max\n",
        "memory.oom.group": "0\n",
        "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\nsock_throttled 0\n",
        "memory.stat": "anon 0\nfile 0\nkernel 0\ninactive_anon 0\nactive_anon 0\ninactive_file 0\nactive_file 0\n",
    },
    "cpu": {"cpu.max": "max 100000\n", "cpu.weight": "100\n", "cpu.idle": "0\n"},
    "pids": {"pids.current": "0\n", "pids.max": "max\n", "pids.events": "max 0\n"},
}
CORE = {
    "cgroup.procs": "",
    "cgroup.threads": "",
    "cgroup.subtree_control": "\n",
    "cgroup.events": "populated 0\nfrozen 0\n",
    "cgroup.kill": "",
    "cpu.stat": "usage_usec 0\nuser_usec 0\nsystem_usec 0\nnice_usec 0\ncore_sched.force_idle_usec 0\n",
}


class FakeHierarchy:
    """Installed with ``monkeypatch``, it plays the kernel for everything below ``top``.

    Args:
        top: the mount point.
        controllers: what the machine offers.

    Attributes:
        contained: whether ``top`` is a container's own group and not the machine's, to which no rule applies.
    """

    def __init__(self, monkeypatch, top: Path, controllers: str = "cpuset cpu io memory pids") -> None:
        self.top = top
        self.contained = False
        self._mkdir, self._rmdir, self._write = Path.mkdir, Path.rmdir, Path.write_text
        self._fill(top, controllers.split())
        fake = self

        def mkdir(path, *arguments, **named):
            fake._mkdir(path, *arguments, **named)
            if path.is_relative_to(fake.top) and not (path / "cgroup.procs").exists():
                fake._fill(path, fake.read(path.parent, "cgroup.subtree_control").split())

        def rmdir(path):
            if path.is_relative_to(fake.top):
                if any(entry.is_dir() for entry in path.iterdir()) or fake.read(path, "cgroup.procs"):
                    raise OSError(errno.EBUSY, "group in use", str(path))
                for entry in path.iterdir():
                    entry.unlink()
            fake._rmdir(path)

        def write_text(path, text, *arguments, **named):
            if path.is_relative_to(fake.top):
                return fake._written(path, text)
            return fake._write(path, text, *arguments, **named)

        monkeypatch.setattr(Path, "mkdir", mkdir)
        monkeypatch.setattr(Path, "rmdir", rmdir)
        monkeypatch.setattr(Path, "write_text", write_text)

    def group(self, path: str, *pids: int, controllers: str = "") -> Path:
        """Makes a group with processes, and enables controllers for its children."""
        folder = self.top / path.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        if controllers:
            self._written(folder / "cgroup.subtree_control", " ".join(f"+{name}" for name in controllers.split()))
        self.set(folder, "cgroup.procs", "".join(f"{pid}\n" for pid in pids))
        return folder

    def read(self, group: Path, file: str) -> str:
        """Returns what a file says."""
        return (group / file).read_text()

    def set(self, group: Path, file: str, text: str) -> None:
        """Lets the kernel say something."""
        self._write(group / file, text)

    def _fill(self, group: Path, controllers: list[str]) -> None:
        self.set(group, "cgroup.controllers", " ".join(controllers) + "\n")
        for name, text in CORE.items():
            self.set(group, name, text)
        for controller in controllers if group != self.top else ():
            for name, text in FILES.get(controller, {}).items():
                self.set(group, name, text)

    def _written(self, path: Path, text: str) -> int:
        group, file = path.parent, path.name
        if not path.exists():
            # The kernel lets nobody make a file.
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        if file == "cgroup.subtree_control":
            self._enable(group, [word.lstrip("+") for word in text.split()])
        elif file == "cpu.weight" and self.read(group, "cpu.idle") == "1\n":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
        elif file == "cgroup.procs":
            self._move(group, text.strip())
        else:
            self.set(group, file, text.rstrip("\n") + "\n")
        return len(text)

    def _ruled(self, group: Path) -> bool:
        return self.contained or group != self.top

    def _enable(self, group: Path, names: list[str]) -> None:
        if set(names) - set(self.read(group, "cgroup.controllers").split()):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(group))
        if self._ruled(group) and self.read(group, "cgroup.procs"):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(group))
        enabled = sorted({*self.read(group, "cgroup.subtree_control").split(), *names})
        self.set(group, "cgroup.subtree_control", " ".join(enabled) + "\n")
        for child in group.iterdir():
            if child.is_dir():
                self.set(child, "cgroup.controllers", " ".join(enabled) + "\n")
                for name in enabled:
                    for file, text in FILES.get(name, {}).items():
                        if not (child / file).exists():
                            self.set(child, file, text)

    def _move(self, group: Path, pid: str) -> None:
        if self._ruled(group) and self.read(group, "cgroup.subtree_control").split():
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(group))
        for path in self.top.rglob("cgroup.procs"):
            pids = [line for line in path.read_text().split() if line != pid]
            if path.parent == group:
                pids.append(pid)
            self._write(path, "".join(f"{line}\n" for line in pids))
