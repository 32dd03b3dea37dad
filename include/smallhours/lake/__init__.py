"""The lake: plain Parquet files with schemas, merged by key and replaced atomically."""
