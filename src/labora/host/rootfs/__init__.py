"""The root file system of runtimes: made once, shared read-only, with a private writable layer for each of them."""
