"""Where a server holds its data sets: one folder each, whole or not at all, seen by every runtime at ``/opt/datasets``.

``<name>/`` holds the publisher's files, the unpacked ones beside them, what libraries keep of them in hidden folders,
and ``dataset.json``, which says what lies there and which links runtimes make. ``.fetching/<name>/`` is what a fetch
has so far; ``.fetching/<name>.lock`` is held by the process that fetches, whichever it is, and ``<name>.json`` beside
it says how far it is or why it failed.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labora.base.errors import ConflictError, InvalidError, LaboraError, NotFoundError, UnavailableError
from labora.datasets import debian
from labora.datasets.about import read_about
from labora.datasets.download import checksum, fetch_file, why_wrong
from labora.datasets.libraries import provide, provided
from labora.datasets.manifests import ABOUT, parse_manifest, read_catalogue
from labora.datasets.model import DataFile, Dataset, Progress, Report, Standing
from labora.datasets.samples import FOLDER, write_samples

_EVERY_S = 0.25


class Shelf:
    """The data sets of one server. Every method blocks.

    Args:
        images_dir: folder of images; the shelf is ``datasets`` in it.
        manifests: folder of the operator's own manifests, which need not be there.
    """

    def __init__(self, images_dir: Path, manifests: Path) -> None:
        self.folder = images_dir / "datasets"
        self._manifests = manifests
        self._work = self.folder / ".fetching"

    # -- looking ------------------------------------------------------------------------------------------------------

    def all(self) -> tuple[list[Standing], list[str]]:
        """Returns every data set of the catalogue as it stands, and what is wrong with the operator's manifests."""
        found, problems = read_catalogue(self._manifests)
        return [self.standing(dataset) for dataset in sorted(found.values(), key=_rank)], problems

    def get(self, name: str) -> Dataset:
        """Returns a data set of the catalogue.

        Raises:
            NotFoundError: there is none of that name.
        """
        found, _ = read_catalogue(self._manifests)
        if name not in found:
            raise NotFoundError(
                f"There is no data set '{name}'. `labora dataset list` names them all.", code="dataset_unknown"
            )
        return found[name]

    def standing(self, dataset: Dataset) -> Standing:
        """Returns how a data set stands, whichever process fetches it; held also while it is written for libraries."""
        if not dataset.files:
            return Standing(dataset, "included")
        busy = self._busy(dataset.name)  # asked first: a fetch may end in between
        if self.holds(dataset):
            return Standing(dataset, "held")
        said = self._said(dataset.name)
        if busy:
            progress = said.get("progress")
            return Standing(dataset, "fetching", Progress(**progress) if progress else None)
        message = said.get("message")
        return Standing(dataset, "failed" if message else "missing", message=message)

    def holds(self, dataset: Dataset) -> bool:
        """Tells whether all files are there; they were verified when they came."""
        folder = self.folder / dataset.name
        return (folder / ABOUT).is_file() and all((folder / file.name).is_file() for file in _needed(dataset))

    def due(self, first: str) -> list[str]:
        """Returns what a server fetches by itself: ``first``, unless it is held, and held sets that some library does
        not find yet."""
        found, _ = read_catalogue(self._manifests)
        ready = (self.folder / FOLDER / "README.md").is_file()
        due = [first] if first in found and not (ready and self.holds(found[first])) else []
        return due + [
            name
            for name, dataset in found.items()
            if name not in due and self.holds(dataset) and not provided(dataset, self.folder / name)
        ]

    # -- changing -----------------------------------------------------------------------------------------------------

    def fetch(self, name: str, report: Report = lambda _: None) -> list[str]:
        """Fetches a data set, unless it is held. Goes on where an earlier fetch stopped.

        A held one is written for libraries, where that is due and no other process is at it.

        Args:
            name: as the catalogue has it.
            report: is told of progress, as it is kept for others to see.

        Returns:
            What is not as it could be: optional files that could not be had, libraries that will not find it.

        Raises:
            ConflictError: another process is fetching it.
            InvalidError: it has nothing to fetch.
            NotFoundError: it is not in the catalogue.
            UnavailableError: it cannot be had, or not be kept here, or what is held is damaged.
        """
        dataset = self.get(name)
        if not dataset.files:
            raise InvalidError(f"{dataset.title} comes with {dataset.package}; there is nothing to fetch.")
        try:
            with self._locked(name):
                missing = [] if self.holds(dataset) else self._fetch(dataset, report)
                (self._work / f"{name}.json").unlink(missing_ok=True)
                write_samples(self.folder)
                return missing + self._provide(dataset)
        except ConflictError:
            if self.holds(dataset):
                return []  # whoever writes it for libraries does so to the end
            raise
        except OSError as error:
            raise UnavailableError(
                f"{dataset.title} cannot be kept in {self.folder}: {error.strerror or error}.", code="dataset_unkept"
            ) from error

    def verify(self, name: str) -> list[str]:
        """Reads a held data set anew and returns what is wrong with it, a line each.

        Raises:
            NotFoundError: it is not in the catalogue, or not held.
        """
        dataset = self.get(name)
        if not self.holds(dataset):
            raise NotFoundError(f"{dataset.title} is not held here. `labora dataset fetch {name}`.")
        folder = self.folder / name
        wrong = [
            f"{name}/{file.name}: {why}"
            for file in dataset.files
            if (folder / file.name).is_file() and (why := why_wrong(file, folder / file.name))
        ]
        try:
            told = read_about(folder)["files"]
        except UnavailableError:
            return [*wrong, f"{name}/{ABOUT}: it is damaged"]
        known = {file.name for file in dataset.files}
        for other, about in told.items():
            why = _why_changed(folder / other, about, sized=other not in known)
            # What libraries read may have been written anew while this reads.
            if why and read_about(folder)["files"].get(other) == about:
                wrong.append(f"{name}/{other}: {why}")
        return wrong

    def remove(self, name: str) -> None:
        """Removes a held data set, and what a fetch of it has left. Running runtimes no longer see it.

        Raises:
            ConflictError: it is being fetched, or written for libraries.
            NotFoundError: nothing of it is here.
        """
        if not any((place / name).exists() for place in (self.folder, self._work)) or name.startswith("."):
            raise NotFoundError(f"No data set '{name}' is held here.", code="dataset_unknown")
        with self._locked(name):
            shutil.rmtree(self._work / name, ignore_errors=True)
            (self._work / f"{name}.json").unlink(missing_ok=True)
            self._put_away(self.folder / name)
            write_samples(self.folder)

    def add(self, manifest: Path) -> Dataset:
        """Puts a manifest into the operator's folder, under the set's name.

        Raises:
            InvalidError: it is no manifest, or cannot be written there.
        """
        try:
            content = manifest.read_bytes()
            dataset = parse_manifest(content, manifest.name)
            self._manifests.mkdir(parents=True, exist_ok=True)
            self._manifests.chmod(0o755)
            for suffix in (".toml", ".json"):
                (self._manifests / f"{dataset.name}{suffix}").unlink(missing_ok=True)
            place = self._manifests / f"{dataset.name}{manifest.suffix if manifest.suffix == '.json' else '.toml'}"
            place.write_bytes(content)
            place.chmod(0o644)
        except OSError as error:
            raise InvalidError(f"{error.filename}: {error.strerror}.", code="bad_manifest") from error
        return dataset

    # -- inside -------------------------------------------------------------------------------------------------------

    def _fetch(self, dataset: Dataset, report: Report) -> list[str]:
        place = self._work / dataset.name
        place.mkdir(exist_ok=True)
        told = self._telling(dataset, report)
        try:
            if dataset.debian is not None:
                self._from_debian(dataset, place)
            missing = []
            for file in dataset.files:
                try:
                    fetch_file(file, place / file.name, lambda at, file=file: told(file, at))  # type: ignore[misc]
                except UnavailableError as error:
                    if not file.optional:
                        raise
                    missing.append(error.message)
            _finish(dataset, place)
        except LaboraError as error:
            self._say(dataset.name, {"message": error.message})
            raise
        self._put_away(self.folder / dataset.name)
        place.rename(self.folder / dataset.name)
        return missing

    def _provide(self, dataset: Dataset) -> list[str]:
        """Writes what libraries look for; the set is held and seen already. Returns what could not be written."""
        if provided(dataset, self.folder / dataset.name):
            return []
        try:
            with tempfile.TemporaryDirectory(dir=self._work, prefix=f".made-{dataset.name}-") as scratch:
                return provide(dataset, self.folder / dataset.name, Path(scratch), self._put_away)
        except OSError as error:
            return [f"what libraries look for: {error.strerror or error}."]

    def _telling(self, dataset: Dataset, report: Report) -> Any:
        done, last = dict.fromkeys((file.name for file in dataset.files), 0), 0.0

        def told(file: DataFile, at: int) -> None:
            nonlocal last
            done[file.name] = at
            now = time.monotonic()
            if now - last >= _EVERY_S:
                last = now
                progress = Progress(file.name, sum(done.values()), dataset.bytes)
                self._say(dataset.name, {"progress": asdict(progress)})
                report(progress)

        return told

    def _from_debian(self, dataset: Dataset, place: Path) -> None:
        """Makes the files from Debian's package, where they are not there yet and it can be had."""
        if all((place / file.name).exists() for file in _needed(dataset)):
            return
        package = str(dataset.debian)
        if debian.originals(debian.installed(package), place):
            return
        with tempfile.TemporaryDirectory(dir=self._work, prefix=".deb-") as scratch:
            folder = debian.download(package, Path(scratch))
            if folder is not None:
                debian.originals(folder, place)

    def _put_away(self, path: Path) -> None:
        """Takes what is held out of sight in one step, and then removes it."""
        if path.exists():
            aside = Path(tempfile.mkdtemp(dir=self._work, prefix=f".old-{path.name}-"))
            path.rename(aside / path.name)
            shutil.rmtree(aside, ignore_errors=True)

    def _said(self, name: str) -> dict[str, Any]:
        try:
            said = json.loads((self._work / f"{name}.json").read_text())
        except (OSError, ValueError):
            return {}
        return said if isinstance(said, dict) else {}

    def _say(self, name: str, what: dict[str, Any]) -> None:
        path = self._work / f".{name}.json.new"
        path.write_text(json.dumps(what))
        path.rename(self._work / f"{name}.json")

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        self._work.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._work / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConflictError(
                    f"Another process has '{name}' in hand already: it fetches it, or writes it for libraries. Try "
                    "again when that is done.",
                    code="dataset_busy",
                ) from error
            yield
        finally:
            os.close(descriptor)

    def _busy(self, name: str) -> bool:
        try:
            descriptor = os.open(self._work / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def _rank(dataset: Dataset) -> tuple[bool, bool, str]:
    return (not dataset.builtin, dataset.unit != "pictures", dataset.title.lower())


def _needed(dataset: Dataset) -> list[DataFile]:
    return [file for file in dataset.files if not file.optional]


def _finish(dataset: Dataset, place: Path) -> None:
    """Unpacks what is packed, and writes what lies there. Raises UnavailableError."""
    files = {}
    for file in dataset.files:
        path = place / file.name
        if not path.exists():
            continue
        files[file.name] = path
        if file.unpack is not None:
            files[file.unpack] = place / file.unpack
            try:
                with gzip.open(path) as packed, (place / file.unpack).open("wb") as plain:
                    shutil.copyfileobj(packed, plain, 1024 * 1024)
            except (EOFError, gzip.BadGzipFile) as error:
                raise UnavailableError(f"{file.name} is no gzip file: {error}.", code="dataset_unavailable") from error
    for stray in set(place.iterdir()) - set(files.values()):
        stray.unlink()
    for path in files.values():
        path.chmod(0o644)
    place.chmod(0o755)
    about = {
        "name": dataset.name,
        "title": dataset.title,
        "licence": dataset.licence,
        "credit": dataset.credit,
        "citation": dataset.citation,
        "homepage": dataset.homepage,
        "files": {
            name: {"bytes": path.stat().st_size, "sha256": checksum(path)} for name, path in sorted(files.items())
        },
        "home": dict(dataset.home),
    }
    (place / ABOUT).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def _why_changed(path: Path, about: dict[str, Any], *, sized: bool) -> str | None:
    """Returns what is wrong with a file by ``dataset.json``; ``sized``: by size and checksum too."""
    try:
        if not path.is_file():
            return "it is gone"
        if sized and (path.stat().st_size, checksum(path)) != (about["bytes"], about["sha256"]):
            return "it has changed since it was written"
    except FileNotFoundError:
        return "it is gone"
    return None
