"""The web application without `collectstatic`."""

from pathlib import Path
from typing import Any

import pytest

from tests.admin_pages import serve_plain_static


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)
