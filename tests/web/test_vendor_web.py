"""scripts/vendor_web.py: the runtime of the page's private mode, and nothing but it."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import tarfile
from pathlib import Path
from types import ModuleType

import pytest
from drawn import ROOT


def package(names: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        for name, content in names.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            files.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def script() -> ModuleType:
    path = ROOT / "scripts" / "vendor_web.py"
    spec = importlib.util.spec_from_file_location("vendor_web", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tgz(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is the pinned one."""
    names = {f"package/dist/{name}": name.encode() for name in script.FILES}
    content = package({**names, "package/dist/ort.webgpu.mjs": b"", "../evil": b""})
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    monkeypatch.setattr(script, "SHA512", digest)
    path = tmp_path / "package.tgz"
    path.write_bytes(content)
    return path


def test_only_what_the_page_needs_is_unpacked(script: ModuleType, tgz: Path) -> None:
    folder = tgz.parent / "web" / "vendor"
    assert "fetched" in script.vendor(folder, tgz)
    assert {path.name for path in folder.iterdir()} == {*script.FILES, script.MARK}
    assert [path.name for path in folder.parent.iterdir()] == ["vendor"]  # nothing beside is left
    for name in script.FILES:
        assert (folder / name).read_text() == name
    tgz.unlink()
    assert "already" in script.vendor(folder, tgz)


def test_a_damaged_folder_is_made_anew(script: ModuleType, tgz: Path) -> None:
    folder = tgz.parent / "vendor"
    script.vendor(folder, tgz)
    (folder / script.FILES[0]).unlink()
    (folder / "older.mjs").touch()
    script.vendor(folder, tgz)
    assert {path.name for path in folder.iterdir()} == {*script.FILES, script.MARK}


def test_another_package_is_refused(script: ModuleType, tgz: Path) -> None:
    folder = tgz.parent / "vendor"
    tgz.write_bytes(tgz.read_bytes() + b"\0")
    with pytest.raises(script.VendorError, match="nothing of it was unpacked"):
        script.vendor(folder, tgz)
    assert list(tgz.parent.iterdir()) == [tgz]


def test_without_a_registry_the_error_says_what_to_do(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUMATTE_ONNXRUNTIME_WEB", raising=False)
    monkeypatch.setenv("HUMATTE_NPM_REGISTRY", "http://127.0.0.1:9")
    with pytest.raises(script.VendorError, match=r"cannot be fetched .*vendor_web\.py onnx"):
        script.vendor(tmp_path / "vendor")
    with pytest.raises(script.VendorError, match="cannot be read"):
        script.vendor(tmp_path / "vendor", tmp_path / "nothing.tgz")


@pytest.mark.parametrize("registry", ["http://127.0.0.1:port/", "http://a b/", "no address"])
def test_a_registry_that_is_no_address_is_an_error_in_words(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: str
) -> None:
    monkeypatch.delenv("HUMATTE_ONNXRUNTIME_WEB", raising=False)
    monkeypatch.setenv("HUMATTE_NPM_REGISTRY", registry)
    with pytest.raises(script.VendorError, match="cannot be fetched"):
        script.vendor(tmp_path / "vendor")


def test_an_npm_that_hangs_is_not_waited_for(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HUMATTE_NPM_REGISTRY", "npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\nexec sleep 60\n")
    npm.chmod(0o755)
    monkeypatch.setattr(script.shutil, "which", lambda name: str(npm))
    monkeypatch.setattr(script, "NPM_TIMEOUT_S", 0.1, raising=False)
    assert script.registry() == script.REGISTRY


def test_the_environment_names_the_registry_or_the_file(
    script: ModuleType, tgz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "https://second.example/npm/")
    assert script.registry() == "https://second.example/npm/"
    monkeypatch.setenv("HUMATTE_NPM_REGISTRY", "https://first.example")
    assert script.registry() == "https://first.example"
    monkeypatch.setenv("HUMATTE_ONNXRUNTIME_WEB", str(tgz))
    assert "fetched" in script.vendor(tgz.parent / "vendor")


def test_a_build_without_the_runtime_is_a_build_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hatchling", reason="needs hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "scripts").mkdir()
    script = (ROOT / "scripts" / "vendor_web.py").read_text("utf-8")
    (tmp_path / "scripts" / "vendor_web.py").write_text(script, "utf-8")
    monkeypatch.setenv("HUMATTE_ONNXRUNTIME_WEB", str(tmp_path / "nothing.tgz"))

    class App:
        def __init__(self) -> None:
            self.warnings: list[str] = []

        def display_warning(self, message: str) -> None:
            self.warnings.append(message)

    app = App()
    module.VendorHook(str(tmp_path), {}, None, None, "", "wheel", app).initialize("standard", {})
    (warning,) = app.warnings
    assert "without the web page's private mode" in warning
    assert "\n" not in warning
