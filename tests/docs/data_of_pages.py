"""The files of users that the commands on the pages need."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def write(folder: Path) -> None:
    """Write a clean table, a table with words and gaps, a series, arrays, a folder of images, and the U-Net."""
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    generator = np.random.default_rng(0)
    flats = "".join(f"{30 + 37 * n % 113},{n % 5},{3 * (30 + 37 * n % 113) + n % 7}\n" for n in range(400))
    (folder / "flats.csv").write_text(f"area,rooms,price\n{flats}")
    (folder / "old-flats.csv").write_text(_sold_flats(0, year=2024))
    (folder / "new-flats.csv").write_text(_sold_flats(1, year=2025, larger=1.3))
    (folder / "passengers.csv").write_text("\n".join(["id,boarded,class,sex,age,fare,survived", *_passengers()]) + "\n")
    walk = np.cumsum(generator.normal(size=300)).tolist()
    (folder / "walk.csv").write_text("step,level\n" + "".join(f"{n},{level:.4f}\n" for n, level in enumerate(walk)))
    pixels = generator.integers(0, 256, (100, 8, 8), dtype=np.uint8)
    labels = (np.arange(100) % 4).astype(np.uint8)
    np.savez(folder / "keras.npz", x_train=pixels[:80], y_train=labels[:80], x_test=pixels[80:], y_test=labels[80:])
    for name in ("cat", "dog"):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(20):
            image = Image.fromarray(generator.integers(0, 256, (12, 12, 3), dtype=np.uint8))
            image.save(folder / "photos" / name / f"{number}.png")


def _sold_flats(seed: int, *, year: int, larger: float = 1.0) -> str:
    """Flats that were sold in the first three months of a year, with their areas made larger."""
    random = np.random.default_rng(seed)
    lines = ["sold,town,rooms,area,price"]
    for row in range(1500):
        area = random.gamma(4, 20)
        town = random.choice(["Ulm", "Graz", "Bern"], p=[0.5, 0.3, 0.2])
        day = f"{year}-{row % 3 + 1:02}-{row % 27 + 1:02}"
        price = 3000 * area + random.normal(0, 20000)
        lines.append(f"{day},{town},{random.integers(1, 6)},{larger * area:.1f},{price:.0f}")
    return "\n".join(lines) + "\n"


def _passengers() -> list[str]:
    return [
        f"{row + 1},2019-{row % 12 + 1:02}-{row % 27 + 1:02},{row % 3 + 1},{('male', 'female')[row % 2]},"
        f"{'' if row % 10 == 3 else 20 + row % 41},{row % 13}.5,{'yes' if row % 4 else 'no'}"
        for row in range(160)
    ]
