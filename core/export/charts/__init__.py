"""Charts as geometry: what stands where. The report's template draws them as SVG."""
