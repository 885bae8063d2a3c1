"""Sonar (Gorman and Sejnowski 1988; UCI): mine or rock, from the energy in 60 frequency bands."""

from pydantic.dataclasses import dataclass

from bench.datasets import tables
from bench.datasets.base import Split, public_file
from bench.datasets.description import Description, Part, checked
from bench.datasets.tables import Share, Splitting, Table

ADDRESS = "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/sonar.csv"
SHA256 = "3079c09b5d2789a0f96aff82c28e5164fafe2495c5f8da96c6c256c1bd25763f"
ROWS, FEATURES = 208, 60
LABELS = ("R", "M")


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(Splitting):
    """By default 70 % of the rows are for training and 30 % for testing."""

    test: Share = 0.3


def describe(options: Options) -> Description:
    """208 rows of 60 features from 0 to 1; class 0 is a rock, class 1 is a mine."""
    return Description(
        name="sonar",
        task="classification",
        sample_shape=(FEATURES,),
        outputs=len(LABELS),
        **tables.sizes(ROWS, options),
        labels=("rock", "mine"),
        source="UCI connectionist bench, sonar, github.com/jbrownlee/Datasets",
        download=True,
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the options and of the sha256 of the file, which is verified before it is read."""
    return tables.fingerprint(options, SHA256)


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError if the file is missing, damaged or malformed."""
    path = public_file("sonar/sonar.csv", address=ADDRESS, sha256=SHA256)
    frame = tables.read_csv(path, rows=ROWS, columns=FEATURES + 1, text=(FEATURES,))
    inputs = tables.numbers(frame.drop(columns=FEATURES), path, lowest=0.0, highest=1.0)
    labels = tables.labels(frame[FEATURES], LABELS, path)
    return tables.split(Table(inputs=inputs, targets=labels), options, part)
