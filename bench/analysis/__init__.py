"""From numbers to statements, in both processes: statistics, verdicts, equivalence; reads no clock and no file."""
