"""What is asked for, in files: workloads, suites, recipes, model families, frameworks, saved models."""
