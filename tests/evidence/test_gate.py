"""No p, q or interval is made outside the evidence room: nothing else may draw one."""

import ast
from pathlib import Path

import affectome

ROOT = Path(affectome.__file__).parent
ROOMS = {"evidence", "simulations"}
DRAWS = {
    "permutation",
    "permuted",
    "shuffle",
    "permutation_test_score",
    "bootstrap",
    "fdrcorrection",
    "multipletests",
    "false_discovery_control",
    "combine_pvalues",
    "ttest_1samp",
    "ttest_ind",
    "ttest_rel",
    "wilcoxon",
    "mannwhitneyu",
    "binomtest",
    "proportion_confint",
    "f_oneway",
    "sem",
}
TAILS = {"ppf", "isf", "sf", "cdf"}
SEEDED = {
    # Random numbers that are no statistics: order of batches, which trials a person gives.
    "decoding/few_shot.py",
    "decoding/torch_modules.py",
    "decoding/deep.py",
}


def names_called(tree: ast.AST) -> set[tuple[str, int]]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            found.add((name, node.lineno))
    return found


def test_nothing_outside_the_gate_draws_labels_groups_or_tails():
    broken = []
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if place.split("/")[0] in ROOMS or place in SEEDED:
            continue
        for name, line in names_called(ast.parse(path.read_text())):
            if name in DRAWS | TAILS:
                broken.append(f"{place}:{line} {name}")
    assert not broken, "\n".join(broken)
