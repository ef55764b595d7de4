"""Screens of the notebooks where a person decides; each reads as a plain table under papermill."""
