"""Writes goldens.npz and index.txt, the cases of golden_ops_test, beside itself. Needs NumPy and PyTorch.

goldens.npz has a vector for each dtype, the elements of all tensors one after the other (of bfloat16 the bits). A line
of index.txt is: case, op, rounding (exact, close, or sum:<terms>), inputs, outputs, attributes. Tensors are written
dtype[shape]@offset, where the offset is that of the first element in the vector, with semicolons between them; an input
may be absent, and all may be none. Attributes are written name=type:value, lists with commas between the elements.
"""

import pathlib

import cases_array
import cases_image
import cases_math
import cases_nn
import cases_reduce
import cases_window
import store


def main():
    cases = store.Store()
    for module in (cases_math, cases_reduce, cases_array, cases_nn, cases_window, cases_image):
        module.add(cases)
    cases.write(pathlib.Path(__file__).parent)
    print(len(cases.lines), "cases")


if __name__ == "__main__":
    main()
