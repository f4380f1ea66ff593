"""Notebooks in and out: from addresses, GitHub and gists, to GitHub, gists and other formats."""
