"""Comments on notebooks and files, after Google Drive v3."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import Field

from labora.access import Ability, Principal, Scope
from labora.api.models import Answer, Body, Done, PersonAnswer
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.drive.comments import Comment, reply_json

router = APIRouter(prefix=f"{PREFIX}/files/{{file_id}}/comments", tags=["comments"])
Container = Annotated[Services, Depends(services_of)]
Reader = Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ))]
Commenter = Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.COMMENT))]
IfMatch = Annotated[str | None, Header(max_length=128)]
PageToken = Annotated[str | None, Query(alias="pageToken", max_length=256)]
PageSize = Annotated[int, Query(alias="pageSize", ge=1, le=1000)]
# The limit that counts is a setting; this one only keeps bodies small.
Content = Annotated[str, Field(max_length=200_000, description="Markdown; a mention is `@[name](account:id)`.")]


class Anchor(Answer):
    """A range of a cell's text, as two Yjs relative positions in base64."""

    start: str
    end: str


class AnchorBody(Body):
    """The same, as it is sent."""

    start: str
    end: str


class CommentBody(Body):
    content: Content
    cell_id: str | None = None
    anchor: AnchorBody | None = None
    quote: Annotated[str, Field(max_length=100_000)] = ""


class ContentBody(Body):
    content: Content


class ReplyBody(Body):
    content: Content | None = None
    action: Literal["resolve", "reopen"] | None = None


class ReplyAnswer(Answer):
    id: str
    author: PersonAnswer | None
    content: str
    created_at: str
    edited_at: str | None
    deleted: bool


class CommentAnswer(Answer):
    id: str
    cell_id: str | None = Field(description="Null for a comment on the whole file.")
    anchor: Anchor | None = Field(description="Null for a comment on the whole cell or file.")
    quote: str = Field(description="What the range said when the comment was made.")
    author: PersonAnswer | None = Field(description="Null when the account is gone.")
    content: str
    created_at: str
    changed_at: str
    edited_at: str | None
    deleted: bool = Field(description="Its own text is gone; the replies stay.")
    resolved_at: str | None
    resolved_by: PersonAnswer | None
    replies: list[ReplyAnswer]

    @classmethod
    def of(cls, comment: Comment) -> CommentAnswer:
        """Returns a comment as the API answers it."""
        return cls.model_validate(comment.as_json())


class CommentList(Answer):
    comments: list[CommentAnswer]
    next_page_token: str | None = Field(serialization_alias="nextPageToken")


class ReplyList(Answer):
    replies: list[ReplyAnswer]


class MentionableAnswer(PersonAnswer):
    has_access: bool


class Mentionables(Answer):
    people: list[MentionableAnswer]


@router.get("")
async def comments(
    file_id: str, caller: Reader, services: Container, page_token: PageToken = None, page_size: PageSize = 100
) -> CommentList:
    """Lists one page of the comments of a file with their replies, oldest first."""
    page = await services.drive.comments.page(caller, file_id, page_size=page_size, page_token=page_token)
    found = [CommentAnswer.of(comment) for comment in page.comments]
    return CommentList(comments=found, next_page_token=page.next_page_token)


@router.post("", status_code=201)
async def add_comment(
    file_id: str, body: CommentBody, caller: Commenter, response: Response, services: Container
) -> CommentAnswer:
    """Comments on the whole file, a cell of a notebook, or a range of a cell's text."""
    anchor = body.anchor.model_dump() if body.anchor else None
    comment = await services.drive.comments.add(
        caller, file_id, body.content, cell_id=body.cell_id, anchor=anchor, quote=body.quote
    )
    return _answer(comment, response)


@router.get("/people")
async def mentionable_people(
    file_id: str, caller: Commenter, services: Container, q: Annotated[str, Query(max_length=120)] = ""
) -> Mentionables:
    """Lists people to mention by a part of their name: those with access, and others for whoever may share the file."""
    found = await services.drive.comments.people(caller, file_id, q)
    people = [
        MentionableAnswer(id=one.person.id, name=one.person.name, color=one.person.color, has_access=one.has_access)
        for one in found
    ]
    return Mentionables(people=people)


@router.get("/{comment_id}")
async def comment(
    file_id: str, comment_id: str, caller: Reader, response: Response, services: Container
) -> CommentAnswer:
    """Returns a comment with its replies and its ETag."""
    return _answer(await services.drive.comments.get(caller, file_id, comment_id), response)


@router.patch("/{comment_id}")
async def change_comment(
    file_id: str,
    comment_id: str,
    body: ContentBody,
    caller: Commenter,
    response: Response,
    services: Container,
    if_match: IfMatch = None,
) -> CommentAnswer:
    """Changes the text of an own comment; with If-Match only as it was seen."""
    expected = _expected(if_match)
    changed = await services.drive.comments.change(caller, file_id, comment_id, body.content, expected=expected)
    return _answer(changed, response)


@router.delete("/{comment_id}")
async def delete_comment(
    file_id: str, comment_id: str, caller: Commenter, services: Container, if_match: IfMatch = None
) -> Done:
    """Deletes an own comment, or as owner of the file any. Where others answered, only its author's text goes."""
    await services.drive.comments.delete(caller, file_id, comment_id, expected=_expected(if_match))
    return Done()


@router.get("/{comment_id}/replies")
async def replies(file_id: str, comment_id: str, caller: Reader, services: Container) -> ReplyList:
    """Lists the replies to a comment, oldest first."""
    found = await services.drive.comments.get(caller, file_id, comment_id)
    return ReplyList(replies=[ReplyAnswer.model_validate(reply_json(reply)) for reply in found.replies])


@router.post("/{comment_id}/replies", status_code=201)
async def add_reply(
    file_id: str, comment_id: str, body: ReplyBody, caller: Commenter, response: Response, services: Container
) -> CommentAnswer:
    """Answers a comment, and resolves or reopens it with ``action``; returns the whole comment."""
    found, _ = await services.drive.comments.reply(caller, file_id, comment_id, body.content, body.action)
    return _answer(found, response)


@router.patch("/{comment_id}/replies/{reply_id}")
async def change_reply(
    file_id: str,
    comment_id: str,
    reply_id: str,
    body: ContentBody,
    caller: Commenter,
    response: Response,
    services: Container,
    if_match: IfMatch = None,
) -> CommentAnswer:
    """Changes the text of an own reply; If-Match compares the whole comment."""
    expected = _expected(if_match)
    changed = await services.drive.comments.change_reply(
        caller, file_id, comment_id, reply_id, body.content, expected=expected
    )
    return _answer(changed, response)


@router.delete("/{comment_id}/replies/{reply_id}")
async def delete_reply(
    file_id: str,
    comment_id: str,
    reply_id: str,
    caller: Commenter,
    services: Container,
    if_match: IfMatch = None,
) -> Done:
    """Deletes an own reply, or as owner of the file any."""
    expected = _expected(if_match)
    await services.drive.comments.delete_reply(caller, file_id, comment_id, reply_id, expected=expected)
    return Done()


def _answer(found: Comment, response: Response) -> CommentAnswer:
    response.headers["ETag"] = found.etag
    return CommentAnswer.of(found)


def _expected(if_match: str | None) -> str | None:
    return None if if_match is None or if_match.strip() == "*" else if_match.strip().removeprefix("W/")
