"""From the options of a run to the list of its cases; nothing is started here."""
