"""Voices: sound files, speech, 88 features of a voice, and what a small encoder hears in it."""

from affectome.features.voice.functionals import FEATURES, voice_functionals
from affectome.features.voice.sound import read_sound, sound_blocks
from affectome.features.voice.speech import speech_probability, speech_stretches
from affectome.features.voice.tracks import VoiceTracks, voice_tracks

__all__ = [
    "FEATURES",
    "VoiceTracks",
    "read_sound",
    "sound_blocks",
    "speech_probability",
    "speech_stretches",
    "voice_functionals",
    "voice_tracks",
]
