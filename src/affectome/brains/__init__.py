"""Does another system carry the same code: signatures, encoding models, searchlight, RSA."""
