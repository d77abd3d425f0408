"""Fingerprints: digests of a host's parts, weighed part by part, so that a host may change a little and stay itself.

A fingerprint never says who an agent is: agents of one host share its parts, and their digests are keyed apart. It can
only say that a key now runs on another host than before.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

# What a part weighs. The first four change with the machine or its disk, the rest with a reinstallation or a rename.
WEIGHTS = {"machine": 3, "board": 3, "disk": 3, "network": 3, "cpu": 1, "name": 1}
# The share of the weight that must be unchanged, in percent.
ENOUGH = 60
# Less weight than this in common says nothing.
TELLING = 3


class Match(StrEnum):
    """How a fingerprint stands to the one that is bound."""

    SAME = "same"
    DRIFT = "drift"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


class Comparison(NamedTuple):
    """How two fingerprints match; the unchanged share of what both have, in percent; the parts that have changed."""

    match: Match
    share: int
    changed: tuple[str, ...]


def compare(bound: Mapping[str, str], shown: Mapping[str, str]) -> Comparison:
    """Compares by the parts that both have; a part that one of them cannot see is left out."""
    both = [part for part in WEIGHTS if part in bound and part in shown]
    changed = tuple(part for part in both if bound[part] != shown[part])
    weight = sum(WEIGHTS[part] for part in both)
    if weight < TELLING:
        return Comparison(Match.UNKNOWN, 0, changed)
    share = 100 * sum(WEIGHTS[part] for part in both if part not in changed) // weight
    if not changed:
        return Comparison(Match.SAME, 100, ())
    return Comparison(Match.DRIFT if share >= ENOUGH else Match.MISMATCH, share, changed)
