#!/usr/bin/env python3
"""Replays typical mistakes at the command line, and prints what `nomo` says to each.

    tools/testing/mistakes.py bazel-bin/tools/nomo MODEL.nomo MODEL.onnx

MODEL is one with a single input of pictures and classes as its output, as squeezenet. Each mistake is printed with the exit
code and the message, to be read as a user reads it. The script fails where one does not end as tools/README.md says it does:
an exit code that is not documented, no message, a message of more than a screen, or something that was written by mistake.
"""
import os
import shutil
import subprocess
import sys
import tempfile

# A command, in which m.nomo and m.onnx are the models, and the exit codes that are right.
MISTAKES = [
    # No command, or none that there is.
    ("", 2), ("sumary m.nomo", 2), ("-v", 2), ("--hlep", 2), ("m.nomo", 2), ("help sumary", 2), ("run", 2),
    # Flags.
    ("run m.nomo -i random --topk 3", 2), ("run m.nomo -i random --top-k five", 2), ("run m.nomo -i random --top-k 0", 2),
    ("run m.nomo -i random --top-k", 2), ("run m.nomo -i random --memory-limit 4X", 2), ("run m.nomo --batch=-1 -i random", 2),
    ("run m.nomo -i random --threads 0", 2), ("run m.nomo -i random --repeat 3 --duration 1", 2),
    ("run m.nomo -i random --labels l.txt", 2), ("inspect m.nomo --shape 1x3", 2), ("inspect m.nomo -o x.npz", 2),
    ("convert m.nomo b.onnx --inputs a --outputs b", 2), ("convert m.nomo b.onnx --opset 99", 2), ("summary m.nomo --depth 0", 2),
    ("summary m.nomo --layers --scopes", 2), ("completion tcsh", 2), ("run m.nomo extra -i random", 2),
    # Files.
    ("summary nosuch.nomo", 3), ("summary .", 3), ("summary empty.nomo", 3), ("summary text.nomo", 3), ("summary cut.nomo", 3),
    ("summary cut.onnx", 3), ("run flip.nomo -i random --verify --top-k 1", 1), ("summary m.nomo nosuch.nomo", 3),
    ("convert m.nomo", 2), ("convert m.nomo there.onnx", 2), ("convert m.nomo m.nomo", 2), ("convert m.nomo b.h5", 2),
    ("convert m.nomo nosuch/b.onnx", 5), ("convert nosuch.nomo b.onnx", 3), ("check m.nomo --target nosuch.json", 3),
    ("check m.nomo --target text.nomo", 3), ("check m.nomo --target opset:five", 2),
    # Inputs.
    ("run m.nomo", 2), ("run m.nomo -i x=random", 2), ("run m.nomo -i nosuch.npy", 3), ("run m.nomo -i picture.gif", 2),
    ("run m.nomo -i random:2x3", 2), ("run m.nomo -i random:axb", 2), ("run m.nomo -i random:5..1", 2),
    ("run m.nomo -i random:a..b", 2), ("run m.nomo -i 5", 2), ("run m.nomo -i [1,2", 2), ("run m.nomo -i [1,x]", 2),
    ("run m.nomo -i bad.csv", 3), ("run m.nomo -i bad.png", 3), ("run m.nomo -i random --mean a,b", 2),
    # Outputs.
    ("run m.nomo -i random -o out.json", 2), ("run m.nomo -i random -o x.NPY", 2), ("run m.nomo -i random -o nosuch/x.npy", 5),
    ("run m.nomo -i random -o y=x.npy", 2), ("run m.nomo -i random -o out.csv -o out.csv", 2),
    # Selectors.
    ("inspect m.nomo op:Cnov", 2), ("inspect m.nomo dtype:flot32", 2), ("inspect m.nomo shape:64", 2),
    ("inspect m.nomo kind:lamda", 2), ("inspect m.nomo nosuch", 2), ("inspect m.nomo 'attr:group>1'", 2),
    ("inspect m.nomo '[64'", 2), ("inspect m.nomo op:relu -o x.npz", 2), ("inspect m.nomo op:conv -o x.npy", 2),
    # Edits.
    ("extract m.nomo op:conv", 2), ("extract m.nomo nosuch -o b.nomo", 2), ("edit m.nomo -o b.nomo --rename a", 2),
    ("edit m.nomo -o b.nomo --rename a=b", 2), ("edit m.nomo -o b.nomo --input x=[1]", 2), ("edit m.nomo -o b.nomo --cast int8", 2),
    ("edit m.nomo -o b.nomo --attr 'op:conv:strids=[1,1]'", 2), ("edit m.nomo -o b.nomo --drop-output nosuch", 2),
    # Lists.
    ("ops nn.Sofmax", 2), ("layers Dence", 2),
]


def prepare(folder, nomo_model, onnx_model):
    """Writes the files that the mistakes name."""
    shutil.copy(nomo_model, folder + "/m.nomo")
    shutil.copy(onnx_model, folder + "/m.onnx")
    model = open(nomo_model, "rb").read()
    flipped = bytearray(model)
    flipped[len(model) // 2] ^= 1
    files = {
        "empty.nomo": b"",
        "text.nomo": b"A shopping list: milk, bread.\n",
        "cut.nomo": model[:len(model) // 2],
        "cut.onnx": open(onnx_model, "rb").read()[:5000],
        "flip.nomo": bytes(flipped),
        "there.onnx": b"something",
        "l.txt": b"cat\ndog\n",
        "bad.csv": b"1,x\n2,3\n",
        "bad.png": b"no picture",
    }
    for name, contents in files.items():
        with open(folder + "/" + name, "wb") as file:
            file.write(contents)


def main():
    nomo, nomo_model, onnx_model = (os.path.abspath(path) for path in sys.argv[1:4])
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder, nomo_model, onnx_model)
        before = set(os.listdir(folder))
        for arguments, expected in MISTAKES:
            result = subprocess.run("'%s' %s" % (nomo, arguments), shell=True, cwd=folder, capture_output=True,
                                    stdin=subprocess.DEVNULL, check=False, timeout=120)
            message = result.stderr.decode(errors="replace")
            print("$ nomo %s\n%s\n    %s" % (arguments, "    [exit %d]" % result.returncode,
                                            message.rstrip().replace("\n", "\n    ")))
            written = set(os.listdir(folder)) - before
            what = []
            if result.returncode != expected:
                what.append("expected exit code %d" % expected)
            if not message.startswith("nomo") or (arguments and len(message) > 2000):
                what.append("the message is missing, or too long")
            if written:
                what.append("wrote %s" % ", ".join(sorted(written)))
                before |= written
            if what:
                faults += 1
                print("    ***** %s" % "; ".join(what))
    print("%d mistakes, %d not answered as they should be" % (len(MISTAKES), faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
