"""The colour of each framework in every chart, and the order of frameworks in every list."""

# Okabe and Ito's colours, which colour-blind readers can tell apart; a framework has the same colour in every chart.
COLOURS = {
    "pytorch": "#D55E00",
    "keras/tensorflow": "#0072B2",
    "keras/jax": "#56B4E9",
    "keras/torch": "#CC79A7",
    "flax": "#009E73",
}
OTHER_COLOUR = "#555555"
GREY = "#666666"


def place(label: str) -> tuple[int, str]:
    """The sort key of a framework in every list: frameworks with a colour of their own come first."""
    contender = label.split(" ", maxsplit=1)[0]
    return (list(COLOURS).index(contender) if contender in COLOURS else len(COLOURS), label)
