"""Licences: how many agents may work under one, how much each may hold, and which kinds of jobs it is handed.

Every bound makes something wait: an agent for a seat, a job for an agent. None of them is an error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from paddock.core import tokens
from paddock.core.errors import BadInput
from paddock.core.kinds import KINDS
from paddock.core.tokens import Binding

# The licence of every agent whose token names none.
DEFAULT = "default"
EVERYTHING = "*"
_S, _DAY = 1_000, 86_400
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_FEATURE = re.compile(r"\*|[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?")
_MOST = 1_000_000
_STRICT = {Binding.NONE: 0, Binding.OPTIONAL: 1, Binding.REQUIRED: 2}


@dataclass(frozen=True, kw_only=True)
class Licence:
    """What agents under it may do. Numbers that are 0 bound nothing; `expires` is epoch milliseconds."""

    name: str
    plan: str = ""
    max_agents: int = 0
    # Jobs that one agent may hold at a time.
    max_tasks: int = 0
    # Kinds of jobs, or families of them such as `review.*`.
    features: tuple[str, ...] = (EVERYTHING,)
    channel: str = "stable"
    binding: Binding = Binding.OPTIONAL
    # Seconds that an agent works on without a word from the control plane.
    grace_s: int = 0
    expires: int = 0


# What a plan says where nothing else is said; `valid_s` is counted from the moment that the licence is set.
PLANS: Mapping[str, Mapping[str, Any]] = {
    "trial": {"max_agents": 1, "grace_s": 24 * 3_600, "channel": "stable", "valid_s": 14 * _DAY},
    "standard": {"max_agents": 5, "grace_s": 168 * 3_600, "channel": "stable", "valid_s": 30 * _DAY},
    "enterprise": {"max_agents": 100, "grace_s": 720 * 3_600, "channel": "lts"},
}
_FIELDS = frozenset(field.name for field in fields(Licence)) - {"name"} | {"valid_s"}


def parse(name: Any, given: Any, now: int) -> Licence:
    """A licence as a person sets it: a plan's terms, and in place of them what is said besides. Raises: BadInput."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadInput("name: expected small letters, digits, `.`, `_` and `-`", where="name")
    if not isinstance(given, dict) or set(given) - _FIELDS:
        raise BadInput("a licence may hold: " + ", ".join(sorted(_FIELDS)))
    plan = given.get("plan", "")
    if not isinstance(plan, str) or (plan and not _NAME.fullmatch(plan)):
        raise BadInput("plan: expected a word", hint=f"such as {', '.join(PLANS)}", where="plan")
    if plan and plan not in PLANS and "max_agents" not in given:  # a slip of the pen would bound nothing
        raise BadInput(
            f"plan: {plan} has no terms of its own, so say how many agents it is for",
            hint=f"max_agents, 0 for no bound; {', '.join(PLANS)} have terms",
            where="plan",
        )
    terms = {**PLANS.get(plan, {}), **given}
    valid, expires = _number(terms, "valid_s"), _number(terms, "expires", 2**53)
    return Licence(
        name=name,
        plan=plan,
        max_agents=_number(terms, "max_agents"),
        max_tasks=_number(terms, "max_tasks"),
        features=_features(terms.get("features", (EVERYTHING,))),
        channel=tokens.channel(terms.get("channel", "stable")),
        binding=tokens.binding(terms.get("binding", "optional")),
        grace_s=_number(terms, "grace_s"),
        expires=now + valid * _S if valid and "expires" not in given else expires,
    )


def _number(given: Mapping[str, Any], name: str, most: int = 10**10) -> int:
    found = given.get(name, 0)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= most:
        raise BadInput(f"{name}: expected a whole number, 0 for no bound", where=name)
    if name.startswith("max_") and found > _MOST:
        raise BadInput(f"{name}: expected at most {_MOST:,}", hint="0 for no bound", where=name)
    return found


def _features(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or len(given) > 64:
        raise BadInput("features: expected at most 64 names of kinds of jobs", where="features")
    for name in given:
        if not isinstance(name, str) or len(name) > 64 or not _FEATURE.fullmatch(name):
            hint = "a kind of job such as command, a family such as review.*, or * for all"
            raise BadInput(f"features: {str(name)[:60]!r} is none", hint=hint, where="features")
        if not any(lets((name,), kind) for kind in KINDS):
            known = ", ".join(KINDS)
            raise BadInput(f"features: no kind of job is {name}", hint=f"kinds are {known}", where="features")
    return tuple(dict.fromkeys(given))


def lets(features: tuple[str, ...], kind: str) -> bool:
    """Whether these features let an agent run jobs of a kind."""
    return any(name in (EVERYTHING, kind) or (name.endswith(".*") and kind.startswith(name[:-1])) for name in features)


def weaker(binding: Binding, than: Binding) -> bool:
    """Whether one binding asks for less than another."""
    return _STRICT[binding] < _STRICT[than]


def renew_every_s(grace_s: int) -> float:
    """Seconds after which an agent is handed its licence anew, so that its grace is counted from about now."""
    return min(6 * 3_600.0, grace_s / 8) if grace_s else 6 * 3_600.0
