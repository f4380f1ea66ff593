"""What programs in a runtime see and do in the drive, through the kernel's FUSE, at every level of isolation."""

from __future__ import annotations

import errno
import textwrap

import pytest

from labora.access import Role
from labora.drive import ListQuery
from tests.mount.conftest import TARGET

pytestmark = pytest.mark.sandbox
HOME = f"{TARGET}/MyDrive"


async def listed(world, folder="root", principal=None, view="drive"):
    query = ListQuery(view=view, folder_id=folder if view == "drive" else None, page_size=1000)
    return (await world.drive.list_files(principal or world.ann, query)).files


async def named(world, name, folder="root"):
    found = [view for view in await listed(world, folder) if view.name == name]
    return found[0] if found else None


async def fails(guest, code, *, fork=True):
    """Returns the name of the errno with which code fails."""
    lines = textwrap.indent(textwrap.dedent(code), "    ")
    text = await guest.run(
        f"import os\ntry:\n{lines}\nexcept OSError as error:\n    print(error.errno)\nelse:\n    print(0)"
    )
    return errno.errorcode.get(int(text), "none")


async def test_what_is_written_is_in_the_drive_and_what_is_there_is_read(world):
    await world.upload(world.ann, "in.csv", b"a,b\n1,2\n")
    guest = await world.mounted()
    assert await guest.run(f"import os; print(sorted(os.listdir({TARGET!r})))") == str(
        [".shortcut-targets-by-id", "My Drive", "MyDrive", "Shared with me", "Shareddrives"]
    )
    assert await guest.run(f"print(open('{TARGET}/My Drive/in.csv').read(), end='')") == "a,b\n1,2"
    last = await guest.run(f"""
        import os
        os.makedirs('{HOME}/out/deep')
        with open('{HOME}/out/deep/table.csv', 'w') as file:
            for number in range(10000):
                file.write(f'{{number}},{{number * number}}\\n')
        print(open('{HOME}/out/deep/table.csv').readlines()[-1].strip())
    """)
    assert last == "9999,99980001"
    assert await world.mounts.unmount("ann", "rt", TARGET) == []
    deep = await named(world, "deep", (await named(world, "out")).id)
    table = await named(world, "table.csv", deep.id)
    expected = "".join(f"{number},{number * number}\n" for number in range(10000)).encode()
    assert await world.content(world.ann, table.id) == expected
    assert await guest.run(f"import os; print(os.listdir({TARGET!r}))") == "[]"


async def test_changes_become_revisions_and_names_follow(world):
    made = await world.upload(world.ann, "log.txt", b"one\n")
    guest = await world.mounted()
    text = await guest.run(f"""
        import os
        os.chdir('{HOME}')
        with open('log.txt', 'a') as file:
            file.write('two\\n')
        with open('log.txt', 'r+') as file:
            file.write('ONE')
        os.truncate('log.txt', 6)
        with open('log.txt.new', 'w') as file:
            file.write('all new')
        print(open('log.txt').read())
        os.replace('log.txt.new', 'log.txt')
        os.rename('log.txt', 'renamed.txt')
        os.mkdir('below')
        os.rename('renamed.txt', 'below/moved.txt')
        print(open('below/moved.txt').read(), os.listdir('.'), os.listdir('below'))
    """)
    assert text.splitlines()[-1] == "all new ['below'] ['moved.txt']"
    assert await world.mounts.unmount("ann", "rt", TARGET) == []
    moved = await named(world, "moved.txt", (await named(world, "below")).id)
    assert moved.id == made.id, "it is the same file with its history"
    assert await world.content(world.ann, made.id) == b"all new"
    history = (await world.drive.history.page(world.ann, made.id)).revisions
    assert history[-1].size == 4
    assert len(history) >= 2


async def test_what_is_removed_lies_in_the_trash_and_a_filled_folder_stays(world):
    folder = await world.drive.create_folder(world.ann, "folder")
    await world.upload(world.ann, "file.txt", b"x", folder.id)
    guest = await world.mounted()
    assert await fails(guest, f"os.rmdir('{HOME}/folder')") == "ENOTEMPTY"
    assert await fails(guest, f"os.unlink('{HOME}/folder')") in ("EISDIR", "EPERM")
    await guest.run(f"import os; os.unlink('{HOME}/folder/file.txt'); os.rmdir('{HOME}/folder')")
    assert sorted(view.name for view in await listed(world, view="trash")) == ["file.txt", "folder"]
    assert await listed(world) == []
    assert await fails(guest, f"open('{HOME}/folder/file.txt')") == "ENOENT"


