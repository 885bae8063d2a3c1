"""From the options of a run to the list of its cases, in the parent process; nothing is started here."""
