"""A process that edits, runs and saves until ``LABORA_FAULT`` kills it; prints every acknowledged edit first.

Run as ``python crash_child.py FOLDER FILE_ID ROUND``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Any


def load_house() -> Any:
    spec = importlib.util.spec_from_file_location("house", Path(__file__).with_name("conftest.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def say(line: str) -> None:
    """Tells the parent, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(folder: Path, file_id: str, tag: str) -> None:
    helpers = load_house()
    house = helpers.House(folder)
    await house.start()
    async with house.page(file_id) as page:
        for number in range(12):
            token = f"<{tag}.{number}>"
            page.type("c0", token)
            await page.until(lambda: page.unsaved == {})
            say(f"acked {token}")
            if number % 4 == 1:
                answer = await page.command("execute", cells=["c1"])
                await page.finished(answer["result"]["executions"][0]["id"])
            if number % 4 == 3:
                await page.command("checkpoint", name=None)
    say("survived")
    await house.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
