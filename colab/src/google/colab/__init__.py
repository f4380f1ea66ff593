"""What notebooks written for Colab import, on Labora.

Kernels have imported it when they start, so this module is small and its parts come when they are used.
"""

__all__ = ["auth", "autoviz", "data_table", "drive", "files", "output", "runtime", "snippets", "widgets"]

_ALSO = ("ai", "errors", "html", "patches", "sheets", "sql", "syntax", "userdata")
_PRIVATE = ("_frontend", "_message", "_reprs", "_shell", "_system_commands", "_tensorflow_magics")


def __getattr__(name: str) -> object:
    if name in __all__ or name in _ALSO or name in _PRIVATE:
        import importlib

        try:
            return importlib.import_module("google.colab." + name)
        except ModuleNotFoundError as error:
            if error.name != "google.colab." + name:
                raise
    raise AttributeError("module 'google.colab' has no attribute " + repr(name))


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def load_ipython_extension(ipython: object) -> None:
    """Does nothing: kernels have all of it from the start."""


def unload_ipython_extension(ipython: object) -> None:
    """Does nothing, so that ``%unload_ext google.colab`` works."""
