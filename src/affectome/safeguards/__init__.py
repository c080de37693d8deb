"""What has to be declared before a person is read; stands on nothing, so nothing goes around it."""

from affectome.safeguards.purpose import PURPOSES, PurposeError, forget_purpose, require_purpose

__all__ = ["PURPOSES", "PurposeError", "forget_purpose", "require_purpose"]
