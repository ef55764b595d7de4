"""What a client reads: findings, tables, plots, pages as HTML, lists as CSV, the index of a run."""
