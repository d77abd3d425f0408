"""Variables that a job's environment never has from the job itself: they make programs run something else."""

from collections.abc import Iterable, Mapping

from paddock.core.errors import BadInput

_PREFIXES = ("LD_", "DYLD_", "GIT_", "BASH_FUNC_")
_SUFFIXES = ("_PROXY",)
_NAMES_WORDS = (
    "BASH_ENV ENV IFS SHELLOPTS BASHOPTS PS4 PROMPT_COMMAND PATH HOME NODE_OPTIONS NODE_EXTRA_CA_CERTS PERL5OPT "
    "PERL5LIB PERL5DB RUBYOPT RUBYLIB PYTHONSTARTUP PYTHONHOME PYTHONINSPECT PYTHONUSERBASE PYTHONEXECUTABLE "
    "PYTHONBREAKPOINT JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS MAVEN_OPTS GRADLE_OPTS GCONV_PATH "
    "LOCPATH EDITOR VISUAL PAGER BROWSER"
)
_NAMES = frozenset(_NAMES_WORDS.split())
# Harmless while a job may start anything; beside rules for commands they would be a way around them.
_BESIDE_RULES = frozenset({"PYTHONPATH", "NODE_PATH", "CLASSPATH", "MAKEFLAGS", "GOFLAGS", "RUSTFLAGS", "CC", "CXX"})


def steers(name: str, *, rules: bool) -> bool:
    """Whether a variable makes programs run something else; `rules`: whether the job's commands are bounded."""
    upper = name.upper()
    if upper.startswith(_PREFIXES) or upper.endswith(_SUFFIXES) or upper in _NAMES:
        return True
    return rules and upper in _BESIDE_RULES


def check_env(names: Iterable[str], where: str, *, rules: bool) -> None:
    """Raises: BadInput naming a variable that a job may not set."""
    for name in names:
        if steers(name, rules=rules):
            raise BadInput(
                f"{where}.{name}: a job does not set this variable, which makes programs run something else",
                hint="set it inside the program that the job starts, or leave it out",
            )


def kept(env: Mapping[str, str], *, rules: bool) -> dict[str, str]:
    """What of a job's variables its environment takes."""
    return {name: value for name, value in env.items() if not steers(name, rules=rules)}