async def test_sec_77_rights_are_those_of_the_drive_and_follow_their_changes(world):
    folder = await world.drive.create_folder(world.ann, "Team")
    made = await world.upload(world.ann, "notes.txt", b"n" * 5000, folder.id)
    given = await world.share(folder.id, Role.VIEWER)
    guest = await world.mounted("bob")
    place = f"{TARGET}/Shared with me/Team"
    assert await guest.run(f"print(len(open('{place}/notes.txt').read()))") == "5000"
    assert await fails(guest, f"open('{place}/notes.txt', 'w')") == "EACCES"
    assert await fails(guest, f"open('{place}/new.txt', 'w')") == "EACCES"
    assert await fails(guest, f"os.unlink('{place}/notes.txt')") == "EACCES"
    assert await guest.run(f"import os; print(oct(os.stat('{place}/notes.txt').st_mode))") == "0o100444"
    await world.drive.sharing.change(world.ann, folder.id, given.id, role=Role.EDITOR)

    async def written():
        return await fails(guest, f"open('{place}/notes.txt', 'a').write('more')") == "none"

    await world.until(written)
    assert await fails(guest, f"os.unlink('{place}/notes.txt')") == "EACCES", "only its owner may"
    await world.until(lambda: grown(world, made.id, 5004))
    # Open for reading when the right is taken: the next read fails, although the kernel had it in its cache.
    await guest.run(
        f"import os; os.held = os.open('{place}/notes.txt', os.O_RDONLY); print(len(os.read(os.held, 10)))",
        fork=False,
    )
    await world.drive.sharing.remove(world.ann, folder.id, given.id)

    async def refused():
        return await fails(guest, "os.pread(os.held, 10, 0)", fork=False) == "EACCES"

    await world.until(refused, 6)
    assert await fails(guest, f"open('{place}/notes.txt')") in ("ENOENT", "EACCES")


async def grown(world, file_id, size):
    return len(await world.content(world.ann, file_id)) == size


async def test_names_that_two_items_share_are_told_apart_and_stay(world):
    for data in (b"first", b"second"):
        await world.upload(world.ann, "same.txt", data)
    long = "ü" * 250
    await world.upload(world.ann, f"{long}.txt", b"long")
    guest = await world.mounted()
    names = (await guest.run(f"import os; print('|'.join(sorted(os.listdir('{HOME}'))))")).split("|")
    assert len(names) == len(set(names)) == 3
    assert all(len(name.encode()) <= 255 for name in names)
    one, other = [name for name in names if name.startswith("same")]
    assert await guest.run(f"print(open('{HOME}/same.txt').read())") == "first"
    marked = other if one == "same.txt" else one
    assert await guest.run(f"print(open('{HOME}/{marked}').read())") == "second"
    (cut,) = [name for name in names if not name.startswith("same")]
    assert await guest.run(f"print(open('{HOME}/{cut}').read())") == "long"


async def test_names_that_the_drive_cannot_hold_are_refused(world):
    guest = await world.mounted()
    assert await fails(guest, f"open('{HOME}/' + 'x' * 300, 'w')") == "ENAMETOOLONG"
    assert await fails(guest, f"open('{HOME}/back\\\\slash', 'w')") == "EINVAL"
    assert await fails(guest, f"open('{HOME}/ space', 'w')") == "EINVAL"
    assert await fails(guest, f"open('{TARGET}/at the top', 'w')") == "EACCES"
    await guest.run(f"open('{HOME}/cafe\\u0301.txt', 'w').write('x')")
    assert await guest.run(f"print(open('{HOME}/caf\\u00e9.txt').read())") == "x"


async def test_a_read_only_mount_changes_nothing(world):
    await world.upload(world.ann, "in.txt", b"x")
    guest = await world.mounted(readonly=True)
    for code in (
        f"open('{HOME}/in.txt', 'a')",
        f"open('{HOME}/new', 'w')",
        f"os.mkdir('{HOME}/d')",
        f"os.unlink('{HOME}/in.txt')",
    ):
        assert await fails(guest, code) == "EROFS"
    assert await guest.run(f"print(open('{HOME}/in.txt').read())") == "x"


async def test_fsync_makes_a_revision_while_the_file_stays_open(world):
    guest = await world.mounted()
    await guest.run(
        f"import os; os.log = open('{HOME}/log', 'w'); os.log.write('line 1'); os.log.flush(); os.fsync(os.log)",
        fork=False,
    )

    async def there():
        view = await named(world, "log")
        return view is not None and await world.content(world.ann, view.id) == b"line 1"

    await world.until(there)
    await guest.run("import os; os.log.write(', line 2'); os.log.close()", fork=False)
    assert await world.mounts.unmount("ann", "rt", TARGET) == []
    assert await world.content(world.ann, (await named(world, "log")).id) == b"line 1, line 2"


async def test_memory_maps_and_large_files_read_right(world):
    data = bytes(range(256)) * 4096 * 3
    await world.upload(world.ann, "data.bin", data)
    guest = await world.mounted()
    text = await guest.run(f"""
        import hashlib, mmap
        with open('{HOME}/data.bin', 'rb') as file:
            view = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            print(view[1000000:1000004].hex(), hashlib.sha256(view).hexdigest())
    """)
    import hashlib

    assert text == f"{data[1000000:1000004].hex()} {hashlib.sha256(data).hexdigest()}"


async def test_shortcuts_lead_to_what_they_stand_for(world):
    from sqlalchemy import update

    from labora.db.schema import files

    folder = await world.drive.create_folder(world.ann, "Data")
    await world.upload(world.ann, "x.txt", b"here", folder.id)
    made = await world.upload(world.ann, "link", b"")
    async with world.database.transaction() as connection:
        change = {"kind": "shortcut", "shortcut_target_id": folder.id, "name": "Data", "folded_name": "data"}
        await connection.execute(update(files).where(files.c.id == made.id).values(**change))
        await connection.execute(
            update(files).where(files.c.id == folder.id).values(name="Real data", folded_name="real data")
        )
    guest = await world.mounted()
    link = await guest.run(f"import os; print(os.readlink('{HOME}/Data'))")
    assert link == f"../.shortcut-targets-by-id/{folder.id}/Data"
    assert await guest.run(f"print(open('{HOME}/Data/x.txt').read())") == "here"
