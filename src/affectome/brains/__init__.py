"""Does another system carry the same code: signatures, encoding models, searchlight, RSA."""

from affectome.brains.encoding import Encoding, encode, noise_ceiling, trial_bands
from affectome.brains.rsa import Rdms, Rsa, category_model, distance_model, rdms, rsa
from affectome.brains.searchlight import Searchlight, searchlight
from affectome.brains.signature import GroupTest, Signature, signature

__all__ = [
    "Encoding",
    "GroupTest",
    "Rdms",
    "Rsa",
    "Searchlight",
    "Signature",
    "category_model",
    "distance_model",
    "encode",
    "noise_ceiling",
    "rdms",
    "rsa",
    "searchlight",
    "signature",
    "trial_bands",
]
