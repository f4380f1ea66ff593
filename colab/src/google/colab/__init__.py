"""What notebooks written for Colab import, on Labora."""

from __future__ import annotations

__all__ = ["drive"]
