"""The one table of settings. Each comes from a flag, else PADDOCK_<NAME>, else <home>/paddock.toml, else its default.

The address of the control plane is by default that of the one which works on the home, wherever it listens.

Imports nothing, so that a verb pays only for what it asks: libraries are imported where they are used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Set
    from pathlib import Path
    from typing import Any

    from paddock.core.errors import BadInput

FILE = "paddock.toml"
# Where the control plane that works on a home listens; gone when it has stopped.
ADDRESS = "address"
LEASE_BEATS = 3
LEVELS = ("debug", "info", "warning", "error")


class Row:
    """One setting as the table says it; `kind` is the annotation it stands under."""

    def __init__(
        self,
        default: object,
        about: str,
        where: str,
        *,
        flag: str | None = "",
        low: float | None = None,
        high: float | None = None,
        words: tuple[str, ...] = (),
        between: str = ",",
    ) -> None:
        self.name = ""
        self.kind = ""
        self.default = default
        self.about = about
        # The programs that read it: server, agent, cli.
        self.where = tuple(where.split())
        # None: never a flag. Empty: --<name>.
        self._flag = flag
        self.low = low
        self.high = high
        # The values it may have; empty: any.
        self.words = words
        # What separates the parts of a list in a text.
        self.between = between

    @property
    def env(self) -> str:
        return f"PADDOCK_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The flag, or an empty text for what must not stand in a command line."""
        return "" if self._flag is None else self._flag or f"--{self.name.replace('_', '-')}"


def _row(default: object, about: str, where: str, **more: "Any") -> "Any":
    return Row(default, about, where, **more)


class Settings:
    """Every setting with its value; the class body is the table. Paths are absolute."""

    server: str = _row(
        "http://127.0.0.1:8420", "address of the control plane; that of the one which works on the home", "cli agent"
    )
    home: "Path" = _row(
        "", "directory that holds all state; $XDG_STATE_HOME/paddock when that is set", "server agent cli"
    )
    host: str = _row("127.0.0.1", "address to listen at", "server")
    port: int = _row(8420, "port to listen at", "server", low=1, high=65_535)
    store: str = _row(
        "", "address of the database that all replicas share, postgresql://…; a file in the home when empty", "server"
    )
    bus: str = _row("", "address of the bus, redis://… or postgresql://…; the store's database when empty", "server")
    keys: "Path" = _row("", "directory of the signing keys that all replicas share; <home>/keys when empty", "server")
    signer: str = _row("", "socket of a signer that runs on its own; one beside the control plane when empty", "server")
    maximum: "Path" = _row(
        "/etc/paddock/maximum.toml", "the most that the signer signs; a file that only its owner can write", "server"
    )
    auth: str = _row(
        "local",
        "local: whoever reaches the loopback address is the operator; people: people log in",
        "server",
        words=("local", "people"),
    )
    public: str = _row("", "address under which people reach the control plane, https://…", "server")
    proxies: tuple[str, ...] = _row(
        (), "networks of proxies that are believed about the address they ask for", "server", flag="--proxies"
    )
    oidc_issuer: str = _row("", "the OpenID provider at which people may log in, https://…", "server")
    oidc_client: str = _row("", "the client's id at the provider", "server")
    oidc_secret: str = _row("", "the client's secret at the provider; never a flag", "server", flag=None)
    oidc_secret_file: "Path" = _row("", "file that holds the client's secret", "server")
    oidc_roles: tuple[str, ...] = _row(
        (), "roles by the provider's groups, group=role, the first that fits; *=role for everybody", "server"
    )
    api_token: str = _row(
        "", "API token of a program; never a flag, so that no process list shows it", "cli", flag=None
    )
    api_token_file: "Path" = _row("", "file that holds the API token", "cli")
    beat_seconds: float = _row(60.0, "seconds between an agent's beats", "server", flag="--beat", low=0.05)
    lease_seconds: float = _row(
        0.0, "seconds a lease lasts without a beat; 0: three beats", "server", flag="--lease", low=0
    )
    value_mib: int = _row(16, "MiB that one value of a job's state may have", "server", low=1, high=256)
    name: str = _row("", "the agent's name; the host's when empty", "agent")
    state: "Path" = _row("", "the agent's own directory; <home>/agents/<name> when empty", "agent cli")
    slots: int = _row(1, "jobs an agent runs at a time", "agent", low=1)
    capabilities: tuple[str, ...] = _row((), "capabilities the agent claims beside those it finds", "agent")
    kinds: tuple[str, ...] = _row((), "kinds of job the agent takes; all it can run when empty", "agent")
    labels: tuple[str, ...] = _row((), "labels the agent shows in the registry, key=value", "agent", flag="--label")
    health: tuple[str, ...] = _row(
        (),
        "checks of the host, name=argv…, or advisory:name=argv…; in the environment one a line",
        "agent",
        between="\n",
    )
    health_seconds: float = _row(30.0, "seconds between two runs of a check", "agent", flag="--health-every", low=1)
    health_timeout: float = _row(10.0, "seconds a check may take", "agent", low=1, high=600)
    work: "Path" = _row("", "where worktrees lie; <home>/work when empty", "agent")
    tools: tuple[str, ...] = _row((), "more directories that jobs may read", "agent")
    policy: "Path" = _row("/etc/paddock/policy.toml", "the host's policy; a file that only root can write", "agent cli")
    allow_degraded: bool = _row(
        False,
        "run jobs that ask for it on a host that cannot contain them; holds only where there is no policy file",
        "agent",
    )
    drain_seconds: float = _row(
        30.0, "seconds that running jobs get to finish when the agent is told to stop", "agent", flag="--drain", low=0
    )
    token: str = _row("", "activation token; never a flag, so that no process list shows it", "agent", flag=None)
    token_file: "Path" = _row("", "file that holds the activation token; - reads it from standard input", "agent")
    log_level: str = _row(
        "info", "the least that is logged: debug, info, warning or error", "server agent", words=LEVELS
    )

    def __init__(self, values: "Mapping[str, Any]") -> None:
        self.__dict__.update(values)

    @property
    def beat_ms(self) -> int:
        """Milliseconds between beats."""
        return round(self.beat_seconds * 1_000)

    @property
    def lease_ms(self) -> int:
        """Milliseconds a lease lasts."""
        return round(self.lease_seconds * 1_000) or LEASE_BEATS * self.beat_ms

    def secret(self) -> str:
        """The activation token, from the environment or its file; empty when there is none.

        Raises: BadInput when the file cannot be read or is empty.
        """
        return _secret(self.token, self.token_file, "token")

    def program_token(self) -> str:
        """The API token, likewise."""
        return _secret(self.api_token, self.api_token_file, "API token")

    def provider_secret(self) -> str:
        """The secret at the OpenID provider, likewise."""
        return _secret(self.oidc_secret, self.oidc_secret_file, "client's secret")


