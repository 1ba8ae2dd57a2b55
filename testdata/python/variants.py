#!/usr/bin/env python3
"""Make the vectors of testdata/variants that PyTorch can say: both directions, projection, layers of other kinds.

    python3 testdata/python/variants.py

Every case is one safetensors file, all F32, of a network and what it does with some sequences at once:

    the parameters, by the names that the model says
    x [rows, I], y [rows, O]  the sequences' steps, one sequence after another
    h0.K [B, R], c0.K [B, H]  what each sequence begins with, for LSTM K; not there for zeros
    h.K, c.K                  what it leaves behind: h_n and c_n

LSTMs are counted as in h_n: layer 0 forward, layer 0 backward, layer 1 forward and so on. The metadata has the
model as JSON (testdata/README.md), the lengths of the sequences, and how much float32 costs: drift_h, drift_c and
drift_y, the largest absolute differences between this float32 run and the same in float64.
"""

import json
from collections import namedtuple
from pathlib import Path

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import tensorfile

VARIANTS = Path(__file__).resolve().parents[1] / "variants"

# lstm is the arguments of an nn.LSTM, merge what is done with its two directions, residual that its input is added
# to its output; any other module stands for itself.
Stage = namedtuple("Stage", "module merge residual")

# begin is where sequences begin: "zero", "given" for each its own, "learned" for one that belongs to the model.
Case = namedtuple("Case", "name stages heads lengths begin seed")


def lstm(*arguments, merge="concat", residual=False, **named):
    return Stage(torch.nn.LSTM(*arguments, **named), merge, residual)


def layer(module):
    return Stage(module, None, False)


def cases():
    nn = torch.nn
    uneven = [7, 3, 9, 1, 4]
    return [
        Case("projection", [lstm(5, 9, proj_size=4)], {}, uneven, "given", 201),
        Case("projection_one", [lstm(3, 8, proj_size=1)], {}, uneven, "zero", 202),
        Case("projection_wide", [lstm(20, 33, proj_size=17)], {}, [12, 5], "given", 203),
        Case("projection_layers", [lstm(5, 12, num_layers=3, proj_size=7, bias=False)], {}, uneven, "given", 204),
        Case("bidirectional", [lstm(5, 9, bidirectional=True)], {}, uneven, "given", 211),
        Case("bidirectional_nobias", [lstm(4, 7, bidirectional=True, bias=False)], {}, uneven, "zero", 212),
        Case("bidirectional_layers", [lstm(6, 10, num_layers=2, bidirectional=True)], {}, uneven, "given", 213),
        Case("bidirectional_wide", [lstm(17, 33, bidirectional=True)], {}, [20, 1, 11], "zero", 214),
        Case("bidirectional_projection", [lstm(5, 9, proj_size=4, bidirectional=True)], {}, uneven, "given", 221),
        Case("bidirectional_projection_layers", [lstm(5, 9, num_layers=3, proj_size=6, bidirectional=True)], {}, uneven, "given", 222),
        Case("bidirectional_long", [lstm(2, 6, num_layers=2, bidirectional=True)], {}, [150, 149], "given", 223),
        Case("merge_sum", [lstm(5, 9, bidirectional=True, merge="sum")], {}, uneven, "given", 231),
        Case("merge_multiply", [lstm(5, 9, bidirectional=True, merge="multiply")], {}, uneven, "given", 232),
        Case("merge_average", [lstm(5, 9, bidirectional=True, merge="average"), lstm(9, 6)], {}, uneven, "given", 233),
        Case("learned_state", [lstm(5, 9, num_layers=2, proj_size=4)], {}, uneven, "learned", 241),
        Case("learned_state_bidirectional", [lstm(5, 9, bidirectional=True)], {}, uneven, "learned", 242),
        Case("residual", [lstm(8, 8), lstm(8, 8, residual=True), lstm(8, 12, proj_size=8, residual=True)], {}, uneven, "given", 251),
        Case("mixed", [lstm(5, 9, proj_size=4), lstm(4, 11), lstm(11, 3, bidirectional=True), lstm(6, 10)], {}, uneven, "given", 252),
        Case("linear_between", [layer(nn.Linear(3, 8)), layer(nn.ReLU()), lstm(8, 9), layer(nn.Linear(9, 5, bias=False)), layer(nn.Tanh()),
                                lstm(5, 7), layer(nn.Linear(7, 4)), layer(nn.Softmax(dim=-1))], {}, uneven, "given", 261),
        Case("linear_bidirectional", [lstm(4, 6, num_layers=2, bidirectional=True), layer(nn.Linear(12, 20)), layer(nn.ReLU()),
                                      layer(nn.Linear(20, 3)), layer(nn.Sigmoid())], {}, uneven, "given", 262),
        Case("heads", [lstm(5, 9)], {"class": [nn.Linear(9, 5), nn.Softmax(dim=-1)], "value": [nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 1)],
                                     "gate": [nn.Linear(9, 2, bias=False), nn.Sigmoid()]}, uneven, "given", 263),
        *(Case("after_" + name, [lstm(4, 18), layer(module)], {}, [9, 2], "given", 270 + i) for i, (name, module) in enumerate({
            "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(), "hard_sigmoid": nn.Hardsigmoid(), "relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.03),
            "thresholded_relu": nn.Threshold(0.125, 0), "softsign": nn.Softsign(), "elu": nn.ELU(0.75), "softplus": nn.Softplus(),
            "softmax": nn.Softmax(dim=-1), "identity": nn.Identity()}.items())),
    ]


