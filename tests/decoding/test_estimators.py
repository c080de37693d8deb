from sklearn.utils.estimator_checks import parametrize_with_checks

from affectome.decoding import (
    PLSClassifierDecoder,
    PLSDecoder,
    RidgeClassifierDecoder,
    RidgeDecoder,
    ShrinkageLDA,
)


@parametrize_with_checks(
    [
        RidgeDecoder(),
        RidgeDecoder(alpha=(0.1, 1.0, 10.0)),
        RidgeClassifierDecoder(),
        RidgeClassifierDecoder(alpha=(0.1, 1.0, 10.0), standardize=False),
        PLSDecoder(),
        PLSClassifierDecoder(),
        ShrinkageLDA(),
        ShrinkageLDA(0.5, standardize=False),
    ]
)
def test_follows_the_rules_of_scikit_learn(estimator, check):
    check(estimator)
