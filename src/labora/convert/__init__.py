"""Turns notebooks into pages, texts and scripts and back, in a process of its own."""
