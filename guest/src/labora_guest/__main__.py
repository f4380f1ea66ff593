"""``python -m labora_guest``: the agent of one runtime, on inherited descriptors."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys

from labora_guest import process
from labora_guest.agent import SPOOL_BYTES, Agent
from labora_guest.nursery import LINGER_S


def main() -> None:
    """Reads the pairing key from descriptor 4, serves the listening socket on descriptor 3 until told to stop."""
    channel_fd = int(os.environ.get("LABORA_CHANNEL_FD", "3"))
    key_fd = int(os.environ.get("LABORA_KEY_FD", "4"))
    process.protect()
    process.adopt_orphans()
    with os.fdopen(key_fd, "r", encoding="utf-8") as file:
        pairing = json.loads(file.readline())
    os.set_inheritable(channel_fd, False)
    listener = socket.socket(fileno=channel_fd)
    try:
        asyncio.run(_serve(listener, str(pairing["key"]), int(pairing["generation"])))
    except KeyboardInterrupt:
        sys.exit(130)


async def _serve(listener: socket.socket, key: str, generation: int) -> None:
    agent = Agent(
        key,
        generation,
        int(os.environ.get("LABORA_SPOOL_BYTES", SPOOL_BYTES)),
        zygotes=os.environ.get("LABORA_ZYGOTES") != "off",
        linger_s=float(os.environ.get("LABORA_ZYGOTE_LINGER_S", LINGER_S)),
        port=int(os.environ.get("LABORA_ASK_PORT", "0")),
        any_port=os.environ.get("LABORA_PORTS") == "any",
    )
    process.watch_termination(agent.stop)
    await agent.serve(listener)


if __name__ == "__main__":
    main()
