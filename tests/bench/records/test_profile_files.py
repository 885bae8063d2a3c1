"""A profile is written to a file and read back; another file is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.analysis.drift import profiles
from bench.errors import UsageError
from bench.records import profile_files
from bench.records.column_profile import Profile
from tests.bench.analysis.drift.mixed_tables import table


@pytest.fixture
def profile() -> Profile:
    columns = profiles.reference(lambda: iter([table(300, 0)]))
    return Profile(source="a table", columns=columns, metric="mae", quality=1.5)


def test_a_profile_is_read_back_as_it_was(profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    profile_files.write(profile, path)
    assert profile_files.read(path) == profile
    assert profile_files.read(path) != replace(profile, quality=1.4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no JSON", "expected a profile that"),
        ("[]", r"format: found None, expected 1; expected a profile"),
        ('{"format": 2}', r"format: found 2, expected 1"),
        ('{"format": 1, "source": "x"}', r"columns: found no valid value"),
    ],
)
def test_a_file_without_a_profile_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        profile_files.read(path)
