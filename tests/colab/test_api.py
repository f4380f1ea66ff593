"""The names and signatures that notebooks written for Colab use, and no others."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.colab.conftest import SOURCES

PACKAGE = ["auth", "autoviz", "data_table", "drive", "files", "output", "runtime", "snippets", "widgets"]
NAMES = {
    "ai": "ModelProxyServiceError generate_text list_models",
    "auth": "authenticate_service_account authenticate_user",
    "autoviz": "MplChart get_df quickchart",
    "data_table": "DataTable disable_dataframe_formatter display_dataframe enable_dataframe_formatter "
    "load_ipython_extension unload_ipython_extension",
    "drive": "flush_and_unmount mount",
    "errors": "AuthorizationError Error RuntimeManagementError WidgetException",
    "files": "download upload upload_file view",
    "html": "Element create_resource",
    "output": "clear disable_custom_widget_manager enable_custom_widget_manager eval_js no_vertical_scroll "
    "redirect_to_element register_callback serve_kernel_port_as_iframe serve_kernel_port_as_window temporary "
    "to_default_area to_footer_area to_header_area unregister_callback use_tags",
    "patches": "cv2_imshow cv_imshow",
    "runtime": "unassign",
    "sheets": "InteractiveSheet",
    "snippets": "register",
    "sql": "bigquery",
    "sql.bigquery": "run set_credentials validate",
    "syntax": "css javascript sql",
    "userdata": "NotebookAccessError SecretNotFoundError TimeoutException get",
    "widgets": "Grid InteractiveTable TabBar WidgetException create_grid",
}
SIGNATURES = {
    "ai.generate_text": "(prompt, model_name='google/gemini-2.5-flash', stream=False)",
    "auth.authenticate_user": "(clear_output=True, project_id=None)",
    "data_table.DataTable": "(dataframe, include_index=None, num_rows_per_page=None, max_rows=None, "
    "max_columns=None, min_width=None)",
    "drive.mount": "(mountpoint, force_remount=False, timeout_ms=120000, readonly=False)",
    "drive.flush_and_unmount": "(timeout_ms=86400000)",
    "files.upload": "(target_dir='')",
    "html.Element": "(tag, attributes=None, properties=None, src=None)",
    "output.eval_js": "(script, ignore_result=False, timeout_sec=None)",
    "output.clear": "(wait=False, output_tags=())",
    "output.use_tags": "(tags, append=True)",
    "output.enable_custom_widget_manager": "(version='5.0.0a')",
    "output.serve_kernel_port_as_iframe": "(port, path='/', width='100%', height='400', cache_in_notebook=False)",
    "output.serve_kernel_port_as_window": "(port, path='/', anchor_text=None, skip_warning=False)",
    "widgets.Grid": "(rows, columns, header_row=False, header_column=False, style='')",
    "widgets.TabBar": "(tab_names, location='top')",
    "widgets.create_grid": "(row_data, col_data, render, header_render=None, header_row=True, header_column=True)",
    "_message.blocking_request": "(request_type, request='', timeout_sec=5, parent=None)",
    "_frontend.create_scratch_cell": "(content, bottom_pane=False)",
}


def test_names_are_those_of_the_contract(agent: Any) -> None:
    package = importlib.import_module("google.colab")
    assert sorted(package.__all__) == PACKAGE
    for module, names in NAMES.items():
        found = importlib.import_module(f"google.colab.{module}")
        assert sorted(found.__all__) == names.split(), module
        assert all(hasattr(found, name) for name in found.__all__), module
    names = {name for name in dir(package) if not name.startswith("_")}
    assert names <= {*PACKAGE, *NAMES, "load_ipython_extension", "unload_ipython_extension"}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_those_of_the_contract(agent: Any, name: str) -> None:
    module, _, function = name.rpartition(".")
    found = inspect.signature(getattr(importlib.import_module(f"google.colab.{module}"), function))
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in found.parameters.values()]
    assert str(inspect.Signature(plain)) == SIGNATURES[name]


def test_what_needs_google_says_so(agent: Any) -> None:
    errors = importlib.import_module("google.colab.errors")
    sheets, sql = importlib.import_module("google.colab.sheets"), importlib.import_module("google.colab.sql")
    ai = importlib.import_module("google.colab.ai")
    with pytest.raises(errors.AuthorizationError, match="account of Google"):
        sheets.InteractiveSheet(title="x")
    with pytest.raises(errors.AuthorizationError, match="account of Google"):
        sql.bigquery.run("select 1")
    with pytest.raises(ai.ModelProxyServiceError, match="MODEL_PROXY_HOST"):
        ai.generate_text("hello")


def run(code: str, *folders: Path) -> str:
    """Runs code in a Python of its own that looks for modules in ``folders``."""
    path = f"import sys; sys.path[:0] = {[str(folder) for folder in folders]!r}\n"
    ran = subprocess.run([sys.executable, "-I", "-c", path + code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def other(folder: Path, name: str) -> Path:
    """Writes another package that shares the name ``google``."""
    (folder / "google" / name).mkdir(parents=True)
    (folder / "google" / name / "__init__.py").write_text(f"there = {name!r}\n")
    return folder


def test_the_name_is_shared_with_packages_on_either_side(tmp_path: Path) -> None:
    first, last = other(tmp_path / "first", "auth"), other(tmp_path / "last", "protobuf")
    code = "import google.auth, google.colab, google.protobuf; from google.colab import files, userdata\nprint('ok')"
    assert run(code, first, SOURCES, last) == "ok\n"
    assert not (SOURCES / "google" / "__init__.py").exists()


def test_a_package_that_is_installed_later_is_found(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    code = f"""
import pathlib, google.colab
from google.colab import _namespace
_namespace.install()
try:
    import google.auth
except ModuleNotFoundError:
    print("not yet")
package = pathlib.Path({str(tmp_path)!r}, "site", "google", "auth")
package.mkdir(parents=True)
(package / "__init__.py").write_text("from google.auth.more import there")
(package / "more.py").write_text("there = 1")
import google.auth
print(google.auth.there)
try:
    import google.nothing
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(code, SOURCES, tmp_path / "site") == "not yet\n1\nNo module named 'google.nothing'\n"


@pytest.mark.parametrize("owner", ["", "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"])
def test_a_package_that_owns_the_name_is_made_to_share_it(tmp_path: Path, owner: str) -> None:
    first = other(tmp_path / "first", "auth")
    (first / "google" / "__init__.py").write_text(owner)
    launcher = SOURCES.parents[1] / "guest" / "src" / "labora_guest"
    code = """
import kernel_launcher
kernel_launcher.preload_colab()
import sys, google.auth
print('google.colab' in sys.modules, google.auth.there)
from google.colab import userdata
"""
    assert run(code, first, SOURCES, launcher) == "True auth\n"


def test_it_is_imported_without_its_parts() -> None:
    code = "import google.colab\nprint(sorted(name for name in sys.modules if name.startswith('google')))"
    assert run(code, SOURCES) == "['google', 'google.colab']\n"
