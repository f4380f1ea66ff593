"""The real thing: the agent as pid 1 of a sandbox that the host started."""

from __future__ import annotations

import pytest

from labora.base.errors import NotFoundError
from labora.kernels.service import GuestKernelSession
from labora.runtimes.providers.sandbox import SandboxProvider
from labora.testing.providers import ProviderConformance
from labora.testing.recorder import Recorder

pytestmark = pytest.mark.sandbox


class TestSandboxProvider(ProviderConformance):
    @pytest.fixture
    def provider(self, sandbox: SandboxProvider) -> SandboxProvider:
        return sandbox

    @pytest.fixture
    def image(self) -> str:
        return "py"

    async def test_killing_everything_from_a_cell_leaves_the_agent(self, provider: SandboxProvider) -> None:
        spec = self.spec("py")
        async with self.started(provider, spec) as (_, connection):
            session = GuestKernelSession(spec.runtime_id, "k", "python3", connection)
            await session.start()
            recorder = Recorder(session)
            await recorder.attach()
            await recorder.run("e1", "x = 1")
            boot = (connection.hello or {})["boot_id"]
            await session.execute("e2", "import os; os.system('kill -TERM 1; kill -9 -1')")
            died = await recorder.until(lambda m: m.type == "died", 20)
            assert died.content["signal"] == "SIGKILL"
            await session.restart()
            await recorder.run("e3", "print('here')")
            assert recorder.text("e3") == "here\n"
            assert (connection.hello or {})["boot_id"] == boot

    async def test_a_cell_cannot_look_into_the_agent(self, provider: SandboxProvider) -> None:
        spec = self.spec("py")
        async with self.started(provider, spec) as (_, connection):
            session = GuestKernelSession(spec.runtime_id, "k", "python3", connection)
            await session.start()
            recorder = Recorder(session)
            await recorder.attach()
            code = """
import os
for path in ("/proc/1/mem", "/proc/1/environ", "/proc/1/fd/3"):
    try:
        os.readlink(path) if "fd" in path else open(path, "rb").read(10)
        print(path, "open")
    except OSError:
        print(path, "closed")
print(*sorted(name for name in os.environ if name.startswith("LABORA_")), os.getcwd())
"""
            await recorder.run("e1", code)
            closed = "/proc/1/mem closed\n/proc/1/environ closed\n/proc/1/fd/3 closed\n"
            # Of the agent's own variables a cell sees where it may ask, and where data sets are.
            assert recorder.text() == closed + "LABORA_ASK LABORA_DATASETS LABORA_KERNEL /content\n"

    async def test_orphans_are_reaped(self, provider: SandboxProvider) -> None:
        spec = self.spec("py")
        async with self.started(provider, spec) as (_, connection):
            session = GuestKernelSession(spec.runtime_id, "k", "python3", connection)
            await session.start()
            recorder = Recorder(session)
            await recorder.attach()
            code = """
import os, pathlib, time
for _ in range(20):
    os.system("sleep 0.01 & exit 0")
time.sleep(0.5)
states = [path.read_text().rpartition(")")[2].split()[0] for path in pathlib.Path("/proc").glob("[0-9]*/stat")]
print("Z" in states)
"""
            await recorder.run("e1", code)
            assert recorder.text() == "False\n"

    async def test_an_unknown_image_is_refused(self, provider: SandboxProvider) -> None:
        with pytest.raises(NotFoundError):
            await provider.start(self.spec("no-such-image"), lambda _progress: None)
