"""The catalogue of data sets, and what of it this server holds."""

from labora.datasets.model import DataFile, Dataset, Progress, Standing, State
from labora.datasets.shelf import Shelf

__all__ = ["DataFile", "Dataset", "Progress", "Shelf", "Standing", "State"]
