"""Times frameworks and reads the state of the machine meanwhile, by the same loop for every framework."""
