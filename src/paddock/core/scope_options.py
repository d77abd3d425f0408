"""Options with which an allowed program would start another one, or write where it likes.

A wildcard of a rule never takes them; a rule that means them writes them out.
"""

from collections.abc import Mapping, Sequence

# Program → options. `--long` also counts abbreviated and with `=value`; `-x` also counts inside a cluster such as
# `-ax`; a longer word with one dash counts as it stands.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "git": (
        "-c",
        "--config-env",
        "--exec-path",
        "--upload-pack",
        "--receive-pack",
        "--ext-diff",
        "--textconv",
        "--output",
        "--open-files-in-pager",
        "-O",
        "--template",
        "--exec",
        "--extcmd",
        "-x",
    ),
    "find": ("-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf", "-fls"),
    "tar": (
        "--checkpoint-action",
        "--to-command",
        "--use-compress-program",
        "--info-script",
        "--rsh-command",
        "-I",
        "-F",
    ),
    "rsync": ("--rsh", "-e", "--rsync-path"),
    "ssh": ("-o", "-F"),
    "rg": ("--pre", "--hostname-bin"),
    "fd": ("--exec", "--exec-batch", "-x", "-X"),
    "sort": ("--compress-program", "--output", "-o"),
    "awk": ("--source", "-e"),
    "sed": ("--in-place", "-i", "--expression", "-e"),
    "python": ("-c",),
    "python3": ("-c",),
    "perl": ("-e", "-E"),
    "ruby": ("-e",),
    "node": ("-e", "-p", "--eval", "--print", "--require", "-r"),
    "sh": ("-c",),
    "bash": ("-c", "--init-file", "--rcfile"),
    "zsh": ("-c",),
    "make": ("--eval", "-f", "--file", "--makefile"),
    "xargs": ("-I", "--replace"),
}


def needs_naming(program: str, arg: str) -> bool:
    """Whether only a rule that writes this argument out may take it."""
    return any(_is(option, arg) for option in OPTIONS.get(program, ()))


def _is(option: str, arg: str) -> bool:
    if option.startswith("--"):
        name = arg.partition("=")[0]
        return name == option or (len(name) > 3 and option.startswith(name))
    if len(option) > 2 or not arg.startswith("-") or arg.startswith("--"):
        return arg == option
    return option[1] in _cluster(arg)


def _cluster(arg: str) -> Sequence[str]:
    """The letters of a word of short options, up to the first character that is none."""
    letters = arg[1:]
    for at, char in enumerate(letters):
        if not (char.isascii() and char.isalpha()):
            return letters[:at]
    return letters
