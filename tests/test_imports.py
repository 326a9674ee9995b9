"""Guards: the runtime stays light, and imports go down only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import humatte

SOURCE = Path(humatte.__file__).parent
HEAVY = ["torch", "onnxruntime", "onnx", "cv2", "PIL", "typer", "rich", "lightning_fabric"]

# A module may import from its own row and the rows below.
LAYERS = [
    ["__main__"],
    ["cli"],
    ["cli_cutout", "cli_data", "cli_camera", "cli_speed", "cli_serve", "cli_batch"],
    ["server"],
    ["cli_words", "cli_video", "cli_running", "camera_loop"],
    ["camera_keep", "camera_virtual"],
    ["camera_view"],
    ["camera_look", "camera"],
    ["camera_feed"],
    ["cutout_run"],
    ["run", "video_run", "scoring", "train", "bench_report", "doctor", "batch"],
    ["bench_clip"],
    ["bench", "batch_shard"],
    ["report", "video_cutout"],
    ["score_report", "video_finish"],
    ["evaluate"],
    ["scores"],
    ["finish", "video_options"],
    ["reading"],
    ["options"],
    ["framing", "id_photo", "hint_files", "steady"],
    ["frame"],
    ["hints", "data", "video_behind"],
    ["matting"],
    ["catalog", "batching"],
    ["composite", "effects", "parts", "detail"],
    ["known_answer"],
    ["network", "foreground", "refine", "second_look", "motion", "video_plan", "video_segments"],
    ["page", "files", "video_io", "video_join", "video_unfinished"],
    ["frame_write", "video_write"],
    ["video_writer", "video_pictures", "palette", "sound", "video_kinds"],
    ["video_read"],
    ["video_facts"],
    ["video_pixels", "video_joints"],
    ["prepare", "image_io", "metrics", "colour", "clip"],
    ["metadata", "deep", "runtimes", "machine", "tiff_tiles"],
    [
        "arrays",
        "onnx_file",
        "macs",
        "paths",
        "splice",
        "console",
        "interrupt",
        "extras",
        "lengths",
        "pipeline",
        "webp_times",
    ],
    ["errors"],
]


def loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in answer.stdout.split()}


def test_importing_humatte_loads_nothing_heavy() -> None:
    assert not loaded("import humatte").intersection([*HEAVY, "numpy"])


def test_the_runtime_never_loads_torch() -> None:
    names = ["arrays", "image_io", "network", "matting", "finish", "run", "evaluate", "video_run"]
    modules = ", ".join(f"humatte.{name}" for name in names)
    assert not loaded(f"import {modules}").intersection(["torch", "onnx", "matplotlib"])


def test_onnxruntime_loads_with_the_first_network_only() -> None:
    assert "onnxruntime" not in loaded("import humatte.finish, humatte.run, humatte.catalog")


def test_a_whole_cutout_needs_no_torch(astronaut: Path) -> None:
    assert "torch" not in loaded(f"import humatte; humatte.cutout({str(astronaut)!r})")


def test_a_picture_on_the_command_line_loads_no_video(astronaut: Path, tmp_path: Path) -> None:
    words = ["humatte", "cutout", str(astronaut), "-o", str(tmp_path / "o.png"), "-m", "night"]
    code = f"""
sys.argv = {words}
from humatte import cli
try:
    cli.main()
except SystemExit as end:
    assert not end.code"""
    assert not loaded(code).intersection(["av", "torch", "ray", "fastapi", "openvino"])
    assert (tmp_path / "o.png").is_file()


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("humatte"):
            parts = (node.module or "").split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found - {"__version__"}


def test_imports_go_down_only() -> None:
    rank = {name: row for row, names in enumerate(LAYERS) for name in names}
    for path in SOURCE.rglob("*.py"):
        top = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if top == "__init__":
            continue
        assert top in rank, f"{top} has no layer: add it to LAYERS"
        for name in imported(path):
            assert rank[name] >= rank[top], f"{path} imports {name} from above"


def test_public_names() -> None:
    for name in humatte.__all__:
        assert getattr(humatte, name) is not None
    assert set(humatte.__all__) <= set(dir(humatte))
    with pytest.raises(AttributeError, match="nothing_here"):
        humatte.nothing_here  # noqa: B018
