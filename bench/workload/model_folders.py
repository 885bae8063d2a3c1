"""Names the files of a saved model, and the folder of a run that has its models."""

from pathlib import Path

MODELS = Path("artifacts", "models")
ABOUT, WEIGHTS, PROFILE, FAMILY = "model.json", "weights.npz", "profile.json", "family"
WRITTEN_BY = "expected a file that `levelfield run --save-models` has written"
