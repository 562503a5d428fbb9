"""Campaigns: short in the everyday run, full with TAPEDECK_CAMPAIGN=full. Each tells its figures in one line."""

import os
import random
from dataclasses import dataclass

import pytest

from tests.e2e.product import Product
from tests.e2e.receiver import Receiver


@dataclass
class Campaign:
    """How large to be, the dice, and where to tell what came out."""

    full: bool
    dice: random.Random
    seed: int
    _capsys: pytest.CaptureFixture

    def size(self, short, full):
        return full if self.full else short

    def tell(self, line):
        with self._capsys.disabled():
            print(f"\n  {line}")


@pytest.fixture
def campaign(capsys):
    full = os.environ.get("TAPEDECK_CAMPAIGN") == "full"
    seed = int(os.environ.get("TAPEDECK_SEED") or random.randrange(1_000_000))
    if os.environ.get("TAPEDECK_SEED") is None:
        print(f"repeat with TAPEDECK_SEED={seed}")  # seen where the test fails
    return Campaign(full, random.Random(seed), seed, capsys)


@pytest.fixture
def start(tmp_path):
    """Start a product of its own for one campaign, without the tracing of a coverage run: its figures are told."""
    started = []

    def begin(**environment):
        product = Product(tmp_path / f"data-{len(started)}", **{"MEDIA_ENGINE": "external"} | environment)
        for name in [name for name in product.environment if name.startswith("COVERAGE_")]:
            del product.environment[name]
        started.append(product)
        return product.start().furnish()

    yield begin
    for product in started:
        product.close()


@pytest.fixture
def receiver():
    with Receiver() as listening:
        yield listening
