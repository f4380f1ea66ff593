"""The catalogue over REST: everybody sees how sets stand, the owner has them fetched."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from labora.base.settings import Settings
from labora.testing.recorder import eventually


def publish(settings: Settings, content: bytes = b"a picture") -> None:
    folder = settings.manifests_dir
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "picture.bin").write_bytes(content)
    file = {
        "name": "picture.bin",
        "bytes": len(content),
        "sha256": hashlib.sha256(b"a picture").hexdigest(),
        "addresses": [f"file://{folder}/picture.bin"],
    }
    about = {"name": "own", "title": "Our own", "about": "One picture.", "licence": "CC0", "credit": "We did it"}
    more = {"homepage": "https://example.org/", "code": "open('/opt/datasets/own/picture.bin')\n", "count": 1}
    (folder / "own.json").write_text(json.dumps({**about, **more, "files": [file]}))


async def standing(client: httpx.AsyncClient, name: str = "own") -> dict[str, Any]:
    found: list[dict[str, Any]] = (await client.get("/datasets")).json()["datasets"]
    return next(one for one in found if one["name"] == name)


async def test_everybody_sees_the_catalogue_and_the_owner_fetches(
    owner: httpx.AsyncClient, ann: httpx.AsyncClient, settings: Settings
) -> None:
    publish(settings)
    listed = (await ann.get("/datasets")).json()
    assert listed["can_fetch"] is False
    kmnist = next(one for one in listed["datasets"] if one["name"] == "kmnist")
    assert (kmnist["state"], kmnist["licence"], kmnist["count"]) == ("missing", "CC BY-SA 4.0", 70_000)
    assert "created by CODH" in kmnist["credit"]
    assert "/opt/datasets/kmnist" in kmnist["code"]
    assert "clanuwat2018deep" in kmnist["citation"]
    assert (await standing(ann))["state"] == "missing"

    refused = await ann.post("/datasets/own/fetch")
    assert (refused.status_code, refused.json()["code"]) == (403, "owner_only")
    assert (await owner.get("/datasets")).json()["can_fetch"] is True
    begun = await owner.post("/datasets/own/fetch")
    assert (begun.status_code, begun.json()["state"]) == (200, "fetching")
    await eventually(lambda: held(ann))
    assert (settings.images_dir / "datasets" / "own" / "picture.bin").read_bytes() == b"a picture"
    assert (await owner.post("/datasets/own/fetch")).json()["state"] == "held"


async def held(client: httpx.AsyncClient) -> bool:
    return bool((await standing(client))["state"] == "held")


async def test_what_cannot_be_fetched_says_why(owner: httpx.AsyncClient, settings: Settings) -> None:
    publish(settings, b"a damaged")
    unknown = await owner.post("/datasets/none/fetch")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "dataset_unknown")
    assert (await owner.post("/datasets/digits/fetch")).status_code == 400
    await owner.post("/datasets/own/fetch")

    async def failed() -> bool:
        return bool((await standing(owner))["state"] == "failed")

    await eventually(failed)
    assert "checksum is wrong" in (await standing(owner))["message"]


async def test_a_set_is_held_before_its_fetch_has_ended(
    owner: httpx.AsyncClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings)
    # A process that stays after the set is there, as one does that writes it for libraries.
    os.mkfifo(tmp_path / "end")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\nread end < "{tmp_path}/end"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    assert (await owner.post("/datasets/own/fetch")).json()["state"] == "fetching"
    await eventually(lambda: held(owner))
    assert (await owner.post("/datasets/own/fetch")).json()["state"] == "held"
    await asyncio.to_thread((tmp_path / "end").write_text, "now\n")
