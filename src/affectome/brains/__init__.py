"""Does another system carry the same code: signatures, encoding, PLS, searchlight, RSA."""

from affectome.brains._banded import BandedRidge
from affectome.brains.across_people import AcrossPeople, pls_across_people
from affectome.brains.encoding import Encoding, encode, explainable_variance, trial_bands
from affectome.brains.rsa import Rdms, Rsa, category_model, distance_model, model_of, rdms, rsa
from affectome.brains.searchlight import Searchlight, searchlight
from affectome.brains.signature import GroupTest, Signature, signature

__all__ = [
    "AcrossPeople",
    "BandedRidge",
    "Encoding",
    "GroupTest",
    "Rdms",
    "Rsa",
    "Searchlight",
    "Signature",
    "category_model",
    "distance_model",
    "encode",
    "explainable_variance",
    "model_of",
    "pls_across_people",
    "rdms",
    "rsa",
    "searchlight",
    "signature",
    "trial_bands",
]
