"""Finding files by their names and what stands in them."""
