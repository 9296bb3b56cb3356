"""Train a small CNN on scikit-learn's digits, print its accuracy, save its filters.

    python examples/train_digits.py filters.npz [--seed 0] [--epochs 30]

The file holds one HWIO array a layer: `conv1` (3x3x1x16) and `conv2` (3x3x16x32).
"""

import argparse
import os
from pathlib import Path

import numpy as np

from jaxiom.digits import Params, train
from jaxiom.errors import BadInput


def save(params: Params, path: Path) -> None:
    """Write the kernels to `path`, whole or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("wb") as file:
        np.savez(file, conv1=np.asarray(params.kernels[0]), conv2=np.asarray(params.kernels[1]))
    os.replace(unfinished, path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a small CNN on scikit-learn's digits and save its filters.")
    parser.add_argument("path", type=Path, help="where the filters go, an .npz file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    if not arguments.path.parent.is_dir():
        parser.error(f"path is {arguments.path}; its folder does not exist. Create it first.")
    try:
        params, accuracy = train(arguments.seed, arguments.epochs)
    except BadInput as error:
        parser.error(str(error))
    print(f"accuracy on held-out digits: {accuracy:.3f}")
    save(params, arguments.path)
    print(f"filters written to {arguments.path}")


if __name__ == "__main__":
    main()
