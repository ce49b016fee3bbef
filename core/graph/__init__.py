"""Plain ONNX: reading, indexing, building and editing graphs. Knows nothing about voices."""
