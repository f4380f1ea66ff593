"""REST routes, one module per noun; each is thin and declares what it needs."""
