"""Reads the labelled pictures of a held data set, whichever way its publisher packs them: IDX, or arrays of NumPy."""

from __future__ import annotations

import ast
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labora.base.errors import InvalidError
from labora.datasets.idx import read_idx

Part = Literal["train", "test"]
PARTS: tuple[Part, ...] = ("train", "test")
_IDX = {"train": "train", "test": "t10k"}
_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, slots=True)
class Pictures:
    """Grey pictures of one size, in the publisher's order.

    Attributes:
        height: rows of a picture.
        width: pixels of a row.
        pixels: all pictures, one after the other, a byte for each pixel.
        labels: the class of each, a byte.
    """

    height: int
    width: int
    pixels: memoryview
    labels: memoryview

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, at: int) -> memoryview:
        size = self.height * self.width
        return self.pixels[at * size : (at + 1) * size]


def read_pictures(folder: Path, part: Part) -> Pictures:
    """Reads one part of a data set into memory.

    Raises:
        InvalidError: the folder has no such files, or they do not belong together.
    """
    images, labels = (folder / f"{_IDX[part]}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1"))
    if images.is_file() and labels.is_file():
        (count, *sizes), pixels = read_idx(images)
        told, kinds = read_idx(labels)
    else:
        (count, *sizes), pixels = _read_npz(folder, f"*-{part}-imgs.npz")
        told, kinds = _read_npz(folder, f"*-{part}-labels.npz")
    if len(sizes) != 2 or told != (count,):
        raise InvalidError(f"The {part} pictures and labels do not belong together.", code="bad_pictures")
    return Pictures(sizes[0], sizes[1], pixels, kinds)


def _read_npz(folder: Path, pattern: str) -> tuple[tuple[int, ...], memoryview]:
    """Reads the only array of an NPZ file: unsigned bytes in C order, NPY format 1.0 to 3.0.

    The format is the one that NumPy's documentation gives ("numpy.lib.format").
    """
    path = next(iter(sorted(folder.glob(pattern))), None)
    if path is None:
        raise InvalidError(f"There are neither IDX files nor a file {pattern}.", code="bad_pictures")
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = archive.namelist()
            data = archive.read(name)
        long = data[6] > 1
        (length,) = struct.unpack_from("<I" if long else "<H", data, 8)
        start = (12 if long else 10) + length
        header = ast.literal_eval(data[start - length : start].decode("utf-8"))
        shape = tuple(map(int, header["shape"]))
        plain = header["descr"] == "|u1" and not header["fortran_order"]
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        SyntaxError,
        IndexError,
        KeyError,
        TypeError,
        struct.error,
    ) as error:
        raise InvalidError(f"{path.name} holds no array of NumPy: {error}.", code="bad_pictures") from error
    if not data.startswith(_MAGIC) or not plain or math.prod(shape) != len(data) - start:
        raise InvalidError(f"{path.name} holds no array of unsigned bytes.", code="bad_pictures")
    return shape, memoryview(data)[start:]
