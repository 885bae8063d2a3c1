"""A view is refused with all its mistakes, before a page opens in another one."""

import pytest

from bench.errors import UsageError
from bench.report.page.view import checked
from bench.report.results import by_run
from tests.bench.sample_records import quick_run

RUNS = by_run(quick_run())

WORKLOADS = (
    "--view: workload: found 'digits-cnx' (did you mean digits-cnn or digits-dnn or digits-lstm?), expected one of "
    "digits-cnn, digits-dnn, digits-lstm"
)
NAMES = (
    "--view: found 'frame' (did you mean framework?), expected one of run, device, workload, framework, mode, "
    "precision, scenario, base, sort, cells, theme, open, quiet, steps, batch, limit"
)


@pytest.mark.parametrize(
    "view",
    [
        "",
        "workload=digits-cnn,digits-dnn&framework=keras%2Ftensorflow&scenario=training",
        "base=framework:flax&sort=-training samples/s&theme=dark&quiet=show&steps=100&limit=0.01",
    ],
)
def test_a_view_of_what_the_page_has_stays_as_it_is(view: str) -> None:
    assert checked(view, RUNS) == checked(f"#{view}", RUNS) == view


def test_all_mistakes_of_a_view_are_named_at_once() -> None:
    with pytest.raises(UsageError) as error:
        checked("workload=digits-cnx&steps=many&theme=blue&frame=1&open", RUNS)
    assert str(error.value).splitlines() == [
        "--view: found 'open', expected NAME=VALUE",
        WORKLOADS,
        "--view: steps: found 'many', expected a number",
        "--view: theme: found 'blue', expected light or dark",
        NAMES,
    ]
