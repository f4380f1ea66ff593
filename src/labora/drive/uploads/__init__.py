"""Files that arrive in pieces, over broken connections and restarts."""

from labora.drive.uploads.model import NewUpload, UploadState
from labora.drive.uploads.service import Uploads

__all__ = ["NewUpload", "UploadState", "Uploads"]
