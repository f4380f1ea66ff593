"""Content-addressed bytes."""

from labora.blobs.model import BlobRef
from labora.blobs.service import Blobs

__all__ = ["BlobRef", "Blobs"]