def _secret(given: str, file: "Path", what: str) -> str:
    if given or not file.name:
        return given
    if file.name == "-":
        import sys

        return sys.stdin.readline(1_024).strip()
    try:
        found = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        from paddock.core.errors import why

        raise _bad(f"the {what} file {file} cannot be read: {why(error)}") from None
    if not found:
        raise _bad(f"the {what} file {file} is empty")
    return found


def _table() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for name, kind in Settings.__annotations__.items():
        row: Row = Settings.__dict__[name]
        row.name, row.kind = name, kind if isinstance(kind, str) else str(getattr(kind, "__name__", kind))
        rows[name] = row
    return rows


TABLE = _table()


def load(
    flags: "Mapping[str, object]",
    env: "Mapping[str, str] | None" = None,
    defaults: "Mapping[str, object] | None" = None,
) -> Settings:
    """The settings in force. `flags` holds those given on the command line by name, as texts or as values.

    `defaults` are a program's own, in place of the table's.

    Raises: BadInput naming the flag, the variable, or the file and its key.
    """
    import os
    from pathlib import Path

    env = os.environ if env is None else env
    given = {name: _value(TABLE[name], flags[name], TABLE[name].flag) for name in flags}
    for name, row in TABLE.items():
        if name not in given and env.get(row.env):
            given[name] = _value(row, env[row.env], row.env)
    home = given.get("home") or _default_home(env)
    given = {**_from_file(home / FILE), **given}
    usual = {name: Path(str(row.default)) if row.kind == "Path" else row.default for name, row in TABLE.items()}
    values = {**usual, **_served(home), **(defaults or {}), **given}
    return Settings(_derive(values, home, {name for name in given if given[name]}))


def _served(home: "Path") -> "dict[str, str]":
    """The address of the control plane that works on this home, as it told when it started; nothing without one."""
    try:
        address = (home / ADDRESS).read_text()[:300].strip()
    except (OSError, UnicodeDecodeError):
        return {}
    return {"server": address} if address.startswith("http://") else {}


