"""The S3 front dies between any two steps of a write, and has the object as it was or as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from jupyter_mlstudio._failpoints import VARIABLE
from jupyter_mlstudio.core.settings import load_settings
from tests.soundness.objects import agreement
from tests.soundness.rows import Rows

from .conftest import BUCKET, Front

ONCE = Config(retries={"total_max_attempts": 1})
POINTS = {
    "s3.body.published": b"old",
    "s3.journal.appended": b"new",
    "s3.catalogue.committed": b"new",
}


def test_a_write_that_dies_is_whole_or_was_not(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(load_settings(front.root / "settings"), root=front.root)
    for point, expected in POINTS.items():
        client = front.client(ONCE)
        client.put_object(Bucket=BUCKET, Key="k", Body=b"old")
        client.close()
        front.stop()
        monkeypatch.setenv(VARIABLE, point)
        front.start()
        monkeypatch.delenv(VARIABLE)
        client = front.client(ONCE)
        with pytest.raises(BotoCoreError):
            client.put_object(Bucket=BUCKET, Key="k", Body=b"new")
        assert front.process is not None
        assert front.process.wait(10) == -9
        front.start()
        assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == expected
        client.close()
        assert list(agreement(settings, Rows())) == []
