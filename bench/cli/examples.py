"""Three examples of each command, as its `--help` prints them."""

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "demo": (
        ("levelfield demo", "measure, and open the report"),
        ("levelfield demo --no-open", "print where the report is"),
        ("levelfield run --suite demo", "the same measurements with options of your own"),
    ),
    "run": (
        ("levelfield run", "suite quick: three networks in three frameworks"),
        ("levelfield run digits-cnn --framework all --seeds 3", "one network in all of them"),
        ("levelfield run mine.toml --device cuda --precision fp32,bf16", "a workload of your own"),
    ),
    "verify": (
        ("levelfield verify", "every workload in every installed framework"),
        ("levelfield verify digits-cnn", "one workload"),
        ("levelfield verify mine.toml --framework pytorch,flax", "a workload of your own"),
    ),
    "tune": (
        ("levelfield tune digits-cnn", "training, in the frameworks of suite quick"),
        ("levelfield tune digits-cnn --framework flax --scenario inference", "inference in Flax"),
        ("levelfield tune digits-cnn --framework pytorch --scripts mine", "write the winner as a script"),
    ),
    "watch": (
        ("levelfield watch", "the newest run, until it ends"),
        ("levelfield watch --once", "how far it is now"),
        ("levelfield watch RUN --results DIR", "a run in another folder"),
    ),
    "report": (
        ("levelfield report", "the newest run"),
        ("levelfield report 2026 --full", "every table of the run whose id begins with 2026"),
        ("levelfield report --format csv", "every figure, one to a line"),
    ),
    "compare": (
        ("levelfield compare RUN latest", "two runs on one machine"),
        ("levelfield compare baseline latest --threshold 10", "changes below 10 % do not count"),
        ("levelfield compare RUN latest --format junit", "for the test page of a CI server"),
    ),
    "check": (
        ("levelfield check budgets.toml", "the newest run"),
        ("levelfield check budgets.toml RUN", "another run"),
        ("levelfield check budgets.toml --format github", "annotations in a GitHub workflow"),
    ),
    "baseline": (
        ("levelfield baseline set latest --why 'release 1.2'", "the newest run becomes the baseline"),
        ("levelfield baseline show", "the baseline of every machine"),
        ("levelfield compare baseline latest", "compare with it"),
    ),
    "list": (
        ("levelfield list workloads", "what can be measured"),
        ("levelfield list devices", "what each framework sees of this machine"),
        ("levelfield list runs", "what was measured"),
    ),
    "show": (
        ("levelfield show digits-cnn", "data, network, recipe, target and timing"),
        ("levelfield show mine.toml", "the same of a workload of your own"),
        ("levelfield show digits-cnn --toml > mine.toml", "a copy to begin with"),
    ),
    "init": (
        ("levelfield init data flats.csv", "a workload for a table of your own"),
        ("levelfield init data flats.csv --target price", "predict this column"),
        ("levelfield init data photos", "a folder with one folder of images for each class"),
    ),
    "predict": (
        ("levelfield predict MODEL test", "predictions for the test data, as CSV"),
        ("levelfield predict MODEL new.csv --output answers.csv", "predictions for a file"),
        ("levelfield predict MODEL test --framework flax", "by another framework"),
    ),
    "drift": (
        ("levelfield drift last-year.csv this-year.csv", "compare two tables, column by column"),
        ("levelfield drift MODEL new.csv", "also the model's outputs, and its quality if the answers are known"),
        ("levelfield drift MODEL new.csv --by date:month", "each month by itself"),
    ),
    "models": (
        ("levelfield models list", "the networks that `run --save-models` has kept"),
        ("levelfield models show production", "the model that has this tag"),
        ("levelfield models tag MODEL production", "give it this tag, and take it from another model"),
    ),
    "machines": (
        ("levelfield machines", "the machines of the Ray cluster that this machine is in"),
        ("levelfield run --executor ray", "send each workload of the suite to one of them"),
        ("levelfield run --resume", "measure what a lost machine has not measured"),
    ),
    "doctor": (
        ("levelfield doctor", "what is installed, and what disturbs measurements here"),
        ("levelfield doctor --calibrate", "measure how noisy this machine is: 15 minutes"),
        ("levelfield doctor --calibrate --suite lecture-quick", "the same with another suite"),
    ),
}


def epilog(command: str) -> str:
    """The examples below the options of `--help`."""
    lines = [f"  [dim]# {what}[/dim]\n  {call}" for call, what in EXAMPLES[command]]
    return "\n".join(("[bold]Examples[/bold]", *lines))
