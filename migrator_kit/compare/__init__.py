"""Choosing the sample, reading back what Zoho holds, field-level diff, reconciliation, digest."""
