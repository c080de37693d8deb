"""Mouse faces and the neurons beside them: the study and its report."""

from affectome.studies.mouse_faces.decoding import Draws
from affectome.studies.mouse_faces.study import MouseFaces, has_films, run, run_neurons

__all__ = ["Draws", "MouseFaces", "has_films", "run", "run_neurons"]
