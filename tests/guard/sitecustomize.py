"""Python runs this first in every program that a test starts: `conftest.py` puts this folder on PYTHONPATH."""

from tests.guard import writes

writes.install()
