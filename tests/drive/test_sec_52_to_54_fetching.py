"""Cases 52 to 54: what the server fetches for people reaches nothing near, and no more than it should."""

from __future__ import annotations

import asyncio
import gc
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from labora.base.errors import ForbiddenError, InvalidError, TooLargeError
from labora.base.settings import OutsideSettings
from labora.drive.exchange.fetching import Fetcher, FetchError
from labora.drive.exchange.vetting import Vetting

# A connection that a time limit cut off while it was made is closed by the collector, which is called for it here.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
async def collected() -> AsyncIterator[None]:
    """Leaves nothing to be collected during other tests."""
    yield
    await _steps()
    gc.collect()


@dataclass
class Site:
    """A server on loopback that answers as told and remembers what it was sent."""

    port: int = 0
    heads: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def site(answer: bytes | Serve) -> AsyncIterator[Site]:
    made = Site()
    writers: list[asyncio.StreamWriter] = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if (task := asyncio.current_task()) is not None:
            serving.add(task)
        try:
            made.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
    # What was accepted at the last moment is served, and what is closed lets go of its socket, in the loop's next
    # steps, which would not come after the test.
    await _steps()
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)
    for writer in writers:
        writer.transport.abort()
    await _steps()


async def _steps() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def fetcher(*allow: str, names: dict[str, list[str]] | None = None, **settings: object) -> Fetcher:
    async def resolve(host: str, port: int) -> list[str]:
        if names is None:
            return [host]
        return names.get(host, [])

    values = {"allow": list(allow), "proxy": "off", "timeout_s": 5.0, **settings}
    return Fetcher(OutsideSettings.model_validate(values), 100_000, resolve)


NEAR = [
    "http://127.0.0.1:{port}/", "http://[::1]:{port}/", "http://0:{port}/", "http://2130706433:{port}/",
    "http://0x7f.1:{port}/", "http://127.1/", "http://0177.0.0.1/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:169.254.169.254]/", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/",
    "http://192.168.1.1/", "http://100.64.0.1/", "http://[fd00::1]/", "http://[fe80::1]/", "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://localhost:{port}/", "http://localhost/", "http://a.localhost/", "http://router/",
    "http://metadata.google.internal/", "http://127.0.0.1.:{port}/", "http://168.63.129.16/", "http://224.0.0.1/",
    "http://[fec0::1]/", "http://[3fff::1]/", "http://192.88.99.1/", "http://[2002:c058:6301::]/",
    "http://[64:ff9b:1::7f00:1]/",
    "file:///etc/passwd", "ftp://example.org/x", "gopher://127.0.0.1:{port}/", "data:text/plain,x", "//127.0.0.1/x",
    "http://user:secret@example.org/", "http://example.org:22/", "http://example.org:{port}/", "http://", "http://[",
]  # fmt: skip


@pytest.mark.parametrize("url", NEAR)
async def test_sec_52_what_is_near_is_refused_before_anything_is_sent(url: str) -> None:
    async with site(ok(b"secret")) as canary:
        with pytest.raises(InvalidError) as refused:
            await fetcher().get(url.format(port=canary.port))
        assert refused.value.error_code == "address_refused"
        assert canary.heads == []


async def test_sec_52_a_near_place_is_opened_for_the_ports_that_were_named() -> None:
    async with site(ok(b"here")) as there:
        with pytest.raises(InvalidError) as refused:
            await fetcher("127.0.0.0/8").get(f"http://{there.place}/")
        assert refused.value.error_code == "address_refused"
        assert there.heads == []
        assert (await fetcher(f"127.0.0.0/8:{there.port}").get(f"http://{there.place}/")).body == b"here"
    # Without a port they are the web's own.
    near = Vetting(["10.0.0.0/8", "fd00::/8"])
    for url in ("http://10.1.2.3/", "https://10.1.2.3/", "https://[fd00::1]/"):
        assert near.target(url).allowed
    for url in ("http://10.1.2.3:8080/", "https://[fd00::1]:22/"):
        with pytest.raises(InvalidError):
            near.target(url)


