"""The drive as a folder inside a runtime."""
