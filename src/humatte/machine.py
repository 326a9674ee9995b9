"""What machine this is: processor, cores, memory, system. In words and as JSON's types."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import humatte
from humatte.pipeline import cores

# What networks are faster with, as Linux spells it, in words.
_FLAGS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "VNNI",
    "avx_vnni": "AVX-VNNI",
    "avx512_bf16": "bfloat16",
    "amx_tile": "AMX",
    "asimddp": "dot products",
    "bf16": "bfloat16",
}


def machine_facts() -> dict[str, Any]:
    """The machine, and the versions of what runs on it."""
    name, flags = _processor()
    return {
        "humatte": humatte.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": name,
        "flags": flags,
        "cores": cores(),
        "memory_gb": memory_gb(),
    }


def machine_line() -> str:
    """The machine in one line."""
    facts = machine_facts()
    flags = f" ({', '.join(facts['flags'])})" if facts["flags"] else ""
    memory = "" if facts["memory_gb"] is None else f", {facts['memory_gb']:.0f} GB"
    return f"{facts['processor']}{flags}, {facts['cores']} cores{memory}, {facts['system']}"


def memory_gb() -> float | None:
    """The machine's memory, or what its container may have of it; None where it is not known."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text("ascii").strip()).isdigit():
        whole = min(whole, int(text))
    return round(whole / 1e9, 1)


def peak_bytes() -> int:
    """The most memory that this process has held; 0 where the system hides it."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _processor() -> tuple[str, list[str]]:
    """Its name, and those of its abilities that count."""
    described = Path("/proc/cpuinfo")
    if not described.is_file():
        return platform.processor() or platform.machine(), []
    entries: dict[str, str] = {}
    for line in described.read_text("utf-8", "replace").splitlines():
        key, _, value = line.partition(":")
        entries.setdefault(key.strip(), value.strip())
    able = set(entries.get("flags", entries.get("Features", "")).split())
    name = entries.get("model name") or platform.processor() or platform.machine()
    return name, [word for flag, word in _FLAGS.items() if flag in able]
