"""Parts of benchmarks that do not fit into their own files, and what several benchmarks use."""
