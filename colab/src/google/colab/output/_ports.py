"""Web apps of the runtime in the notebook."""

from __future__ import annotations

from google.colab.output import _js, _publish

_FRAME = r"""(async (port, path, width, height, cache, element) => {
  if (!google.colab.kernel.accessAllowed && !cache) return;
  element.appendChild(document.createTextNode(''));
  const url = await google.colab.kernel.proxyPort(port, {cache});
  const iframe = document.createElement('iframe');
  iframe.src = new URL(path.replace(/^\//, ''), url).toString();
  iframe.height = height;
  iframe.width = width;
  iframe.style.border = '0';
  iframe.allow = 'accelerometer; autoplay; camera; clipboard-read; clipboard-write; gyroscope; microphone';
  element.appendChild(iframe);
})(%s, window.element);"""
_LINK = r"""(async (port, path, text, element) => {
  if (!google.colab.kernel.accessAllowed) return;
  element.appendChild(document.createTextNode(''));
  const url = await google.colab.kernel.proxyPort(port);
  const anchor = document.createElement('a');
  anchor.href = new URL(path.replace(/^\//, ''), url).toString();
  anchor.target = '_blank';
  anchor.rel = 'noopener';
  anchor.textContent = text;
  element.appendChild(anchor);
})(%s, window.element);"""


def _path(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def serve_kernel_port_as_iframe(
    port: int, path: str = "/", width: str = "100%", height: str = "400", cache_in_notebook: bool = False
) -> None:
    """Shows what listens at a port of the runtime in a frame of the cell's output.

    Args:
        port: where it listens.
        path: what to open of it.
        width, height: of the frame, as HTML writes them.
        cache_in_notebook: taken and not needed; nothing of the app is kept in the notebook.
    """
    written = [port, _path(path), str(width), str(height), bool(cache_in_notebook)]
    _publish.javascript(_FRAME % ", ".join(map(_js._literal, written)))


def serve_kernel_port_as_window(
    port: int, path: str = "/", anchor_text: str | None = None, skip_warning: bool = False
) -> None:
    """Shows a link to what listens at a port of the runtime; it opens in a tab of its own.

    Args:
        port: where it listens.
        path: what to open of it.
        anchor_text: the link's text, by default the address inside the runtime.
        skip_warning: taken and not needed.
    """
    text = anchor_text or f"https://localhost:{port}{_path(path)}"
    written = [port, _path(path), text]
    _publish.javascript(_LINK % ", ".join(map(_js._literal, written)))
