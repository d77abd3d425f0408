"""`paddock logout`: ends the session of `paddock login`."""

from paddock.cli import args, out
from paddock.cli.credentials import Credentials
from paddock.core.errors import PaddockError

EXAMPLE = "paddock logout"


def main(verb: str, words: list[str]) -> int:
    """Ends the session at the control plane and forgets it here, whether that answers or not."""
    found = args.read(args.for_verb(verb, EXAMPLE), words)
    settings = args.settings_of(found)
    from paddock.cli.api import Api

    kept = Credentials(settings.server, settings.home)
    if kept.session():
        try:
            Api(settings.server, credentials=kept).post("/v1/logout", {})
        except PaddockError as error:
            out.note(f"paddock: not ended at the control plane: {error.message}")
    ended = kept.forget()
    if found.json:
        out.dump({"ended": ended})
    else:
        out.line("logged out" if ended else "nobody was logged in")
    return 0
