"""Providers of runtimes, one module each; :func:`labora.api.compute.make_provider` finds them by name."""
