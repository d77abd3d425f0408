"""Claims over git: one ref for each task beside the shared branch and the founding protocol, in the same run.

`./dev bench git --agents 10,25,50,100 --json`; every agent is a process of its own, and all begin at the same moment.
"""

import argparse
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.git_race import PROTOCOLS, Race, race
from bench.git_servers import daemon, smart_http
from bench.place import Place, temporary
from bench.report import Limit, Report, quantile, say
from paddock.gitnative.claiming import Claimed, claim
from paddock.gitnative.fleet import Agent, Fleet
from paddock.gitnative.home import Home
from paddock.gitnative.objects import EMPTY_TREE, ZERO, Object, Person, commit_text, make, tree
from paddock.gitnative.protocol import Push, Update
from paddock.gitnative.remote import Remote
from paddock.gitnative.toon import dumps

AGENTS = (10, 25, 50)
# Agents for ten tasks.
SCALE = (10, 20, 100)
MANY = 10_000


def main(words: list[str]) -> int:
    """Runs this bench with words of its own. Exit code 1 when a budget is missed."""
    parser = argparse.ArgumentParser("./dev bench git", description="Measures claims over git.")
    parser.add_argument("--agents", default=",".join(map(str, AGENTS)), metavar="N,…", help="how many at once")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--quick", action="store_true", help="a smoke run; its figures mean nothing and miss nothing")
    given = parser.parse_args(words)
    with temporary(quick=given.quick) as place:
        report = measure(place, tuple(int(number) for number in given.agents.split(",")))
    print(report.json().decode() if given.json else report.table(), flush=True)
    return 1 if report.missed and not given.quick else 0


def measure(place: Place, agents: Sequence[int] = AGENTS) -> Report:
    """Every protocol with as many tasks as agents, the scale cases, the transports, and many claimed tasks."""
    agents = (1,) if place.quick else agents
    races = {(name, number): _race(place, name, number, number) for number in agents for name in PROTOCOLS}
    figures: dict[str, float] = {}
    for (name, number), one in races.items():
        figures |= _figures(f"{name}_{number}", one)
    scale = {number: _race(place, "announced", number, 10, "scale") for number in ((2,) if place.quick else SCALE)}
    figures |= {f"scale_{number}_agents_10_tasks_claims": one.claims for number, one in scale.items()}
    figures |= _transports(place, 1 if place.quick else 25)
    figures |= _many(place, 30 if place.quick else MANY)
    figures["double_claims"] = sum(one.doubles for one in [*races.values(), *scale.values()])
    figures["claims_beyond_the_tasks"] = sum(max(0, one.claims - 10) for one in scale.values())
    for name in ("announced", "refs", "apart"):
        figures[f"{name}_pushes_per_claim_most"] = max(races[name, number].pushes_per_claim for number in agents)
    at = 50 if 50 in agents else max(agents)
    figures[f"branch_p50_over_refs_at_{at}"] = races["branch", at].p50 / races["announced", at].p50
    return Report(
        name="git",
        about="N agents for N tasks at once: announced and unannounced on refs, shared branch, founding protocol",
        figures=figures,
        floor={"git_push_process_ms_p50": _floor(place)},
        budget={
            "double_claims": Limit(most=0),
            "claims_beyond_the_tasks": Limit(most=0),
            "announced_pushes_per_claim_most": Limit(most=1.05),
            "refs_pushes_per_claim_most": Limit(most=1.5),
            "apart_pushes_per_claim_most": Limit(most=1.5),
            f"branch_p50_over_refs_at_{at}": Limit(least=30),
            "settled_10000_over_none": Limit(most=1.5),
            "standing_10000_over_none": Limit(most=2.5),
        },
        runs=1,
        notes=(
            "times are those of agents that hold a task in the end; pushes count every agent's, cpu the servers' too",
            "apart: not announced, each agent on a host of its own, so that only the refs tell of the others",
            "settled: 10,000 tasks done and folded into files; standing: 10,000 claims whose refs stand, packed",
            "first: the first claim of a process, which looks at every ref; the others look at those that matter",
        ),
    )


def _race(place: Place, name: str, agents: int, tasks: int, what: str = "race") -> Race:
    folder = place.folder(f"{what}-{name}-{agents}")
    url = remote(folder / "remote.git", tasks, protocol="branch" if name == "branch" else "")
    found = race(name, str(url), folder, agents)
    told = f"{found.claims} claims, p50 {found.p50:.0f} ms, {found.pushes_per_claim:.2f} pushes"
    say(f"git: {name} {agents}/{tasks}: {told}")
    return found


def _figures(name: str, one: Race) -> dict[str, float]:
    return {
        f"{name}_claims": one.claims,
        f"{name}_pushes_per_claim": one.pushes_per_claim,
        f"{name}_conflict_rate": one.conflict_rate,
        f"{name}_ms_p50": one.p50,
        f"{name}_ms_p99": one.p99,
        f"{name}_wall_s": one.wall_s,
        f"{name}_cpu_ms_per_claim": one.cpu_ms,
    }


