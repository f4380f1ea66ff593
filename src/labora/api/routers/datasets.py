"""The catalogue of data sets that runtimes see at ``/opt/datasets``; the owner may have one fetched."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from labora.access import Principal, Scope
from labora.api.models import Answer
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.datasets import Standing

router = APIRouter(prefix=PREFIX, tags=["datasets"])
Reader = Annotated[Principal, Depends(Needs(Scope.READ))]
Owner = Annotated[Principal, Depends(Needs(Scope.ACCOUNT, owner=True))]
Container = Annotated[Services, Depends(services_of)]


class DatasetProgress(Answer):
    """How far a fetch is, in bytes; ``of`` is 0 where the size is not known."""

    done: int
    of: int


class DatasetAnswer(Answer):
    """A data set of the catalogue, and how it stands on this server."""

    name: str
    title: str
    about: str
    licence: str
    licence_url: str | None
    credit: str | None
    citation: str | None
    homepage: str
    count: int | None = Field(description="Pictures, or whatever `unit` names.")
    unit: str
    classes: list[str]
    bytes: int = Field(description="What has to be fetched; 0 where that is not known.")
    code: str = Field(description="Python that loads it.")
    state: Literal["held", "missing", "fetching", "failed", "included"]
    progress: DatasetProgress | None
    message: str | None = Field(description="Why it could not be fetched.")


class DatasetList(Answer):
    datasets: list[DatasetAnswer]
    can_fetch: bool = Field(description="Whether the caller may have sets fetched.")


@router.get("/datasets")
async def list_datasets(caller: Reader, services: Container) -> DatasetList:
    """Lists the catalogue."""
    found = await services.datasets.standings()
    return DatasetList(datasets=[_answer(one) for one in found], can_fetch=caller.is_owner)


@router.post("/datasets/{name}/fetch")
async def fetch_dataset(name: str, caller: Owner, services: Container) -> DatasetAnswer:
    """Begins to fetch a data set, or goes on with it; the list shows how far it is. One that is held stays.

    Runtimes that run see it as soon as it is whole.
    """
    return _answer(await services.datasets.fetch(name))


def _answer(one: Standing) -> DatasetAnswer:
    dataset, progress = one.dataset, one.progress
    return DatasetAnswer(
        name=dataset.name,
        title=dataset.title,
        about=dataset.about,
        licence=dataset.licence,
        licence_url=dataset.licence_url,
        credit=dataset.credit,
        citation=dataset.citation,
        homepage=dataset.homepage,
        count=dataset.count,
        unit=dataset.unit,
        classes=list(dataset.classes),
        bytes=dataset.bytes,
        code=dataset.code.strip(),
        state=one.state,
        progress=DatasetProgress(done=progress.done, of=progress.of) if progress else None,
        message=one.message,
    )
