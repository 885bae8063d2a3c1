"""King County house sales (Washington), May 2014 to May 2015, without the lowest and the highest 1 % of prices."""

from pydantic.dataclasses import dataclass

from bench.datasets import tables
from bench.datasets.base import Split, public_file
from bench.datasets.description import Description, Part, Switch, checked
from bench.datasets.tables import Splitting, Table

ADDRESS = (
    "https://raw.githubusercontent.com/Shreyas3108/house-price-prediction/"
    "832e91e7ee468c8b39874e0aa67288c5051271f1/kc_house_data.csv"
)
SHA256 = "d0875baa0251b21d4bdc9d2ae940a4fe0bb6009824f23dd0e2a5b2bf04557b7e"
ROWS, COLUMNS, KEPT, FEATURES = 21613, 21, 21179, 18
UNUSED = ["id", "date"]
TARGET = "price"
TAIL = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, config=checked)
class Options(Splitting):
    """By default 80 % of the rows are for training and 20 % for testing."""

    seed: tables.Seed = 6
    standardise: Switch = True
    standardise_target: Switch = True


def describe(options: Options) -> Description:
    """21179 rows of 18 features."""
    return Description(
        name="house-sales",
        task="regression",
        sample_shape=(FEATURES,),
        outputs=1,
        **tables.sizes(KEPT, options),
        unit="dollars",
        source="King County house sales, github.com/Shreyas3108/house-price-prediction, 2.5 MB; price within 1 to 99 %",
        download=True,
    )


def fingerprint(options: Options) -> str:
    """The sha256 in hex of the options and of the sha256 of the file, which is verified before it is read."""
    return tables.fingerprint(options, SHA256, f"price within {TAIL} to {1 - TAIL}")


def read(options: Options, part: Part) -> Split:
    """One part; raises DataError if the file is missing, damaged or malformed."""
    path = public_file("kc-house/kc_house_data.csv", address=ADDRESS, sha256=SHA256)
    frame = tables.read_csv(path, rows=ROWS, columns=COLUMNS, header=True, text=(*UNUSED,)).drop(columns=UNUSED)
    price = tables.numbers(frame[[TARGET]], path, lowest=0.0)
    inputs = tables.numbers(frame.drop(columns=TARGET), path)
    lowest, highest = frame[TARGET].astype(float).quantile([TAIL, 1 - TAIL])
    kept = (price[:, 0] > lowest) & (price[:, 0] < highest)
    return tables.split(Table(inputs=inputs[kept], targets=price[kept]), options, part)