def _transports(place: Place, agents: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    for scheme, serve in (("daemon", daemon), ("http", smart_http)):
        folder = place.folder(f"served-{scheme}")
        remote(folder / "remote.git", agents)
        with serve(folder) as base:
            one = race("announced", f"{base}/remote.git", place.folder(f"home-{scheme}"), agents)
        say(f"git: {scheme} {agents}: {one.claims} claims, p50 {one.p50:.0f} ms")
        figures |= {f"{scheme}_{agents}_{name}": value for name, value in (("claims", one.claims), ("ms_p50", one.p50))}
        figures[f"{scheme}_{agents}_pushes_per_claim"] = one.pushes_per_claim
    return figures


def _many(place: Place, many: int) -> dict[str, float]:
    """Claims in turn where nothing was claimed before, where much is settled, and where much stands."""
    claims = 3 if place.quick else 40
    served = place.folder("many")
    shapes = {"none": (0, 0), "settled": (many, 0), "standing": (0, many)}
    for name, (done, standing) in shapes.items():
        _claimed_before(remote(served / f"{name}.git", 2 * claims, done, standing=standing), standing)
    figures: dict[str, float] = {}
    with smart_http(served) as base:
        for way, root in (("", str(served)), ("http_", base)):
            took = _in_turn({name: f"{root}/{name}.git" for name in shapes}, place.folder(f"many-homes-{way}"), claims)
            figures |= {f"{way}{name}_10000_ms_p50": quantile(rows, 0.5) for name, rows in took.items()}
            figures |= {f"{way}{name}_10000_ms_first": rows[0] for name, rows in took.items()}
            for name in ("settled", "standing"):
                figures[f"{way}{name}_10000_over_none"] = quantile(took[name], 0.5) / quantile(took["none"], 0.5)
    return figures


def _claimed_before(path: Path, standing: int) -> None:
    """Puts claims into a remote and packs its refs."""
    made = [_commit(f"[AGENT-CLAIM] old-{number} claimed OLD-{number:05} from bench") for number in range(standing)]
    updates = [Update(f"refs/paddock/claims/bench/OLD-{at:05}", ZERO, one.id) for at, one in enumerate(made)]
    if updates:
        Remote(str(path)).exchange(lambda _refs: Push(updates, [*made, EMPTY_TREE]))
    _git(path, "pack-refs", "--all")
    _git(path, "repack", "-a", "-d", "-q")
    _git(path, "commit-graph", "write", "--reachable")


def _in_turn(urls: dict[str, str], home: Path, claims: int) -> dict[str, list[float]]:
    """What claims took in milliseconds: one at each remote, then the next, so that all see the same load."""
    fleets = {name: Fleet(Remote(url), Home(home, url)) for name, url in urls.items()}
    for fleet in fleets.values():
        fleet.look()
    took: dict[str, list[float]] = {name: [] for name in urls}
    for number in range(claims):
        for name, fleet in fleets.items():
            got = claim(fleet, Agent(name=f"agent-{number}"))
            assert isinstance(got, Claimed)
            took[name].append(got.ms)
    return took


def _floor(place: Place) -> float:
    """What a git process takes to push one commit to a ref of its own."""
    folder = place.folder("floor")
    url = remote(folder / "remote.git", 1)
    _git(folder, "clone", "--quiet", str(url), "work")
    took = []
    for number in range(3 if place.quick else 20):
        began = time.perf_counter()
        _git(folder / "work", "push", "--quiet", "origin", f"HEAD:refs/floor/{number}")
        took.append((time.perf_counter() - began) * 1e3)
    return quantile(took, 0.5)


def remote(path: Path, tasks: int, done: int = 0, protocol: str = "", standing: int = 0) -> Path:
    """A bare repository with so many tasks open, so many done, and so many more for claims that stand."""
    path.mkdir()
    _git(path, "init", "--quiet", "--bare", "--initial-branch=main")
    _git(path, "config", "http.receivepack", "true")
    opened = [_task(f"NEW-{number:05}") for number in range(tasks)]
    opened += [_task(f"OLD-{number:05}") for number in range(standing)]
    finished = [_task(f"TASK-{number:05}") for number in range(done)]
    folders = [tree(_rows(opened)), tree(_rows(finished))]
    below = {"projects": tree([("40000", "bench", (part := tree([("40000", "tasks", folders[0].id)])).id)])}
    made = [*folders, part, below["projects"]]
    if done:
        below["completed"] = tree([("40000", "bench", folders[1].id)])
        made.append(below["completed"])
    chosen = make("blob", dumps({"coordination": {"protocol": protocol}} if protocol else {}).encode())
    rows = [("40000", name, one.id) for name, one in below.items()]
    agents = tree([*rows, *([("100644", "paddock.toon", chosen.id)] if protocol else [])])
    root = tree([("40000", ".agents", agents.id)])
    commit = _commit("Begin", root.id)
    objects = [*(blob for _, blob in (*opened, *finished)), *made, chosen, agents, root, commit]
    push = Push([Update("refs/heads/main", ZERO, commit.id)], objects)
    seen = Remote(str(path)).exchange(lambda _refs: push)
    assert seen.report is not None and seen.report.ok, seen.report
    return path


def _rows(files: Sequence[tuple[str, Object]]) -> list[tuple[str, str, str]]:
    return [("100644", f"{name}.toon", blob.id) for name, blob in files]


def _task(name: str) -> tuple[str, Object]:
    head = {"id": name, "project": "bench", "title": f"Do {name}", "type": "chore", "priority": 5, "status": "ready"}
    return name, make("blob", dumps({"task": head}).encode())


def _commit(message: str, root: str = EMPTY_TREE.id) -> Object:
    return make("commit", commit_text(message, Person("bench", "bench@example.org", 1_700_000_000), [], root))


def _git(where: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(where), *words], check=True, capture_output=True)
