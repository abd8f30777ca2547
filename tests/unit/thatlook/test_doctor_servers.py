"""`thatlook doctor --servers` says plainly what there is to try."""

from __future__ import annotations

from pathlib import Path

from models.settings import read_settings
from thatlook.doctor import tried_servers


def test_where_no_server_is_named_it_says_so(tmp_path: Path) -> None:
    """An embedded installation is well without servers."""
    (finding,) = tried_servers(read_settings({"home": tmp_path}))
    assert (finding.part, finding.well) == ("servers", True)
    assert "THATLOOK_MILVUS_URI" in finding.detail


def test_a_server_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    """Not an exception, and the address is in it."""
    (finding,) = tried_servers(read_settings({"home": tmp_path, "milvus_uri": "nonsense"}))
    assert (finding.part, finding.well) == ("milvus", False)
    assert "nonsense" in finding.detail
