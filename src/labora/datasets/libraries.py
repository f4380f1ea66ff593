"""What libraries keep of a data set in a form of their own, written once from the files that this server has verified.

Each form is a folder in the set's folder. ``dataset.json`` has its files, the links that show them where the library
looks, and under ``made`` what it was written from, with a checksum of what the manifest tells of the set: it is
written anew when that changes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labora.base.errors import InvalidError, UnavailableError
from labora.datasets.about import read_about
from labora.datasets.download import checksum
from labora.datasets.manifests import ABOUT
from labora.datasets.model import Dataset
from labora.datasets.openml import openml_links, write_openml
from labora.datasets.tfds import tfds_links, write_tfds


@dataclass(frozen=True, slots=True)
class _Form:
    """A form that a library reads.

    Attributes:
        called: what it is for, as a person reads it.
        number: goes up when what is written changes.
        source: what the catalogue says of it; None where a set has no such form.
        write: writes it: (set, source, the set's folder, a new folder). Raises InvalidError and OSError.
        links: links below the home folder → what they show: (source, the new folder, its name).
    """

    called: str
    number: int
    source: Callable[[Dataset], Any]
    write: Callable[[Dataset, Any, Path, Path], None]
    links: Callable[[Any, Path, str], dict[str, str]]


# No file of a data set has a name with a dot in front.
_FORMS = {
    ".openml": _Form("scikit-learn's fetch_openml", 1, lambda dataset: dataset.openml, write_openml, openml_links),
    ".tfds": _Form("TensorFlow Datasets", 1, lambda dataset: dataset.tfds, write_tfds, tfds_links),
}
_TOLD = ("title", "about", "licence", "credit", "citation", "homepage", "classes")
"""What forms carry of a manifest."""


def provided(dataset: Dataset, folder: Path) -> bool:
    """Tells whether a held data set has every form that it should have, as it should be."""
    try:
        return bool(read_about(folder)["made"] == _wanted(dataset))
    except (OSError, UnavailableError):
        return False


def provide(dataset: Dataset, folder: Path, scratch: Path, put_away: Callable[[Path], None]) -> list[str]:
    """Brings the forms of a held data set up to date. Blocks for half a minute per 100,000 pictures.

    ``dataset.json`` never names a form that is not there, also when one cannot be written.

    Args:
        dataset: as the catalogue has it.
        folder: where it is held.
        scratch: an empty folder on the same file system.
        put_away: removes what is at a path, if anything, in one step for whoever looks.

    Returns:
        What could not be made, with the reason.

    Raises:
        UnavailableError: ``dataset.json`` is damaged.
        OSError: it cannot be read or written.
    """
    about, wanted, problems = read_about(folder), _wanted(dataset), []
    made = {name: source for name, source in about["made"].items() if wanted.get(name) == source}
    fresh = []
    for name in [name for name in wanted if name not in made]:
        try:
            _write(dataset, name, folder, scratch / name)
            fresh.append(name)
        except (InvalidError, OSError) as error:
            problems.append(_why(name, error))
            shutil.rmtree(scratch / name, ignore_errors=True)  # the next one may need the room
    if made != about["made"]:
        _tell(dataset, folder, about | {"made": made}, scratch / ABOUT)  # before it goes
    old = {path.name for path in folder.iterdir() if path.name.startswith(".")} - made.keys()
    for name in sorted(old | set(fresh)):
        try:
            put_away(folder / name)
            if name in fresh:
                (scratch / name).rename(folder / name)
                made[name] = wanted[name]
        except OSError as error:
            problems.append(_why(name, error))
    _tell(dataset, folder, about | {"made": made}, scratch / ABOUT)
    return problems


def _write(dataset: Dataset, name: str, folder: Path, fresh: Path) -> None:
    """Writes a form into a new folder. Raises InvalidError and OSError."""
    form = _FORMS[name]
    fresh.mkdir()
    form.write(dataset, form.source(dataset), folder, fresh)
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _why(name: str, error: InvalidError | OSError) -> str:
    said = error.message if isinstance(error, InvalidError) else f"{error.strerror or error}."
    return f"{_FORMS[name].called if name in _FORMS else name}: {said}"


def _wanted(dataset: Dataset) -> dict[str, dict[str, Any]]:
    sources = {name: (form.number, form.source(dataset)) for name, form in _FORMS.items()}
    told = hashlib.sha256(json.dumps([getattr(dataset, name) for name in _TOLD]).encode()).hexdigest()
    wanted = {
        name: {"form": form, "told": told, **asdict(source)}
        for name, (form, source) in sources.items()
        if source is not None
    }
    return dict(json.loads(json.dumps(wanted)))  # as it is read back: a list for a tuple


def _tell(dataset: Dataset, folder: Path, about: dict[str, Any], fresh: Path) -> None:
    """Writes into ``dataset.json`` what of the forms is there."""
    files = {name: told for name, told in about["files"].items() if "/" not in name}
    home: dict[str, str] = {}
    for name in sorted(about["made"]):
        for path in sorted(path for path in (folder / name).rglob("*") if path.is_file()):
            told = {"bytes": path.stat().st_size, "sha256": checksum(path)}
            files[path.relative_to(folder).as_posix()] = told
        home |= _FORMS[name].links(_FORMS[name].source(dataset), folder / name, name)
    text = json.dumps(about | {"files": files, "home": home | dict(dataset.home)}, indent=2, ensure_ascii=False)
    fresh.write_text(text + "\n")
    fresh.chmod(0o644)
    fresh.replace(folder / ABOUT)
