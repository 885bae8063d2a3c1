"""What is stored, in both processes: records, how they are read back, and the metrics of their raw samples."""
