"""The cache of fetched data, Parquet files on disk."""
