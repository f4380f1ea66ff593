"""Finding files by what stands in them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from labora.access import Principal, Scope
from labora.api.models import SearchAnswer, SearchResult
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.drive.search.model import SearchQuery
from labora.drive.search.service import MAX_PAGE
from labora.drive.search.snippets import places
from labora.drive.search.tokens import MAX_QUESTION

router = APIRouter(prefix=PREFIX, tags=["search"])


@router.get("/search")
async def search(
    caller: Annotated[Principal, Depends(Needs(Scope.READ))],
    services: Annotated[Services, Depends(services_of)],
    text: Annotated[str, Query(max_length=MAX_QUESTION)] = "",
    where: Annotated[list[Literal["name", "code", "text", "outputs"]], Query(max_length=4)] = [],  # noqa: B006 - copied
    kind: Annotated[list[Literal["folder", "notebook", "file", "shortcut"]], Query(max_length=4)] = [],  # noqa: B006
    owner: Annotated[str, Query(max_length=64)] = "",
    modified_from: Annotated[str | None, Query(alias="modifiedFrom", max_length=64)] = None,
    modified_to: Annotated[str | None, Query(alias="modifiedTo", max_length=64)] = None,
    starred: Annotated[bool, Query()] = False,
    folder: Annotated[str | None, Query(max_length=64)] = None,
    page_token: Annotated[str | None, Query(alias="pageToken", max_length=4096)] = None,
    page_size: Annotated[int, Query(alias="pageSize", ge=1, le=MAX_PAGE)] = 20,
) -> SearchAnswer:
    """Finds files by name and content: ``words``, ``"phrases"``, ``beginnings*``, ``-without``.

    Names that have all the words come first, then what changed last. ``owner`` is ``me``, ``others`` or an account's
    id; ``folder`` is looked into at every depth.
    """
    query = SearchQuery(
        text=text,
        where=places(where),
        kinds=tuple(kind),
        owner=owner,
        modified_from=modified_from,
        modified_to=modified_to,
        starred=starred,
        folder_id=folder,
        page_size=page_size,
        page_token=page_token,
    )
    page = await services.search.find(caller, query)
    return SearchAnswer(
        results=[SearchResult.of(found) for found in page.results],
        next_page_token=page.next_page_token,
        catching_up=page.catching_up,
    )
