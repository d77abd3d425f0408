"""What a run says it has used of models, and what that costs. It is the run's word: data, bounded, and never a zero."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from paddock.core import money
from paddock.core.errors import BadInput

MOST_MODELS = 20
MOST_PRICES = 500
# What one run may claim of one model, so that no sum of claims passes 64 bits.
MOST_TOKENS = 10**10
MOST_COST = 10**6 * money.MICRO
Tokens = Annotated[int, Meta(ge=0, le=MOST_TOKENS)]
MODEL = r"^[A-Za-z0-9][A-Za-z0-9._:/@+\[\]-]{0,99}\Z"
_PATTERN = re.compile(rf"{MODEL[:-2]}\*?\Z|^\*\Z")
PARTS = ("input", "cached", "cache_write", "output")


class Used(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What one model was used for. `input` leaves out what was read from a cache, `output` holds thinking.

    `cost` is what the run says it cost, in millionths of `currency`; None where it does not say.
    """

    model: Annotated[str, Meta(pattern=MODEL)] | None = None
    input: Tokens = 0
    cached: Tokens = 0
    cache_write: Tokens = 0
    output: Tokens = 0
    cost: Annotated[int, Meta(ge=0, le=MOST_COST)] | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = money.CURRENCY

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.input + self.cached + self.cache_write + self.output


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a run used. `session` is a digest of the coding agent's own session id, so that it can be told again."""

    models: Annotated[tuple[Used, ...], Meta(max_length=MOST_MODELS)] = ()
    session: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")] | None = None


def read(result: Mapping[str, Any]) -> Report | None:
    """The report in an outcome's result; None where there is none that says anything."""
    try:
        found = msgspec.convert(result.get("usage"), Report)
    except msgspec.ValidationError:
        return None
    return found if any(used.tokens or used.cost for used in found.models) else None


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Millionths of the currency for a million tokens. What has no price of its own costs as much as input."""

    input: int
    output: int
    cached: int | None = None
    cache_write: int | None = None

    def of(self, used: Used) -> int:
        """What it comes to, rounded up."""
        total = used.input * self.input + used.output * self.output
        total += used.cached * (self.input if self.cached is None else self.cached)
        total += used.cache_write * (self.input if self.cache_write is None else self.cache_write)
        return -(-total // 1_000_000)


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """Prices by model, or by the beginning of a model's name with `*` behind it; the longest that fits counts."""

    currency: str = money.CURRENCY
    models: Mapping[str, Price] = {}

    def of(self, model: str | None) -> Price | None:
        """The price of a model; None where there is none."""
        fits = [
            name for name in self.models if name == model or (name[-1] == "*" and (model or "").startswith(name[:-1]))
        ]
        return self.models[max(fits, key=lambda name: (name == model, len(name)))] if fits else None

    def over(self, fleet: "Prices") -> "Prices":
        """A project's prices, and the fleet's where it has none; the currency is the fleet's."""
        return Prices(currency=fleet.currency, models={**fleet.models, **self.models})


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one model cost a run: millionths, None where nobody can say."""

    model: str
    money: int | None
    tokens: int


def costs(report: Report, prices: Prices) -> list[Cost]:
    """What a run cost, the dearest model first.

    A cost that the run states and one by price: the larger counts. A stated 0 beside tokens is a subscription's and no
    cost; where there is no price either, the cost is unknown.
    """
    found = []
    for used in report.models:
        price = prices.of(used.model)
        known = [price.of(used)] if price and used.tokens else []
        known += [used.cost] if used.cost and used.currency == prices.currency else []
        if used.tokens or used.cost:
            amount = min(max(known), MOST_COST) if known else None
            found.append(Cost(model=used.model or "", money=amount, tokens=used.tokens))
    return sorted(found, key=lambda cost: (-(cost.money or 0), -cost.tokens))


def parse_prices(raw: object) -> Prices:
    """Prices as people write them: `{"currency": "USD", "models": {"opus*": {"input": "5", "output": "25"}}}`.

    Raises: BadInput naming the place.
    """
    given = _mapping(raw, "prices", ("currency", "models"))
    currency = given.get("currency", money.CURRENCY)
    if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
        raise BadInput("currency: expected three capital letters, such as USD", where="currency")
    models = given.get("models", {})
    if not isinstance(models, dict) or len(models) > MOST_PRICES:
        raise BadInput(f"models: expected a mapping of at most {MOST_PRICES} models", where="models")
    return Prices(currency=currency, models={name: _price(name, price) for name, price in models.items()})


def _price(name: object, raw: object) -> Price:
    if not isinstance(name, str) or not _PATTERN.match(name):
        raise BadInput(f"models: {name!r} is no model's name", hint="a name, or its beginning and *", where="models")
    given = _mapping(raw, f"models.{name}", PARTS)
    missing = [part for part in ("input", "output") if part not in given]
    if missing:
        raise BadInput(f"models.{name}: {missing[0]} is missing", hint="prices are for a million tokens")
    return Price(**{part: money.parse(value, f"models.{name}.{part}") for part, value in given.items()})


def _mapping(raw: object, where: str, known: Sequence[str]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise BadInput(f"{where}: expected a mapping", where=where)
    unknown = set(raw) - set(known)
    if unknown:
        raise BadInput(f"{where}: unknown field {min(map(str, unknown))!r}", hint=f"fields are: {', '.join(known)}")
    return raw


def shown_prices(prices: Prices) -> dict[str, Any]:
    """Prices as people write them."""
    models = {
        name: {part: money.plain(value) for part in PARTS if (value := getattr(price, part)) is not None}
        for name, price in sorted(prices.models.items())
    }
    return {"currency": prices.currency, "models": models}