def _derive(values: "dict[str, Any]", home: "Path", given: "Set[str]") -> "dict[str, Any]":
    import os

    values["home"] = home
    values["name"] = values["name"] or os.uname().nodename.split(".")[0]
    places = {"work": home / "work", "state": home / "agents" / values["name"], "keys": home / "keys"}
    return values | {name: place for name, place in places.items() if name not in given}


def _default_home(env: "Mapping[str, str]") -> "Path":
    from pathlib import Path

    base = env.get("XDG_STATE_HOME", "")
    root = Path(base) if base.startswith("/") else Path(env.get("HOME") or Path.home()) / ".local" / "state"
    return root / "paddock"


def _from_file(path: "Path") -> "dict[str, Any]":
    """What the file says; nothing when there is none."""
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _bad(f"{path} cannot be read: {error.strerror}") from None
    import tomllib

    try:
        found = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(f"{path}: {error}") from None
    for name in found:
        if name not in TABLE or name == "home":
            raise _bad(f"{path}: unknown setting {name!r}", _nearest(name))
    return {name: _value(TABLE[name], value, f"{path}: {name}") for name, value in found.items()}


def _nearest(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, [known for known in TABLE if known != "home"], 1)
    return (
        f"did you mean {close[0]}?"
        if close
        else "settings are: " + ", ".join(known for known in TABLE if known != "home")
    )


def _value(row: Row, given: object, place: str) -> "Any":
    """What was given, as the setting's type; `place` says where it stood."""
    value: Any = _list(given, row.between) if row.kind == "tuple" else _CONVERT[row.kind](given)
    if value is None:
        raise _bad(f"{place}: {given!r} is no {_WORDS[row.kind]}")
    if row.low is not None and value < row.low:
        raise _bad(f"{place}: {given} is too small", f"at least {row.low:g}")
    if row.high is not None and value > row.high:
        raise _bad(f"{place}: {given} is too large", f"at most {row.high:,.0f}")
    if row.words and value not in row.words:
        raise _bad(f"{place}: {given!r} is none of {', '.join(row.words)}")
    return value


def _bad(message: str, hint: str = "") -> "BadInput":
    from paddock.core.errors import BadInput

    return BadInput(message, hint=hint)


def _text(given: object) -> str | None:
    return given if isinstance(given, str) and "\0" not in given else None


def _whole(given: object) -> int | None:
    if isinstance(given, str):
        return int(given) if given.strip().lstrip("-").isascii() and given.strip().lstrip("-").isdigit() else None
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _number(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    try:
        number = float(given)
    except ValueError:
        return None
    return number if abs(number) < 1e9 else None


def _switch(given: object) -> bool | None:
    if isinstance(given, bool):
        return given
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    return words.get(given.strip().lower()) if isinstance(given, str) else None


def _path(given: object) -> "Path | None":
    from pathlib import Path

    if isinstance(given, Path):
        return given.absolute()
    return Path(given).expanduser().absolute() if isinstance(given, str) and given and "\0" not in given else None


def _list(given: object, between: str = ",") -> tuple[str, ...] | None:
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(between) if part.strip())
    if isinstance(given, list | tuple) and all(isinstance(part, str) for part in given):
        return tuple(given)
    return None


_CONVERT: "dict[str, Any]" = {"str": _text, "int": _whole, "float": _number, "bool": _switch, "Path": _path}
_WORDS = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "switch (true or false)",
    "Path": "path",
    "tuple": "list of texts, separated by commas",
}


def as_markdown() -> str:
    """The reference page of all settings."""
    lines = [
        "# Settings",
        "",
        f"A flag wins over the environment, the environment over `<home>/{FILE}`, the file over the default.",
        "",
        "| setting | environment | flag | default | read by | what it is |",
        "|---|---|---|---|---|---|",
    ]
    for row in TABLE.values():
        flag = f"`{row.flag}`" if row.flag else "none"
        lines.append(f"| `{row.name}` | `{row.env}` | {flag} | {_shown(row)} | {', '.join(row.where)} | {row.about} |")
    return "\n".join(lines) + "\n"


def _shown(row: Row) -> str:
    if row.name == "home":
        return "`~/.local/state/paddock`"
    if isinstance(row.default, bool):
        return f"`{str(row.default).lower()}`"
    if isinstance(row.default, float):
        return f"`{row.default:g}`"
    return f"`{row.default}`" if row.default not in ("", ()) else ""
