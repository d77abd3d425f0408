"""Activation tokens: one agent each, whoever races for them, and nothing for anybody else."""

import asyncio
import base64
import json
import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from paddock.agent.identity import load
from paddock.control import tokens
from paddock.control.activate import activate
from paddock.control.plane import Control
from paddock.core.errors import BadInput, Conflict, NotFound, Unauthorised
from paddock.wire.keys import Signer
from paddock.wire.messages import Activated, Activation, encode
from paddock.wire.signing import sign
from support.fleet import PADDOCK, Fleet
from support.signers import signer_of

RACERS, RACES = 32, 40


def request(token: str, number: int) -> tuple[str, bytes]:
    key = Signer(number.to_bytes(32, "big"), "agent")
    body = encode(Activation(token=token, public_key=base64.b64encode(key.public).decode(), name=f"a{number}"))
    return sign(body, "activation", key), body


async def test_of_many_who_redeem_a_token_at_once_one_wins(tmp_path: Path) -> None:
    control = await Control.open(tmp_path, signer=signer_of(tmp_path))
    try:
        for race in range(RACES):
            token = (await tokens.mint(control, {"label": f"race-{race}"}))["token"]
            tries = (activate(control, *request(token, racer + 1)) for racer in range(RACERS))
            ends = await asyncio.gather(*tries, return_exceptions=True)
            [(winner, won)] = [(at, end) for at, end in enumerate(ends) if isinstance(end, Activated)]
            assert sum(isinstance(end, Unauthorised) for end in ends) == RACERS - 1
            again = await activate(control, *request(token, winner + 1))
            assert again == msgspec.structs.replace(won, server_time=again.server_time)
        assert len(await control.store.agents()) == RACES
        used = await tokens.listing(control)
        assert {token["state"] for token in used} == {"used"}
        assert len({token["agent"] for token in used}) == RACES
    finally:
        await control.close()


async def test_a_token_is_good_where_and_while_it_was_meant_to_be(tmp_path: Path) -> None:
    control = await Control.open(tmp_path, signer=signer_of(tmp_path))
    try:
        there = (await tokens.mint(control, {"network": "10.1.0.0/16"}))["token"]
        for address in ("10.2.0.1", "", "::1", "nonsense"):
            with pytest.raises(Unauthorised):
                await activate(control, *request(there, 1), address)
        assert (await activate(control, *request(there, 1), "::ffff:10.1.7.7")).agent
        short = (await tokens.mint(control, {"expires": "1m"}))["token"]
        later = control.clock.now() + 60_001
        with pytest.raises(Unauthorised):
            await control.store.redeem(tokens.digest(short), "key", "late", later)
        gone = await tokens.mint(control, {"label": "gone"})
        assert (await tokens.revoke(control, "gone", {"by": "ann"}))["state"] == "revoked"
        with pytest.raises(Unauthorised):
            await activate(control, *request(gone["token"], 2))
        with pytest.raises(Unauthorised):
            await activate(control, *request("act_" + "x" * 43, 2))
        refused = [event for event in await control.store.journal(0, None, 99) if event.type == "token.refused"]
        assert [event.data["why"] for event in refused] == [*["address"] * 4, "expired", "revoked", "unknown"]
    finally:
        await control.close()


@pytest.mark.parametrize(
    "body",
    [
        {"expires": "8d"},
        {"expires": 5},
        {"expires": True},
        {"network": "10.1.0.0/99"},
        {"network": 7},
        {"channel": "nightly"},
        {"labels": {"A b": "x"}},
        {"labels": ["zone"]},
        {"label": "a\nb"},
        {"colour": "red"},
        [],
    ],
    ids=str,
)
def test_terms_that_cannot_be_are_refused(plane: Fleet, body: object) -> None:
    with pytest.raises(BadInput):
        plane.api.post("/v1/tokens", body)


def test_a_used_token_is_not_revoked_and_an_unknown_one_neither(plane: Fleet) -> None:
    plane.agent("owner").stop()
    with pytest.raises(Conflict, match="is used already"):
        plane.api.post("/v1/tokens/owner/revoke", {})
    for ref in ("nobody", "%", "______"):
        with pytest.raises(NotFound):
            plane.api.post(f"/v1/tokens/{ref.replace('%', '%25')}/revoke", {})


def cli(plane: Fleet, *words: str, given: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PADDOCK_")}
    clean |= {"PADDOCK_SERVER": plane.url, "PADDOCK_HOME": str(plane.home), **env}
    return subprocess.run([*PADDOCK, *words], env=clean, input=given, capture_output=True, text=True, timeout=60)


def test_the_command_line_mints_lists_activates_and_revokes(plane: Fleet) -> None:
    terms = ("--label", "host-7", "--agent-label", "zone=eu-1", "--channel", "beta", "--network", "127.0.0.0/8")
    minted = cli(plane, "token", "mint", *terms).stdout
    state = plane.folder / "host-7"
    said = cli(plane, "activate", "--name", "host-7", "--state", str(state), "--token-file", "-", given=minted)
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith(f"start it with `paddock run --name host-7 --state {state}`\n")
    listed = json.loads(cli(plane, "token", "list", "--json").stdout)
    [token] = [one for one in listed if one["label"] == "host-7"]
    assert (token["state"], token["channel"], token["agent"]) == ("used", "beta", load(state).agent)
    assert minted.strip() not in json.dumps(listed)
    [agent] = [one for one in plane.api.get("/v1/agents") if one["id"] == token["agent"]]
    assert agent["channel"] == "beta"
    minted = cli(plane, "token", "mint", "--label", "spare").stdout.strip()
    again = cli(plane, "activate", "--name", "host-7", "--state", str(state), PADDOCK_TOKEN=minted)
    assert again.returncode == 2
    assert "belongs to agent" in again.stderr
    anew = cli(plane, "activate", "--anew", "--name", "host-7", "--state", str(state), PADDOCK_TOKEN=minted)
    assert anew.returncode == 0, anew.stderr
    assert load(state).agent != token["agent"]
    assert (state / f"former-{token['agent']}" / "agent.key").exists()
    cli(plane, "token", "mint", "--label", "unused")
    assert "is worthless now" in cli(plane, "token", "revoke", "unused").stdout
    assert cli(plane, "activate", "--state", str(plane.folder / "x"), minted).returncode == 2  # never in argv


def test_what_a_token_says_of_its_agent_wins(plane: Fleet) -> None:
    token = plane.api.post("/v1/tokens", {"label": "zoned", "labels": {"zone": "eu-1"}})["token"]
    state = plane.folder / "agent-zoned"
    assert cli(plane, "activate", "--name", "zoned", "--state", str(state), PADDOCK_TOKEN=token).returncode == 0
    plane.agent("zoned", more=("--label", "zone=us-9", "--label", "rack=4")).stop()
    [agent] = [one for one in plane.api.get("/v1/agents") if one["name"] == "zoned"]
    assert agent["labels"] == {"rack": "4", "zone": "eu-1"}
