"""People from the command line, against a control plane that they log in to."""

import re
import stat
from pathlib import Path

import pytest

from cli.commands import paddock
from paddock.cli.credentials import Credentials
from paddock.control.oidc import provider_of
from paddock.core.errors import BadInput
from paddock.web.opening import check_address
from support.fleet import Fleet
from support.places import free_port

PASSWORD = "correct horse battery\n"


def test_people_log_in_and_the_hosts_operator_need_not(tmp_path: Path, traversable_tmp: Path) -> None:
    port = free_port()
    plane = Fleet(traversable_tmp)
    plane.port = port
    plane.url = f"http://127.0.0.1:{port}"
    try:
        plane.start_control("--auth", "people")
        near = {"PADDOCK_SERVER": plane.url}
        token = plane.home / f"operator-{port}.json"
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        made = paddock(plane.home, "people", "add", "ann", "--role", "owner", **near)
        link = re.fullmatch(rf"{plane.url}/setup#(\S+)\n", made.out)
        assert link and made.code == 0, made.err
        far, ci = tmp_path / "far", tmp_path / "ci"  # homes of those who cannot read the control plane's
        for folder in (far, ci):
            folder.mkdir()
        denied = paddock(far, "jobs", **near)
        assert denied.code == 4 and "Log in first" in denied.err
        from paddock.cli.api import Api

        Api(plane.url).post("/v1/set-up", {"link": link[1], "password": PASSWORD.strip()})
        assert paddock(far, "login", "--as", "ann", stdin=PASSWORD, **near).out.endswith("as ann (owner)\n")
        assert paddock(far, "people", "add", "bob", **near).out.startswith(f"{plane.url}/setup#")
        listed = paddock(far, "people", "list", "--json", **near).json()
        assert [(one["name"], one["role"], one["state"]) for one in listed] == [
            ("ann", "owner", "active"),
            ("bob", "viewer", "invited"),
        ]
        minted = paddock(far, "api-token", "mint", "--label", "ci", "--scope", "read", **near)
        kept = tmp_path / "ci.token"
        kept.write_text(minted.out)
        program = {"PADDOCK_API_TOKEN_FILE": str(kept), **near}
        refused = paddock(ci, "people", "list", **program)
        assert refused.code == 4 and "lacks the permission people" in refused.err
        assert paddock(far, "api-token", "revoke", "ci", **near).code == 0
        assert paddock(far, "people", "sessions", "ann", "--end", **near).out == "1 sessions of ann are over\n"
        assert "Log in first" in paddock(far, "jobs", **near).err
        assert paddock(far, "logout", **near).code == 0
        assert minted.out.strip() not in (plane.folder / "control.log").read_text()
    finally:
        plane.__exit__(None, None, None)


def test_what_a_control_plane_refuses_to_be() -> None:
    for address, said in (
        (("0.0.0.0", False, "https://paddock.example.org"), "nobody logs in"),
        (("0.0.0.0", True, ""), "need to know where to log in"),
        (("127.0.0.1", True, "http://paddock.example.org"), "cannot be used"),
        (("127.0.0.1", True, "https://paddock.example.org/path"), "cannot be used"),
    ):
        with pytest.raises(BadInput, match=said):
            check_address(*address)
    check_address("0.0.0.0", True, "https://paddock.example.org/")
    for given, said in (
        (("http://id.example.org", "paddock", "", ("*=viewer",)), "is no https address"),
        (("https://id.example.org", "", "", ("*=viewer",)), "--oidc-client"),
        (("https://id.example.org", "paddock", "", ()), "nobody would be let in"),
        (("https://id.example.org", "paddock", "", ("staff=king",)), "none of this name"),
    ):
        with pytest.raises(BadInput, match=said):
            provider_of(*given)


def test_a_secret_goes_nowhere_in_plain_text(tmp_path: Path) -> None:
    refused = paddock(tmp_path, "jobs", "--server", "http://paddock.example.org", PADDOCK_API_TOKEN="pdt_x")
    assert refused.code == 2 and "in plain text" in refused.err
    (tmp_path / "operator-8420.json").write_text('{"token": "pdo_x"}')
    assert Credentials("http://127.0.0.1:8420", tmp_path).bearer() == "pdo_x"
    for elsewhere in (
        "http://127.0.0.1:8421",
        "https://paddock.example.org:8420",
        "http://10.0.0.1:8420",
        "nonsense:x",
    ):
        assert Credentials(elsewhere, tmp_path).bearer() == ""
