"""What is asked for, in both processes: workloads, suites, recipes, model families, frameworks, saved models."""
