"""The shipped suite against every driver there is."""

from pathlib import Path

import pytest

from forges.benches import FakeBench, LocalBench, PagureBench
from forges.fakes import SHAPES, Fake
from paddock.control.plane import Control
from paddock.forges.conformance import CHECKS, Check
from paddock.forges.link import new_client
from support.pagure import Pagure
from support.signers import signer_of


@pytest.mark.parametrize("kind", SHAPES)
async def test_recorded_shapes(kind: str) -> None:
    """Every request is one that the forge documents, to the last field of its body."""
    async with new_client() as client:
        with Fake(kind) as fake:
            bench = FakeBench(client, fake)
            for check in CHECKS:
                await check(bench)
            assert fake.violations == []
            assert set(fake.calls) == {shape.name for shape in SHAPES[kind]}


async def test_local(tmp_path: Path) -> None:
    control = await Control.open(tmp_path, signer=signer_of(tmp_path))
    try:
        bench = LocalBench(control)
        for check in CHECKS:
            await check(bench)
    finally:
        await control.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_real_pagure(check: Check, real_pagure: Pagure) -> None:
    # It starts a program for many an answer, and git for some.
    async with new_client(seconds=150) as client:
        await check(PagureBench(client, real_pagure))
