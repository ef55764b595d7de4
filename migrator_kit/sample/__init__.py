"""Generator of a Dent-O-Soft practice of any size, dirt included."""

from migrator_kit.sample.generator import SamplePractice, generate

__all__ = ["SamplePractice", "generate"]
