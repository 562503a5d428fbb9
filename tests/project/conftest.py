"""The boot of a process with settings of its own."""

import importlib.util

import pytest

from tests.house import tree
from tests.house.test_settings_page import variables


@pytest.fixture
def boot(monkeypatch, tmp_path):
    """Reads project/settings.py anew, as another process would: boot(NAME=value) gives the module."""
    for name in variables(tree.read("project/settings.py")):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))

    def read(**given):
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        spec = importlib.util.spec_from_file_location("settings_anew", tree.ROOT / "project" / "settings.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return read
