"""Labora: an open Colaboratory that anyone can host."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("labora")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0.0.0"
