"""Packs rows for a page: the names of fields stand once, and texts that repeat are numbers."""

from collections.abc import Mapping, Sequence

from bench.report.figures import Row

FIGURE = ("value", "low", "high", "processes", "doubt", "lost")
FIGURES = "figures"  # the field with the figures of a cell, by metric


def packed(rows: Sequence[Row]) -> Row:
    """The rows as lists of values in the order of `keys`; a field that a row does not have is null.

    `texts` has the different texts of each field that only has texts; its values are their places in this list. A
    figure is a list: the place of its metric in `metrics`, then the values of `FIGURE`, with the place of its doubt in
    `doubts`.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row))
    texts: dict[str, dict[str, int]] = {
        key: {} for key in keys if all(isinstance(row.get(key), str) or key not in row for row in rows)
    }
    metrics: dict[str, int] = {}
    doubts: dict[str, int] = {}

    def value(row: Row, key: str) -> object:
        found = row.get(key)
        if found is not None and key in texts:
            return texts[key].setdefault(found, len(texts[key]))
        return _figures(found, metrics, doubts) if key == FIGURES and found is not None else found

    lines = [[value(row, key) for key in keys] for row in rows]
    known = {key: [*found] for key, found in texts.items()}
    return {"keys": keys, "texts": known, "metrics": [*metrics], "doubts": [*doubts], "rows": lines}


def _figures(found: Mapping[str, Row], metrics: dict[str, int], doubts: dict[str, int]) -> list[list[object]]:
    return [
        [
            metrics.setdefault(name, len(metrics)),
            *(figure[key] if key != "doubt" else doubts.setdefault(figure[key], len(doubts)) for key in FIGURE),
        ]
        for name, figure in found.items()
    ]


def unpacked(content: Row) -> list[Row]:
    """The rows again, as the page itself unpacks them; fields that are null are left out."""
    keys, texts = content["keys"], content["texts"]
    return [
        {key: _unpacked(content, key, value, texts) for key, value in zip(keys, line, strict=True) if value is not None}
        for line in content["rows"]
    ]


def _unpacked(content: Row, key: str, value: object, texts: Mapping[str, Sequence[str]]) -> object:
    if key in texts and isinstance(value, int):
        return texts[key][value]
    if key != FIGURES or not isinstance(value, list):
        return value
    doubts = content["doubts"]
    return {
        content["metrics"][metric]: {**dict(zip(FIGURE, values, strict=True)), "doubt": doubts[values[-2]]}
        for metric, *values in value
    }
