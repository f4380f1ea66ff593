"""Writes a data set as TensorFlow Datasets keeps what it has prepared, so that ``tfds.load`` fetches nothing.

``<data dir>/<name>/<version>`` has two descriptions in JSON, the names of the classes, and for each split one file of
records in the order that the library gives them. The formats: TFRecord as TensorFlow's tutorial "TFRecord and
tf.train.Example" describes it; the message ``tf.train.Example`` as ``tensorflow/core/example/example.proto`` and
``feature.proto`` declare it, in the wire format of Protocol Buffers; CRC-32C as RFC 3720 (appendix B.4) defines it;
PNG as the W3C's recommendation. The descriptions and the order are those of ``tensorflow_datasets`` 4.9
(``core/dataset_info.py``, ``core/shuffle.py``).
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

from labora.base.errors import InvalidError
from labora.datasets.model import TFDS, Dataset
from labora.datasets.pictures import PARTS, Part, Pictures, read_pictures

PLACE = "tensorflow_datasets"
"""Below the home folder, where the library looks."""
_MODULE = "tensorflow_datasets.image_classification.mnist"
_FEATURES = "tensorflow_datasets.core.features"
_PNG = b"\x89PNG\r\n\x1a\n"


def write_tfds(dataset: Dataset, about: TFDS, folder: Path, target: Path) -> None:
    """Writes into ``target`` what belongs below :data:`PLACE`. Blocks for some fifteen seconds per 100,000 pictures.

    Args:
        dataset: as the catalogue has it.
        about: what TensorFlow Datasets calls it.
        folder: where it is held.
        target: a new folder.

    Raises:
        InvalidError: it does not hold pictures with labels, or others than it has classes for.
        OSError: it cannot be written.
    """
    splits, sizes = [], set()
    for part in PARTS:
        pictures = read_pictures(folder, part)
        if max(pictures.labels, default=0) >= len(about.labels or dataset.classes):
            raise InvalidError(f"There are {part} pictures of more classes than it has.", code="bad_pictures")
        sizes.add((pictures.height, pictures.width))
        size = _write_split(pictures, part, target / f"{about.name}-{part}.tfrecord-00000-of-00001")
        splits.append(
            {
                "name": part,
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "numBytes": str(size),
                "shardLengths": [str(len(pictures))],
            }
        )
    if len(sizes) != 1:
        raise InvalidError("Its pictures are not all of one size.", code="bad_pictures")
    names = about.labels or dataset.classes
    (target / "label.labels.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    for name, told in (
        ("dataset_info", _info(dataset, about, splits)),
        ("features", _features(*sizes.pop(), len(names))),
    ):
        (target / f"{name}.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def tfds_links(about: TFDS, target: Path, at: str) -> dict[str, str]:
    """Returns the link below the home folder that shows ``target``, which lies at ``at`` of the set."""
    return {f"{PLACE}/{about.name}/{about.version}": at}


def _write_split(pictures: Pictures, part: Part, path: Path) -> int:
    """Writes one split and returns the bytes of its examples."""
    total = 0
    # The library sorts by the MD5 of the split's name and the number of the picture: slices are the same everywhere.
    order = sorted(range(len(pictures)), key=lambda at: hashlib.md5(f"{part}{at}".encode()).digest())  # noqa: S324
    with path.open("wb") as sink:
        for at in order:
            example = _example(_png(pictures, at), pictures.labels[at])
            total += len(example)
            length = struct.pack("<Q", len(example))
            sink.write(length + _masked_crc(length) + example + _masked_crc(example))
    return total


def _png(pictures: Pictures, at: int) -> bytes:
    """Returns a picture as PNG of 8 bits of grey."""
    width, pixels = pictures.width, bytes(pictures[at])
    rows = b"".join(b"\0" + pixels[start : start + width] for start in range(0, len(pixels), width))
    header = struct.pack(">IIBBBBB", width, pictures.height, 8, 0, 0, 0, 0)
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _example(png: bytes, label: int) -> bytes:
    """Returns a ``tf.train.Example`` with a picture and its label."""
    image = _field(1, b"image") + _field(2, _field(1, _field(1, png)))  # Feature.bytes_list.value
    kind = _field(1, b"label") + _field(2, _field(3, _field(1, _varint(label))))  # Feature.int64_list.value, packed
    return _field(1, _field(1, image) + _field(1, kind))  # Example.features.feature


def _field(number: int, content: bytes) -> bytes:
    """Returns a field of Protocol Buffers that has a length."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _crc_table()


def _masked_crc(data: bytes) -> bytes:
    """Returns the CRC-32C of a record as TFRecord writes it."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _info(dataset: Dataset, about: TFDS, splits: list[dict[str, Any]]) -> dict[str, Any]:
    said = (dataset.about, f"Licence: {dataset.licence}.", f"Credit: {dataset.credit}." if dataset.credit else None)
    return {
        "name": about.name,
        "version": about.version,
        "description": "\n\n".join(line for line in said if line),
        "citation": (dataset.citation or "").strip(),
        "location": {"urls": [dataset.homepage]},
        "redistributionInfo": {"license": dataset.licence},
        "fileFormat": "tfrecord",
        "moduleName": _MODULE,
        "splits": splits,
        "supervisedKeys": {"tuple": {"items": [{"featureKey": "image"}, {"featureKey": "label"}]}},
    }


def _features(height: int, width: int, classes: int) -> dict[str, Any]:
    image = {"dtype": "uint8", "shape": {"dimensions": [str(height), str(width), "1"]}}
    return {
        "pythonClassName": f"{_FEATURES}.features_dict.FeaturesDict",
        "featuresDict": {
            "features": {
                "image": {"pythonClassName": f"{_FEATURES}.image_feature.Image", "image": image},
                "label": {
                    "pythonClassName": f"{_FEATURES}.class_label_feature.ClassLabel",
                    "classLabel": {"numClasses": str(classes)},
                },
            }
        },
    }
