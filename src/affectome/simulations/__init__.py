"""Recordings, maps, faces and mice with known truth, to be found again."""

from affectome.simulations.attractor import simulate_attractor
from affectome.simulations.drawn_faces import draw_faces
from affectome.simulations.eeg import simulate_eeg
from affectome.simulations.fmri import simulate_correspondence, simulate_maps
from affectome.simulations.mice import simulate_clips, simulate_mouse
from affectome.simulations.planted import Truth
from affectome.simulations.population import simulate_population

__all__ = [
    "Truth",
    "draw_faces",
    "simulate_attractor",
    "simulate_clips",
    "simulate_correspondence",
    "simulate_eeg",
    "simulate_maps",
    "simulate_mouse",
    "simulate_population",
]
