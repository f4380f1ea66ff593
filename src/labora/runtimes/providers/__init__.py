"""Providers of runtimes that come with Labora, one module each."""
