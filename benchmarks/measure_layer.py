"""`jaxiom bench` held against its bars (2 cores): exit code 1 where one is missed.

    python benchmarks/measure_layer.py [--images 8] [--rounds 15] [--dtype float32] [--json]

With padding SAME and VALID, over the bare two jitted sides in their faster forms: both sides, drift and prediction at
most 1.25 times; the rounding bound, with its judgement, 2.5 times; the exact check to 2^-60 16 times (aim: 10). The
bare sides together run at 80 % or more of the rate of a plain matrix product.
"""

import argparse
import json
import sys

from jaxiom import speed

BARS = {speed.SIDES: 1.25, speed.BOUND: 2.5, speed.EXACT: 16}
SHARE = 0.8


def missed(found: speed.Speed) -> list[str]:
    ratios = [f"{name}: {found.ratios[name]:.2f} > {bar}" for name, bar in BARS.items() if found.ratios[name] > bar]
    seconds = {side: found.seconds[speed.timed_as(side, form)] for side, form in found.forms.items()}
    rate = sum(found.gflops[side] * seconds[side] for side in seconds) / found.bare
    share = rate / found.gflops["product"]
    return ratios + ([f"the bare sides at {share:.0%} < {SHARE:.0%}"] if share < SHARE else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--json", action="store_true")
    options, records, below = parser.parse_args(), [], []
    for padding in speed.PADDINGS:
        found = speed.run(
            speed.LAYER | {"n": options.images}, dtype=options.dtype, padding=padding, rounds=options.rounds
        )
        records.append(found.record())
        below += [f"missed, {padding}: {line}" for line in missed(found)]
        if not options.json:
            print(found)
    if options.json:
        print(json.dumps({"runs": records, "bars": BARS, "missed": below}, indent=2))
    for line in below:
        print(line, file=sys.stderr)
    return int(bool(below))


if __name__ == "__main__":
    sys.exit(main())
