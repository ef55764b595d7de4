"""What the notebooks call: one function a cell, each returns something a person can read."""

from migrator_kit.workbench.session import Session, start

__all__ = ["Session", "start"]
