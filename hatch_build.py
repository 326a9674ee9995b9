"""What a build of the wheel adds to the sources: onnxruntime-web, for the page's private mode.

The files are fetched by scripts/vendor_web.py. Without them the wheel is whole but for private
mode, which the page then says it does not have.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class VendorHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs for a wheel and for an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the files of the wheel are collected."""
        root = Path(self.root)
        vendor_web = _script(root / "scripts" / "vendor_web.py")
        try:
            found = vendor_web.vendor(root / "src" / "humatte" / "web" / "vendor")
        except vendor_web.VendorError as error:
            self.app.display_warning(
                f"humatte is built without the web page's private mode: {error}"
            )
        else:
            self.app.display_info(found)


def _script(path: Path) -> ModuleType:
    """A script as a module: scripts/ is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
