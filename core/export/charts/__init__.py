"""Chart layouts: the positions of everything that the template of the report draws as SVG."""
