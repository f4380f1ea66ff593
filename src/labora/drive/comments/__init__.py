"""Comments on files, cells and ranges of text."""

from labora.drive.comments.model import Comment, CommentPage, Mentionable, Reply, reply_json
from labora.drive.comments.service import Comments

__all__ = ["Comment", "CommentPage", "Comments", "Mentionable", "Reply", "reply_json"]
