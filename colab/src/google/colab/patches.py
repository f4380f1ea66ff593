"""Pictures in the notebook, where libraries would open a window."""

from __future__ import annotations

import io
from types import ModuleType
from typing import Any

from google.colab import errors

__all__ = ["cv2_imshow", "cv_imshow"]


class _DisabledFunctionError(errors.Error):
    """A function that cannot work in a notebook."""


def cv2_imshow(a: Any) -> None:
    """Shows a picture as OpenCV holds it: height × width, or × 3 (BGR), or × 4 (BGRA); 0 to 255."""
    import numpy as np
    from IPython.display import Image, display

    pixels = np.asarray(a)
    if pixels.dtype == bool:
        pixels = pixels * 255
    pixels = pixels.clip(0, 255).astype("uint8")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    display(Image(data=_png(pixels), format="png"))


cv_imshow = cv2_imshow


def _png(pixels: Any) -> bytes:
    """Returns a picture as PNG, by Pillow or else Matplotlib. Raises ImportError where there is neither."""
    file = io.BytesIO()
    try:
        from PIL import Image
    except ImportError:
        from matplotlib import image

        gray = {"cmap": "gray", "vmin": 0, "vmax": 255} if pixels.ndim == 2 else {}
        image.imsave(file, pixels, format="png", **gray)
    else:
        Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def _replace_windows(cv2: ModuleType) -> None:
    """Lets ``cv2.imshow`` say what to use in its place, rather than end the kernel."""

    def imshow(*_: Any) -> None:
        raise _DisabledFunctionError(
            "cv2.imshow() opens a window, which a notebook has none of and which can end the kernel. Use instead:\n"
            "  from google.colab.patches import cv2_imshow\n  cv2_imshow(image)"
        )

    cv2.imshow = imshow  # type: ignore[attr-defined]
