"""The child process: one job in, one result out; everything that touches a framework, by way of its adapter."""
