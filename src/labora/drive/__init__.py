"""Files, folders, revisions, sharing, trash."""

from labora.drive.compare import Comparison, Side
from labora.drive.listing import ListQuery
from labora.drive.model import NOTEBOOK_TYPE, FilePage, FileView, Permission, Person, Revision, RevisionPage, Upload
from labora.drive.ports import LiveNotebooks, NoLiveNotebooks, NotebookInspector
from labora.drive.revisions import too_large_notebook
from labora.drive.service import Drive
from labora.drive.tree import VersionConflictError

__all__ = [
    "NOTEBOOK_TYPE",
    "Comparison",
    "Drive",
    "FilePage",
    "FileView",
    "ListQuery",
    "LiveNotebooks",
    "NoLiveNotebooks",
    "NotebookInspector",
    "Permission",
    "Person",
    "Revision",
    "RevisionPage",
    "Side",
    "Upload",
    "VersionConflictError",
    "too_large_notebook",
]
