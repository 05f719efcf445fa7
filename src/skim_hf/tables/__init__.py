"""Tables of texts in files: CSV, TSV, JSON lines and Parquet, with every value as written."""

from __future__ import annotations

from skim_hf.tables.rows import Rows, describe_rows, read_rows, stream_rows

__all__ = ["Rows", "describe_rows", "read_rows", "stream_rows"]
