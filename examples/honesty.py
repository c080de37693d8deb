"""Ask by simulation whether the evidence keeps its word, print the table and draw the figure.

False alarms and coverage by design, a planted stimulus confound, and power beside its theory. The
numbers in docs/evidence.md are what this prints:

    python examples/honesty.py --sets 1000 --out docs/figures

Coverage and power take half as many data sets. It takes some minutes on two cores; ``--sets 100``
gives a first impression.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from affectome.data import write_json, write_text
from affectome.evidence import honesty
from affectome.reports.style import COLORS, LIGHT, canvas, svg

EFFECTS = {"grouped": 1.0, "rated": 1.0, "blocked": 1.0, "crossed": 1.0, "time series": 1.0}
POWERED = ((0.25, 128), (0.5, 64), (0.5, 96), (0.5, 128), (0.5, 192))


def simulate(sets: int, n_jobs: int) -> dict[str, object]:
    run = Parallel(n_jobs=n_jobs)
    designs = list(honesty.DESIGNS)
    p = run(delayed(honesty.p_values)(design, sets) for design in designs)
    cells = [(design, effect) for design in designs for effect in (0.0, EFFECTS[design])]
    fewer = max(sets // 2, 20)
    covered = run(delayed(honesty.coverage)(design, effect, fewer) for design, effect in cells)
    found = run(delayed(honesty.power)(d, n, fewer) for d, n in POWERED)
    random, double = honesty.confound_scores(max(sets // 10, 20))
    return {
        "sets": {"false alarms": sets, "coverage and power": fewer, "confound": len(random)},
        "p_values": dict(zip(designs, (np.sort(one).tolist() for one in p), strict=True)),
        "coverage": [vars(one) for one in covered],
        "confound": {"random": random.tolist(), "double": double.tolist()},
        "power": [
            {"effect": d, "trials": n, "found": share, "theory": honesty.expected_power(d, n)}
            for (d, n), share in zip(POWERED, found, strict=True)
        ],
    }


def show(result) -> None:
    print("Data sets: " + ", ".join(f"{name} {n}" for name, n in result["sets"].items()))
    print("False alarms: p < .05 without an effect")
    for design, p in result["p_values"].items():
        print(f"  {design:<12} {100 * np.mean(np.array(p) < 0.05):5.1f} %")
    print("Coverage of 95 % intervals")
    for one in result["coverage"]:
        print(
            f"  {one['design']:<12} {one['metric']:<10} effect {one['effect']:3.1f}  expected "
            f"{one['expected']:6.3f}  covered {100 * one['share']:5.1f} %"
        )
    print("Stimulus confound, macro AUC (mean, lowest to highest)")
    for kind, values in result["confound"].items():
        print(f"  {kind:<12} {np.mean(values):.3f} ({np.min(values):.2f} to {np.max(values):.2f})")
    print("Power at .05, one unit")
    for one in result["power"]:
        print(
            f"  d = {one['effect']:.2f}, {one['trials']:3d} trials  found {100 * one['found']:5.1f}"
            f" %  theory {100 * one['theory']:5.1f} %"
        )


def draw(result) -> str:
    figure, axes = canvas(7.6, 5.6, 2, 2)
    alarms, covered, confound, power = axes.ravel()
    for design, p in result["p_values"].items():
        alarms.plot(p, np.arange(1, len(p) + 1) / len(p), label=design)
    alarms.set(title="False alarms: p is uniform", xlabel="p", ylabel="share of data sets")
    alarms.legend()
    names = [f"{c['design']}, effect {c['effect']:.0f}" for c in result["coverage"]]
    covered.axvspan(93, 97, color=COLORS["neutral"], alpha=0.25, lw=0)
    covered.plot([100 * c["share"] for c in result["coverage"]], names, "o")
    covered.set(title="95 % intervals hold the truth", xlabel="% of data sets", xlim=(85, 100))
    for kind, color in (("random", COLORS["second"]), ("double", COLORS["trained"])):
        confound.hist(
            result["confound"][kind], np.linspace(0, 1, 41), color=color, label=f"{kind} split"
        )
    confound.set(title="A stimulus confound", xlabel="macro AUC", ylabel="data sets")
    confound.legend()
    half = [one for one in result["power"] if one["effect"] == 0.5]
    trials = [one["trials"] for one in half]
    power.plot(trials, [100 * one["theory"] for one in half], label="theory")
    power.plot(trials, [100 * one["found"] for one in half], "o", label="found")
    power.set(title="Power for d = 0.5", xlabel="trials", ylabel="% found", ylim=(0, 100))
    power.legend()
    text = svg(figure).replace("max-width:", "background:#fff;max-width:")
    for variable, color in LIGHT.items():
        text = text.replace(variable, color)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=1000, help="data sets without an effect")
    parser.add_argument("--n-jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=Path("run/honesty"))
    options = parser.parse_args()
    result = simulate(options.sets, options.n_jobs)
    show(result)
    write_text(options.out / "honesty.svg", draw(result))
    write_json(options.out / "honesty.json", result)


if __name__ == "__main__":
    main()
