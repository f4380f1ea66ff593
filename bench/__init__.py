"""Measures Labora beside other notebook servers, alternately in one run (bench/README.md)."""
