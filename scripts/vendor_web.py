"""Fetches onnxruntime-web for the page's private mode: src/humatte/web/vendor/.

    python scripts/vendor_web.py                       # from npm's registry, or a mirror
    python scripts/vendor_web.py onnxruntime-web-1.30.0.tgz   # from a file: `npm pack` makes one

The build of a wheel runs it. Where the registry is not npm's own, say so by the environment's
HUMATTE_NPM_REGISTRY or npm_config_registry, or in npm's settings; HUMATTE_ONNXRUNTIME_WEB names a
file instead. Whatever the place, the bytes must be the ones pinned here.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.client
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

NAME, VERSION = "onnxruntime-web", "1.30.0"
# As the registry states it: `npm view onnxruntime-web@1.30.0 dist.integrity`.
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
REGISTRY = "https://registry.npmjs.org/"
# The plain WebAssembly backend: what WebGPU, WebGL and WebNN need is three times as large.
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
FOLDER = Path(__file__).resolve().parent.parent / "src" / "humatte" / "web" / "vendor"
MARK = "SOURCE.txt"  # says what lies here; written with the files, so it is there only with them
LARGEST = 200_000_000  # bytes; the package has 33 MB
TIMEOUT_S = 60
NPM_TIMEOUT_S = 20


class VendorError(Exception):
    """The package cannot be had, or is not the one pinned; the message is one line."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("package", nargs="?", type=Path, help="the .tgz; fetched if left out")
    options = parser.parse_args()
    try:
        print(vendor(FOLDER, options.package))
    except VendorError as error:
        print(f"vendor_web: {error}", file=sys.stderr)
        return 1
    return 0


def vendor(folder: Path, package: Path | None = None) -> str:
    """Puts the runtime's files into a folder, unless they lie there; says in words what it did.

    Raises:
        VendorError: no package, or another one than pinned; the folder is as it was then.
    """
    source = f"{NAME} {VERSION}, sha512-{SHA512}\n"
    mark = folder / MARK
    if mark.is_file() and mark.read_text("utf-8") == source and _complete(folder):
        return f"{folder}: {NAME} {VERSION} is there already"
    content = checked(_package_bytes(package))
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".vendor-", dir=folder.parent))
    try:
        beside.chmod(0o755)  # mkdtemp's is its owner's alone
        _unpack(content, beside)
        (beside / MARK).write_text(source, "utf-8")
        _replace(folder, beside)
    finally:
        shutil.rmtree(beside, ignore_errors=True)  # what a failure has left
    return f"{folder}: {NAME} {VERSION}, {len(content) / 1e6:.0f} MB fetched"


def checked(content: bytes) -> bytes:
    """The package's bytes, if they are the ones pinned.

    Raises:
        VendorError: they are not.
    """
    found = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != SHA512:
        raise VendorError(
            f"found a package of sha512-{found[:16]}…, expected {NAME} {VERSION}, "
            f"sha512-{SHA512[:16]}…; nothing of it was unpacked"
        )
    return content


def _package_bytes(package: Path | None) -> bytes:
    if package is None and os.environ.get("HUMATTE_ONNXRUNTIME_WEB"):
        package = Path(os.environ["HUMATTE_ONNXRUNTIME_WEB"])
    if package is None:
        return _fetched(f"{registry().rstrip('/')}/{NAME}/-/{NAME}-{VERSION}.tgz")
    try:
        return package.read_bytes()
    except OSError as error:
        raise VendorError(f"{package}: cannot be read ({error.strerror})") from error


def _fetched(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(LARGEST)
    # ValueError: a registry that is no address; HTTPException: no such port, no HTTP, cut off.
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise VendorError(
            f"{url}: cannot be fetched ({error}); give the file instead: "
            f"python scripts/vendor_web.py {NAME}-{VERSION}.tgz"
        ) from error
    return content


def registry() -> str:
    """The registry's address: the environment's, else npm's setting, else npm's own."""
    for name in ("HUMATTE_NPM_REGISTRY", "npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(name):
            return os.environ[name]
    npm = shutil.which("npm")
    if npm is None:
        return REGISTRY
    asked = [npm, "config", "get", "registry"]
    try:
        answer = subprocess.run(
            asked, capture_output=True, text=True, check=False, timeout=NPM_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return REGISTRY
    found = answer.stdout.strip()
    return found if answer.returncode == 0 and found.startswith("http") else REGISTRY


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def _unpack(content: bytes, folder: Path) -> None:
    """Only the files named above, by their content: links and paths in the package do nothing."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as package:
        for name in FILES:
            stream = package.extractfile(f"package/dist/{name}")
            if stream is None:
                raise VendorError(f"{NAME} {VERSION}: {name} is not a file in it")
            (folder / name).write_bytes(stream.read())


def _replace(folder: Path, beside: Path) -> None:
    """Puts a new folder where an old one may be."""
    if folder.exists():
        old = folder.parent / f"{beside.name}-old"
        folder.rename(old)
        beside.rename(folder)
        shutil.rmtree(old)
    else:
        beside.rename(folder)


if __name__ == "__main__":
    sys.exit(main())
