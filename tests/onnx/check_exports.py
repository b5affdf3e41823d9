"""Holds every .onnx file of a folder against ONNX's checker; names those that it refuses."""

import pathlib
import sys

import onnx


def fault(path):
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:  # the checker and its shape inference raise several kinds
        return f"{path.name}: {str(error).strip().splitlines()[0]}"
    return None


def main(folder):
    faults = [text for path in sorted(pathlib.Path(folder).glob("*.onnx")) if (text := fault(path))]
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
