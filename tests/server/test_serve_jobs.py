"""POST /v1/video and /v1/jobs: begun, watched, fetched, cancelled, expired; nothing left behind."""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import av
import pytest
from drawn_video import NTSC, TICK, film, frames
from serving import Client, error_of, serving, until

from humatte.server import bodies, clips, scratch
from humatte.server.jobs import Jobs
from humatte.server.settings import Settings


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Six frames, 64 x 48."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    times = [n * NTSC.numerator for n in range(6)]
    return film(path, frames(times, TICK)).read_bytes()


def ended(client: Client, begun: Any) -> dict[str, Any]:
    """A job's last status."""
    assert begun.status_code == 202, begun.text
    path = begun.json()["status"]
    until(lambda: client.get(path).json()["state"] in ("done", "failed", "cancelled"))
    return client.get(path).json()


def left(temp: Path) -> list[Path]:
    """Files of jobs in a folder."""
    return [path for path in temp.rglob("*") if path.is_file() and path.name != "lock"]


def size_of(data: bytes) -> tuple[int, int, int]:
    """Frames, width, height."""
    with av.open(io.BytesIO(data)) as file:
        shown = list(file.decode(video=0))
        return len(shown), shown[0].width, shown[0].height


def test_a_clip_from_beginning_to_end(client: Client, clip: bytes) -> None:
    begun = client.post("/v1/video?background=green&format=mp4", clip)
    job = begun.json()
    assert set(job) == {"id", "state", "status", "events", "result"}
    assert job["state"] == "waiting"
    status = ended(client, begun)
    assert status["state"] == "done"
    assert status["frames_done"] == 6
    assert status["frames_per_second"] > 0
    assert 0 < status["expires_in_s"] <= 900
    for _ in range(2):  # it can be fetched again
        answer = client.get(job["result"])
        assert answer.headers["content-type"] == "video/mp4"
        assert size_of(answer.content) == (6, 64, 48)
    part = client.get(job["result"], headers={"Range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)
    assert client.delete(job["status"]).json()["state"] == "cancelled"
    error_of(client.get(job["result"]), 409)
    assert not left(client.service.settings.temp)


@pytest.mark.parametrize(
    ("words", "kind", "expected"),
    [
        ({}, "video/webm", (6, 64, 48)),
        ({"format": "mov", "steady": "off"}, "video/quicktime", (6, 64, 48)),
        ({"format": "gif", "background": "blur"}, "image/gif", (6, 64, 48)),
        ({"format": "webp", "every": "2"}, "image/webp", None),
        ({"format": "apng", "max_size": "32"}, "image/apng", (6, 32, 24)),
        ({"background": "gray", "from": "0.05", "to": "0.15"}, "video/mp4", (3, 64, 48)),
    ],
    ids=str,
)
def test_every_option_of_clips(
    client: Client, clip: bytes, words: dict[str, str], kind: str, expected: Any
) -> None:
    begun = client.post("/v1/video", params=words, files={"video": ("../x", clip)})
    status = ended(client, begun)
    assert status["state"] == "done", status
    answer = client.get(begun.json()["result"])
    assert answer.headers["content-type"] == kind
    if expected:
        assert size_of(answer.content) == expected
    client.delete(begun.json()["status"])


def test_events_until_the_end(client: Client, clip: bytes) -> None:
    job = client.post("/v1/video?background=red", clip).json()
    answer = client.get(job["events"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    names = [block[0] for block in blocks]
    assert names[-1] == "event: end"
    assert set(names[:-1]) <= {"event: progress"}
    last = json.loads(blocks[-1][1].removeprefix("data: "))
    assert (last["state"], last["frames_done"]) == ("done", 6)
    client.delete(job["status"])


def test_cancelling_one_that_runs_and_one_that_waits(client: Client, clip: bytes) -> None:
    client.network.hold.clear()
    client.network.entered.clear()
    first, second = (client.post("/v1/video?background=red", clip).json() for _ in "12")
    assert client.network.entered.wait(30)
    error_of(client.get(first["result"]), 409)
    assert client.get(first["status"]).json()["state"] == "running"
    assert client.delete(second["status"]).json()["state"] == "cancelled"
    client.delete(first["status"])
    client.network.hold.set()
    until(lambda: client.get(first["status"]).json()["state"] == "cancelled")
    error_of(client.get(first["result"]), 409)
    assert not left(client.service.settings.temp)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("background=/etc/passwd", "unknown background"),
        ("background=picture", "unknown background"),
        ("format=mp4", "mp4 holds no transparency"),
        ("format=exe", "cannot write clips as 'exe'"),
        ("steady=perhaps", "steady"),
        ("from=later", "from later"),
        ("from=2&to=1", "to"),
        ("every=0", "every"),
        ("max_size=0", "max_size"),
        ("crop=10%25", "unknown option 'crop'"),
        ("model=/etc/x.onnx", "no network"),
    ],
)
def test_options_that_cannot_be(client: Client, clip: bytes, words: str, found: str) -> None:
    assert found in error_of(client.post(f"/v1/video?{words}", clip), 400)["message"]


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"", 400), (b"no clip at all", 415), (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", 415)],
)
def test_what_is_no_clip(client: Client, data: bytes, status: int) -> None:
    message = error_of(client.post("/v1/video", data), status)["message"]
    assert "/" not in message
    assert not left(client.service.settings.temp)


def test_a_clip_that_breaks_in_the_middle(client: Client, clip: bytes, monkeypatch: Any) -> None:
    from humatte.errors import VideoError

    def broken(run: Any, tick: Any) -> None:
        raise VideoError(f"{run.job.source}: broken at frame 3")

    monkeypatch.setattr(clips, "cut_clip", broken)
    begun = client.post("/v1/video", clip)
    status = ended(client, begun)
    assert status["state"] == "failed"
    assert status["error"] == {"code": "bad_video", "message": "broken at frame 3"}
    assert "broken at frame 3" in error_of(client.get(begun.json()["result"]), 409)["message"]
    assert not left(client.service.settings.temp)


def test_unknown_jobs(client: Client) -> None:
    for name in ("nothing", "..%2F..%2Fetc", "%00", "x" * 64):
        for path in ("", "/events", "/result"):
            error_of(client.get(f"/v1/jobs/{name}{path}"), 404)
        error_of(client.delete(f"/v1/jobs/{name}"), 404)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_video_bytes": 500}, "body_too_large"),
        ({"max_video_s": 0.1}, "video_too_long"),
        ({"max_megapixels": 0.003}, "video_too_large"),
        ({"max_video_frames": 5}, "video_too_long"),
    ],
    ids=str,
)
def test_limits(tmp_path: Path, clip: bytes, limits: dict[str, Any], code: str) -> None:
    with serving(tmp_path, **limits) as client:
        assert error_of(client.post("/v1/video", clip), 413)["code"] == code
        assert not left(tmp_path)


