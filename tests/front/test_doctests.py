"""Examples in the docstrings of public names run, and give what stands there."""

import doctest

import affectome as af

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_examples_of_public_names():
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    finder = doctest.DocTestFinder(recurse=False)
    for name in af.__all__:
        for found in finder.find(getattr(af, name), name, globs={"af": af}):
            runner.run(found)
    assert runner.failures == 0
    assert runner.tries >= 10
