"""The data sets: one file for each, found by name; `description` says what they are, `base` loads them."""
