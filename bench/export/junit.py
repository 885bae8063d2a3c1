"""Verdicts as JUnit XML, which CI servers show like tests: `regressed` is a failure, `inconclusive` is skipped."""

import io
import re
from collections.abc import Iterable

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from bench.analysis import environments
from bench.analysis.budgets import Check, Checks
from bench.analysis.compare import Comparison
from bench.analysis.memory_and_quality import Change
from bench.analysis.missing import Missing
from bench.analysis.verdicts import Row

# What XML 1.0 cannot contain, not even as a reference: a file with it is not read at all.
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(found: Comparison | Checks) -> str:
    """One test for each verdict; for a comparison also for all cells together, and for what cannot have a verdict."""
    if isinstance(found, Checks):
        return _text("levelfield check", [_checked(item) for item in found.checks])
    return _text("levelfield compare", _comparison(found), differs=environments.text(found.environments))


def _comparison(found: Comparison) -> list[TestCase]:
    cases = [_compared(row) for row in found.rows]
    cases += [_changed(item) for item in found.changes]
    if found.common is not None:
        common = found.common
        cases.append(_case("all cells", "together", common.verdict, _ratio(common.ratio, common.low, common.high)))
    if found.rows or found.changes:
        cases += [_lost(item) for item in found.missing]
    lines = (
        ("not comparable", found.not_comparable),
        ("newly failed", found.newly_failed),
        ("nothing in common", found.apart),
    )
    return [*cases, *(_error(line, kind, line, kind) for kind, kinds in lines for line in kinds)]


def _error(name: str, place: str, message: str, kind: str) -> TestCase:
    case = TestCase(_readable(name), _readable(place))
    case.result = [Error(_readable(message), kind)]
    return case


def _compared(row: Row) -> TestCase:
    cell = row.cell
    name = f"{cell.scenario} batch {cell.batch_size} on {cell.device}, {cell.how}, {row.metric.removesuffix('_s')}"
    return _case(
        f"{cell.workload}.{cell.contender}", name, row.verdict, row.reason or _ratio(row.ratio, row.low, row.high)
    )


def _changed(item: Change) -> TestCase:
    cell = item.cell
    name = f"{cell.scenario} batch {cell.batch_size} on {cell.device}, {cell.how}, {item.metric}"
    message = f"{item.baseline:.4g} before, {item.candidate:.4g} now; {item.reason}"
    return _case(f"{cell.workload}.{cell.contender}", name, item.verdict, message)


def _lost(item: Missing) -> TestCase:
    cell = item.cell
    name = f"{cell.scenario} batch {cell.batch_size} on {cell.device}, {cell.how}, {item.what} missing"
    return _error(name, f"{cell.workload}.{cell.contender}", item.sentence, "missing")


def _case(place: str, name: str, verdict: str, message: str) -> TestCase:
    case = TestCase(_readable(name), _readable(place))
    if verdict == "regressed":
        case.result = [Failure(_readable(message), verdict)]
    elif verdict == "inconclusive":
        case.result = [Skipped(_readable(message), verdict)]
    return case


def _checked(item: Check) -> TestCase:
    name = f"{item.key} {item.allowed} {item.limit:g}"
    if item.verdict == "not measured":
        reason = f": {item.reason}" if item.reason else ""
        return _error(name, item.where, f"found no measured value for such a case{reason}", item.verdict)
    case = TestCase(name, _readable(item.where))
    if item.verdict == "BROKEN":
        case.result = [Failure(f"found {item.found:g}, expected {item.allowed} {item.limit:g}", "broken")]
    elif item.verdict == "undecided":
        case.result = [Skipped(_readable(item.doubt), item.verdict)]
    return case


def _readable(text: str) -> str:
    """The text with every character that XML cannot contain written as Python would."""
    return NOT_XML.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _ratio(ratio: float, low: float, high: float) -> str:
    return f"ratio {ratio:.3f}, interval {low:.3f} to {high:.3f}"


def _text(name: str, cases: Iterable[TestCase], *, differs: str = "") -> str:
    suite = TestSuite(name)
    if differs:
        suite.add_property("the sides differ in", differs)
    suite.add_testcases(list(cases))
    file = JUnitXml(name)
    file.add_testsuite(suite)
    text = io.BytesIO()
    file.write(text)
    return text.getvalue().decode()
