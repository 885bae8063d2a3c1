"""California housing (Pace and Barry 1997): the median house value in each block group of the 1990 census."""

import numpy as np
from pydantic.dataclasses import dataclass

from bench.datasets import tables
from bench.datasets.base import Split, public_file
from bench.datasets.description import Description, Part, Switch, checked
from bench.datasets.tables import Share, Splitting, Table

ADDRESS = (
    "https://raw.githubusercontent.com/lapets/course-data-science/"
    "8b7f62812de4e3bd86bbc7879f65691e1775d1c9/cal_housing.data"
)
SHA256 = "d3d8a1a722ae78f91134862727d27a70b1415e7d512a89140406248687f4b902"
ROWS, FEATURES = 20640, 8
COLUMNS = (
    "longitude",
    "latitude",
    "age",
    "rooms",
    "bedrooms",
    "population",
    "households",
    "income",
    "value",
)
UNIT = 100_000  # dollars


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(Splitting):
    """By default 60 % of the rows are for training, 20 % for validation and 20 % for testing."""

    validation: Share | None = 0.25
    seed: tables.Seed = 21
    standardise: Switch = True


def describe(options: Options) -> Description:
    """20640 rows of 8 features, which are computed as in scikit-learn's `fetch_california_housing`."""
    return Description(
        name="california-housing",
        task="regression",
        sample_shape=(FEATURES,),
        outputs=1,
        **tables.sizes(ROWS, options),
        unit="100 000 dollars",
        source="StatLib California housing, github.com/lapets/course-data-science, 2.1 MB",
        download=True,
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the options and of the sha256 of the file, which is verified before it is read."""
    return tables.fingerprint(options, SHA256)


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError if the file is missing, damaged or malformed."""
    path = public_file("california-housing/cal_housing.data", address=ADDRESS, sha256=SHA256)
    frame = tables.read_csv(path, rows=ROWS, columns=len(COLUMNS))
    values = tables.numbers(frame, path)
    longitude, latitude, age, rooms, bedrooms, population, households, income, value = values.T
    # The columns of sklearn.datasets.fetch_california_housing, in the same order.
    features = (
        income,
        age,
        rooms / households,
        bedrooms / households,
        population,
        population / households,
        latitude,
        longitude,
    )
    table = Table(inputs=np.stack(features, axis=1), targets=value[:, None] / UNIT)
    return tables.split(table, options, part)
