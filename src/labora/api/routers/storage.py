"""What an account keeps, and how it takes folders out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from labora.access import Ability, Principal, Scope
from labora.api.bytes import attachment
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.api.storage_models import About, UsageAnswer
from labora.drive.base import account_of

router = APIRouter(prefix=PREFIX, tags=["storage"])
Container = Annotated[Services, Depends(services_of)]
Reader = Annotated[Principal, Depends(Needs(Scope.READ))]


@router.get("/drive/about")
async def about(caller: Reader, services: Container) -> About:
    """Tells what the account keeps and may keep."""
    usage = await services.drive.context.quotas.usage(account_of(caller))
    return About(
        usage=UsageAnswer(total_bytes=usage.total, trash_bytes=usage.trash),
        limit_bytes=usage.limit,
        upload_bytes=services.settings.limits.upload_bytes,
        trash_days=services.settings.drive.trash_days,
    )


@router.get("/files/{file_id}/zip", response_class=Response)
async def zip_folder(
    file_id: str,
    caller: Annotated[Principal, Depends(Needs(Scope.READ, Ability.DOWNLOAD))],
    services: Container,
) -> Response:
    """Returns a folder, or a file, as a zip file; notebooks as they are now."""
    return await _archive(services, caller, [file_id])


@router.get("/zip", response_class=Response)
async def zip_selection(caller: Reader, services: Container, ids: Annotated[str, Query(max_length=16_384)]) -> Response:
    """Returns several items, their ids joined by commas, as one zip file."""
    return await _archive(services, caller, [part for part in ids.split(",") if part])


async def _archive(services: Services, caller: Principal, ids: list[str]) -> Response:
    name, pieces = await services.archives.open(caller, ids)
    headers = {"Content-Disposition": attachment(name)}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)
