"""Coding agents that run inside the fence: how each is started without a person, and where it looks for its model.

Each is started so that it asks nobody: what it may do is held by its box, and its own permissions are no boundary.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from paddock.core.errors import BadInput
from paddock.core.scope_env import check_env
from paddock.core.secrets import NAME, Secret

# What an agent's entry in a policy makes of a host that has it.
CAPABILITY = "agent:"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One agent program."""

    about: str
    argv: tuple[str, ...]
    # How it is told what to do: on its standard input, or as the last argument.
    brief: Literal["stdin", "argument"]
    # The flag before a model's name.
    model: str = "--model"
    # Variables that hold its model's address and a key that it insists on, and what stands behind the address.
    address: str = ""
    base: str = ""
    key: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    # How it is started to speak the Agent Client Protocol.
    acp: tuple[str, ...] = ()


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_QUIET = {"DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1"}
PROFILES: Mapping[str, Profile] = {
    "claude": Profile(
        about="Claude Code",
        argv=_words("claude -p --output-format stream-json --verbose --permission-mode bypassPermissions"),
        brief="stdin",
        address="ANTHROPIC_BASE_URL",
        key="ANTHROPIC_API_KEY",
        env={**_QUIET, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
        acp=("claude-agent-acp",),
    ),
    "codex": Profile(
        about="Codex",
        argv=(
            *_words("codex exec --json --skip-git-repo-check -s danger-full-access -c"),
            'approval_policy="never"',
            "-",
        ),
        brief="stdin",
        address="OPENAI_BASE_URL",
        base="/v1",
        key="OPENAI_API_KEY",
        acp=("codex-acp",),
    ),
    "opencode": Profile(
        about="opencode",
        argv=_words("opencode run --format json --auto"),
        brief="argument",
        address="OPENAI_BASE_URL",
        base="/v1",
        key="OPENAI_API_KEY",
        env={"OPENCODE_DISABLE_AUTOUPDATE": "1"},
        acp=("opencode", "acp"),
    ),
    "gemini": Profile(
        about="Gemini CLI",
        argv=_words("gemini -o stream-json --approval-mode yolo --skip-trust"),
        brief="stdin",
        address="GOOGLE_GEMINI_BASE_URL",
        key="GEMINI_API_KEY",
        acp=("gemini", "--acp"),
    ),
    "qwen": Profile(
        about="Qwen Code",
        argv=_words("qwen --approval-mode yolo"),
        brief="stdin",
        address="OPENAI_BASE_URL",
        base="/v1",
        key="OPENAI_API_KEY",
        acp=("qwen", "--acp"),
    ),
}


class Setup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the policy of a host says of one agent: that jobs may use it, and what it finds in its home."""

    # Another program than the profile's, or one without a profile; it is told its brief on standard input.
    argv: tuple[str, ...] = ()
    # Whether it is spoken to by the Agent Client Protocol, and its own name for a way to log in there.
    acp: bool = False
    login: Annotated[str, Meta(max_length=200)] = ""
    # The secret by which the proxy reaches its model; the job's scope must name it too.
    secret: str = ""
    # A folder of the host whose content each run finds in its home, as its own.
    home: str = ""
    # Folders of the host, by where a run sees them below its home; never written.
    cache: Mapping[str, str] = {}
    env: Mapping[str, str] = {}


def check(agents: Mapping[str, Setup], secrets: Mapping[str, Secret], where: str) -> None:
    """Raises: BadInput naming the key of a policy that could not be held."""
    for name, setup in agents.items():
        here = f"{where}.{name}"
        if not NAME.match(name) or name != name.lower():
            raise BadInput(f"{where}: {name[:80]!r} is no name of an agent", hint="small letters, digits, . _ -")
        if name not in PROFILES and not setup.argv:
            raise BadInput(f"{here}.argv: {name} has no profile", hint=f"these have one: {', '.join(PROFILES)}")
        if setup.login and not setup.acp:
            raise BadInput(f"{here}.login: it is told by the Agent Client Protocol alone", hint="set acp = true")
        if setup.secret and not (setup.secret in secrets and secrets[setup.secret].injected):
            raise BadInput(f"{here}.secret: {setup.secret!r} is no secret that the proxy adds")
        _check_places([setup.home, *setup.cache.values()], setup.cache, here)
        check_env(setup.env, f"{here}.env", rules=False)


def _check_places(sources: Iterable[str], targets: Iterable[str], here: str) -> None:
    for source in filter(None, sources):
        if not PurePosixPath(source).is_absolute() or ".." in PurePosixPath(source).parts:
            raise BadInput(f"{here}: {source!r} is no absolute path")
    for target in targets:
        path = PurePosixPath(target)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise BadInput(f"{here}.cache: {target!r} is no place below a home", hint="such as .cache/claude")


def start(name: str, setup: Setup, brief: str, model: str) -> tuple[list[str], bytes]:
    """The argv of an agent and what it reads on standard input. A brief is never read as an option."""
    profile = PROFILES.get(name)
    if setup.acp:
        return list(setup.argv or (profile.acp if profile else ())), b""
    argv = list(setup.argv or (profile.argv if profile else ()))
    if model and profile:
        at = -1 if argv[-1:] == ["-"] else len(argv)
        argv[at:at] = [profile.model, model]
    if profile is None or setup.argv or profile.brief == "stdin":
        return argv, brief.encode()
    return [*argv, "--", brief], b""
