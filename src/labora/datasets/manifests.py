"""Reads manifests: TOML or JSON files that each describe one data set, those of Labora and the operator's own."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from labora.base.errors import InvalidError
from labora.datasets.model import TFDS, DataFile, Dataset, OpenML

BUILTIN = Path(__file__).parent / "manifests"
LARGEST = 256 * 1024
"""Bytes of a manifest."""
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}\Z")
ABOUT = "dataset.json"
"""What the shelf writes into a data set's folder."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _File(_Part):
    name: str
    addresses: list[str] = Field(min_length=1)
    bytes: int | None = Field(None, ge=0)
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    md5: str | None = Field(None, pattern="^[0-9a-f]{32}$")
    unpack: bool = False
    optional: bool = False
    redirects: bool = False

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if not _FILE.match(name) or name == ABOUT:
            raise ValueError("a file has a plain name of letters, digits and . _ + -, without folders")
        return name

    @field_validator("addresses")
    @classmethod
    def _reachable(cls, addresses: list[str]) -> list[str]:
        for address in addresses:
            parts = urlsplit(address)
            if parts.scheme not in ("https", "http", "file"):
                raise ValueError(f"{address} is no https, http or file address")
            if parts.username or parts.password:
                raise ValueError("an address holds no user or password: everybody who signs in can read it")
            if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
                raise ValueError(f"{address} must be file:/// and a whole path")
            if parts.scheme != "file" and not parts.hostname:
                raise ValueError(f"{address} names no server")
        return addresses

    @model_validator(mode="after")
    def _checked(self) -> _File:
        if self.sha256 is None and self.md5 is None:
            raise ValueError(f"{self.name} has no checksum: give sha256 (`sha256sum {self.name}` prints it)")
        if self.unpack and not self.name.endswith(".gz"):
            raise ValueError(f"{self.name} cannot be unpacked: only names that end in .gz can")
        return self


class _OpenML(_Part):
    id: int = Field(ge=1)
    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}$")
    file: int = Field(ge=1)
    version: int = Field(1, ge=1)


class _TFDS(_Part):
    name: str = Field(pattern="^[a-z0-9][a-z0-9_]{0,63}$")
    version: str = Field(pattern=r"^\d{1,4}\.\d{1,4}\.\d{1,4}$")
    labels: list[str] = Field(default_factory=list, max_length=10_000)


class _Manifest(_Part):
    name: Name
    title: Text
    about: Text
    licence: Text
    homepage: Annotated[str, Field(pattern="^https?://", max_length=2000)]
    licence_url: Annotated[str, Field(pattern="^https?://", max_length=2000)] | None = None
    credit: Text | None = None
    citation: Text | None = None
    count: int | None = Field(None, ge=0)
    unit: Text = "pictures"
    classes: list[str] = Field(default_factory=list, max_length=10_000)
    code: str = Field("", max_length=20_000)
    files: list[_File] = Field(default_factory=list, max_length=10_000)
    home: dict[str, str] = Field(default_factory=dict, max_length=1000)
    openml: _OpenML | None = None
    tfds: _TFDS | None = None
    debian: Name | None = None
    package: str | None = None

    @field_validator("home")
    @classmethod
    def _inside(cls, home: dict[str, str]) -> dict[str, str]:
        for link, target in home.items():
            for path in (link, target):
                if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or not path:
                    raise ValueError(f"{path!r} must be a path below the home folder or the set's folder")
            if PurePosixPath(link) == PurePosixPath("."):
                raise ValueError("the home folder itself cannot be a link")
        return home

    @model_validator(mode="after")
    def _whole(self) -> _Manifest:
        names = [file.name for file in self.files] + [file.name[:-3] for file in self.files if file.unpack]
        if len(names) != len(set(names)):
            raise ValueError("two files have the same name")
        if not self.files and self.package is None:
            raise ValueError("it has no files")
        return self


def read_manifest(path: Path, *, builtin: bool = False) -> Dataset:
    """Reads one manifest.

    Raises:
        InvalidError: it cannot be read or is not a manifest; the message says where and why.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror}.", code="bad_manifest") from error
    if len(content) > LARGEST:
        raise InvalidError(f"{path} is larger than {LARGEST // 1024} KiB.", code="bad_manifest")
    return parse_manifest(content, path.name, builtin=builtin)


def parse_manifest(content: bytes, name: str, *, builtin: bool = False) -> Dataset:
    """Reads the bytes of a manifest; ``name`` ends in ``.toml`` or ``.json`` and is what messages call it.

    Raises:
        InvalidError: it is not a manifest.
    """
    try:
        text = content.decode()
        data: Any = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"{name} cannot be read: {error}.", code="bad_manifest") from error
    if not isinstance(data, Mapping):
        raise InvalidError(f"{name} must hold one object.", code="bad_manifest")
    try:
        found = _Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        why = str(first["msg"]).removeprefix("Value error, ")
        message = f"{name}: {where + ': ' if where else ''}{why}."
        raise InvalidError(message, code="bad_manifest", details={"where": where}) from error
    files = tuple(
        DataFile(
            **{**file.model_dump(), "addresses": tuple(file.addresses)}
            | {"unpack": file.name[:-3] if file.unpack else None}
        )
        for file in found.files
    )
    plain = found.model_dump(exclude={"files", "classes", "openml", "tfds"})
    openml = OpenML(**found.openml.model_dump()) if found.openml else None
    tfds = TFDS(found.tfds.name, found.tfds.version, tuple(found.tfds.labels)) if found.tfds else None
    classes = tuple(found.classes)
    return Dataset(**plain, classes=classes, files=files, openml=openml, tfds=tfds, builtin=builtin)


def read_catalogue(own: Path | None) -> tuple[dict[str, Dataset], list[str]]:
    """Returns all data sets by name, and what is wrong with the operator's manifests in ``own``.

    One of the operator's takes the place of a built-in of the same name, say to name a mirror.
    """
    found = {}
    for path in sorted(BUILTIN.glob("*.toml")):
        dataset = read_manifest(path, builtin=True)
        found[dataset.name] = dataset
    problems = []
    for path in sorted(own.iterdir()) if own is not None and own.is_dir() else []:
        if path.suffix not in (".toml", ".json"):
            continue
        try:
            dataset = read_manifest(path)
            found[dataset.name] = dataset
        except InvalidError as error:
            problems.append(error.message)
    return found, problems
