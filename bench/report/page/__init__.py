"""The interactive page: one HTML file with the data of a report, the charts, and the programs that show them."""
