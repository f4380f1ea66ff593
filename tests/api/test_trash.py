"""The trash empties itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update

from labora.api.app import create_app
from labora.base.clock import timestamp
from labora.base.settings import Settings
from labora.db.schema import audit_log, files
from labora.testing.server import server_in_process


async def test_what_lies_in_the_trash_for_long_is_deleted_for_ever(settings: Settings, static: Path) -> None:
    app = create_app(settings, static=static, compute=False)
    async with server_in_process(app) as server:
        owner = await server.owner()
        bob = await server.person("bob", owner)
        ids = {}
        for name in ("old", "young", "here"):
            ids[name] = (await owner.post("/files/upload", params={"name": name}, content=name.encode())).json()["id"]
        folder = (await owner.post("/files", json={"kind": "folder", "name": "folder"})).json()["id"]
        await owner.patch(f"/files/{ids['old']}", json={"parent_id": folder})
        await owner.post(f"/files/{folder}/permissions", json={"login": "bob", "role": "editor"})
        bobs = await bob.post("/files/upload", params={"name": "bobs", "parent": folder}, content=b"bob")
        for item in (folder, ids["young"]):
            assert (await owner.patch(f"/files/{item}", json={"trashed": True})).status_code == 200
        drive, database = server.app.services.drive, server.app.services.database
        assert await drive.trash.purge() == 0
        past = timestamp(datetime.now(UTC) - timedelta(days=31))
        async with database.transaction() as connection:
            await connection.execute(update(files).where(files.c.id == folder).values(trashed_at=past))
        assert await drive.trash.purge() == 2
        assert (await owner.get(f"/files/{ids['old']}")).status_code == 404
        assert [one["id"] for one in (await owner.get("/files?view=trash")).json()["files"]] == [ids["young"]]
        assert (await owner.get(f"/files/{ids['here']}/download")).content == b"here"
        kept = (await bob.get(f"/files/{bobs.json()['id']}")).json()
        assert (kept["owner"]["name"], kept["trashed_at"]) == ("Bob", None), "what others own goes to their drive"
        async with database.read() as connection:
            query = select(audit_log).where(audit_log.c.action == "file.purged")
            rows = (await connection.execute(query)).all()
        assert [(row.object_id, row.actor_id, row.details) for row in rows] == [
            (folder, None, {"name": "folder", "items": 2})
        ]
        assert await server.app.services.blobs.sweep(timedelta(seconds=-1)) >= 1
    never = settings.model_copy(update={"drive": settings.drive.model_copy(update={"trash_days": 0})})
    async with server_in_process(create_app(never, static=static, compute=False)) as server:
        async with server.app.services.database.transaction() as connection:
            await connection.execute(update(files).where(files.c.id == ids["young"]).values(trashed_at=past))
        assert await server.app.services.drive.trash.purge() == 0
