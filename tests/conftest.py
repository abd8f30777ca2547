"""What every test finds: no network reached by libraries at import, a home of its own, one thread per library, and
no way to write outside temporary folders (`guard/writes.py`).

Fixtures that need a server live in `tests/fixtures`; each is started by the first test that asks for it.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.guard import writes

HERE = Path(__file__).parent
HOME = tempfile.TemporaryDirectory(prefix="thatlook-tests-")
CACHE = HERE.parent / ".cache"
ROOMY_BYTES = 6 << 30

for name in [name for name in os.environ if name.startswith("THATLOOK_")]:
    del os.environ[name]
os.environ |= {
    "HOME": HOME.name,
    "HF_HUB_OFFLINE": "1",
    "MPLCONFIGDIR": str(CACHE / "matplotlib"),  # Kept between runs: the font list takes seconds.
    "OMP_NUM_THREADS": "1",
    # Programs that tests start find this checkout, and the guard against writing elsewhere.
    "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE / "guard")]),
    writes.LOG: str(Path(HOME.name) / "refused-writes"),
    "YOLO_AUTOINSTALL": "0",
    "YOLO_CONFIG_DIR": str(Path(HOME.name) / "ultralytics"),
    "YOLO_OFFLINE": "1",
}

# What is flushed to a disk is waited for, and tests flush tens of thousands of times: their folders lie in memory where
# there is room. Nothing is lost by that: what a power cut leaves is told from the calls (`fixtures/power_cut.py`).
if Path(writes.MEMORY).is_dir() and shutil.disk_usage(writes.MEMORY).free > ROOMY_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", writes.MEMORY)

# With the libraries' millions of objects in memory, full passes of the collector took a quarter of the API tests' time.
gc.set_threshold(10_000, 20, 50)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background so, and every program that tests start would ignore Ctrl-C with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

writes.install()

pytest.register_assert_rewrite("tests.fixtures")  # They import each other, in any order.
pytest_plugins = [
    "pytester",
    *(
        f"tests.fixtures.{path.stem}"
        for path in sorted((HERE / "fixtures").glob("*.py"))
        if "@pytest.fixture" in path.read_text()
    ),
]


LONG = (
    "integration/generations",
    "integration/ingest/test_faults.py",
    "integration/models",
    "integration/stores",
    "integration/ingest",
    "integration/api/test_openapi",
    "contract/test_vector_store.py",
    "integration/test_shared_cases.py",
    "integration/test_wheel.py",
    "integration/benchmarks/test_soak.py",
)
"""Files that take minutes are begun first, so that no process is left with one of them in the end."""
ALONE = (
    "integration/api/test_api_server.py",
    "integration/api/test_raw_http.py",
    "integration/api/test_upload_memory.py",
    "integration/benchmarks/test_bench_compare.py",
    "integration/decoding",
    "integration/ingest/feeds",
    "integration/ledger/test_postgres_hangs.py",
    "integration/stores/test_milvus_outages.py",
)
"""What measures how long something takes: one file after another in one process, last, when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in the folders of slow tests, so that `make check` leaves it out; long files first."""
    for item in items:
        for folder in ("integration", "e2e"):
            if item.path.is_relative_to(HERE / folder):
                item.add_marker(folder)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """The long files in their order, then the others, then what is alone."""
    file = _file(item.nodeid)
    if file.startswith(ALONE):
        return len(LONG) + 1
    return next((turn for turn, long in enumerate(LONG) if file.startswith(long)), len(LONG))


def _file(nodeid: str) -> str:
    return nodeid.split("::", maxsplit=1)[0].removeprefix("tests/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one file share its fixtures and servers, and are run by one process; so is all that is alone."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "alone" if _file(nodeid).startswith(ALONE) else super()._split_scope(nodeid)

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """What was imported so far stays: the collector passes over it from now on."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Remove the tests' home."""
    HOME.cleanup()
