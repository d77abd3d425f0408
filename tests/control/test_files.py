"""Open files: the control plane takes what the system allows, and says when the fleet wants more."""

import logging
import resource
import subprocess
import sys

import pytest

from paddock.web.files import OTHERS, warn_if_few

_TAKE = """
import resource
from paddock.web.files import open_up
resource.setrlimit(resource.RLIMIT_NOFILE, (64, {hard}))
print(open_up(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_a_process_takes_as_many_files_as_it_may() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = 500 if hard == resource.RLIM_INFINITY else min(500, hard)
    said = subprocess.run(
        [sys.executable, "-c", _TAKE.format(hard=allowed)], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == [str(allowed)] * 3


def test_too_few_files_for_the_fleet_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert not warn_if_few(2 * 400 + OTHERS, 400)
        assert not caplog.records
        assert warn_if_few(2 * 400 + OTHERS, 401)
    assert "LimitNOFILE" in caplog.text and "401" in caplog.text
