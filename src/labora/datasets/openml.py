"""Writes a data set as scikit-learn keeps what it has fetched from OpenML, so that ``fetch_openml`` asks nobody.

scikit-learn looks for each answer of OpenML's API in ``<data home>/openml/openml.org/<path of its address>.gz`` before
it asks for it: which data set a name means, its description, its columns, its size, and the data itself as ARFF
(``sklearn/datasets/_openml.py``). The description carries the MD5 of the ARFF, here of the one that is written here.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labora.base.errors import InvalidError
from labora.datasets.model import Dataset, OpenML
from labora.datasets.pictures import PARTS, Pictures, read_pictures

PLACE = "scikit_learn_data/openml/openml.org"
"""Below the home folder, where scikit-learn looks."""
_LEVEL = 4
"""Of gzip: a tenth more bytes than the best, in a seventh of the time."""
_ROWS = 256


def write_openml(dataset: Dataset, about: OpenML, folder: Path, target: Path) -> None:
    """Writes into ``target`` what belongs below :data:`PLACE`. Blocks for some ten seconds per 100,000 pictures.

    Args:
        dataset: as the catalogue has it.
        about: what it is called at OpenML.
        folder: where it is held.
        target: a new folder.

    Raises:
        InvalidError: it does not hold pictures with labels.
        OSError: it cannot be written.
    """
    classes, names, count = _shape(folder)
    arff = target / f"{_download(about)}/{about.name}.arff.gz"
    arff.parent.mkdir(parents=True)
    md5 = hashlib.md5(usedforsecurity=False)
    with arff.open("wb") as sink, gzip.GzipFile("", "wb", _LEVEL, sink, mtime=0) as packed:
        for block in _arff(dataset, about, folder, classes, names):
            md5.update(block)
            packed.write(block)
    for path, answer in _answers(dataset, about, md5.hexdigest(), classes, names, count):
        place = target / f"{path}.gz"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.compress(json.dumps(answer, ensure_ascii=False).encode(), mtime=0))


def openml_links(about: OpenML, target: Path, at: str) -> dict[str, str]:
    """Returns the links below the home folder that show what is in ``target``, which lies at ``at`` of the set."""
    files = [path.relative_to(target).as_posix() for path in sorted(target.rglob("*")) if path.is_file()]
    links = {f"{PLACE}/{name}": f"{at}/{name}" for name in files}
    # Where versions before 1.6 look for the data.
    links[f"{PLACE}/{_download(about)}.gz"] = f"{at}/{_download(about)}/{about.name}.arff.gz"
    return links


def _download(about: OpenML) -> str:
    return f"data/v1/download/{about.file}"


def _shape(folder: Path) -> tuple[list[str], list[str], int]:
    """Returns the classes, the columns of pixels, and how many pictures there are."""
    count, sizes, highest = 0, set(), 0
    for part in PARTS:
        pictures = read_pictures(folder, part)
        count += len(pictures)
        sizes.add(pictures.height * pictures.width)
        highest = max(highest, max(pictures.labels, default=0))
    if len(sizes) != 1:
        raise InvalidError("Its pictures are not all of one size.", code="bad_pictures")
    return [str(label) for label in range(highest + 1)], [f"pixel{at}" for at in range(1, sizes.pop() + 1)], count


def _arff(dataset: Dataset, about: OpenML, folder: Path, classes: list[str], names: list[str]) -> Iterator[bytes]:
    """Yields the file in blocks. Classes are quoted: pandas 3 takes bare ones for numbers and scikit-learn fails."""
    said = (dataset.title, dataset.credit, dataset.licence, dataset.homepage)
    yield "".join(f"% {' '.join(line.split())}\n" for line in said if line).encode()
    columns = "".join(f"@ATTRIBUTE {name} NUMERIC\n" for name in names)
    listed = ",".join(f"'{name}'" for name in classes)
    yield f"@RELATION {about.name}\n\n{columns}@ATTRIBUTE class {{{listed}}}\n\n@DATA\n".encode()
    for part in PARTS:
        yield from _rows(read_pictures(folder, part))


def _rows(pictures: Pictures) -> Iterator[bytes]:
    texts = [str(value).encode() for value in range(256)]
    text = texts.__getitem__
    for start in range(0, len(pictures), _ROWS):
        yield b"".join(
            b",".join(map(text, pictures[at])) + b",'" + texts[pictures.labels[at]] + b"'\n"
            for at in range(start, min(start + _ROWS, len(pictures)))
        )


def _answers(
    dataset: Dataset, about: OpenML, md5: str, classes: list[str], names: list[str], count: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the path of each address that scikit-learn asks, and the answer."""
    known = {"did": about.id, "name": about.name, "version": about.version, "status": "active", "format": "ARFF"}
    search = f"api/v1/json/data/list/data_name/{about.name.lower()}/limit/2"
    for path in ("status/active/", f"data_version/{about.version}"):
        yield f"{search}/{path}", {"data": {"dataset": [known]}}
    told = (
        dataset.about,
        f"Licence: {dataset.licence}.",
        f"Credit: {dataset.credit}." if dataset.credit else None,
        f"Homepage: {dataset.homepage}",
        "This copy was written on this server from the publisher's own files, training pictures first.",
    )
    description = {
        "id": str(about.id),
        "name": about.name,
        "version": str(about.version),
        "description": "\n\n".join(line for line in told if line),
        "format": "ARFF",
        "licence": dataset.licence,
        "citation": dataset.citation or "",
        "original_data_url": dataset.homepage,
        "url": f"https://www.openml.org/{_download(about)}/{about.name}.arff",
        "file_id": str(about.file),
        "default_target_attribute": "class",
        "visibility": "public",
        "status": "active",
        "md5_checksum": md5,
    }
    yield f"api/v1/json/data/{about.id}", {"data_set_description": description}
    features = [{"name": name, "data_type": "numeric", "is_target": "false"} for name in names]
    kind: dict[str, Any] = {"name": "class", "data_type": "nominal", "nominal_value": classes, "is_target": "true"}
    common = {"is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
    listed = [{"index": str(at), **one, **common} for at, one in enumerate([*features, kind])]
    yield f"api/v1/json/data/features/{about.id}", {"data_features": {"feature": listed}}
    sizes = {"NumberOfInstances": count, "NumberOfFeatures": len(listed), "NumberOfClasses": len(classes)}
    qualities = [{"name": name, "value": f"{value}.0"} for name, value in sizes.items()]
    yield f"api/v1/json/data/qualities/{about.id}", {"data_qualities": {"quality": qualities}}
