"""Whatever a stranger can put into a name, a log, a path or a reason stays text."""

import contextlib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping

from playwright.sync_api import Page, expect

from ui.fleet import House

CORPUS = (
    "<script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 2'>",
    '"><svg onload=window.owned=3>',
    "' autofocus onfocus='window.owned = 4",
    "javascript:window.owned=5",
    "{{ 7 * 7 }}{% raw %}",
    "</pre></details><iframe srcdoc='<script>top.owned=6</script>'></iframe>",
    "<style>*{display:none}</style>",
    "<base href='http://example.invalid/'>",
    "<form action='http://example.invalid/'><button>Approve</button></form>",
    "abc\u202edcba\u2066\u200b\x07\x1b]8;;http://example.invalid\x07link\x1b]8;;\x07",
)
ALL = " ".join(CORPUS)
DIFF = "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n@@ -1,2 +1,2 @@ {0}\n same {0}\n-old {0}\n+new {0}\n"


@contextlib.contextmanager
def urllib_error(address: str) -> Iterator[tuple[int, Mapping[str, str], str]]:
    """The refusal that an address answers with."""
    try:
        with urllib.request.urlopen(address) as answer:
            yield answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            yield error.code, {key.lower(): value for key, value in error.headers.items()}, error.read().decode()


def assert_tame(page: Page) -> None:
    """Nothing of the corpus became markup or ran."""
    assert page.evaluate("window.owned") is None
    for element in ("iframe", "base", "style", "img[src=x]", "[onload]", "[onfocus]", "script:not([src])"):
        assert page.locator(element).count() == 0, element
    for link in page.locator("a").all():
        assert (link.get_attribute("href") or "").startswith(("/", "#")), link
    assert "\u202e" not in page.content()


def test_hostile_text_stays_text_on_every_page(fleet: House, page: Page) -> None:
    fleet.project(checks=[["true"]])
    hand = fleet.join(ALL[:128], slots=9, capabilities=("<b>cap</b>",))
    fleet.submit({"id": "BUG-01", "payload": {"argv": ["sh", "-c", ALL]}}, {"id": "BUG-02"})
    first, second = fleet.beat(hand, want=2)
    fleet.log(first, ALL.encode() + b"\n")
    change = fleet.propose(hand, first, DIFF.format(ALL.replace("\n", "")), paths=(ALL,))
    fleet.beat(hand, fleet.outcome(second, "failed", code=ALL[:64], detail=ALL))
    (check,) = fleet.beat(hand, want=1)
    proof = {"argv": ["true", ALL], "exit_code": 0, "green": True, "missing": [ALL], ALL: [ALL], "tests": 3}
    result = {"commit": "b" * 40, "tree": "c" * 40, "green": True, "checks": [proof]}
    fleet.beat(hand, fleet.outcome(check, result=result))
    fleet.do(fleet.control.store.decide(change, ALL[:90], "approve", ALL, fleet.control.clock.now()))
    for path in ("/", "/jobs", f"/jobs/{first.id}", f"/jobs/{second.id}", "/agents", "/changes", f"/changes/{change}"):
        answer = page.goto(path)
        assert answer is not None and answer.ok, path
        expect(page.locator("html")).to_have_class("scripted")
        assert_tame(page)
    expect(page.get_by_text("<script>window.owned = 1</script>").first).to_be_visible()
    page.goto(f"/jobs/{first.id}")
    expect(page.locator("pre.log")).to_contain_text("<script>window.owned = 1</script>")
    expect(page.locator("pre.log")).to_contain_text("abc⟨U+202E⟩dcba⟨U+2066⟩⟨U+200B⟩␇link")


def test_a_hostile_log_that_arrives_live_stays_text(fleet: House, page: Page) -> None:
    fleet.project()
    hand = fleet.join("ada")
    fleet.submit({"id": "BUG-01"})
    (job,) = fleet.beat(hand, want=1)
    page.goto(f"/jobs/{job.id}")
    for line in CORPUS:
        fleet.log(job, line.encode() + b"\n")
    log = page.locator("pre.log")
    expect(log).to_contain_text("abc⟨U+202E⟩dcba⟨U+2066⟩⟨U+200B⟩␇link")
    assert log.locator("*").count() == 0
    assert_tame(page)


def test_hostile_addresses_stay_text(fleet: House, page: Page) -> None:
    for path in ("/jobs/%3Cscript%3Ewindow.owned=1%3C%2Fscript%3E", "/%3Cimg%20src=x%20onerror=owned=1%3E"):
        with urllib_error(fleet.url + path) as (status, headers, body):
            assert status == 404
            assert "text/html" in headers["content-type"]
            assert "<script>window" not in body and "<img src=x" not in body
            assert "default-src 'none'" in headers["content-security-policy"]
    page.goto("/jobs?project=%22%3E%3Cscript%3Ewindow.owned=1%3C/script%3E&batch=%22%20autofocus%20onfocus=owned=1")
    assert_tame(page)