def test_large_frames_are_refused_before_one_is_decoded(
    tmp_path: Path, clip: bytes, monkeypatch: Any
) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("humatte.video_read._decoded", decoded)
    with serving(tmp_path, max_megapixels=0.003) as client:
        error = error_of(client.post("/v1/video", clip), 413)
        assert error["code"] == "video_too_large"
        assert error["message"].startswith("frames of 64x48")


@pytest.mark.parametrize("words", ["every=100000", "from=0.19&to=9", "every=5"])
def test_frames_that_are_left_out_count_too(
    tmp_path: Path, clip: bytes, monkeypatch: Any, words: str
) -> None:
    """Also of a file that says nothing of its length."""
    monkeypatch.setattr("humatte.server.routes_jobs.check_clip", lambda *_: None)
    monkeypatch.setattr("humatte.server.clips._TIMES_DECODED", 2)
    with serving(tmp_path, max_video_frames=2) as client:
        status = ended(client, client.post(f"/v1/video?{words}", clip))
        assert status["error"]["code"] == "video_too_long", status
        assert not left(tmp_path)


def test_seconds_that_the_file_does_not_tell(tmp_path: Path, clip: bytes, monkeypatch: Any) -> None:
    monkeypatch.setattr("humatte.server.routes_jobs.check_clip", lambda *_: None)
    with serving(tmp_path, max_video_s=0.1) as client:
        status = ended(client, client.post("/v1/video?every=100", clip))
        assert status["error"]["code"] == "video_too_long", status


def test_a_job_without_a_wanted_frame_can_be_cancelled(
    client: Client, clip: bytes, monkeypatch: Any
) -> None:
    """As one of `every=100000`, whose decoding may take for hours."""
    begun, go_on = threading.Event(), threading.Event()
    look = clips._Look.__call__

    def slow(self: Any, seconds: Any) -> None:
        begun.set()
        assert go_on.wait(30)
        look(self, seconds)

    monkeypatch.setattr(clips._Look, "__call__", slow)
    job = client.post("/v1/video?every=100000", clip).json()
    assert begun.wait(30)
    client.delete(job["status"])
    go_on.set()
    until(lambda: client.get(job["status"]).json()["state"] == "cancelled")
    assert client.get(job["status"]).json()["frames_done"] == 0
    assert not left(client.service.settings.temp)


def test_more_frames_than_the_file_says(tmp_path: Path, clip: bytes, monkeypatch: Any) -> None:
    monkeypatch.setattr("humatte.server.routes_jobs.check_clip", lambda *_: None)
    with serving(tmp_path, max_video_frames=3) as client:
        status = ended(client, client.post("/v1/video", clip))
        assert status["error"]["code"] == "video_too_long"
        assert not left(tmp_path)


