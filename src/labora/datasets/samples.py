"""What runtimes find in ``/content/sample_data``: small files that tutorials read, made of what this server holds.

Nothing stands under a name that it is not: a file whose data is not here is left out, and README.md says of each file
what it is.
"""

from __future__ import annotations

import io
import json
import os
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

from labora.base.errors import InvalidError
from labora.datasets.idx import read_idx

FOLDER = ".sample_data"
SMALL = 20_000
_TRAIN = 17_000
_TEST = 3_000
_COLUMNS = (
    "longitude", "latitude", "housing_median_age", "total_rooms", "total_bedrooms", "population", "households",
    "median_income", "median_house_value",
)  # fmt: skip

# F. J. Anscombe, "Graphs in Statistical Analysis", The American Statistician 27 (1973), 17-21.
_X = (10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5)
_ANSCOMBE = {
    "I": (_X, (8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68)),
    "II": (_X, (9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74)),
    "III": (_X, (7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73)),
    "IV": ((8, 8, 8, 8, 8, 8, 8, 19, 8, 8, 8), (6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.50, 5.56, 7.91, 6.89)),
}
_ABOUT = {
    "anscombe.json": "Anscombe's quartet: four sets of eleven points with the same means, variances and line of "
    "regression that look nothing alike. F. J. Anscombe, Graphs in Statistical Analysis, The American Statistician 27 "
    "(1973).",
    "mnist_train_small.csv": f"The first {SMALL:,} training pictures of MNIST in its own order, a row each: the digit, "
    "then 784 pixels. (Colab's file of this name is another choice of as many.)",
    "mnist_test.csv": "The 10,000 test pictures of MNIST in its own order, a row each: the digit, then 784 pixels.",
    "california_housing_train.csv": f"{_TRAIN:,} of the 20,640 rows of California housing (Pace and Barry, StatLib, "
    "1990 census), chosen at random and sorted from east to west. (Colab's file of this name is another such choice.)",
    "california_housing_test.csv": f"{_TEST:,} other rows of it, in no order.",
}


def write_samples(shelf: Path) -> None:
    """Brings the sample files up to date with what the shelf holds; each file appears whole. Raises OSError."""
    folder = shelf / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    _put(folder / "anscombe.json", lambda: iter((_anscombe(),)))
    mnist, housing = shelf / "mnist", shelf / "california-housing" / "cal_housing.tgz"
    for name, part, rows in (("mnist_train_small.csv", "train", SMALL), ("mnist_test.csv", "t10k", None)):
        images, labels = mnist / f"{part}-images-idx3-ubyte", mnist / f"{part}-labels-idx1-ubyte"
        _keep(folder / name, images.is_file() and labels.is_file(), lambda i=images, o=labels, n=rows: _rows(i, o, n))
    for name in ("california_housing_train.csv", "california_housing_test.csv"):
        _keep(folder / name, housing.is_file(), lambda n=name: _houses(housing, n))
    here = [name for name in _ABOUT if (folder / name).is_file()]
    _put(folder / "README.md", lambda: iter((_readme(here),)), anew=True)


def _keep(path: Path, possible: bool, make: object) -> None:
    if not possible:
        path.unlink(missing_ok=True)
        return
    try:
        _put(path, make)
    except (InvalidError, KeyError, ValueError, tarfile.TarError):
        path.unlink(missing_ok=True)  # a set of the operator's own under this name, which holds something else


def _put(path: Path, make: object, *, anew: bool = False) -> None:
    if path.exists() and not anew:
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            for text in make():  # type: ignore[operator]
                file.write(text)
        fresh.chmod(0o644)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _anscombe() -> str:
    rows = [
        json.dumps({"Series": series, "X": float(x), "Y": y})
        for series, (xs, ys) in _ANSCOMBE.items()
        for x, y in zip(xs, ys, strict=True)
    ]
    return "[\n  " + ",\n  ".join(rows) + "\n]\n"


def _readme(names: list[str]) -> str:
    lines = "\n".join(f"* `{name}`: {_ABOUT[name]}" for name in names)
    missing = [name for name in _ABOUT if name not in names]
    absent = ", ".join(f"`{name}`" for name in missing)
    note = (
        f"\nNot here, because this server does not hold the data: {absent}. Whoever runs it can fetch `mnist` and "
        "`california-housing` (`labora dataset fetch NAME`).\n"
        if missing
        else ""
    )
    return (
        "This folder has small data sets to get started with. It is yours: change or delete what you like.\n\n"
        f"{lines}\n{note}\nWhole data sets lie in `/opt/datasets`.\n"
    )


def _rows(images: Path, labels: Path, rows: int | None) -> Iterator[str]:
    """Yields the CSV of pictures. Raises InvalidError where the files do not hold pictures and as many labels."""
    (count, *sizes), pixels = read_idx(images)
    (told,), kinds = read_idx(labels)
    if count != told or len(sizes) != 2:
        raise InvalidError(f"{images.name} and {labels.name} do not belong together.", code="bad_idx")
    texts, size = [str(value) for value in range(256)], sizes[0] * sizes[1]
    for at in range(min(rows or count, count)):
        picture = pixels[at * size : (at + 1) * size]
        yield f"{kinds[at]}," + ",".join([texts[value] for value in picture]) + "\n"


def _houses(archive: Path, name: str) -> Iterator[str]:
    with tarfile.open(archive) as files:
        member = files.extractfile("CaliforniaHousing/cal_housing.data")
        text = io.TextIOWrapper(member, "ascii").read() if member else ""
    rows = [tuple(map(float, line.split(","))) for line in text.split()]
    if any(len(row) != len(_COLUMNS) for row in rows):
        raise ValueError("other columns than expected")
    random.Random(1990).shuffle(rows)  # noqa: S311 - the same choice on every server
    chosen = sorted(rows[:_TRAIN], reverse=True) if "train" in name else rows[_TRAIN : _TRAIN + _TEST]
    yield ",".join(f'"{column}"' for column in _COLUMNS) + "\n"
    for row in chosen:
        yield ",".join(f"{value:.6f}" for value in row) + "\n"
