"""`paddock topic` as a person types it."""

import json
from pathlib import Path

from cli.commands import paddock
from support.fleet import Fleet
from support.places import make_traversable, remove_tree


def test_events_are_published_read_and_shared() -> None:
    folder = make_traversable()
    try:
        with Fleet(folder) as fleet:
            _exercise(fleet, folder)
    finally:
        remove_tree(folder)


def _exercise(fleet: Fleet, folder: Path) -> None:
    def topic(*words: str, stdin: str = "") -> tuple[int, str, str]:
        said = paddock(folder, "topic", *words, stdin=stdin, PADDOCK_SERVER=fleet.url)
        return said.code, said.out, said.err

    assert topic("publish", "deploys", "--id", "1", "--data", '{"host": "a1"}')[:2] == (0, "deploys 1\n")
    assert topic("publish", "deploys", "--id", "1", "--data", '{"host": "a1"}')[1] == "deploys 1\n"
    assert topic("publish", "deploys", "--type", "deploy.begun", "--data", "-", stdin="7")[1] == "deploys 2\n"
    code, _, err = topic("publish", "deploys", "--data", "{")
    assert (code, err.count("\n")) == (2, 1) and "--data is no JSON" in err
    shown = topic("read", "deploys", "--after", "1")[1]
    assert "deploy.begun" in shown and shown.count("\n") == 1
    assert [one["data"] for one in json.loads(topic("read", "deploys", "--json")[1])] == [{"host": "a1"}, 7]
    given = json.loads(topic("take", "deploys", "--group", "g", "--max", "9", "--json")[1])["deliveries"]
    first, second = (one["token"] for one in given)
    assert topic("ack", "deploys", "--group", "g", first)[0] == 0
    code, _, err = topic("ack", "deploys", "--group", "g", first)
    assert code == 1 and "not the current delivery" in err
    assert topic("nack", "deploys", "--group", "g", second)[0] == 0
    assert topic("create", "deploys", "--keep-last", "1")[1] == "deploys keeps the latest 1\n"
    assert "g" in topic("groups", "deploys")[1] and "deploys" in topic("list")[1]
    fleet.submit({"id": "one", "kind": "noop"}, {"id": "two", "kind": "noop", "requires": ["gpu"]})
    news = topic("read", "paddock.jobs", "--state", "ready", "--capability", "arm", "--project", "shop")[1]
    assert news.count("\n") == 1 and "paddock.job.ready" in news and '"name": "one"' in news
    code, _, err = topic("read", "nothing")
    assert (code, err.count("\n")) == (2, 1) and "no topic" in err
