"""Charts, each declared once: as SVG beside the Markdown page, and interactive on the HTML page."""
