"""Labora: an open Colaboratory that anyone can host."""


def __getattr__(name: str) -> str:
    """Finds ``__version__`` when it is asked for: every sandbox is launched through here and pays for imports."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("labora")
    except PackageNotFoundError:  # running from a source tree that was never installed
        return "0.0.0"
