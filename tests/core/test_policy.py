"""A host's policy: what its file may say, and that what is left of a scope is never wider than either of the two."""

import ipaddress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.core import coding_agents
from paddock.core.coding_agents import Setup
from paddock.core.errors import BadInput
from paddock.core.job import Files, Scope
from paddock.core.policy import Bounds, Hosts, Policy, parse, quiet
from paddock.core.policy import Files as PolicyFiles
from paddock.core.policy_scope import Asked, denials, effective, trifecta
from paddock.core.scope import ALWAYS_DENIED, matches, outside
from paddock.core.scope_env import kept
from paddock.core.scope_hosts import host_name, parse_rule, reachable
from paddock.core.scope_sets import covers, overlap
from paddock.core.secrets import Secret, plain_path

HOUR = 3_600_000


def ask(scope: Scope | None = None, **more: object) -> Asked:
    fields: dict[str, object] = {
        "kind": "command",
        "repo": "https://git.example.org/team/shop.git",
        "scope": scope or Scope(),
        "payload": {"argv": ["make", "test"]},
        "wall_seconds": 600,
    }
    return Asked(**(fields | more))  # type: ignore[arg-type]


def rules(asked: Asked, policy: Policy, now_ms: int = 0) -> list[str]:
    return [denial.rule for denial in denials(asked, policy, now_ms)]


def test_without_a_file_the_policy_is_restrictive_and_lets_plain_jobs_run() -> None:
    assert rules(ask(), Policy()) == []
    assert rules(ask(Scope(hosts=("pypi.org:443",))), Policy()) == ["hosts.allow"]
    left = effective(ask(Scope(degraded=True)), Policy())
    assert not left.degraded and left.hosts == () and set(left.deny) == set(ALWAYS_DENIED)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version = 2", "version"),
        ("sudo = true", "sudo"),
        ("[files]\nwrite = ['../x']", "files.write"),
        ("[files]\nlift = ['.git/**']", "no built-in denial that can be lifted"),
        ("[files]\nlift = ['src/**']", "no built-in denial that can be lifted"),
        ("kinds = ['shell.exec']", "unknown kind"),
        ("commands = [['/bin/sh']]", "commands"),
        ("[hosts]\nallow = ['*.com:443']", "wildcard for everybody"),
        ("[hosts]\nallow = ['10.0.0.1:443']", "names no host"),
        ("[hosts]\nprivate = ['10.0.0.1/8']", "hosts.private"),
        ("[files]\nread = ['/etc']", "no place that can be lent"),
        ("[files]\nread = ['/opt/../proc/x']", "no place that can be lent"),
        ("[files]\nread = ['/srv']\n[secrets.a]\nfile = '/srv/key'", "holds the file of a secret"),
        ("[secrets.a]\nfile = 'key'", "no absolute path"),
        ("[secrets.'../a']\nfile = '/k'", "no name of a secret"),
        ("[secrets.a]\nheader = 'x-key'", "only the proxy adds"),
        ("[secrets.a]\ninto = 'variable'", "names no variable"),
        ("[secrets.a]\nvariable = 'LD_PRELOAD'", "no variable that a run may be given"),
        ("[secrets.a]\nvariable = 'X'\n[secrets.b]\nvariable = 'X'", "belongs to another"),
        ("[secrets.a]\nhost = '*.example.org:443'", "more than one host"),
        ("[secrets.a]\nhost = '10.0.0.1:443'", "names no host"),
        ("[secrets.a]\nhost = 'a.org:443'\nheader = 'Host'", "no field that can be added"),
        ("[secrets.a]\nhost = 'a.org:443'\nform = 'Bearer'", "where the secret stands"),
        ("[secrets.a]\nhost = 'a.org:443'\nform = \"{}\\nX: \"", "where the secret stands"),
        ("[agents.none]\nhome = '/x'", "has no profile"),
        ("[agents.claude]\nsecret = 'a'", "no secret that the proxy adds"),
        ("[agents.claude]\nhome = 'x'", "no absolute path"),
        ("[agents.claude.cache]\n'../x' = '/y'", "no place below a home"),
        ("[agents.claude.env]\nLD_PRELOAD = 'x'", "agents.claude.env"),
        ("quiet_hours = ['22-6']", "quiet_hours"),
        ("[limits]\nprocesses = 0", "processes"),
        ("version = ", "policy.toml"),
        ("x" * 300_000, "256 KiB"),
    ],
)
def test_a_policy_that_cannot_be_held_is_refused_with_its_key(text: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text.encode(), "policy.toml")
    assert told in caught.value.message


