"""What a user can ask to measure: workloads, suites, recipes, model families, frameworks and saved models."""
