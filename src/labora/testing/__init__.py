"""Fakes, factories and conformance suites, shipped for plug-in authors."""
