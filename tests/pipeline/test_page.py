"""The report as a page, and the timeline in it."""

from html.parser import HTMLParser

from ci.outcome import Outcome, Record, Status
from ci.page import page
from ci.policy.suites import Suite
from ci.timeline import Bar, timeline

LINT = Outcome("lint", Status.PASSED, Record(1000.0, 1002.0, 0))
UNIT = Outcome("unit", Status.FAILED, Record(1001.0, 1009.0, 1), "exit code 1", "<script>alert(1)</script>")
SMOKE = Outcome("smoke", Status.ERROR, reason="no image")
OLD = Outcome("lock", Status.PASSED, Record(10.0, 12.0, 0))


def test_stages_of_one_run_are_beside_each_other() -> None:
    """Offsets count from the first start."""
    assert timeline([LINT, UNIT]) == (Bar("lint", 0.0, 2.0, False), Bar("unit", 1.0, 8.0, False))


def test_a_result_of_an_earlier_run_does_not_stretch_the_time_axis() -> None:
    """A stage that was not run again keeps the time that it took, and says so."""
    assert timeline([OLD, LINT]) == (Bar("lock", 0.0, 2.0, True), Bar("lint", 0.0, 2.0, False))


def test_a_stage_that_never_ran_has_no_bar() -> None:
    """There is nothing to draw."""
    assert timeline([SMOKE]) == ()


def test_a_long_stage_does_not_split_a_run() -> None:
    """What overlaps in time is one run, however long one stage of it takes."""
    long = Outcome("build", Status.PASSED, Record(0.0, 1000.0, 0))
    assert [bar.earlier for bar in timeline([long, LINT])] == [False, False]


class Collected(HTMLParser):
    """What a browser would load and show."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


def parsed(text: str) -> Collected:
    """Read a page as a browser would."""
    collected = Collected()
    collected.feed(text)
    collected.close()
    return collected


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    """It opens from a folder, and output of a tool in it is only text."""
    read = parsed(page(Suite.FULL, [LINT, UNIT, SMOKE]))
    assert not {"script", "link", "img", "iframe"} & set(read.tags)
    assert read.links == []


def test_the_page_links_to_the_reports_that_exist() -> None:
    """A log, the coverage and the JUnit files are one click away."""
    read = parsed(page(Suite.FULL, [LINT, UNIT], ["logs/lint.txt", "coverage/html/index.html", "junit/unit.xml"]))
    assert read.links == ["logs/lint.txt", "coverage/html/index.html", "junit/unit.xml"]


def test_the_page_says_the_verdict_and_why() -> None:
    """The first line is the verdict; a red stage shows its output and the command that runs it again."""
    text = page(Suite.FULL, [LINT, UNIT, SMOKE])
    assert "<h1>full: 1 of 3 stages passed; unit failed, smoke error</h1>" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<code>ci unit</code>" in text
    assert "margin-left: 11.11%; width: 88.89%" in text


def test_a_page_without_any_times_is_a_page() -> None:
    """Nothing ran: there is no axis, and no division by zero."""
    assert "no image" in page(Suite.QUICK, [SMOKE])
