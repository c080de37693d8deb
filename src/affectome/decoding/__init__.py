"""Decoders: recording to emotion. Every decoder is a scikit-learn estimator."""

from affectome.decoding.ridge import RidgeClassifierDecoder, RidgeDecoder

__all__ = ["RidgeClassifierDecoder", "RidgeDecoder"]
