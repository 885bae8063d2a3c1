"""The page of the schema of a stored record."""

from bench.records.record import SCHEMA_VERSION, Record
from reference_pages import keys, markdown
from reference_pages.key_tables import section
from reference_pages.keys import JSON
from reference_pages.markdown import heading

INTRODUCTION = f"""\
Levelfield stores one record for each case. A record is one line of JSON in `results/<machine>/<run>/records.jsonl`.
It is written once and never changed. Metrics are not stored: they are [computed](metrics.md) from the raw values each
time a record is read.

Names end in their unit: `_ns` is nanoseconds, `_s` is seconds, `_bytes` is bytes, `_j` is joules, `_w` is watts, `_mhz`
is megahertz, `_celsius` is degrees Celsius. A value that could not be read is `null`, never 0. Where a description says
*None*, the JSON has `null`. A number may be `NaN` or `Infinity`, as Python's `json` module writes them.

This is schema version {SCHEMA_VERSION}. A key with a default may be missing in records that an older version wrote."""


def page() -> str:
    """The page: the record, and every object inside it."""
    kinds = (Record, *keys.tables(Record))
    return markdown.page(heading(1, "Records"), INTRODUCTION, *(section(kind, JSON, level=2) for kind in kinds))
