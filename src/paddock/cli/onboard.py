"""`paddock onboard`: first-time set-up in the browser, on this machine alone; ends with an agent that runs."""

import signal
import threading
from types import FrameType

from paddock.cli import args, out
from paddock.core.errors import PaddockError

EXAMPLE = "paddock onboard\npaddock onboard --server https://paddock.example --no-browser"
# Seconds that somebody has to fill in the form.
PATIENCE_S = 1_800.0


def main(verb: str, words: list[str]) -> int:
    """Serves the wizard on the loopback address until an agent is live, then stays with that agent until it ends.

    Exit code: the agent's, 1 when nobody finished the wizard in half an hour.
    """
    parser = args.for_verb(verb, EXAMPLE)
    args.add_settings(parser, "name", "state", "slots", "work")
    parser.add_argument("--no-browser", action="store_true", help="only print the link; open it on this machine")
    found = args.read(parser, words)
    settings, given = args.settings_of(found), args.given(found)
    from paddock.cli.wizard import Wizard
    from paddock.cli.wizard_server import serving

    wizard = Wizard(settings, settings.state if "state" in given else None)
    signal.signal(signal.SIGTERM, _leave)
    try:
        with serving(wizard) as link:
            _tell(link, as_json=found.json)
            if not found.no_browser:
                # In a thread: some browsers stay in the foreground of whoever opens them.
                threading.Thread(target=_open, args=(link,), daemon=True).start()
            if not wizard.finished.wait(PATIENCE_S):
                raise PaddockError("nobody has finished the wizard", hint="paddock onboard makes a new link")
        out.note(f"{wizard.name} is live; it runs until this is interrupted, and again with `{wizard.again()}`")
        return wizard.wait()
    finally:
        wizard.stop()


def _tell(link: str, *, as_json: bool) -> None:
    if as_json:
        out.dump({"link": link})
    else:
        out.line(link)
        out.note("open this link on this machine; it is good once, and for nobody else")


def _open(link: str) -> None:
    import webbrowser

    webbrowser.open(link)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
