"""The verbs: start, list, meter, limit, deadline, kill, and the adoption of what an earlier host left running."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import time
from dataclasses import asdict, replace
from pathlib import Path

from labora import __version__
from labora.base import faults
from labora.base.errors import ConflictError, LaboraError, NotFoundError, UnavailableError
from labora.base.logging import get_logger
from labora.host import folders, launching, leftovers, slots
from labora.host.cgroups import CgroupDriver, open_driver
from labora.host.ending import end_by_status, exit_of
from labora.host.levels import Isolation, probe
from labora.host.model import Exit, Handle, HostInfo, HostOptions, Limits, Meter
from labora.host.mounting import Mounts
from labora.host.network.manager import Network
from labora.host.process import boot_id, is_alive, send_signal, start_time, wait_exit
from labora.host.registry import Registry
from labora.host.rootfs.storage import Storage
from labora.host.rootfs.userns import slot_uid
from labora.host.sandbox import write_etc
from labora.host.starter import last_line, launch
from labora.host.watchdog import Usage
from labora.host.watching import Watching
from labora.host.yielding import Yielding

_log = get_logger("host")
KILL_WAIT_S = 10.0
TICK_S = 1.0


class Supervisor:
    """Owns every runtime of one data folder.

    Args:
        options: folders, level and uids.
    """

    def __init__(self, options: HostOptions) -> None:
        self.options = options
        self.run = Path(options.run_dir)
        self.runtimes = Path(options.runtimes_dir)
        self._registry = Registry(self.run / "runtimes")
        self._handles: dict[str, Handle] = {}
        self._starting: dict[str, int] = {}
        """Slots of runtimes that are being started: a slot, and with it a uid, belongs to one runtime."""
        self._locks: dict[str, asyncio.Lock] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._reasons: dict[str, str] = {}
        self._deadlines: dict[str, float] = {}
        self._cgroups: CgroupDriver
        self._isolation: Isolation
        self._network: Network
        self._storage: Storage
        self._watching: Watching
        self._yielding: Yielding
        uid = options.mount_uid if os.geteuid() == 0 else None
        self.mounts = Mounts(self.run, uid, options.control_uid, self._living)
        self._ticker: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Finds level and cgroups, adopts living runtimes and reaps what belongs to none."""
        for folder, mode in ((self.run, 0o755), (self.run / "runtimes", 0o711), (self.runtimes, 0o755)):
            folder.mkdir(parents=True, exist_ok=True)
            if folder.stat().st_uid == os.geteuid():
                folder.chmod(mode)
        write_etc(self.run / "etc", "labora")
        label = "labora-" + hashlib.sha256(str(self.run.resolve()).encode()).hexdigest()[:12]
        self._cgroups = open_driver(label)
        self._isolation = await probe(self.options)
        self._network = Network(self.options, label)
        await self._network.open(self._isolation.level)
        self._network.write_etc(self.run / "etc")
        self._storage = Storage(self.run, self.runtimes, images=self._isolation.disk)
        memory, disk = self._cgroups.version == "none", not self._isolation.disk
        self._watching = Watching(self._storage, memory=memory, disk=disk)
        self._yielding = Yielding(self._cgroups)
        await self._adopt()
        await self._network.adopt(handle for handle in self.list() if handle.alive)
        await self.mounts.open()
        self._ticker = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """Stops watching; the runtimes go on."""
        tasks = [*self._watchers.values(), *([self._ticker] if self._ticker else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.mounts.close()
        await self._network.close()

    def ping(self) -> HostInfo:
        """Returns version, level and notes."""
        notes = (*self._isolation.notes, *self._cgroups.notes, *self._network.notes)
        return HostInfo(
            __version__, os.getpid(), self._isolation.level, self._cgroups.version, notes,
            self._network.kind, self.options.network.fingerprint,
        )  # fmt: skip

    def list(self) -> list[Handle]:
        """Returns every handle, of ended runtimes too until they are wiped."""
        return [self._handles[runtime_id] for runtime_id in sorted(self._handles)]

    async def start(
        self,
        runtime_id: str,
        generation: int,
        image: str,
        limits: Limits,
        deadline: float | None,
        key: str,
        env: dict[str, str],
    ) -> Handle:
        """Starts a runtime; asked again with the same generation, returns the handle of the first time.

        Raises:
            ConflictError: a later generation of this runtime is known (``stale_generation``).
            UnavailableError: no isolation, the image is not ready, or the sandbox failed.
        """
        launching.check_id(runtime_id)
        async with self._lock(runtime_id):
            known = self._handles.get(runtime_id)
            if known is not None and known.generation == generation:
                return known
            if known is not None and known.generation > generation:
                raise ConflictError(
                    f"Runtime {runtime_id} has reached generation {known.generation}.", code="stale_generation"
                )
            if not self._isolation.allowed:
                raise UnavailableError(
                    f"No runtime can start: {self._isolation.why}. `labora doctor` names what would help.",
                    code="no_isolation",
                )
            if known is not None:
                await self._end(known, "killed")
            folder = launching.image_below(self.options.images_dir, image)
            slot = self._starting[runtime_id] = self._slot_of(runtime_id)
            try:
                return await self._start(runtime_id, generation, folder, limits, deadline, key, env, slot)
            finally:
                del self._starting[runtime_id]

    async def meter(self, runtime_id: str) -> Meter:
        """Returns what the runtime uses. Raises NotFoundError."""
        handle = self._handle(runtime_id)
        size = await asyncio.to_thread(self._storage.usage, handle)
        if self._watching.watches_memory:
            used = await asyncio.to_thread(self._watching.usage, handle)
        else:
            used = Usage(
                self._cgroups.memory(runtime_id),
                self._cgroups.cpu_seconds(runtime_id),
                self._cgroups.processes(runtime_id),
            )
        return Meter(
            used.memory_bytes,
            handle.limits.memory_bytes,
            used.cpu_seconds,
            used.processes,
            self._memory_kills(runtime_id),
            size,
            handle.limits.disk_bytes,
            self._watching.disk_kills(runtime_id),
        )

    def _memory_kills(self, runtime_id: str) -> int:
        watched = self._watching.watches_memory
        return (self._watching.memory_kills if watched else self._cgroups.oom_kills)(runtime_id)

    async def limit(self, runtime_id: str, limits: Limits) -> None:
        """Changes the limits of a runtime. Raises NotFoundError, or ConflictError where it uses more already."""
        async with self._lock(runtime_id):
            handle = self._handle(runtime_id)
            try:
                if handle.alive:
                    self._cgroups.limit(runtime_id, limits)
            except OSError as error:
                raise ConflictError(
                    f"The limit was not taken ({error.strerror}): the runtime uses more than that now.", code="in_use"
                ) from error
            self._keep(replace(handle, limits=limits))

    async def deadline(self, runtime_id: str, deadline: float | None) -> None:
        """Sets when the host itself ends the runtime, in unix seconds; None: never. Raises NotFoundError."""
        async with self._lock(runtime_id):
            self._keep(replace(self._handle(runtime_id), deadline=deadline))
            self._arm(runtime_id, deadline)

    async def kill(self, runtime_id: str, *, wipe: bool) -> None:
        """Ends the runtime and, with ``wipe``, removes every trace of it. Does nothing for an unknown one."""
        launching.check_id(runtime_id)
        async with self._lock(runtime_id):
            handle = self._handles.get(runtime_id)
            if handle is not None:
                faults.reach("host.kill.before")
                await self._end(handle, "killed")
                faults.reach("host.kill.after")
            if wipe:
                await self._wipe(runtime_id)

    async def kill_all(self) -> None:
        """Ends every runtime; folders stay."""
        await asyncio.gather(*(self.kill(handle.runtime_id, wipe=False) for handle in self.list()))
        self._cgroups.discard()

    # -- starting ------------------------------------------------------------------------------------------------

    async def _start(
        self,
        runtime_id: str,
        generation: int,
        image: Path,
        limits: Limits,
        deadline: float | None,
        key: str,
        env: dict[str, str],
        slot: int,
    ) -> Handle:
        uid = slot_uid(self.options.base_uid, slot) if os.geteuid() == 0 else None
        folder, place = self._make_folder(runtime_id, uid)
        slots.keep(folder, slot)
        disk = None
        if self._isolation.level != "none":
            try:
                disk = await asyncio.to_thread(self._storage.prepare, runtime_id, limits)
            except OSError as error:
                raise UnavailableError(
                    f"The runtime's disk was not made: {error.strerror}.", code="disk_failed"
                ) from error
        path, listener = launching.listen(self.run, runtime_id, self.options.control_uid)
        env = self._network.environment() | env
        spec = launching.spec_for(self._isolation, self.run, place, image, limits, env, uid, disk)
        self._cgroups.remove(runtime_id)
        try:
            procs = self._cgroups.create(runtime_id, limits)
        except OSError as error:
            raise UnavailableError(f"The cgroup was not made: {error.strerror}.", code="cgroup_failed") from error
        handle = Handle(
            runtime_id, generation, 0, 0, path, self._isolation.level, self._cgroups.path(runtime_id), slot,
            time.time(), True, None, 0, 0, boot_id(), deadline, limits, image=str(image),
        )  # fmt: skip
        # Known on disk before it exists: a host that dies between the two lines finds it by the status file.
        self._registry.save(handle)
        faults.reach("host.start.registered")
        line = json.dumps({"key": key, "generation": generation}).encode() + b"\n"
        try:
            started = await launch(
                replace(spec, cgroup_procs=procs),
                listener=listener.fileno(),
                key=line,
                status=folder / "status",
                log=folder / "agent.log",
                seccomp=self._isolation.rooted_seccomp if spec.whole_root else self._isolation.seccomp,
            )
        except BaseException:
            self._discard(runtime_id, path)
            raise
        finally:
            listener.close()
        handle = replace(
            handle,
            pid=started.child_pid,
            start_time=start_time(started.child_pid) or 0,
            monitor_pid=started.monitor.pid,
            monitor_start_time=start_time(started.monitor.pid) or 0,
        )
        faults.reach("host.start.launched")
        try:
            await self._network.attach(handle)
        except BaseException:
            await asyncio.to_thread(started.abort)
            self._discard(runtime_id, path)
            raise
        if self._isolation.level == "b" or self._watching.watches_memory:
            launching.limit_processes(handle.pid, limits.processes)
        self._registry.save(handle)
        try:
            started.release()
        except BrokenPipeError as error:
            # It ended while it was being made, and its log says why.
            await asyncio.to_thread(started.abort)
            self._discard(runtime_id, path)
            await self._network.detach(handle)
            reason = last_line(folder / "agent.log") or f"exit code {started.monitor.returncode}"
            raise UnavailableError(f"The sandbox did not start: {reason}", code="sandbox_failed") from error
        self._handles[runtime_id] = handle
        self._arm(runtime_id, deadline)
        self._watch(handle)
        _log.info("runtime_started", runtime_id=runtime_id, generation=generation, pid=handle.pid, slot=slot)
        return handle

    def _make_folder(self, runtime_id: str, uid: int | None) -> tuple[Path, Path]:
        """Makes a runtime's folder. Returns it, and where its files will be."""
        folder = self.runtimes / runtime_id
        folders.make_private(folder, None)
        if self._isolation.level != "none":
            return folder, self._storage.folder(runtime_id)
        folder.chmod(0o711)  # its path is walked by the slot's uid
        for name in ("content", "home"):
            folders.make_private(folder / name, uid)
        return folder, folder

    def _slot_of(self, runtime_id: str) -> int:
        """Returns the slot that the runtime's handle or files have, else a free one."""
        if known := self._handles.get(runtime_id):
            return known.slot
        used = {handle.slot for handle in self._handles.values()} | set(self._starting.values())
        return slots.choose(self.runtimes, runtime_id, used)

    # -- ending --------------------------------------------------------------------------------------------------

    def _watch(self, handle: Handle) -> None:
        self._watchers[handle.runtime_id] = asyncio.create_task(self._await_exit(handle))

    async def _await_exit(self, handle: Handle) -> None:
        await wait_exit(handle.monitor_pid, handle.monitor_start_time)
        # Where the monitor alone was killed the sandbox lives on, and is watched itself.
        await wait_exit(handle.pid, handle.start_time)
        self._record_exit(handle)
        await self._network.detach(handle)

    def _record_exit(self, handle: Handle) -> None:
        current = self._handles.get(handle.runtime_id)
        if current is None or current.generation != handle.generation or not current.alive:
            return
        reason = self._reasons.pop(handle.runtime_id, None)
        kills = self._memory_kills(handle.runtime_id)
        exit_ = exit_of(self.runtimes / handle.runtime_id / "status", reason, kills)
        self._handles[handle.runtime_id] = current.with_exit(exit_)
        try:
            self._registry.save(self._handles[handle.runtime_id])
        except OSError as error:
            # The disk may be full. It ended all the same, and a host that adopts the old handle finds that out.
            _log.error("exit_not_stored", runtime_id=handle.runtime_id, error=str(error))
        self._deadlines.pop(handle.runtime_id, None)
        with contextlib.suppress(OSError):
            self._cgroups.kill(handle.runtime_id)
        launching.remove_socket(current.socket)
        self.mounts.ended(handle.runtime_id)
        _log.info("runtime_ended", runtime_id=handle.runtime_id, **asdict(exit_))

    async def _end(self, handle: Handle, reason: str) -> None:
        """Kills every process of the runtime and waits until they are gone."""
        if not handle.alive:
            return
        self._reasons[handle.runtime_id] = reason
        with contextlib.suppress(OSError):
            self._cgroups.kill(handle.runtime_id)
        send_signal(handle.pid, handle.start_time, signal.SIGKILL)
        watcher = self._watchers.get(handle.runtime_id)
        try:
            async with asyncio.timeout(KILL_WAIT_S):
                if watcher is not None:
                    await asyncio.shield(watcher)
        except TimeoutError as error:
            send_signal(handle.monitor_pid, handle.monitor_start_time, signal.SIGKILL)
            raise UnavailableError(
                f"Runtime {handle.runtime_id} does not end: a process hangs in the kernel. Try again later.",
                code="kill_timeout",
            ) from error
        await asyncio.to_thread(self._cgroups.remove, handle.runtime_id)

    async def _wipe(self, runtime_id: str) -> None:
        handle = self._handles.get(runtime_id)
        # Of one that ended by itself it is still there.
        await asyncio.to_thread(self._cgroups.remove, runtime_id)
        try:
            await asyncio.to_thread(folders.wipe, self.runtimes / runtime_id)
        except OSError as error:
            raise UnavailableError(
                f"Not every file of runtime {runtime_id} could be removed: {error}.", code="wipe_failed"
            ) from error
        if handle is not None:
            launching.remove_socket(handle.socket)
        self._registry.forget(runtime_id)
        self._handles.pop(runtime_id, None)
        self._watching.forget(runtime_id)

    def _discard(self, runtime_id: str, socket_path: str) -> None:
        """Forgets a runtime that never ran; what it had on disk from an earlier generation stays."""
        launching.remove_socket(socket_path)
        previous = self._handles.get(runtime_id)
        if previous is None:
            self._registry.forget(runtime_id)
        else:
            self._registry.save(previous)
        with contextlib.suppress(OSError):
            self._cgroups.kill(runtime_id)
        self._cgroups.remove(runtime_id)

    # -- adoption ------------------------------------------------------------------------------------------------

    async def _adopt(self) -> None:
        for runtime_id, handle in self._registry.load().items():
            self._handles[runtime_id] = handle
            self._watching.adopt(handle)
            if not handle.alive:
                continue
            if handle.boot_id != boot_id():
                self._keep(handle.with_exit(Exit(None, None, oom=False, reason="reboot")))
            elif handle.pid == 0:
                await self._reap_half_started(handle)
            elif is_alive(handle.pid, handle.start_time):
                self._arm(runtime_id, handle.deadline)
                self._watch(handle)
                with contextlib.suppress(OSError):
                    # Whether it still computes is found out anew.
                    self._cgroups.yields(runtime_id, False)
                _log.info("runtime_adopted", runtime_id=runtime_id, pid=handle.pid)
            else:
                self._record_exit(handle)
        for name in set(self._cgroups.names()) - {handle.runtime_id for handle in self.list() if handle.alive}:
            _log.warning("orphan_reaped", runtime_id=name)
            with contextlib.suppress(OSError):
                self._cgroups.kill(name)
            await asyncio.to_thread(self._cgroups.remove, name)
        await asyncio.to_thread(self._clear_leftovers)

    def _clear_leftovers(self) -> None:
        living = [handle for handle in self.list() if handle.alive]
        leftovers.clear_disks(self.runtimes, {handle.runtime_id for handle in living})
        folder = self.run / "runtimes"
        leftovers.clear_sockets(folder, {Path(handle.socket).name for handle in living})
        leftovers.clear_after_boot(self.run / "boot", boot_id(), self.runtimes, self._handles.keys())

    async def _reap_half_started(self, handle: Handle) -> None:
        """Ends what a host that died in the middle of ``start`` may have left, and lets it be started anew."""
        with contextlib.suppress(OSError):
            self._cgroups.kill(handle.runtime_id)
        await end_by_status(self.runtimes / handle.runtime_id / "status", KILL_WAIT_S)
        launching.remove_socket(handle.socket)
        self._registry.forget(handle.runtime_id)
        del self._handles[handle.runtime_id]

    # -- keeping -------------------------------------------------------------------------------------------------

    def _keep(self, handle: Handle) -> None:
        self._registry.save(handle)
        self._handles[handle.runtime_id] = handle

    def _keep_counts(self, handle: Handle) -> None:
        current = self._handles.get(handle.runtime_id)
        if current is not None and current.generation == handle.generation:
            self._keep(replace(current, memory_kills=handle.memory_kills, disk_kills=handle.disk_kills))

    def _handle(self, runtime_id: str) -> Handle:
        handle = self._handles.get(runtime_id)
        if handle is None:
            raise NotFoundError(f"There is no runtime {runtime_id}.", code="unknown_runtime")
        return handle

    def _living(self, runtime_id: str) -> Handle | None:
        handle = self._handles.get(runtime_id)
        return handle if handle is not None and handle.alive else None

    def _lock(self, runtime_id: str) -> asyncio.Lock:
        return self._locks.setdefault(runtime_id, asyncio.Lock())

    def _arm(self, runtime_id: str, deadline: float | None) -> None:
        # Counted on the monotonic clock from here on, so that a step of the wall clock ends nobody's work.
        if deadline is None:
            self._deadlines.pop(runtime_id, None)
        else:
            self._deadlines[runtime_id] = time.monotonic() + deadline - time.time()

    async def _tick(self) -> None:
        while True:
            for runtime_id in [key for key, moment in self._deadlines.items() if moment <= time.monotonic()]:
                self._deadlines.pop(runtime_id)
                await self._enforce_deadline(runtime_id)
            try:
                await self._look()
            except Exception:  # noqa: BLE001 - deadlines hold whatever the guests have come up with
                _log.exception("limits_not_watched")
            nearest = min((moment - time.monotonic() for moment in self._deadlines.values()), default=TICK_S)
            await asyncio.sleep(min(TICK_S, max(0.01, nearest)))

    async def _look(self) -> None:
        living = [handle for handle in self.list() if handle.alive]
        await self._watching.look(living, self._keep_counts)
        try:
            self._yielding.look(handle.runtime_id for handle in living)
        except OSError as error:
            _log.warning("yielding_failed", error=str(error))  # one of them has just ended

    async def _enforce_deadline(self, runtime_id: str) -> None:
        async with self._lock(runtime_id):
            handle = self._handles.get(runtime_id)
            if handle is None or not handle.alive or handle.deadline is None:
                return
            try:
                await self._end(handle, "deadline")
            except (LaboraError, OSError) as error:
                _log.error("deadline_not_enforced", runtime_id=runtime_id, error=str(error))
                self._deadlines[runtime_id] = time.monotonic() + KILL_WAIT_S
