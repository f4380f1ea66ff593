"""Fills an account's drive by the drive's own verbs, in bulk: ``python -m bench.fill DATA_DIR LOGIN WHAT COUNT``.

It runs beside a server, under the account that owns the data folder, and prints the id of the folder that it filled.
WHAT is ``notebooks`` (small and varied) or ``files`` (empty). What it makes is the same each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import select

from labora.access import Principal, Scope
from labora.base.ids import new_id
from labora.base.settings import load_settings
from labora.blobs import BlobRef, Blobs
from labora.db import Database
from labora.db.schema import accounts
from labora.drive import NOTEBOOK_TYPE, Drive, store
from labora.drive.inspect import notebook_inspector

BATCH = 500
_WORDS_SEED = 20
_SYLLABLES = (
    "ba",
    "co",
    "di",
    "fu",
    "ge",
    "hi",
    "jo",
    "ka",
    "lu",
    "me",
    "no",
    "pi",
    "qu",
    "re",
    "sa",
    "ti",
    "vo",
    "wy",
    "xa",
)
_LIBRARIES = ("numpy as np", "pandas as pd", "matplotlib.pyplot as plt", "seaborn as sns", "torch", "requests")
_LINES = (
    "pd.read_csv('{a}.csv')",
    "plt.plot({a}, {b})",
    "np.mean({a})",
    "df.groupby('{a}').agg({{'{b}': 'sum'}})",
    "LogisticRegression(max_iter={n})",
    "train_test_split({a}, {b}, test_size=0.{n})",
    "{a}.to_datetime({b})",
)


def vocabulary() -> list[str]:
    """Returns 30,000 words, the frequent ones first."""
    chance = random.Random(_WORDS_SEED)
    return ["".join(chance.choice(_SYLLABLES) for _ in range(chance.randint(2, 4))) for _ in range(30_000)]


class Author:
    """Writes notebooks whose words are as unevenly spread as those of people."""

    def __init__(self, words: list[str]) -> None:
        self._words, self._chance = words, random.Random(1)

    def word(self) -> str:
        """Returns a word, mostly a frequent one."""
        return self._words[min(int(self._chance.paretovariate(0.6)) - 1, len(self._words) - 1)]

    def _some(self, few: int, many: int) -> range:
        return range(self._chance.randint(few, many))

    def notebook(self, number: int) -> tuple[str, bytes]:
        """Returns the name and the bytes of a notebook of a few KB."""
        title = f"{self.word()} {self.word()} {number}"
        text = f"# {title}\n\n" + " ".join(self.word() for _ in range(40))
        cells: list[dict[str, Any]] = [{"cell_type": "markdown", "id": "c0", "metadata": {}, "source": text}]
        for place in self._some(6, 14):
            lines = [f"import {self._chance.choice(_LIBRARIES)}"] if place == 0 else []
            for _ in self._some(2, 10):
                call = self._chance.choice(_LINES).format(a=self.word(), b=self.word(), n=self._chance.randint(1, 99))
                lines.append(f"{self.word()}_{self.word()} = {call}")
            printed = " ".join(self.word() for _ in self._some(0, 60))
            output = {"output_type": "stream", "name": "stdout", "text": printed}
            cell = {"cell_type": "code", "id": f"c{place + 1}", "metadata": {}, "execution_count": place + 1}
            cells.append({**cell, "source": "\n".join(lines), "outputs": [output]})
        book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        return f"{title}.ipynb", json.dumps(book).encode()


async def fill(data_dir: Path, login: str, what: str, count: int) -> str:
    """Makes ``count`` items in one new folder and returns its id."""
    settings = load_settings(storage={"data_dir": data_dir})
    database = Database(settings.database_url)
    try:
        blobs = Blobs(database, settings.state_dir / "blobs")
        drive = Drive(database, blobs, settings.limits, notebook_inspector(settings.limits))
        async with database.read() as connection:
            account_id = await connection.scalar(select(accounts.c.id).where(accounts.c.login == login))
        owner = Principal(account_id, scopes=frozenset({Scope.READ, Scope.WRITE}))
        folder = await drive.create_folder(owner, f"{count} {what}")
        author = Author(vocabulary())
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            items = [author.notebook(n) if what == "notebooks" else (f"file {n:06}.dat", b"") for n in numbers]
            await _add(drive, blobs, owner, folder.row, items)
    finally:
        await database.close()
    return folder.id


async def _add(drive: Drive, blobs: Blobs, owner: Principal, folder: Any, items: list[tuple[str, bytes]]) -> None:
    media_type = NOTEBOOK_TYPE if items[0][0].endswith(".ipynb") else "application/octet-stream"
    await blobs.put_many([(data, media_type) for _, data in items])
    async with drive.context.database.transaction() as connection:
        for name, data in items:
            now = drive.context.now()
            row = {
                "id": new_id(),
                "kind": "notebook" if media_type == NOTEBOOK_TYPE else "file",
                "name": name,
                "media_type": media_type,
                "owner_id": owner.account_id,
                "parent_id": folder["id"],
                "path": store.prefix_of(folder),
                "created_at": now,
                "modified_at": now,
                "modified_by": owner.account_id,
                "settings": {},
            }
            await store.add_file(connection, row)
            ref = BlobRef(hashlib.sha256(data).hexdigest(), len(data), media_type)
            await drive.revisions.add_in(connection, row["id"], ref, kind="upload", author_id=owner.account_id)


if __name__ == "__main__":
    print(asyncio.run(fill(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))))
