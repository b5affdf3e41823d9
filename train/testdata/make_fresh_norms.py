#!/usr/bin/env python3
"""A fresh network as PyTorch exports it, and ten steps of its training in PyTorch, for imported_test.

    ./make_fresh_norms.py    # writes fresh_norms.onnx and fresh_norms.npz beside itself; PyTorch 1.13, onnx 1.12

Of weights that are equal the exporter writes one, and an Identity for each of the others: here the weights, biases and
statistics of the normalisations, and the weights of two dense layers that are copies. PyTorch trains them all apart.
"""
import copy
import pathlib

import numpy as np
import onnx
import torch
from torch import nn

HERE = pathlib.Path(__file__).parent
torch.manual_seed(3)
torch.set_num_threads(1)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)
        self.conv2, self.norm2 = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)
        self.one, self.norm3 = nn.Linear(4, 4), nn.BatchNorm1d(4)
        self.other = copy.deepcopy(self.one)
        self.scale, self.head = nn.PReLU(), nn.Linear(4, 3)

    def forward(self, x):
        x = self.norm1(torch.relu(self.conv1(x)))
        x = nn.functional.adaptive_avg_pool2d(self.norm2(torch.relu(self.conv2(x))), 1).flatten(1)
        return self.head(self.other(self.scale(self.norm3(self.one(x)))))


network = Network()
x, y = torch.randn(10, 8, 2, 8, 8), torch.randint(0, 3, (10, 8))
path = HERE / "fresh_norms.onnx"
torch.onnx.export(network.eval(), x[0], path, input_names=["x"], output_names=["logits"], opset_version=15,
                  dynamic_axes={"x": {0: "batch"}, "logits": {0: "batch"}})
model = onnx.load(path)
copies = [node.output[0] for node in model.graph.node if node.op_type == "Identity"]
assert {"norm1.running_var", "norm2.weight", "norm3.bias", "other.weight"} <= set(copies), copies
arrays = {"x": x.numpy(), "y": y.numpy(), "logits": network(x[0]).detach().numpy()}

optimizer = torch.optim.SGD(network.train().parameters(), lr=0.05, momentum=0.9)
losses = []
for batch, labels in zip(x, y):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(network(batch), labels)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
arrays["losses"] = np.array(losses)
for name, weight in network.named_parameters():
    arrays[f"final/{name}"] = weight.detach().numpy()
for name, mean in network.named_buffers():
    if name.endswith("running_mean"):  # of the variance PyTorch keeps another estimate than ONNX
        arrays[f"final/{name}"] = mean.numpy()
np.savez_compressed(HERE / "fresh_norms.npz", **arrays)
print(losses, len(copies))
