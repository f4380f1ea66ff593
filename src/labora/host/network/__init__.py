"""The way out of a runtime: means, policy, the processes that carry it. See README.md of the host."""
