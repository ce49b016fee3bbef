"""What lies in the folder of a variant for Core ML."""

FRONT = "front.onnx"
"""Text encoder, durations and noise, for ONNX Runtime; its `.onnx.json` beside it."""
PACKAGE = "body.mlpackage"
"""Flow and decoder, for Core ML."""
UNROUNDED = ".unrounded.mlpackage"
"""The package before its weights were rounded, until it has been verified."""
COMPILED = ".body-{macos}.mlmodelc"
"""The package as that version of macOS compiled it. A cache: no part of what was made."""

NOT_RUN = "converted, not yet run on a Mac"
"""What is said of a variant until Core ML has run it."""
