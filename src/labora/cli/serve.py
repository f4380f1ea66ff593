"""``labora serve``: host, image and control plane, from one command.

Started as root, this process opens the listening socket, starts the host supervisor and the image's preparation, and
then gives its privileges up: the control plane, which parses hostile input, runs under its own uid.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import ipaddress
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from labora.base.errors import InvalidError, LaboraError
from labora.base.logging import configure_logging
from labora.base.memory import look_less_often
from labora.base.settings import Settings, load_settings
from labora.cli.options import Config, DataDir, settings_for


def serve(
    config: Config = None,
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 picks a free one.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file with the certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file with the private key.")] = None,
    insecure_bind: Annotated[
        bool | None, typer.Option("--insecure-bind", help="Listen beyond loopback without TLS.")
    ] = None,
    isolation: Annotated[str | None, typer.Option(help="auto, a, b or none.")] = None,
) -> None:
    """Runs Labora. Prints one link that signs the owner in the first time."""
    settings = load_settings(
        config,
        server={"host": host, "port": port, "tls_cert": tls_cert, "tls_key": tls_key, "insecure_bind": insecure_bind},
        storage={"data_dir": data_dir},
        runtimes={"isolation": isolation},
    )
    configure_logging(json=settings.log.json_lines, level=settings.log.level)
    check_bind(settings)
    tls = tls_context(settings)
    listener = listen(settings)
    settings = settings.model_copy(
        update={"server": settings.server.model_copy(update={"port": listener.getsockname()[1]})}
    )
    prepare_folders(settings)
    take_folder(settings)
    start_host(settings)
    start_image(settings)
    start_datasets(settings)
    drop_privileges(settings)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run_server(settings, listener, tls))


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Reads certificate and key, while the process may still read what is root's alone; None without TLS.

    Raises InvalidError where they cannot be read or do not fit.
    """
    server = settings.server
    if server.tls_cert is None or server.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(server.tls_cert, server.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise InvalidError(
            f"TLS does not work with {server.tls_cert} and {server.tls_key}: {error.strerror or error}. "
            "Both are PEM files: the certificate with its chain, and its unencrypted key.",
            code="bad_setting",
        ) from error
    return context


def check_bind(settings: Settings) -> None:
    """Raises InvalidError for an address beyond loopback without TLS, a trusted proxy or the loud flag."""
    server = settings.server
    if (server.tls_cert is None) != (server.tls_key is None):
        raise InvalidError("TLS needs both --tls-cert and --tls-key.", code="bad_setting")
    if server.tls_cert or server.trust_proxy:
        return
    try:
        loopback = ipaddress.ip_address(server.host).is_loopback
    except ValueError:
        loopback = server.host == "localhost"
    if loopback:
        return
    if not server.insecure_bind:
        raise InvalidError(
            f"Labora does not listen on {server.host} without TLS: passwords would cross the network in the clear. "
            "Give --tls-cert and --tls-key, put a TLS proxy in front (server.trust_proxy), "
            "or say --insecure-bind if you mean it.",
            code="insecure_bind",
        )
    print(f"⚠ Listening on {server.host} WITHOUT TLS: passwords cross the network in the clear.", file=sys.stderr)


def listen(settings: Settings) -> socket.socket:
    """Opens the listening socket. Raises InvalidError when the port is taken."""
    host = "127.0.0.1" if settings.server.host == "localhost" else settings.server.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named by its number, or asyncio does not set TCP_NODELAY on what is accepted, and acknowledgements wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, settings.server.port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise InvalidError(
                f"Port {settings.server.port} is taken by another program. Stop it, or give --port.", code="port_taken"
            ) from error
        raise InvalidError(f"Cannot listen on {host}:{settings.server.port}: {error.strerror}.") from error
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def prepare_folders(settings: Settings) -> None:
    """Makes the data folders, each owned by the one process that writes it."""
    for folder, mode in (
        (settings.storage.data_dir.absolute(), 0o755),
        (settings.run_dir, 0o755),
        (settings.images_dir, 0o755),
        (settings.runtimes_dir, 0o755),
        (settings.state_dir, 0o700),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    if os.geteuid() == 0 and settings.runtimes.control_uid:
        give_away(settings.state_dir, settings.runtimes.control_uid)
    with contextlib.suppress(OSError):  # images may be another user's
        prepare_shelf(settings)


def prepare_shelf(settings: Settings) -> None:
    """Makes the folder of data sets, which runtimes see at ``/opt/datasets`` and the control plane writes."""
    folder = settings.images_dir / "datasets"
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(0o755)
        if os.geteuid() == 0 and settings.runtimes.control_uid:
            give_away(folder, settings.runtimes.control_uid)


def take_folder(settings: Settings) -> None:
    """Holds the data folder until this process ends: two servers would each keep live notebooks of their own.

    Raises InvalidError when another one serves it.
    """
    if settings.storage.database_url is not None:
        return
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    # Never closed: the lock lives and dies with the process.
    descriptor = os.open(settings.state_dir / "serve.lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise InvalidError(
            f"Another Labora serves {settings.storage.data_dir} already. Stop it, or give another --data-dir.",
            code="data_dir_taken",
        ) from error


def give_away(folder: Path, uid: int) -> None:
    """Makes ``folder`` and all below it ``uid``'s own, by descriptors and along no link.

    A control plane of before may still run and swap what it owns while this process, as root, walks through. A file
    that has another name somewhere is left as it is: it may be anybody's.
    """
    for _, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        os.fchown(descriptor, uid, uid)
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):
                info = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if info.st_uid != uid and (stat.S_ISREG(info.st_mode) and info.st_nlink == 1):
                    os.chown(name, uid, uid, dir_fd=descriptor, follow_symlinks=False)


def start_host(settings: Settings, *, until_pid: int | None = None) -> None:
    """Finds the living host supervisor of this data folder, or starts one that outlives this process.

    Given ``until_pid``, one that is started ends with that process, and its runtimes too.
    """
    from labora.host import ensure_host
    from labora.host.slices import take_short_slices

    # Whoever computes in a runtime holds neither this process nor the host up.
    take_short_slices()
    status = ensure_host(settings, until_pid=until_pid)
    for note in status.get("notes", []):
        print(f"⚠ {note['message']}", file=sys.stderr)


def start_image(settings: Settings) -> None:
    """Prepares the default Python image in a process of its own; the page shows its progress."""
    from labora.host.image import Recipe

    recipe = json.dumps(asdict(Recipe.of(settings.runtimes)))
    log = settings.images_dir / "prepare.log"
    with log.open("ab") as sink:
        subprocess.Popen(
            [sys.executable, "-m", "labora.cli.prepare", str(settings.images_dir), recipe],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            # With -m the working folder comes first where modules are looked for, and it may be anybody's.
            cwd="/",
        )


def start_datasets(settings: Settings) -> None:
    """Fetches the data set that the first example reads, unless it is held, in a process of its own. What libraries
    look for and an earlier version did not write is written for every set that is held."""
    from labora.cli.datasets import shelf_of

    names = shelf_of(settings).due("fashion-mnist") if os.access(settings.images_dir, os.W_OK) else []
    if not names:
        return
    words = (settings.runtimes.control_uid, settings.images_dir, settings.manifests_dir, *names)
    with (settings.images_dir / "prepare.log").open("ab") as sink:
        subprocess.Popen(
            [sys.executable, "-m", "labora.cli.provide", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            cwd="/",
        )


def drop_privileges(settings: Settings) -> None:
    """As root, becomes the control plane's uid for good."""
    if os.geteuid() != 0 or not settings.runtimes.control_uid:
        return
    from labora.host.privilege import drop_privileges as drop

    drop(
        settings.runtimes.control_uid, [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2], Path.cwd()]
    )


async def run_server(settings: Settings, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
    """Serves until SIGINT or SIGTERM, then saves every room. Runtimes stay with the host."""
    import uvicorn

    from labora.api.app import create_app

    app = create_app(settings)

    class Server(uvicorn.Server):
        """Speaks up once the sockets are open and the database is ready."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                look_less_often()
                await announce(settings, app)

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=settings.limits.sync_frame_bytes,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=10,
        proxy_headers=settings.server.trust_proxy,
    )
    config.load()
    config.ssl = tls
    await Server(config).serve(sockets=[listener])


async def announce(settings: Settings, app: Any) -> None:
    """Says where Labora is and, while there is no owner, prints the link that makes one."""
    url = app_url(settings)
    secret = await app.services.accounts.ensure_setup_link()
    print(f"• Labora is running at {url}", flush=True)
    if secret:
        print(f"• Open this link once to become its owner:\n\n    {url}/setup#{secret}\n", flush=True)
    print("• Ctrl+C stops the server; running notebooks go on. `labora stop` ends them too.", flush=True)


def app_url(settings: Settings) -> str:
    """Returns the URL that people open."""
    return settings.app_url


def stop(config: Config = None, data_dir: DataDir = None) -> None:
    """Ends every runtime and the host supervisor of a data folder."""
    settings = settings_for(config, data_dir)

    if asyncio.run(stop_host(settings)):
        print("• Every runtime and the host supervisor have ended.")
    else:
        print("• No host supervisor is running.")


async def stop_host(settings: Settings) -> bool:
    """Ends the host of a data folder with its runtimes; returns whether there was one."""
    from labora.host.client import HostClient

    try:
        await HostClient(settings.run_dir / "host.sock").stop()
    except (LaboraError, OSError):
        return False
    return True


# Ctrl+C during start-up should end at once, without a traceback.
signal.signal(signal.SIGINT, signal.default_int_handler)
