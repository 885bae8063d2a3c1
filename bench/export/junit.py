"""Verdicts as JUnit XML, which CI servers show like tests: `regressed` is a failure, `inconclusive` is skipped."""

import io
from collections.abc import Iterable

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from bench.analysis import environments
from bench.analysis.budgets import Check, Checks
from bench.analysis.compare import Comparison
from bench.analysis.memory_and_quality import Change
from bench.analysis.verdicts import Row


def render(found: Comparison | Checks) -> str:
    """One test for each verdict; for a comparison also for all cells together, what was not comparable, what failed."""
    if isinstance(found, Checks):
        return _text("levelfield check", [_checked(item) for item in found.checks])
    return _text("levelfield compare", _comparison(found), differs=environments.text(found.environments))


def _comparison(found: Comparison) -> list[TestCase]:
    cases = [_compared(row) for row in found.rows]
    cases += [_changed(item) for item in found.changes]
    if found.common is not None:
        common = found.common
        cases.append(_case("all cells", "together", common.verdict, _ratio(common.ratio, common.low, common.high)))
    for kind, lines in (("not comparable", found.not_comparable), ("newly failed", found.newly_failed)):
        for line in lines:
            case = TestCase(line, kind)
            case.result = [Error(line, kind)]
            cases.append(case)
    return cases


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


def _case(place: str, name: str, verdict: str, message: str) -> TestCase:
    case = TestCase(name, place)
    if verdict == "regressed":
        case.result = [Failure(message, verdict)]
    elif verdict == "inconclusive":
        case.result = [Skipped(message, verdict)]
    return case


def _checked(item: Check) -> TestCase:
    case = TestCase(f"{item.key} {item.allowed} {item.limit:g}", item.where)
    if item.verdict == "BROKEN":
        case.result = [Failure(f"found {item.found:g}, expected {item.allowed} {item.limit:g}", "broken")]
    elif item.verdict == "not measured":
        case.result = [Error("found no measured value for such a case", item.verdict)]
    return case


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
