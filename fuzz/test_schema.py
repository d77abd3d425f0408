"""The served API asked whatever its own document allows and more: nothing breaks, nothing undocumented comes back.

`./dev fuzz` asks each operation a few times as the control plane's owner and as nobody; PADDOCK_FUZZ says how often.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.guests import Guest, let_in, owner
from ui.fleet import House, house

TIMES = int(os.environ.get("PADDOCK_FUZZ", "4"))
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
# What answers for as long as somebody listens, and what ends the session that asks.
LEFT_OUT = ("/v1/events", "/v1/registry/watch", "/v1/wake", "/v1/logout", "/v1/me/sessions/end")
# Names of what is there, so that not every question is about nothing.
THERE = {"ref": "x", "owner": "x", "space": "project"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    """A control plane with something in it, and the session of its owner."""
    with house(Path(tmp_path_factory.mktemp("schema")) / "home") as made:
        let_in(made)
        owner(made)
        session = Guest(made).log_in("ann", kind="cli").json()["session"]
        made.project("x")
        made.join("x")
        made.submit({"id": "x"}, project="x")
        yield made, session


@pytest.mark.parametrize("known", [True, False], ids=["the owner", "nobody"])
@pytest.mark.filterwarnings("ignore")
def test_the_document_holds(served: tuple[House, str], known: bool, capsys: pytest.CaptureFixture[str]) -> None:
    made, session = served
    document = made.get("/v1/openapi.json")
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=made.url)
    headers = {"Authorization": f"Bearer {session}"} if known else {}
    broken: list[str] = []
    answers: dict[int, int] = {}
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if operation.path not in LEFT_OUT:
            try:
                _ask(operation, headers, answers)
            except Exception as error:  # noqa: BLE001  (all of them are shown together)
                broken.append(f"{operation.method.upper()} {operation.path}: {str(error)[:600]}")
    with capsys.disabled():
        print(f"\n{'the owner' if known else 'nobody'}: " + ", ".join(f"{n} × {s}" for s, n in sorted(answers.items())))
    assert not broken, "\n\n".join(broken)
    assert known == (answers.get(200, 0) > 50), "who is logged in gets answers, and nobody does not"


def _ask(operation: Any, headers: dict[str, str], answers: dict[int, int]) -> None:
    right, wrong = operation.as_strategy(), operation.as_strategy(schemathesis.GenerationMode.NEGATIVE)

    @seed(7)
    @settings(
        max_examples=TIMES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(right, wrong), there=st.booleans())
    def ask(case: Any, there: bool) -> None:
        if isinstance(case.query, dict):
            case.query.pop("wait", None)  # it would
        if there and isinstance(case.path_parameters, dict):
            case.path_parameters.update({name: THERE[name] for name in case.path_parameters if name in THERE})
        media = {} if case.media_type else {"Content-Type": "application/json"}
        response = case.call(headers={**headers, **media}, timeout=30)
        answers[response.status_code] = answers.get(response.status_code, 0) + 1
        case.validate_response(response, checks=CHECKS)

    ask()