def test_each_rule_denies_by_its_name() -> None:
    assert rules(ask(kind="test.run"), Policy(kinds=("command",))) == ["kinds"]
    assert rules(ask(), Policy(repositories=("https://git.example.org/team/*",))) == []
    assert rules(ask(), Policy(repositories=("https://git.example.org/",))) == ["repositories"]
    assert rules(ask(repo="https://git.example.org.evil.test/x"), Policy(repositories=("https://git.example.org/*",)))
    assert rules(ask(), Policy(commands=(("make", "lint"),))) == ["commands"]
    checks = ask(payload={"checks": [["make", "lint"], ["sh", "-c", "x"]]}, kind="test.run")
    assert rules(checks, Policy(commands=(("make", "lint"),))) == ["commands"]
    narrow = Policy(files=PolicyFiles(write=("docs/**",)))
    assert rules(ask(Scope(files=Files(write=("src/**",)))), narrow) == ["files.write"]
    assert rules(ask(Scope(files=Files(write=("**/*.md",)))), narrow) == []
    wide = Policy(hosts=Hosts(allow=("*.example.org:443",)))
    assert rules(ask(Scope(hosts=("a.example.org:443",))), wide) == []
    assert rules(ask(Scope(hosts=("a.example.org:22",))), wide) == ["hosts.allow"]
    assert rules(ask(Scope(hosts=("**.example.org:443",))), wide) == ["hosts.allow"]


def test_quiet_hours_are_passing_and_wrap_midnight() -> None:
    policy = Policy(quiet_hours=("22:00-06:00",))
    assert [bool(quiet(policy, at * HOUR)) for at in (21, 22, 23, 24, 29, 30)] == [False, True, True, True, True, False]
    (denial,) = denials(ask(), policy, 23 * HOUR)
    assert denial.rule == "quiet_hours" and denial.passing


def test_a_denial_is_lifted_only_by_the_policy_and_only_where_the_job_names_it() -> None:
    lifting = Policy(files=PolicyFiles(lift=(".github/workflows/**",)))
    ci = ".github/workflows/ci.yml"
    named, unnamed = Scope(files=Files(write=("src/**", ci))), Scope()
    assert effective(ask(named), lifting).writable(ci)
    assert not effective(ask(unnamed), lifting).writable(ci)
    assert not effective(ask(named), Policy()).writable(ci)
    assert not effective(ask(Scope(files=Files(write=(".vscode/x",)))), lifting).writable(".vscode/x")


@pytest.mark.parametrize(
    "path",
    [".GIT/hooks/x", ".gi\u200ct/config", ".ｇit/config", "a/.Git. /config", ".env.local", "K.PEM"],
)
def test_no_writing_of_a_name_gets_around_a_denial(path: str) -> None:
    assert outside([path], ["**"]) == [path]


def test_how_agents_are_started_leaves_no_room_for_options() -> None:
    for name, profile in coding_agents.PROFILES.items():
        argv, told = coding_agents.start(name, Setup(), "--evil", "m")
        assert argv[0] == name and [profile.model, "m"] == argv[argv.index("m") - 1 : argv.index("m") + 1]
        assert told == b"--evil" if profile.brief == "stdin" else argv[-2:] == ["--", "--evil"]
    assert coding_agents.start("own", Setup(argv=("own", "-q")), "x", "m") == (["own", "-q"], b"x")
    coding = ask(Scope(secrets=("k",)), kind="code.agent", payload={"agent": "claude", "brief": "x"})
    policy = Policy(secrets={"k": Secret(host="a.org:443")}, agents={"claude": Setup(secret="k")})
    assert rules(coding, policy) == [] and rules(coding, Policy()) == ["secrets", "agents"]
    assert rules(msgspec.structs.replace(coding, scope=Scope()), policy) == ["agents"]
    assert not effective(coding, msgspec.structs.replace(policy, allow_degraded=True)).degraded


def test_paths_that_servers_read_in_different_ways_are_not_plain() -> None:
    assert plain_path("/v1/a-b_c.d") and plain_path("/v1/") and plain_path("/")
    for path in ("/v1/../x", "/v1/./x", "//x", "/v1//x", "/a%2Fb", "/%2e%2e/x", "/a%5cb", "/a;b/../c", "x", "/a%00"):
        assert not plain_path(path), path


def test_three_things_together_need_the_owner() -> None:
    gist = Scope(hosts=("gist.github.com:443",), untrusted=True)
    policy = Policy(hosts=Hosts(allow=("gist.github.com:443", "pypi.org:443")))
    assert trifecta(gist) and rules(ask(gist), policy) == ["allow_trifecta"]
    assert rules(ask(gist), msgspec.structs.replace(policy, allow_trifecta=True)) == []
    mixed = msgspec.structs.replace(gist, hosts=(*gist.hosts, "pypi.org:443"))
    narrowing = msgspec.structs.replace(policy, narrow_trifecta=True)
    left = effective(ask(mixed), narrowing)
    assert rules(ask(mixed), narrowing) == [] and (left.hosts, left.narrowed) == (("pypi.org:443",), gist.hosts)
    held = {"token": Secret(), "upload": Secret(host="gist.github.com:443")}
    public = Scope(public=True, untrusted=True, secrets=("upload", "token"))
    assert trifecta(public, held) and not trifecta(msgspec.structs.replace(public, secrets=("upload",)), held)
    narrowing = msgspec.structs.replace(narrowing, secrets=held)
    assert set(effective(ask(public), narrowing).secrets) == {"token"}
    for field, value in (("untrusted", False), ("public", True), ("hosts", ("pypi.org:443",)), ("hosts", ())):
        assert rules(ask(msgspec.structs.replace(gist, **{field: value})), policy) == []


