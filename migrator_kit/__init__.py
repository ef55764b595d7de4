"""Moves a dental practice out of Dent-O-Soft into Zoho CRM, and proves that it arrived."""

__version__ = "0.1.0"
