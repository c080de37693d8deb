"""Decoders: recording to emotion. Every decoder is a scikit-learn estimator."""

from affectome.decoding.lda import ShrinkageLDA
from affectome.decoding.pls import PLSClassifierDecoder, PLSDecoder
from affectome.decoding.ridge import RidgeClassifierDecoder, RidgeDecoder

__all__ = [
    "PLSClassifierDecoder",
    "PLSDecoder",
    "RidgeClassifierDecoder",
    "RidgeDecoder",
    "ShrinkageLDA",
]
