"""Wine recognition (UCI): one of three growers from 13 measurements; the class number is predicted as a real number."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.datasets import tables
from bench.datasets.base import Split, public_file
from bench.datasets.description import Description, Part, Switch, checked
from bench.datasets.tables import Splitting, Table

ADDRESS = "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/wine.csv"
SHA256 = "e9c16b779f9194945067f65118da6afb317ef60c6515879c50124dc4f6cdd756"
ROWS, FEATURES = 178, 13


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(Splitting):
    """By default the rows are split into ten folds. One fold is for testing, the other nine are for training."""

    folds: Annotated[int, Field(ge=2, strict=True)] | None = 10
    seed: tables.Seed = 7
    standardise: Switch = True


def describe(options: Options) -> Description:
    """178 rows of 13 features; the target is the class number 1, 2 or 3."""
    return Description(
        name="wine",
        task="regression",
        sample_shape=(FEATURES,),
        outputs=1,
        **tables.sizes(ROWS, options),
        unit="class",
        source="UCI wine recognition, github.com/jbrownlee/Datasets",
        download=True,
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the options and of the sha256 of the file, which is verified before it is read."""
    return tables.fingerprint(options, SHA256)


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError if the file is missing, damaged or malformed."""
    path = public_file("wine/wine.csv", address=ADDRESS, sha256=SHA256)
    frame = tables.read_csv(path, rows=ROWS, columns=FEATURES + 1)
    inputs = tables.numbers(frame.drop(columns=FEATURES), path, lowest=0.0)
    classes = tables.numbers(frame[[FEATURES]], path, lowest=1.0, highest=3.0)
    return tables.split(Table(inputs=inputs, targets=classes), options, part)
