from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from humatte.train.report import Report


def test_steps_that_are_made_again_stand_once_in_the_curves(tmp_path: Path) -> None:
    with Report(tmp_path) as report:
        for step in (20, 40):
            report.step(step, {"loss": 0.5}, 1e-3, 8, 0.0)
    with Report(tmp_path) as report:  # the run was killed; its last checkpoint was of step 30
        report.cut_after(30)
        report.step(40, {"loss": 0.25}, 1e-3, 8, 0.0)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(20, 0.5), (40, 0.25)]


def test_sums_of_another_step_are_not_taken(tmp_path: Path) -> None:
    for step, pictures in ((7, "8"), (6, "4")):
        with Report(tmp_path / "quiet", active=False) as report:
            report.keep(7)
        assert not (tmp_path / "quiet").exists()
        with Report(tmp_path) as report:
            report.step(7, {"loss": 0.5}, 1e-3, 4, 0.0)
            report.keep(7)
        with Report(tmp_path) as report:
            report.rows.clear()
            report.cut_after(step)
            report.step(step + 1, {"loss": 0.5}, 1e-3, 4, 0.0)
            report.end_epoch(1, step + 1, 1.0, {})
            assert report.rows[-1]["pictures"] == pictures
