"""What libraries keep of a data set in a form of their own, written once from the files that this server has verified.

Each form is a folder in the set's folder. ``dataset.json`` has its files, the links that show them where the library
looks, and under ``made`` what it was written from: it is written anew when that changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labora.base.errors import InvalidError
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


def provided(dataset: Dataset, folder: Path) -> bool:
    """Tells whether a held data set has every form that it should have, as it should be."""
    try:
        return bool(json.loads((folder / ABOUT).read_text()).get("made", {}) == _wanted(dataset))
    except (OSError, ValueError, AttributeError):
        return False


def provide(dataset: Dataset, folder: Path, scratch: Path, put_away: Callable[[Path], None]) -> list[str]:
    """Brings the forms of a held data set up to date. Blocks for half a minute per 100,000 pictures.

    Args:
        dataset: as the catalogue has it.
        folder: where it is held.
        scratch: an empty folder on the same file system.
        put_away: removes what is at a path, if anything, in one step for whoever looks.

    Returns:
        What could not be made, with the reason.

    Raises:
        OSError: it cannot be written.
    """
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text())
    wanted, before, problems = _wanted(dataset), about.get("made", {}), []
    made = {name: source for name, source in before.items() if wanted.get(name) == source}
    for name in wanted.keys() - made.keys():
        form, fresh = _FORMS[name], scratch / name
        try:
            fresh.mkdir()
            form.write(dataset, form.source(dataset), folder, fresh)
        except InvalidError as error:
            problems.append(f"{form.called}: {error.message}")
            continue
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        put_away(folder / name)
        fresh.rename(folder / name)
        made[name] = wanted[name]
    for name in before.keys() - made.keys():
        put_away(folder / name)
    _tell(dataset, folder, about | {"made": made}, scratch / ABOUT)
    return problems


def _wanted(dataset: Dataset) -> dict[str, dict[str, Any]]:
    sources = {name: (form.number, form.source(dataset)) for name, form in _FORMS.items()}
    wanted = {name: {"form": form, **asdict(source)} for name, (form, source) in sources.items() if source is not None}
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
