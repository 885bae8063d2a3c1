"""What is stored, how it is read back, and the figures that follow from one record alone."""
