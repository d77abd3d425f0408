"""`paddock signer`: the process that alone holds the signing keys, run by itself for several control planes."""

import contextlib
import os
import pwd
import socket
import stat
from pathlib import Path

from paddock.cli import args, out
from paddock.core.errors import BadInput, why

EXAMPLE = """\
paddock signer --keys /etc/paddock/keys --socket /run/paddock/signer.sock --user paddock
paddock serve --signer /run/paddock/signer.sock"""


def main(verb: str, words: list[str]) -> int:
    """Runs until it is told to stop."""
    parser = args.for_verb(verb, EXAMPLE)
    args.add_settings(parser, "keys", "maximum")
    parser.add_argument("--socket", metavar="PATH", required=True, help="where it listens")
    about = "who may ask it beside its own user; may be repeated"
    parser.add_argument("--user", metavar="NAME", action="append", default=[], help=about)
    found = args.read(parser, words)
    settings = args.settings_of(found)
    from paddock.signer import keeper

    users = frozenset({os.geteuid(), *(_uid(name) for name in found.user)})
    plan = keeper.plan(settings.keys, settings.maximum, users)
    path = Path(found.socket).absolute()
    with contextlib.closing(_listen(path)) as listening:
        out.note(f"signer at {path}, as uid {plan.uid}")
        keeper.keep(plan, listening)
    return 0


def _uid(name: str) -> int:
    try:
        return int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise BadInput(f"there is no user {name!r}") from None


def _listen(path: Path) -> socket.socket:
    """The listening socket; one that nobody listens at any more is replaced. Raises: BadInput."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
                if other.connect_ex(str(path)) == 0:
                    raise BadInput(f"a signer listens at {path} already")
            path.unlink()
        listening.bind(str(path))
        # Everybody may knock: the kernel says who it is, and only those named are answered.
        path.chmod(0o666)
        listening.listen(64)
    except OSError as error:
        listening.close()
        raise BadInput(f"cannot listen at {path}: {why(error)}") from None
    except BadInput:
        listening.close()
        raise
    return listening