def test_no_more_jobs_than_there_may_be(tmp_path: Path, clip: bytes) -> None:
    with serving(tmp_path, video_jobs=1, expires_s=0.5) as client:
        begun = client.post("/v1/video?background=red", clip)
        answer = client.post("/v1/video?background=red", clip)
        assert error_of(answer, 429)["code"] == "busy"
        assert int(answer.headers["retry-after"]) >= 1
        assert ended(client, begun)["state"] == "done"
        until(lambda: client.get(begun.json()["status"]).status_code == 404)  # expired
        error_of(client.get(begun.json()["result"]), 404)
        assert not left(tmp_path)
        assert client.post("/v1/video?background=red", clip).status_code == 202


def test_the_folder_goes_with_the_service(tmp_path: Path, clip: bytes) -> None:
    with serving(tmp_path) as client:
        ended(client, client.post("/v1/video?background=red", clip))
        assert left(tmp_path)
        client.network.hold.clear()
        client.post("/v1/video?background=red", clip)
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_is_cut_off_leaves_nothing(client: Client, clip: bytes) -> None:
    client.cut_off("/v1/video", clip[:500], more=True)
    assert not left(client.service.settings.temp)
    assert client.service.jobs.states()["receiving"] == 0


def test_folders_of_servers_that_were_killed_go(tmp_path: Path) -> None:
    live = scratch.Scratch(tmp_path)
    live.open()
    live.new("job")
    dead = tmp_path / f"{scratch.PREFIX}dead"
    (dead / "job").mkdir(parents=True)
    (dead / "lock").touch()
    (dead / "job" / "source").write_bytes(b"somebody's clip")
    young = tmp_path / f"{scratch.PREFIX}young"
    young.mkdir()
    old = tmp_path / f"{scratch.PREFIX}old"
    old.mkdir()
    os.utime(old, (time.time() - 120,) * 2)
    (tmp_path / f"{scratch.PREFIX}link").symlink_to(tmp_path.parent)
    (tmp_path / "others").mkdir()
    mine = {path.name for path in tmp_path.iterdir()} - {dead.name, old.name}
    scratch.remove_orphans(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == mine
    live.close()


def test_a_folder_that_was_cleared_up_from_outside_is_made_anew(tmp_path: Path) -> None:
    """As systemd-tmpfiles does with what nobody touched for days."""
    folder = scratch.Scratch(tmp_path)
    folder.open()
    (first,) = tmp_path.iterdir()
    shutil.rmtree(first)
    assert folder.new("job").is_dir()
    (second,) = tmp_path.iterdir()
    scratch.remove_orphans(tmp_path)
    assert second.exists(), "it is locked"
    folder.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("refused", [1, 99])
def test_a_folder_whose_lock_another_server_took(
    tmp_path: Path, monkeypatch: Any, refused: int
) -> None:
    """It is about to be removed: another is made. Where nothing can be locked, one without."""
    answers = iter([False] * refused)
    take = scratch._take
    monkeypatch.setattr(scratch, "_take", lambda lock: next(answers, None) is None and take(lock))
    folder = scratch.Scratch(tmp_path)
    folder.open()
    monkeypatch.undo()
    (made,) = tmp_path.iterdir()
    scratch.remove_orphans(tmp_path)
    assert made.exists() == (refused == 1)
    folder.close()


def test_cancelling_one_that_is_just_done(tmp_path: Path, monkeypatch: Any) -> None:
    class Work:
        media_type = "video/mp4"

        def __call__(self, job: Any) -> Path:
            return Path(job.source)

    jobs = Jobs(Settings(temp=tmp_path))
    jobs.open()
    job = jobs.begin()
    job.source.touch()
    caller = threading.Thread(target=jobs.cancel, args=(job,))
    end = jobs._end

    def slow(job: Any, state: Any) -> None:
        if state == "done":
            caller.start()
            caller.join(0.1)
        end(job, state)

    monkeypatch.setattr(jobs, "_end", slow)
    jobs.submit(job, Work())
    assert job.future is not None
    job.future.result(30)
    caller.join(30)
    assert job.state == "cancelled"
    assert not job.folder.exists()
    jobs.close()


def test_the_disk_does_not_hold_up_others(client: Client, clip: bytes, monkeypatch: Any) -> None:
    """Files are written and removed in threads, not in the event loop."""
    where = []
    whole, rmtree = bodies.Memory.whole, shutil.rmtree

    def noted(call: Any) -> Any:
        def called(*given: Any, **how: Any) -> Any:
            where.append(threading.current_thread())
            return call(*given, **how)

        return called

    monkeypatch.setattr(bodies.Memory, "whole", noted(whole))
    monkeypatch.setattr(shutil, "rmtree", noted(rmtree))
    begun = client.post("/v1/video?background=red", clip)
    assert ended(client, begun)["state"] == "done"
    client.delete(begun.json()["status"])
    client.post("/v1/video", b"no clip")
    assert len(where) >= 4
    assert client._thread not in where


def test_only_this_user_may_look_into_them(tmp_path: Path) -> None:
    folder = scratch.Scratch(tmp_path)
    folder.open()
    assert folder.new("job").parent.stat().st_mode & 0o077 == 0
    folder.close()
