"""What a server imports before it knows its stores: each library costs the cold start a tenth of a second or more."""

from __future__ import annotations

import subprocess
import sys

import pytest

LATER = ("minio", "pymilvus", "milvus_lite", "faiss", "sqlalchemy", "openvino", "onnxruntime", "torch")


@pytest.mark.integration
def test_adapters_are_imported_by_the_shops_that_use_them() -> None:
    program = f"import sys, api.serving; print([name for name in {LATER} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert told.stdout.strip() == "[]"