def activation(module):
    """The model's words for a module without parameters: name, alpha and beta as they are in ONNX."""
    nn = torch.nn

    def say(function, alpha=0, beta=0):
        return {"kind": "activation", "function": function, "alpha": alpha, "beta": beta}

    if isinstance(module, nn.Hardsigmoid):
        return say("hard_sigmoid", 1 / 6, 0.5)
    if isinstance(module, nn.LeakyReLU):
        return say("leaky_relu", module.negative_slope)
    if isinstance(module, nn.Threshold):
        assert module.value == 0
        return say("thresholded_relu", module.threshold)
    if isinstance(module, nn.ELU):
        return say("elu", module.alpha)
    return say({nn.Sigmoid: "sigmoid", nn.Tanh: "tanh", nn.ReLU: "relu", nn.Softsign: "softsign", nn.Softplus: "softplus",
                nn.Softmax: "softmax", nn.Identity: "identity"}[type(module)])


def other(module, name):
    """The model's words for a module that is no LSTM."""
    if isinstance(module, torch.nn.Linear):
        return {"kind": "linear", "tensors": name + ".*"}
    return activation(module)


def describe(case):
    """The model of a case, as testdata/README.md has it."""
    layers = []
    for i, stage in enumerate(case.stages):
        if not isinstance(stage.module, torch.nn.LSTM):
            layers.append(other(stage.module, str(i)))
            continue
        for l in range(stage.module.num_layers):
            entry = {"kind": "lstm", "forward": {"tensors": f"{i}.*_l{l}"}}
            if stage.module.bidirectional:
                entry["backward"] = {"tensors": f"{i}.*_l{l}_reverse"}
                entry["merge"] = stage.merge
            if stage.residual:
                entry["residual"] = True
            layers.append(entry)
    heads = [{"name": name, "layers": [other(m, f"{name}.{k}") for k, m in enumerate(head)]} for name, head in case.heads.items()]
    return {"layers": layers, "heads": heads}


def modules(case):
    """All modules of a case by the names that its parameters have."""
    named = {str(i): stage.module for i, stage in enumerate(case.stages)}
    named.update((f"{name}.{k}", m) for name, head in case.heads.items() for k, m in enumerate(head))
    return named


def randomize(case, generator):
    """Give every parameter random values: normal matrices, recurrent ones half as large so that no case is chaotic."""
    for module in modules(case).values():
        for name, parameter in module.named_parameters():
            if parameter.dim() == 1:
                values = torch.rand(parameter.shape, generator=generator, dtype=torch.float64) - 0.5
            else:
                gain = 0.75 if "_hh_" in name else 1.5
                values = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * (gain / parameter.shape[1] ** 0.5)
            with torch.no_grad():
                parameter.copy_(values.float())


def states(module):
    """How many LSTMs a module has, and the elements of their h and c."""
    return module.num_layers * (2 if module.bidirectional else 1), module.proj_size or module.hidden_size, module.hidden_size


