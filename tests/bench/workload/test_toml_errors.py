"""A mistake in a workload's file is reported in one line: file, key, what was found, what is expected."""

import re
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.workload.model_families import family_names
from bench.workload.workload import load_workload
from tests.bench.workloads import Change, toml

FAMILIES = ", ".join(family_names())
DATASET = 'dataset = { name = "synthetic", shape = [6], classes = 3, train = 48, test = 20 }\n'
IMAGES = [
    ("shape = [6]", "shape = [8, 8]"),
    ('"dnn"', '"cnn"'),
]

# For each mistake: the changes that make it, and the start of the line after the name of the file.
MISTAKES: dict[str, tuple[list[Change], str]] = {
    "unknown key": (
        [('title = "Six', 'titel = "Six')],
        (
            "titel: unknown key (did you mean title?), expected one of "
            "band, dataset, grid, large, model, name, recipe, target, timing, title"
        ),
    ),
    "a key with a blank before it": (
        [('title = "Six', '" title" = "Six')],
        '" title": unknown key (did you mean title?), expected one of band, dataset',
    ),
    "a key that is empty": (
        [("[model]", '[model]\n"" = 3')],
        'model."": unknown key, expected one of head_initializer',
    ),
    "unknown key of the model": (
        [("[model]", "[model]\ndepth = 3")],
        "model.depth: unknown key, expected one of head_initializer, hidden",
    ),
    "unknown key of a layer": (
        [("units = 5", "units = 5, width = 2")],
        "model.hidden[0].width: unknown key, expected one of activation, batch_norm, dropout, initializer, layer_norm",
    ),
    "unknown key inside a layer": (
        [("units = 5", "units = 5, batch_norm = { place = 1 }")],
        "model.hidden[0].batch_norm.place: unknown key, expected one of epsilon, momentum, position",
    ),
    "unknown key of the recipe": (
        [("epochs = 2", "epochs = 2\npatience = 1")],
        (
            "recipe.patience: unknown key, expected one of accumulation, batch_size, class_weights, clipping, "
            "early_stopping, epochs, l2, label_smoothing, last_batch, loss, optimizer, schedule, seed, "
            "validation_fraction"
        ),
    ),
    "unknown key of the optimizer": (
        [("learning_rate", "rate")],
        (
            "recipe.optimizer.rate: unknown key, expected one of beta_1, beta_2, decay, epsilon, learning_rate, name, "
            "weight_decay"
        ),
    ),
    "batches of their own that are too large": (
        [("epochs = 2", "epochs = 2\n[timing]\nbatch_sizes = [8, 49]")],
        "timing.batch_sizes: found 49, expected at most 48, the number of training samples",
    ),
    "unknown option of the data set": (
        [("classes = 3", "classes = 3, labels = 3")],
        (
            "dataset.labels: unknown key, expected one of name, shape, classes, outputs, train, test, seed "
            "(data set 'synthetic')"
        ),
    ),
    "missing name": ([('name = "tiny"\n', "")], "name: found nothing, expected a value: this key is required"),
    "missing data set": ([(DATASET, "")], "dataset: found nothing, expected a value"),
    "missing units": ([("units = 5", 'activation = "relu"')], "model.hidden[0].units: found nothing, expected a value"),
    "missing family": ([('family = "dnn"\n', "")], f"model.family: found nothing, expected one of {FAMILIES}"),
    "missing batch size": ([("batch_size = 8\n", "")], "recipe.batch_size: found nothing, expected a value"),
    "missing optimizer": ([('name = "adam", ', "")], "recipe.optimizer.name: found nothing, expected a value"),
    "a name that no folder should have": ([('"tiny"', '"../tiny"')], "name: found '../tiny', expected "),
    "text for a number": (
        [("units = 5", 'units = "5"')],
        'model.hidden[0].units: found the text "5", expected a whole number: leave out the quotes',
    ),
    "a word for a number": (
        [("units = 5", 'units = "five"')],
        'model.hidden[0].units: found the text "five", expected a whole number',
    ),
    "text for a switch": (
        [("title =", 'large = "true"\ntitle =')],
        'large: found the text "true", expected true or false: leave out the quotes',
    ),
    "yes for a switch": ([("title =", 'large = "yes"\ntitle =')], 'large: found the text "yes", expected true or f'),
    "one for a switch": ([("title =", "large = 1\ntitle =")], "large: found 1, expected true or false"),
    "yes for a number": ([("batch_size = 8", "batch_size = true")], "recipe.batch_size: found true, expected a whole"),
    "part of a batch": ([("batch_size = 8", "batch_size = 8.5")], "recipe.batch_size: found 8.5, expected a whole nu"),
    "text for a rate": (
        [("1e-2", '"1e-2"')],
        'recipe.optimizer.learning_rate: found the text "1e-2", expected a number: leave out the quotes',
    ),
    "no units": ([("units = 5", "units = 0")], "model.hidden[0].units: found 0, expected a number greater than 0"),
    "no batch": (
        [("batch_size = 8", "batch_size = 0")],
        "recipe.batch_size: found 0, expected a number greater than 0",
    ),
    "a rate without end": ([("1e-2", "inf")], "recipe.optimizer.learning_rate: found inf, expected a finite number"),
    "a share above 1": (
        [("units = 5", "units = 5, dropout = 1.5")],
        "model.hidden[0].dropout: found 1.5, expected a n",
    ),
    "a table that is a word": ([(DATASET, 'dataset = "digits"\n')], "dataset: found 'digits', expected a table"),
    "a list that is a number": (
        [("[{ units = 5 }]", "5")],
        "model.hidden: found 5, expected a list in square brackets",
    ),
    "a text that is a number": ([('"tiny"', "3")], "name: found 3, expected text in quotes"),
    "an optimizer that is a word": (
        [('{ name = "adam", learning_rate = 1e-2 }', '"adam"')],
        "recipe.optimizer: found 'adam', expected a table with a key `name`",
    ),
    "a switch that is a number": ([("title =", "large = 3\ntitle =")], "large: found 3, expected true or false"),
    "unknown family": ([('"dnn"', '"gan"')], f"model.family: found 'gan', expected one of {FAMILIES}"),
    "unknown optimizer": (
        [('"adam"', '"lion"')],
        "recipe.optimizer.name: found 'lion', expected one of 'sgd', 'adam', 'adamw'",
    ),
    "unknown data set": (
        [('"synthetic"', '"cifar"')],
        "dataset.name: found 'cifar', expected one of breast-cancer, calif",
    ),
    "unknown activation": (
        [("units = 5", 'units = 5, activation = "selu"')],
        "model.hidden[0].activation: found 'selu', expected 'linear', 'relu', 'tanh', 'sigmoid', ",
    ),
    "one class": ([("classes = 3", "classes = 1")], "dataset.classes: found 1, expected a number of at least 2 (data "),
    "a batch larger than the data": (
        [("batch_size = 8", "batch_size = 49")],
        "recipe.batch_size: found 49, expected at most 48, the number of training samples",
    ),
    "a batch larger than what validation leaves": (
        [("batch_size = 8", "batch_size = 37\nvalidation_fraction = 0.25")],
        "recipe.batch_size: found 37, expected at most 36, the number of training samples",
    ),
    "a validation of nothing": (
        [("epochs = 2", "epochs = 2\nvalidation_fraction = 0.001")],
        "recipe.validation_fraction: found 0.001, which leaves 48 of 48 samples to train on",
    ),
    "a validation of everything": (
        [("epochs = 2", "epochs = 2\nvalidation_fraction = 0.999")],
        "recipe.validation_fraction: found 0.999, which leaves 0 of 48 samples to train on",
    ),
    "a loss for another task": (
        [("epochs = 2", 'epochs = 2\nloss = "mean_squared_error"')],
        "recipe.loss: found 'mean_squared_error', expected 'cross_entropy' or 'binary_cross_entropy' or 'sigmoid_mean",
    ),
    "a target for another task": (
        [("epochs = 2\n", 'epochs = 2\n[target]\nmetric = "r2"\nvalue = 0.9\n')],
        "target.metric: found 'r2', expected one of accuracy, precision, recall, f1, roc_auc, loss: the task is class",
    ),
    "a key that the data set decides": (
        [("[model]", "[model]\nfeatures = 6")],
        "model.features: found 6, expected no such key: the data set determines this value",
    ),
    "a family that does not take such samples": (
        [('"dnn"\nhidden', '"cnn"\nconvolutions')],
        (
            "model.family: 'cnn' does not fit the data set 'synthetic': samples have the shape (6,); a cnn takes "
            "(height, width) or (height, width, channels)"
        ),
    ),
    "yes for a switch of a layer": (
        [('"dnn"\nhidden = [{ units = 5 }]', '"lstm"\nlayers = [{ units = 5, unit_forget_bias = "yes" }]')],
        'model.layers[0].unit_forget_bias: found the text "yes", expected true or false',
    ),
    "a date for a text": ([('"tiny"', "2020-01-01")], "name: found 2020-01-01, expected text in quotes"),
    "a key with a line break": ([("title =", '"a\\nb" = 1\ntitle =')], '"a\\nb": unknown key, expected one of band, '),
    "a time for a family": (
        [('"dnn"', "12:00:00")],
        "model.family: found 12:00:00, expected one of cnn, dnn, gru, lstm, rnn",
    ),
    "lists in the place of numbers": (
        [("epochs = 2\n", "epochs = 2\n[timing]\nbatch_sizes = [[8]]\n")],
        "timing.batch_sizes[0]: found [8], expected a whole number",
    ),
    "a percentage for a share": (
        [("epochs = 2\n", 'epochs = 2\n[target]\nmetric = "accuracy"\nvalue = 95\n')],
        "target.value: found 95, expected 0 to 1: write 0.95 for 95 %",
    ),
    "a key that comes from the recipe": (
        [("classes = 3", "classes = 3, held_out = 0.1")],
        "dataset.held_out: unknown key; hold out rows with recipe.validation_fraction",
    ),
    "an image that shrinks to nothing": (
        [*IMAGES, ("hidden = [{ units = 5 }]", "convolutions = [{ filters = 2, pool = 4 }, { filters = 2 }]")],
        "model: the image shrinks to nothing: 8x8 -> 1x1 -> -1x-1; use fewer layers, less pooling or padding 'same'",
    ),
    "a network without its layers": (
        [*IMAGES, ("hidden = [{ units = 5 }]", "convolutions = []")],
        "model.convolutions: found [], expected a list of length 1 or more",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_reported_in_one_line_with_file_key_found_and_expected(mistake: str, tmp_path: Path) -> None:
    changes, line = MISTAKES[mistake]
    path = tmp_path / "mine.toml"
    path.write_text(toml(*changes))
    with pytest.raises(UsageError) as caught:
        load_workload(str(path))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: {line}")


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"[recipe"])
def test_a_file_that_is_not_valid_toml_is_reported_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=rf"^{re.escape(str(path))}: not valid TOML: [^\n]+$"):
        load_workload(str(path))


