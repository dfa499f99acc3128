"""Drafts: found by their names once their process is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from jupyter_mlstudio._drafts import draft_of, remove_drafts


def test_drafts_of_processes_that_are_gone_are_removed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from jupyter_mlstudio._drafts import draft_of;"
        "draft_of(Path(sys.argv[1])).touch();"
        "folder = draft_of(Path(sys.argv[1])); folder.mkdir(); (folder / 'in').touch()"
    )
    place = tmp_path / "routes.json"
    subprocess.run([sys.executable, "-c", program, str(place)], check=True)
    assert len(list(tmp_path.iterdir())) == 2
    kept = {place, draft_of(place), tmp_path / ".group.json", tmp_path / ".a.1.txt"}
    for path in kept:
        path.touch()
    remove_drafts(tmp_path)
    assert set(tmp_path.iterdir()) == kept
    remove_drafts(tmp_path / "missing")
