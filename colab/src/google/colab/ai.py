"""Language models, of whatever server the operator names that speaks OpenAI's protocol.

``MODEL_PROXY_HOST`` is its address; without a path, ``/models/openapi`` is added. ``MODEL_PROXY_API_KEY`` is its key,
from the environment or your secrets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from google.colab import errors

__all__ = ["ModelProxyServiceError", "generate_text", "list_models"]

_DEFAULT = "google/gemini-2.5-flash"
_TIMEOUT_S = 300


class ModelProxyServiceError(errors.Error):
    """There is no language model, or it did not answer."""


def generate_text(prompt: str, model_name: str = _DEFAULT, stream: bool = False) -> str | Iterator[str]:
    """Returns what a model answers to ``prompt``; with ``stream`` piece by piece, as it comes.

    Args:
        prompt: the question.
        model_name: one of :func:`list_models`. The default is the first that there is, where it is not there itself.
        stream: return an iterator over the pieces.

    Raises:
        ModelProxyServiceError: no model is set up, or it does not answer, or its key could not be read.
        userdata.NotebookAccessError: its key is a secret that this notebook may not see.
    """
    if model_name == _DEFAULT:
        known = list_models()
        model_name = model_name if model_name in known or not known else known[0]
    question = {"model": model_name, "messages": [{"role": "user", "content": prompt}], "stream": bool(stream)}
    answer = _call("chat/completions", question)
    if stream:
        return _pieces(answer)
    try:
        return str(json.load(answer)["choices"][0]["message"]["content"])
    except (ValueError, KeyError, IndexError, TypeError):
        raise ModelProxyServiceError("The language model's server answered with something else.") from None


def list_models() -> list[str]:
    """Returns the names of the models. Raises what :func:`generate_text` raises."""
    try:
        return [str(entry["id"]) for entry in json.load(_call("models"))["data"]]
    except (ValueError, KeyError, TypeError):
        raise ModelProxyServiceError("The language model's server answered with something else.") from None


def _base() -> str:
    host = os.environ.get("MODEL_PROXY_HOST", "").strip().rstrip("/")
    if not host:
        raise ModelProxyServiceError(
            "No language model is set up here. With a server that speaks OpenAI's protocol, set the environment "
            "variable MODEL_PROXY_HOST to its address, such as http://127.0.0.1:11434/v1."
        )
    host = host if "://" in host else f"https://{host}"
    return host if urlsplit(host).path.strip("/") else f"{host}/models/openapi"


def _key() -> str:
    if key := os.environ.get("MODEL_PROXY_API_KEY"):
        return key
    from google.colab import _ask, userdata

    try:
        return userdata.get("MODEL_PROXY_API_KEY")
    except (userdata.SecretNotFoundError, NotImplementedError):
        # Many servers want none. A key that may not be seen here is told instead: its user knows what to do.
        return ""
    except (userdata.TimeoutException, _ask.RefusedError) as error:
        raise ModelProxyServiceError(
            f"The language model's key could not be read: {error} Run the cell again, or set the environment variable "
            "MODEL_PROXY_API_KEY."
        ) from None


def _call(what: str, body: dict[str, Any] | None = None) -> Any:
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    address = f"{_base()}/{what}"
    if not address.startswith(("http://", "https://")):
        raise ModelProxyServiceError("MODEL_PROXY_HOST is no address of HTTP.")
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key := _key():
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    try:
        return urlopen(Request(address, data, headers), timeout=_TIMEOUT_S)  # noqa: S310 - checked above
    except HTTPError as error:
        said = error.read(2000).decode(errors="replace")
        raise ModelProxyServiceError(f"The language model's server refused ({error.code}): {said}") from None
    except (URLError, OSError) as error:
        raise ModelProxyServiceError(f"The language model's server does not answer: {error}.") from None


def _pieces(answer: Any) -> Iterator[str]:
    with answer:
        for line in answer:
            text = line.decode(errors="replace").strip()
            if not text.startswith("data:") or text == "data: [DONE]":
                continue
            choices = json.loads(text[5:]).get("choices") or [{}]
            piece = (choices[0].get("delta") or {}).get("content")
            if piece:
                yield piece
