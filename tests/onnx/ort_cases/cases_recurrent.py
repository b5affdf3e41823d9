"""Recurrent operators: directions, lengths, states, activations and what else their attributes say."""
import numpy as np

from table import const_numbers, numbers

F32 = "float32"
STEPS, BATCH, WIDTH, HIDDEN = 4, 3, 5, 2
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def add(cases):
    lengths, x = np.array([4, 2, 3], np.int32), numbers("x", (STEPS, BATCH, WIDTH), -1, 1)

    def case(op, label, direction="forward", bias=True, lengths=None, states=False, peepholes=False, **attrs):
        ways, rows = 2 if direction == "bidirectional" else 1, GATES[op] * HIDDEN
        inputs = [x, const_numbers("w", (ways, rows, WIDTH), -1, 1), const_numbers("r", (ways, rows, HIDDEN), -1, 1)]
        inputs.append(const_numbers("b", (ways, 2 * rows), -1, 1) if bias else None)
        inputs.append(lengths)
        inputs.append(numbers("h", (ways, BATCH, HIDDEN), -1, 1) if states else None)
        if op == "LSTM":
            inputs.append(numbers("c", (ways, BATCH, HIDDEN), -1, 1) if states else None)
            inputs.append(const_numbers("p", (ways, 3 * HIDDEN), -1, 1) if peepholes else None)
        while inputs[-1] is None:
            inputs.pop()
        cases.add(op, label, inputs, outputs=[F32] * (3 if op == "LSTM" else 2), opset=14, hidden_size=HIDDEN,
                  direction=direction, **attrs)

    for op in GATES:
        case(op, "no bias", bias=False)
        case(op, "clip", clip=0.3, states=True)
        for direction in ("forward", "reverse", "bidirectional"):
            case(op, direction, direction)
            case(op, direction + " states", direction, states=True)
            case(op, direction + " lengths", direction, lengths=lengths, states=True)
    case("RNN", "Relu", activations=["Relu"])
    case("RNN", "two activations", "bidirectional", activations=["LeakyRelu", "Sigmoid"], activation_alpha=[0.3])
    case("RNN", "Affine", activations=["Affine"], activation_alpha=[0.5], activation_beta=[0.25])
    for direction in ("forward", "bidirectional"):
        case("GRU", direction + " linear before reset", direction, lengths=lengths, linear_before_reset=1)
    case("GRU", "activations", activations=["HardSigmoid", "Relu"], activation_alpha=[0.3], activation_beta=[0.4])
    case("LSTM", "peepholes", peepholes=True, states=True)
    case("LSTM", "bidirectional peepholes", "bidirectional", peepholes=True, lengths=lengths)
    case("LSTM", "input forget", input_forget=1)
    case("LSTM", "activations", activations=["HardSigmoid", "Softsign", "Relu"], activation_alpha=[0.3],
         activation_beta=[0.4])
