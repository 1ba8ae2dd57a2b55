"""Writes the files of this folder, and what PyTorch computes from them.

    python3 make.py

Made with PyTorch 1.13.0 (Debian 12, python3-torch). RTNeural's own scripts write the same
forms: python/model_utils.py from Keras, python/lstm_torch.py and model_utils_torch.py from
PyTorch. Every NAME.json has an entry in expected.json: an input [T, I] and the output [T, O]
for it.
"""

import json
import os

import torch
from torch import nn

folder = os.path.dirname(os.path.abspath(__file__))
expected = {}
T = 5


def save(name, file, x, y, head=""):
    with open(os.path.join(folder, name + ".json"), "w") as f:
        json.dump(file, f)
    expected[name] = {"x": x.tolist(), "y": y.tolist(), "head": head}


def state(module):
    return {k: v.tolist() for k, v in module.state_dict().items()}


def lstm_layers(lstm):
    """The layers of an nn.LSTM as Keras has them: transposed, with one bias."""
    layers = []
    for l in range(lstm.num_layers):
        w = lambda name: getattr(lstm, f"{name}_l{l}")
        layers.append({
            "type": "lstm",
            "activation": "tanh" if l == 0 else "",
            "shape": [None, None, lstm.hidden_size],
            "weights": [w("weight_ih").t().tolist(), w("weight_hh").t().tolist(), (w("bias_ih") + w("bias_hh")).tolist()],
        })
    return layers


def dense(linear, activation="", kind="dense"):
    return {
        "type": kind,
        "activation": activation,
        "shape": [None, None, linear.out_features],
        "weights": [linear.weight.t().tolist(), linear.bias.tolist()],
    }


def run(lstm, x):
    return lstm(x.unsqueeze(1))[0].squeeze(1)


with torch.no_grad():
    torch.manual_seed(2)

    # Layers before, between and after, with every activation.
    front, lower, middle, upper, fc, last = nn.Linear(2, 3), nn.LSTM(3, 4), nn.Linear(4, 4), nn.LSTM(4, 4, 2), nn.Linear(4, 3), nn.Linear(3, 3)
    x = torch.randn(T, 2)
    y = run(upper, torch.sigmoid(middle(run(lower, torch.relu(front(x))))))
    y = torch.softmax(nn.functional.elu(last(torch.tanh(fc(y)))), 1)
    save("layers", {"in_shape": [None, None, 2], "layers": [
        dense(front, "relu"), *lstm_layers(lower), dense(middle, "sigmoid", "time-distributed-dense"), *lstm_layers(upper), dense(fc, "tanh"), dense(last, "elu"),
        {"type": "activation", "activation": "softmax", "shape": [None, None, 3], "weights": []},
    ]}, x, y)

    # An LSTM and a dense layer, as most effects are; with the input added as AIDA-X has it.
    lstm, fc = nn.LSTM(1, 8), nn.Linear(8, 1)
    x = torch.randn(T, 1)
    layers = [*lstm_layers(lstm), dense(fc)]
    save("small", {"in_shape": [None, None, 1], "layers": layers}, x, fc(run(lstm, x)))
    save("inskip", {"in_shape": [None, None, 1], "in_skip": 1, "in_gain": 0, "out_gain": 0.0, "metadata": {"name": "x"}, "layers": layers}, x, fc(run(lstm, x)) + x)

    # A state_dict, as RTNeural's lstm_torch.py writes it.
    model = nn.ModuleDict({"lstm": nn.LSTM(1, 5), "lstm2": nn.LSTM(5, 5, 2), "dense": nn.Linear(5, 1)})
    save("state", state(model), x, model["dense"](run(model["lstm2"], run(model["lstm"], x))), "dense")

    # As Automated-GuitarAmpModelling saves it, with and without a skip, and with controls.
    for name, inputs, outputs, skip in ("guitar", 1, 1, 1), ("noskip", 1, 1, 0), ("controls", 3, 1, 1), ("stereo", 2, 2, 2):
        model = nn.ModuleDict({"rec": nn.LSTM(inputs, 6), "lin": nn.Linear(6, outputs)})
        x = torch.randn(T, inputs)
        y = model["lin"](run(model["rec"], x))
        if skip:
            y = y + x[:, :skip]
        save(name, {"model_data": {"model": "SimpleRNN", "input_size": inputs, "skip": skip, "output_size": outputs, "unit_type": "LSTM", "num_layers": 1,
                                   "hidden_size": 6, "bias_fl": True}, "state_dict": state(model)}, x, y)

    # That of docs/rtneural.md.
    os.chdir(folder)
    exec(open("page.py").read(), {})

with open(os.path.join(folder, "expected.json"), "w") as f:
    json.dump(expected, f)
