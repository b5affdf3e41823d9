"""Writes functions as Keras stores them, for the Python that runs this: [marshal in base64, defaults, closure] each.

Reads a JSON list of sources from standard input; of what this Python cannot compile it writes null.
"""
import base64
import json
import marshal
import sys

out = []
for source in json.load(sys.stdin):
    names = {}
    try:
        exec(compile(source, "model.py", "exec"), names)
    except SyntaxError:
        out.append(None)
        continue
    f = names["f"]
    closure = [c.cell_contents for c in f.__closure__] if f.__closure__ else None
    out.append([base64.b64encode(marshal.dumps(f.__code__)).decode("ascii"), f.__defaults__, closure])
json.dump(out, sys.stdout)
