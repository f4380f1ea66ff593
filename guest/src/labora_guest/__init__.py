"""The agent inside a Labora runtime (docs/protocols.md, sections 3 and 5)."""

__version__ = "0.1.0"
