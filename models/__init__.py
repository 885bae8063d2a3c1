"""The networks that are measured, each written once per framework. They know nothing of the harness."""