def run(case, x, begin):
    """x is a PackedSequence, begin (h, c) of every nn.LSTM; returns y the same way, and h and c of every LSTM."""
    ends, used = [], iter(begin)
    for stage in case.stages:
        if not isinstance(stage.module, torch.nn.LSTM):
            x = with_data(x, stage.module(x.data))
            continue
        y, end = stage.module(x, next(used))
        ends += zip(*end)
        data = y.data
        if stage.merge != "concat":
            a, b = data.chunk(2, dim=-1)
            data = {"sum": a + b, "multiply": a * b, "average": (a + b) / 2}[stage.merge]
        if stage.residual:
            data = x.data + data
        x = with_data(x, data)
    if case.heads:
        outputs = []
        for head in case.heads.values():
            data = x.data
            for module in head:
                data = module(data)
            outputs.append(data)
        x = with_data(x, torch.cat(outputs, dim=-1))
    return x, ends


def with_data(packed, data):
    return PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)


def rows(packed):
    """The steps of a PackedSequence, one sequence after another."""
    padded, lengths = pad_packed_sequence(packed, batch_first=True)
    return torch.cat([sequence[:length] for sequence, length in zip(padded, lengths)])


def largest(a, b):
    """The largest absolute difference of two tensors, measured in float64."""
    return (a.double() - b.double()).abs().max().item()


def make(case):
    generator = torch.Generator().manual_seed(case.seed)
    randomize(case, generator)
    recurrent = [stage.module for stage in case.stages if isinstance(stage.module, torch.nn.LSTM)]
    first = case.stages[0].module
    input = first.input_size if first in recurrent else first.in_features
    count = len(case.lengths)
    x = torch.randn(count, max(case.lengths), input, generator=generator)

    tensors, begin = {}, []
    for i, stage in enumerate(case.stages):
        if stage.module not in recurrent:
            continue
        lstms, r, h = states(stage.module)
        streams = 1 if case.begin == "learned" else count
        h0 = torch.rand(lstms, streams, r, generator=generator) * 2 - 1
        c0 = torch.randn(lstms, streams, h, generator=generator)
        if case.begin == "zero":
            h0, c0 = torch.zeros_like(h0), torch.zeros_like(c0)
        if case.begin == "learned":
            for k in range(lstms):
                suffix = f"l{k // 2}{'_reverse' * (k % 2)}" if stage.module.bidirectional else f"l{k}"
                tensors[f"{i}.initial_h_{suffix}"], tensors[f"{i}.initial_c_{suffix}"] = h0[k, 0], c0[k, 0]
            h0, c0 = h0.expand(lstms, count, r).contiguous(), c0.expand(lstms, count, h).contiguous()
        begin.append((h0, c0))

    parameters = {f"{name}.{key}": p.clone() for name, m in modules(case).items() for key, p in m.state_dict().items()}
    parameters.update(tensors)
    packed = pack_padded_sequence(x, case.lengths, batch_first=True, enforce_sorted=False)
    with torch.no_grad():
        y, ends = run(case, packed, begin)
        for module in modules(case).values():
            module.double()
        y64, ends64 = run(case, with_data(packed, packed.data.double()), [(h.double(), c.double()) for h, c in begin])

    tensors = dict(parameters)
    tensors["x"], tensors["y"] = rows(packed), rows(y)
    if case.begin == "given":
        for k, (h, c) in enumerate(pair for h, c in begin for pair in zip(h, c)):
            tensors[f"h0.{k}"], tensors[f"c0.{k}"] = h, c
    for k, (h, c) in enumerate(ends):
        tensors[f"h.{k}"], tensors[f"c.{k}"] = h, c
    drifts = {
        "drift_h": max(largest(a[0], b[0]) for a, b in zip(ends, ends64)),
        "drift_c": max(largest(a[1], b[1]) for a, b in zip(ends, ends64)),
        "drift_y": largest(y.data, y64.data),
    }
    metadata = {
        "model": json.dumps(describe(case), separators=(",", ":")),
        "lengths": ",".join(map(str, case.lengths)),
        "torch": torch.__version__,
        "seed": str(case.seed),
    }
    metadata.update((key, f"{value:.3e}") for key, value in drifts.items())
    tensorfile.save(VARIANTS / f"{case.name}.safetensors", tensors, metadata)
    return drifts


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    VARIANTS.mkdir(parents=True, exist_ok=True)
    print("| case | sequences | drift_h | drift_c | drift_y |")
    print("|---|---|---|---|---|")
    for case in cases():
        drifts = make(case)
        print(f"| {case.name} | {len(case.lengths)} of up to {max(case.lengths)} | " + " | ".join(f"{d:.1e}" for d in drifts.values()) + " |")


if __name__ == "__main__":
    main()
