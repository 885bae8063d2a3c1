"""How a framework is timed and watched while it works: one loop for every framework."""
