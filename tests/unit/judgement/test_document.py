"""The document and its plots say what the last run measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judgement import document, plots
from tests.judgement.catalogue import NO_WORSE, UNTOLD, WORSE

LARGEST_BYTES = 200_000


def test_the_document_holds_the_figures_of_the_last_run() -> None:
    text = document.DOCUMENT.read_text(encoding="utf-8")
    assert document.with_figures(text, document.result()) == text, "run .venv/bin/python -m tests.judgement --draw"


@pytest.mark.parametrize(
    ("key", "kinds"), [("noWorse", NO_WORSE), ("untold", UNTOLD), ("worse", WORSE)], ids=["no-worse", "untold", "worse"]
)
def test_the_last_run_was_of_the_kinds_that_there_are(key: str, kinds: tuple[object, ...]) -> None:
    assert [line["name"] for line in document.result()[key]] == [getattr(kind, "name", "") for kind in kinds]


def test_the_same_figures_give_the_same_plots(tmp_path: Path) -> None:
    figures = document.result()
    for folder in ("one", "two"):
        plots.draw_all(figures, tmp_path / folder)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(f"{name}.svg" for name in plots.PLOTS)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("name", plots.PLOTS)
def test_every_plot_is_there_small_and_shown(name: str) -> None:
    path = plots.FOLDER / f"{name}.svg"
    assert path.stat().st_size < LARGEST_BYTES
    assert f"(img/judgement/{name}.svg)" in document.DOCUMENT.read_text(encoding="utf-8")


def test_a_document_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs both marks"):
        document.with_figures("nothing", document.result())