def test_quotes_are_blamed_only_if_the_text_is_a_value_without_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for text, is_blamed in (("5", True), ("-5", True), ("5.5", False), ("five", False), ("", False)):
        path.write_text(toml(("units = 5", f'units = "{text}"')))
        with pytest.raises(UsageError) as caught:
            load_workload(str(path))
        assert str(caught.value).endswith("leave out the quotes") == is_blamed


def test_all_mistakes_of_a_file_are_told_at_once_unknown_keys_first(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    changes = (
        ('title = "Six', 'titel = "Six'),
        ("units = 5", "unit = 5"),
        ("batch_size = 8", 'batch_size = "8"'),
        ('"adam"', '"adm"'),
        ("classes = 3", "class = 3"),
    )
    path.write_text(toml(*changes))
    with pytest.raises(UsageError) as caught:
        load_workload(str(path))
    message = str(caught.value)
    found = [message.index(text) for text in ("titel: unknown key (did you mean title?)", "recipe.optimizer.name: ")]
    assert found == sorted(found)
    assert "found 'adm' (did you mean adam or adamw?), expected one of 'sgd', 'adam', 'adamw'" in message
    assert 'recipe.batch_size: found the text "8"' in message
    assert "model.hidden[0].unit: unknown key (did you mean units?)" in message
    assert "dataset.class: unknown key (did you mean classes?)" in message
    assert "found nothing" not in message, "a key that is misspelt is not also missing"
    assert message.count(str(path)) == 1


def test_a_list_of_wrong_items_is_not_also_too_short(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for sizes, is_short in (("[[8]]", False), ("[]", True)):
        path.write_text(toml(("epochs = 2\n", f"epochs = 2\n[timing]\nbatch_sizes = {sizes}\n")))
        with pytest.raises(UsageError) as caught:
            load_workload(str(path))
        assert ("expected a list of length 1 or more" in str(caught.value)) == is_short


def test_a_missing_key_is_told_beside_an_unknown_key_of_another_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(toml(("units = 5", "colour = 5")))
    with pytest.raises(UsageError, match=r"hidden\[0\]\.colour: unknown key.*hidden\[0\]\.units: found nothing"):
        load_workload(str(path))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'name = "a"\n\nb = "\xe9"\n', "found text that is not UTF-8 in line 3"),
        (b"a = 1\na = 2\n", "Found the same key twice (at line 2, column 6)"),
        (b"[a.b]\n[a.b]\n", "Found the table [a.b] twice (at line 2, column 5)"),
        (b'a = "\nb = 1\n', "Illegal character (the line ends there) (at line 1, column 6)"),
        (b"name = " + b"[" * 5000, "found a number or a nested list that is too long to read"),
        (b"name = " + b"1" * 5000, "found a number or a nested list that is too long to read"),
    ],
)
def test_library_text_about_a_toml_file_never_reaches_the_user(content: bytes, found: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_workload(str(path))
    assert str(caught.value) == f"{path}: not valid TOML: {found}"


def test_a_file_may_begin_with_a_mark_of_utf_8_and_have_line_ends_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + toml().replace("\n", "\r\n").encode())
    assert load_workload(str(path)).name == "tiny"
