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
    texts: dict[str, list[str]] = {}
    metrics: dict[str, int] = {}
    doubts: dict[str, int] = {}
    columns = {key: [row.get(key) for row in rows] for key in dict.fromkeys(key for row in rows for key in row)}
    for key, column in columns.items():
        if key == FIGURES:
            columns[key] = [None if found is None else _figures(found, metrics, doubts) for found in column]
        elif all(isinstance(row.get(key, ""), str) for row in rows):
            texts[key] = [*dict.fromkeys(text for text in column if text is not None)]
            places = {text: place for place, text in enumerate(texts[key])}
            columns[key] = [None if text is None else places[text] for text in column]
    lines = [list(line) for line in zip(*columns.values(), strict=True)]
    return {"keys": [*columns], "texts": texts, "metrics": [*metrics], "doubts": [*doubts], "rows": lines}


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
