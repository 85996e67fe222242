"""The report as one HTML page that needs nothing beside it: verdict, timeline, and why a stage is red."""

from collections.abc import Sequence
from html import escape
from string import Template
from typing import Final

from ci.outcome import Outcome, Status
from ci.summary import headline, rerun_of, seconds_of, verdict_of
from ci.timeline import Bar, timeline

_PAGE: Final = Template("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
  :root { color-scheme: light dark; --passed: #2e9e5b; --failed: #d1383d; --error: #c98a12; --line: #8884; }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.3rem; border-left: .4rem solid var(--$verdict); padding-left: .7rem; }
  table { width: 100%; border-collapse: collapse; }
  td, th { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
  td.number { text-align: right; font-variant-numeric: tabular-nums; }
  td.time { width: 60%; }
  .bar { display: block; height: .9rem; border-radius: .2rem; min-width: 2px; }
  .passed { color: var(--passed); } .failed { color: var(--failed); } .error, .not, .skipped, .left { color: var(--error); }
  .bar.passed { background: var(--passed); } .bar.failed { background: var(--failed); }
  .bar.earlier { opacity: .35; }
  pre { overflow: auto; padding: .8rem; border: 1px solid var(--line); border-radius: .3rem; font-size: 13px; }
  footer { margin-top: 2rem; opacity: .7; }
</style>
<h1>$title</h1>
<table>
<tr><th>stage<th>status<th>seconds<th>when, within $span s</tr>
$rows
</table>
$details
<footer>Pale bars are results of an earlier run that still hold. $links</footer>
</html>
""")


def page(title: str, outcomes: Sequence[Outcome], files: Sequence[str] = (), failures: Sequence[str] = ()) -> str:
    """Render the page; `files` are the reports beside it, as paths, and only these are linked to.

    `failures` are lines that make a run red although no stage does.
    """
    bars = {bar.stage: bar for bar in timeline(outcomes)}
    span = max((bar.offset + bar.seconds for bar in bars.values()), default=0.0)
    return _PAGE.substitute(
        title=escape(headline(title, outcomes, failures)),
        verdict=Status.FAILED if failures else verdict_of(outcomes),
        span=f"{span:.1f}",
        rows="\n".join(_row(outcome, bars.get(outcome.stage), span, files) for outcome in outcomes),
        details="\n".join(_detail(outcome) for outcome in outcomes if outcome.wants_a_look),
        links=" · ".join(_link(path, path) for path in files if _is_for_people(path)),
    )


def _row(outcome: Outcome, bar: Bar | None, span: float, files: Sequence[str]) -> str:
    log = f"logs/{outcome.stage}.txt"
    name = _link(log, outcome.stage) if log in files else escape(outcome.stage)
    return (
        f'<tr><td>{name}<td class="{outcome.status}">{outcome.status}'
        f'<td class="number">{seconds_of(outcome)}<td class="time">{_bar(bar, outcome.status, span)}</tr>'
    )


def _bar(bar: Bar | None, status: Status, span: float) -> str:
    if bar is None or not span:
        return ""
    left, width = (100 * seconds / span for seconds in (bar.offset, bar.seconds))
    classes = f"bar {status} earlier" if bar.earlier else f"bar {status}"
    return f'<span class="{classes}" style="margin-left: {left:.2f}%; width: {width:.2f}%"></span>'


def _detail(outcome: Outcome) -> str:
    output = f"<pre>{escape(outcome.excerpt)}</pre>" if outcome.excerpt else ""
    return (
        f'<h2 class="{outcome.status}">{escape(outcome.stage)}</h2><p>{escape(outcome.reason)}</p>{output}'
        f"<p>Run it again: <code>{escape(rerun_of(outcome))}</code></p>"
    )


def _is_for_people(path: str) -> bool:
    return path in {"coverage/html/index.html", "summary.json", "summary.md"} or path.endswith(".xml")


def _link(path: str, text: str) -> str:
    return f'<a href="{escape(path)}">{escape(text)}</a>'
