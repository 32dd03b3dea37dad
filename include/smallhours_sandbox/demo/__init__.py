"""The demo: one night of the real DAGs, under the real scheduler, against the sandbox."""
