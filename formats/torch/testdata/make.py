"""Writes the checkpoints of this folder, and what PyTorch computes from them.

    python3 testdata/make.py

Made with PyTorch 1.13.0 (Debian 12, python3-torch). Every NAME.pt has an entry in
expected.json: the sizes of the layers, an input [T, I] and the output [T, O] for it.
"""

import collections
import json
import os
import zipfile

import torch
from torch import nn

folder = os.path.dirname(os.path.abspath(__file__))
expected = {}
T = 5


def save(name, data, **options):
    torch.save(data, os.path.join(folder, name + ".pt"), **options)


def entry(name, inputs, outputs, **more):
    expected[name] = {"x": inputs.tolist(), "y": outputs.tolist(), **more}


def run(lstm, head, x):
    y, _ = lstm(x.unsqueeze(1))
    y = y.squeeze(1)
    return y if head is None else head(y)


class Model(nn.Module):
    def __init__(self, inputs, hidden, outputs, **options):
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, **options)
        width = options.get("proj_size") or hidden
        self.head = nn.Linear(width * (2 if options.get("bidirectional") else 1), outputs)

    def forward(self, x):
        return run(self.lstm, self.head, x)


def model(name, *sizes, **options):
    m = Model(*sizes, **options)
    x = torch.randn(T, sizes[0])
    entry(name, x, m(x))
    return m


with torch.no_grad():
    torch.manual_seed(1)

    save("lstm", model("lstm", 3, 5, 2).state_dict())
    save("protocol4", model("protocol4", 3, 4, 2).state_dict(), pickle_protocol=4)
    save("stacked", model("stacked", 3, 5, 2, num_layers=2).state_dict())
    save("projection", model("projection", 3, 6, 2, proj_size=4).state_dict())
    save("bidirectional", model("bidirectional", 3, 4, 2, num_layers=2, bidirectional=True).state_dict())
    save("nobias", model("nobias", 2, 4, 1, bias=False).state_dict())
    save("float64", model("float64", 3, 4, 2).double().state_dict())

    for name, dtype in ("float16", torch.float16), ("bfloat16", torch.bfloat16):
        m = Model(3, 4, 2)
        rounded = {k: v.to(dtype) for k, v in m.state_dict().items()}
        m.load_state_dict({k: v.float() for k, v in rounded.items()})
        x = torch.randn(T, 3)
        entry(name, x, m(x))
        save(name, rounded)

    # Parameters, and not their data.
    m = model("parameters", 2, 3, 1)
    save("parameters", dict(m.named_parameters()))

    # A checkpoint as training scripts write it.
    m = model("checkpoint", 2, 3, 1)
    optimizer = torch.optim.Adam(m.parameters())
    with torch.enable_grad():
        m(torch.randn(T, 2)).sum().backward()
    entry("checkpoint", x2 := torch.randn(T, 2), m(x2))
    state = collections.OrderedDict((k, v.clone()) for k, v in m.state_dict().items())
    optimizer.step()
    save("checkpoint", {
        "epoch": 7,
        "model_state_dict": state,
        "optimizer_state_dict": optimizer.state_dict(),
        "loss": torch.tensor(0.25),
        "rng_state": torch.arange(16, dtype=torch.uint8),
        "config": {"lr": 1e-3, "name": "small", "sizes": [2, 3], "shape": m.head.weight.shape, "none": None, "amsgrad": False},
    })

    # Views: transposed, a part of a larger storage, and all of one storage.
    m = model("views", 3, 4, 2)
    state = m.state_dict()
    flat = torch.cat([v.reshape(-1) for v in state.values()])
    offset = 0
    views = {}
    for k, v in state.items():
        views[k] = flat[offset:offset + v.numel()].view(v.shape)
        offset += v.numel()
    views["lstm.weight_hh_l0"] = state["lstm.weight_hh_l0"].t().contiguous().t()
    wide = torch.zeros(16, 7)
    wide[:, 1:6:2] = state["lstm.weight_ih_l0"]
    views["lstm.weight_ih_l0"] = wide[:, 1:6:2]
    save("views", views)

    # A cell alone, and two of them as PyTorch's example of sine waves has them.
    cell = nn.LSTMCell(2, 3)
    x = torch.randn(T, 2)
    h = c = torch.zeros(1, 3)
    rows = []
    for t in range(T):
        h, c = cell(x[t:t + 1], (h, c))
        rows.append(h[0])
    entry("cell", x, torch.stack(rows))
    save("cell", cell.state_dict())

    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm1 = nn.LSTMCell(1, 6)
            self.lstm2 = nn.LSTMCell(6, 6)
            self.linear = nn.Linear(6, 1)

    m = Sequence()
    x = torch.randn(T, 1)
    h1 = c1 = h2 = c2 = torch.zeros(1, 6)
    rows = []
    for t in range(T):
        h1, c1 = m.lstm1(x[t:t + 1], (h1, c1))
        h2, c2 = m.lstm2(h1, (h2, c2))
        rows.append(m.linear(h2)[0])
    entry("cells", x, torch.stack(rows), head="linear")
    save("cells", m.state_dict())

    # Two networks in one file.
    encoder, decoder = Model(3, 4, 2), Model(2, 3, 1)
    x = torch.randn(T, 2)
    entry("two", x, decoder(x), prefix="decoder")
    save("two", {"encoder": encoder.state_dict(), "decoder": decoder.state_dict()})

    # That of docs/torch.md.
    os.chdir(folder)
    exec(open("page.py").read(), {})

    # Refused, each by its own words.
    save("module", nn.LSTM(1, 1))
    save("legacy", nn.LSTM(1, 1).state_dict(), _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(nn.Linear(1, 1)), os.path.join(folder, "script.pt"))

    # Of a big-endian machine: the same file with the bytes of its numbers turned.
    m = model("bigendian", 2, 3, 1)
    save("bigendian", m.state_dict())
    path = os.path.join(folder, "bigendian.pt")
    with zipfile.ZipFile(path) as z:
        records = [(i, z.read(i)) for i in z.namelist()]
    with zipfile.ZipFile(path, "w") as z:
        for name, data in records:
            if "/data/" in name:
                data = b"".join(data[i:i + 4][::-1] for i in range(0, len(data), 4))
            z.writestr(name, data)
        z.writestr(records[0][0].split("/")[0] + "/byteorder", "big")

with open(os.path.join(folder, "expected.json"), "w") as f:
    json.dump(expected, f)
