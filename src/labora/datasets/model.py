"""What the catalogue says of a data set, and how it stands on this server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["held", "missing", "fetching", "failed", "included"]
"""``included``: it comes with a package of the image and is never fetched."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a data set, as its publisher has it.

    Attributes:
        name: the file's name in the set's folder.
        addresses: where it is fetched from, tried in this order (https, http or file).
        bytes: its size; None where the manifest does not say.
        sha256: checksum in hexadecimal; one of the two is always there.
        md5: likewise.
        unpack: name of the unpacked file beside it, for one packed by gzip.
        optional: the set is held without it too.
        redirects: the address may lead on to another https address.
    """

    name: str
    addresses: tuple[str, ...]
    bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    unpack: str | None = None
    optional: bool = False
    redirects: bool = False


@dataclass(frozen=True, slots=True)
class OpenML:
    """What a data set is called at OpenML, where scikit-learn fetches data sets.

    Attributes:
        id: its number.
        name: its name, as OpenML writes it.
        file: the number of its file.
        version: which of those with this name it is.
    """

    id: int
    name: str
    file: int
    version: int = 1


@dataclass(frozen=True, slots=True)
class TFDS:
    """What TensorFlow Datasets calls a data set.

    Attributes:
        name: its name there.
        version: the version that the library asks for.
        labels: its classes as the library writes them, where the catalogue writes them otherwise.
    """

    name: str
    version: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set of the catalogue.

    Attributes:
        name: its folder's name.
        count: pictures, or rows.
        unit: what is counted.
        code: Python that loads it from ``/opt/datasets``.
        home: links below a runtime's home folder → what they show, below the set's folder; ``.`` is the folder itself.
        openml: what it is called at OpenML; its files hold labelled pictures then.
        tfds: what TensorFlow Datasets calls it; likewise.
        debian: package of Debian that holds the same files, packed anew.
        package: Python package of the image that brings it; such a set has no files.
        builtin: False for one of the operator's.
    """

    name: str
    title: str
    about: str
    licence: str
    homepage: str
    licence_url: str | None = None
    credit: str | None = None
    citation: str | None = None
    count: int | None = None
    unit: str = "pictures"
    classes: tuple[str, ...] = ()
    code: str = ""
    files: tuple[DataFile, ...] = ()
    home: Mapping[str, str] = field(default_factory=dict)
    openml: OpenML | None = None
    tfds: TFDS | None = None
    debian: str | None = None
    package: str | None = None
    builtin: bool = True

    @property
    def bytes(self) -> int:
        """What has to be fetched, as far as the manifest says."""
        return sum(file.bytes or 0 for file in self.files)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is, in bytes over all files; ``of`` is 0 where the manifest gives no sizes."""

    file: str
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A data set and how it stands. ``message`` says why it failed and what to do."""

    dataset: Dataset
    state: State
    progress: Progress | None = None
    message: str | None = None


Report = Callable[[Progress], None]
