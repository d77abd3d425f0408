"""Fingerprints: a host may change a little and stay itself; another one is known as another."""

import pytest

from paddock.core.fingerprint import WEIGHTS, Match, compare

HOST = {part: f"{part}-1" for part in WEIGHTS}


def changed(*parts: str) -> dict[str, str]:
    return HOST | {part: f"{part}-2" for part in parts}


@pytest.mark.parametrize(
    ("shown", "match"),
    [
        (HOST, Match.SAME),
        (changed("name"), Match.DRIFT),
        (changed("network", "name"), Match.DRIFT),
        (changed("disk", "cpu"), Match.DRIFT),
        (changed("machine", "disk"), Match.MISMATCH),
        (changed(*WEIGHTS), Match.MISMATCH),
        ({part: HOST[part] for part in ("machine", "cpu")}, Match.SAME),  # the rest cannot be read any more
        ({**{part: HOST[part] for part in ("cpu", "name")}, "machine": "other"}, Match.MISMATCH),
        ({"cpu": "other", "name": "other"}, Match.UNKNOWN),  # too little to tell, as in a container
        ({}, Match.UNKNOWN),
        ({"shoe size": "44"}, Match.UNKNOWN),
    ],
)
def test_how_a_host_matches(shown: dict[str, str], match: Match) -> None:
    assert compare(HOST, shown).match is match


def test_what_has_changed_is_named_with_the_share_that_has_not() -> None:
    found = compare(HOST, changed("disk", "name"))
    assert (found.changed, found.share) == (("disk", "name"), 100 * 10 // 14)
