"""What a cell shows, and what its output and Python say to each other."""

from __future__ import annotations

from google.colab import _message
from google.colab.output import _area, _js, _js_builder, _publish, _tags, _util, _widgets
from google.colab.output._area import redirect_to_element, to_default_area, to_footer_area, to_header_area
from google.colab.output._js import eval_js, register_callback, unregister_callback
from google.colab.output._ports import serve_kernel_port_as_iframe, serve_kernel_port_as_window
from google.colab.output._tags import clear, temporary, use_tags
from google.colab.output._util import no_vertical_scroll
from google.colab.output._widgets import disable_custom_widget_manager, enable_custom_widget_manager

__all__ = [
    "clear",
    "disable_custom_widget_manager",
    "enable_custom_widget_manager",
    "eval_js",
    "no_vertical_scroll",
    "redirect_to_element",
    "register_callback",
    "serve_kernel_port_as_iframe",
    "serve_kernel_port_as_window",
    "temporary",
    "to_default_area",
    "to_footer_area",
    "to_header_area",
    "unregister_callback",
    "use_tags",
]

_PRIVATE = (_area, _js, _js_builder, _message, _publish, _tags, _util, _widgets)
"""What notebooks reach for by name as ``output._js_builder`` and the like."""
