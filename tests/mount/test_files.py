"""What programs in a runtime see and do in the drive, through the kernel's FUSE, at every level of isolation."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.sandbox


async def test_what_is_written_is_in_the_drive_and_what_is_there_is_read(world):
    await world.upload(world.ann, "in.csv", b"a,b\n1,2\n")
    guest = await world.mounted()
    assert await guest.run("print(sorted(os.listdir('/content/drive')))".replace("print", "import os; print")) == str(
        [".shortcut-targets-by-id", "My Drive", "MyDrive", "Shared with me", "Shareddrives"]
    )
    assert await guest.run("print(open('/content/drive/My Drive/in.csv').read(), end='')") == "a,b\n1,2"
    await guest.run("""
        import os
        os.makedirs('/content/drive/MyDrive/out/deep')
        with open('/content/drive/MyDrive/out/deep/table.csv', 'w') as file:
            for number in range(10000):
                file.write(f'{number},{number * number}\\n')
        assert os.stat('/content/drive/MyDrive/out/deep/table.csv').st_size == file_size if (file_size := 0) else True
        print(open('/content/drive/MyDrive/out/deep/table.csv').readlines()[-1])
    """)
    assert await world.mounts.unmount("ann", "rt", "/content/drive") == []
    (folder,) = [view for view in (await listed(world, "root")) if view.name == "out"]
    (deep,) = await listed(world, folder.id)
    (table,) = await listed(world, deep.id)
    expected = "".join(f"{number},{number * number}\n" for number in range(10000)).encode()
    assert await world.content(world.ann, table.id) == expected
    assert await guest.run("import os; print(os.listdir('/content/drive'))") == "[]"


async def listed(world, folder):
    from labora.drive import ListQuery

    return (await world.drive.list_files(world.ann, ListQuery(folder_id=folder, page_size=1000))).files