async def test_sec_53_every_redirect_is_vetted_anew() -> None:
    async with site(ok(b"secret")) as canary, site(moved(f"http://127.0.0.1:{canary.port}/")) as public:
        with pytest.raises(InvalidError) as refused:
            await fetcher(public.place).get(f"http://{public.place}/")
        assert refused.value.error_code == "address_refused"
        assert len(public.heads) == 1
        assert canary.heads == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["93.184.216.34", "fd00::1"],
        ["::ffff:10.0.0.1"],
        ["fec0::1"],
        ["3fff:fff::1"],
        ["192.88.99.254"],
    ],
)
async def test_sec_53_a_public_name_that_leads_near_is_refused(addresses: list[str]) -> None:
    with pytest.raises(InvalidError) as refused:
        await fetcher(names={"notebooks.example.org": addresses}).get("http://notebooks.example.org/x.ipynb")
    assert refused.value.error_code == "address_refused"


async def test_sec_53_the_connection_goes_to_the_address_that_was_vetted() -> None:
    asked: list[str] = []

    async def flipping(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async with site(ok(b"mine")) as there:
        settings = OutsideSettings(allow=[f"flip.example.org:{there.port}"], proxy="off")
        answer = await Fetcher(settings, 1000, flipping).get(f"http://flip.example.org:{there.port}/")
        assert answer.body == b"mine"
        assert asked == ["flip.example.org"]
        assert f"Host: flip.example.org:{there.port}" in there.heads[0]


async def test_sec_53_redirects_end() -> None:
    async with site(moved("/again")) as there:
        with pytest.raises(FetchError):
            await fetcher(there.place).get(f"http://{there.place}/")
        assert len(there.heads) == 6


async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def dripping(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_sec_54_an_endless_answer_is_cut() -> None:
    async with site(endless) as there:
        with pytest.raises(TooLargeError) as cut:
            await fetcher(there.place).get(f"http://{there.place}/")
        assert cut.value.error_code == "fetch_too_large"
        assert cut.value.details["limit"] == 100_000


async def test_sec_54_a_small_answer_that_unpacks_large_is_cut() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with site(ok(bomb, "Content-Encoding: gzip")) as there:
        with pytest.raises(TooLargeError):
            await fetcher(there.place).get(f"http://{there.place}/")
    async with site(ok(gzip.compress(b"small"), "Content-Encoding: gzip")) as there:
        assert (await fetcher(there.place).get(f"http://{there.place}/")).body == b"small"


async def test_sec_54_an_answer_that_drips_is_given_up() -> None:
    async with site(dripping) as there:
        with pytest.raises(FetchError) as late:
            await fetcher(there.place, timeout_s=0.3).get(f"http://{there.place}/")
        assert late.value.error_code == "fetch_timeout"


async def test_sec_54_nothing_of_ours_is_sent_and_a_token_goes_to_its_own_site_alone() -> None:
    async with site(ok(b"there", "Set-Cookie: a=b")) as other, site(moved(f"http://{other.place}/x")) as api:
        asking = fetcher(api.place, other.place)
        assert (await asking.get(f"http://{api.place}/", {"Authorization": "Bearer secret"})).body == b"there"
        assert (await asking.get(f"http://{other.place}/")).body == b"there"
        assert "Authorization: Bearer secret" in api.heads[0]
        for head in other.heads:
            names = {line.partition(":")[0].lower() for line in head.splitlines()[1:] if line}
            assert names == {"host", "user-agent", "accept", "accept-encoding"}


async def test_a_server_that_fetches_nothing_says_so() -> None:
    async with site(ok(b"x")) as there:
        with pytest.raises(ForbiddenError) as off:
            await fetcher(there.place, enabled=False).get(f"http://{there.place}/")
        assert off.value.error_code == "outside_off"
        assert there.heads == []


async def test_a_proxy_is_asked_for_what_is_far_and_never_for_what_is_near() -> None:
    async with site(ok(b"by proxy")) as proxy:
        asking = fetcher(proxy=f"http://{proxy.place}")
        assert (await asking.get("http://notebooks.example.org/x.ipynb")).body == b"by proxy"
        assert proxy.heads[0].startswith("GET http://notebooks.example.org/x.ipynb HTTP/1.1")
        for near in ("http://127.0.0.1/", "http://2130706433/", "http://localhost/", "http://example.org:22/"):
            with pytest.raises(InvalidError):
                await asking.get(near)
        assert len(proxy.heads) == 1


@pytest.mark.parametrize("entry", ["not a place", "10.0.0.0/40", "host:port", "example.org"])
def test_a_bad_entry_of_the_allow_list_is_told(entry: str) -> None:
    with pytest.raises(InvalidError, match=r"outside\.allow"):
        fetcher(entry)
