"""Writes gradients/goldens.npz and gradients/index.txt, the cases of golden_gradients_test. Needs NumPy and PyTorch.

They are as make_goldens.py has them, but for the inputs, of which the last is the gradient of the op's first output,
and the outputs, which are the gradients of its floating-point inputs: PyTorch's in float64, rounded once. "sum:<terms>"
says how many products are added up in an element of a gradient.
"""

import pathlib

import cases_gradients
import store


def main():
    store.EXACT.clear()  # an op that is rounded once may have a gradient that is not
    cases = store.Store()
    cases_gradients.add(cases)
    folder = pathlib.Path(__file__).parent / "gradients"
    folder.mkdir(exist_ok=True)
    cases.write(folder)
    print(len(cases.lines), "cases")


if __name__ == "__main__":
    main()
