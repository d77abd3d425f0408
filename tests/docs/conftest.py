"""The documents as tests read them."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="session")
def generator() -> ModuleType:
    """docs/generate.py, which is no part of any package."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tutorial() -> str:
    """The tutorial's text."""
    return (DOCS / "tutorial.md").read_text(encoding="utf-8")