def test_limits_are_the_lower_ones() -> None:
    left = effective(ask(wall_seconds=600), Policy(limits=Bounds(wall_seconds=300)))
    assert left.limits.wall_seconds == 300
    assert effective(ask(wall_seconds=60), Policy(limits=Bounds(wall_seconds=300))).limits.wall_seconds == 60


segment = st.sampled_from(["a", "b", "ab", "*", "?", "a*", "*b", "**", "??"])
pattern = st.lists(segment, min_size=1, max_size=4).map("/".join)
name = st.sampled_from(["a", "b", "ab", "ba", "c", "aab", ".git", ".GIT", ".env"])
path = st.lists(name, min_size=1, max_size=5).map("/".join)
patterns = st.lists(pattern, max_size=3).map(tuple)


@settings(max_examples=300, deadline=None)
@given(patterns, patterns, patterns, patterns, path)
def test_what_is_left_is_inside_the_scope_and_inside_the_policy(
    mine: tuple[str, ...], not_mine: tuple[str, ...], theirs: tuple[str, ...], denied: tuple[str, ...], given_: str
) -> None:
    scope = Scope(files=Files(write=mine, deny=not_mine))
    policy = Policy(files=PolicyFiles(write=theirs, deny=denied))
    left = effective(ask(scope), policy)
    inside = left.writable(given_)
    assert not inside or given_ not in outside([given_], mine, not_mine)
    assert not inside or given_ not in outside([given_], theirs, denied)
    narrower = msgspec.structs.replace(policy, files=PolicyFiles(write=theirs[:1], deny=(*denied, "b/**")))
    assert inside or not effective(ask(scope), narrower).writable(given_)
    if inside:
        assert any(overlap(one, other) for one in mine for other in theirs)


@settings(max_examples=300, deadline=None)
@given(pattern, pattern, path)
def test_patterns_as_sets(one: str, other: str, given_: str) -> None:
    assert overlap(one, other) == overlap(other, one)
    if matches(one, given_) and matches(other, given_):
        assert overlap(one, other)
    if covers(one, other) and matches(other, given_):
        assert matches(one, given_)


@pytest.mark.parametrize(
    ("rule", "host", "port", "takes"),
    [
        ("pypi.org:443", "pypi.org", 443, True),
        ("pypi.org:443", "PyPI.org.", 443, True),
        ("pypi.org:443", "evilpypi.org", 443, False),
        ("pypi.org:443", "pypi.org", 22, False),
        ("pypi.org:443,8443", "pypi.org", 8443, True),
        ("*.example.org:443", "example.org", 443, False),
        ("*.example.org:443", "a.example.org", 443, True),
        ("*.example.org:443", "a.b.example.org", 443, False),
        ("*.example.org:443", "evilexample.org", 443, False),
        ("**.example.org:443", "a.b.example.org", 443, True),
        ("**.example.org:443", "example.org", 443, False),
    ],
)
def test_host_rules(rule: str, host: str, port: int, takes: bool) -> None:
    assert parse_rule(rule).takes(host_name(host), port) is takes


BAD_RULES = """
pypi.org pypi.org: pypi.org:0 pypi.org:65536 pypi.org:x :443 *:443 **.org:443 *.co.uk:443 *.github.io:443 a.*.org:443
1.2.3.4:443 [::1]:443 0x7f.1:443 a..b:443 -a.org:443 a_.org.:443 https://pypi.org:443 ü.org:443 PyPI.org:443 a@b.org:443
"""


@pytest.mark.parametrize("rule", BAD_RULES.split())
def test_a_host_rule_that_cannot_be_held_is_refused(rule: str) -> None:
    with pytest.raises(BadInput, match=r"scope\.hosts"):
        parse_rule(rule)


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("::127.0.0.1", False),
    ],
)
def test_addresses_that_are_not_public_are_not_reached(address: str, reached: bool) -> None:
    assert reachable(ipaddress.ip_address(address)) is reached


def test_a_private_range_is_reached_where_the_owner_names_it() -> None:
    private = [ipaddress.ip_network("10.1.0.0/16")]
    assert reachable(ipaddress.ip_address("10.1.2.3"), private)
    assert reachable(ipaddress.ip_address("::ffff:10.1.2.3"), private)
    assert not reachable(ipaddress.ip_address("10.2.0.1"), private)


def test_variables_that_steer_programs_are_left_out() -> None:
    env = {name: "x" for name in ("LD_PRELOAD", "GIT_SSH_COMMAND", "NODE_OPTIONS", "BASH_ENV", "https_proxy", "DEBUG")}
    assert kept(env, rules=False) == {"DEBUG": "x"}
    assert kept({"PYTHONPATH": "src"}, rules=False) and not kept({"PYTHONPATH": "src"}, rules=True)
