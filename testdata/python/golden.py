#!/usr/bin/env python3
"""Make the golden vectors in testdata/golden: LSTM networks with random weights, run by PyTorch.

    python3 testdata/python/golden.py

Every case is two safetensors files, all F32:

    NAME.model.safetensors   the state_dict of a Module below: lstm.weight_ih_l0, ..., head.weight, head.bias
    NAME.run.safetensors     x [T,I]  inputs
                             h0, c0 [L,H]  the state before the first step
                             h, c [T,L,H]  the state of every layer after every step, run one step at a time
                             y [T,O], or [T,H] without a head: the outputs, the whole sequence run in one go

The metadata of a run says how much float32 itself costs, so that a tolerance can be justified:
drift_h, drift_c and drift_y are the largest absolute differences between PyTorch's float32 run and the same
network (weights, inputs and state cast exactly) run in float64; drift_split is the largest absolute difference
between PyTorch's own stepwise and one-go runs in float32.

Two small models are also stored as F16, BF16 and F64, each beside an .expect file with the float32 values
that PyTorch converts it to.
"""

from collections import namedtuple
from pathlib import Path

import torch

import tensorfile

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

# gain scales the weights: a gate's pre-activation has a standard deviation of about gain. At 1 the gates
# move through the middle of their range, at 6 most of them are saturated most of the time.
Case = namedtuple("Case", "name input hidden layers bias head steps gain zero_state seed")

CASES = [
    Case("i1h1", 1, 1, 1, True, 0, 50, 1.5, False, 101),
    Case("i1h16l2_long", 1, 16, 2, True, 1, 2000, 1.0, False, 102),
    Case("i3h7_head", 3, 7, 1, True, 2, 40, 1.5, False, 103),
    Case("i3h7_long", 3, 7, 1, True, 0, 2000, 1.0, True, 104),
    Case("i7h17l2", 7, 17, 2, True, 0, 40, 1.5, False, 105),
    Case("i7h3l3_nobias", 7, 3, 3, False, 0, 50, 1.5, False, 106),
    Case("i16h33_saturated", 16, 33, 1, True, 0, 50, 6.0, False, 107),
    Case("i16h33_nobias", 16, 33, 1, False, 0, 40, 1.5, True, 108),
    Case("i17h16l3_head", 17, 16, 3, True, 5, 40, 1.5, False, 109),
    Case("i33h1_saturated", 33, 1, 1, True, 0, 50, 6.0, False, 110),
    Case("i33h100", 33, 100, 1, True, 0, 25, 1.5, False, 111),
    Case("i64h64l2_nobias", 64, 64, 2, False, 0, 20, 1.5, False, 112),
    Case("i100h100_head", 100, 100, 1, True, 3, 20, 1.5, True, 113),
]

CONVERTED_CASE = "i3h7_head"
STORAGE = {"f16": torch.float16, "bf16": torch.bfloat16, "f64": torch.float64}


class Module(torch.nn.Module):
    """An LSTM and, if case.head is not 0, a linear layer from its H hidden values to case.head outputs."""

    def __init__(self, case):
        super().__init__()
        self.lstm = torch.nn.LSTM(case.input, case.hidden, num_layers=case.layers, bias=case.bias)
        self.head = torch.nn.Linear(case.hidden, case.head) if case.head else None

    def forward(self, x, state):
        """x [T,I], state (h, c) of [L,H] each -> y [T,O] and the state after the last step."""
        y, state = self.lstm(x, state)
        return (self.head(y) if self.head else y), state


def random_weights(module, case, generator):
    """Random float64 weights (name -> tensor), normal matrices and uniform biases.

    The two biases of a layer differ, so that a reader that drops one or mixes them up is found out. The
    recurrent matrices get half the gain of the others: at full gain an LSTM is chaotic, and a difference in
    the last bit would grow with every step until it says nothing about the arithmetic any more.
    """
    weights = {}
    for name, parameter in module.named_parameters():
        shape = parameter.shape
        if len(shape) == 1:
            values = torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5
        else:
            values = torch.randn(shape, generator=generator, dtype=torch.float64) / shape[1] ** 0.5
            if name.startswith("lstm."):
                values *= case.gain / 2 if "_hh_" in name else case.gain
        weights[name] = values
    return weights


def run(module, x, h0, c0):
    """Run both ways: y [T,O] in one go, h and c [T,L,H] stepwise, and the two ways' largest difference."""
    with torch.no_grad():
        y, (h_last, c_last) = module(x, (h0, c0))
        state, ys, hs, cs = (h0, c0), [], [], []
        for t in range(x.shape[0]):
            y_t, state = module(x[t : t + 1], state)
            ys.append(y_t)
            hs.append(state[0])
            cs.append(state[1])
    split = max(largest(torch.cat(ys), y), largest(state[0], h_last), largest(state[1], c_last))
    return y, torch.stack(hs), torch.stack(cs), split


def largest(a, b):
    """The largest absolute difference of two tensors, measured in float64."""
    return (a.double() - b.double()).abs().max().item()


def make(case):
    """Write the two files of one case; returns its weights in float64 and its measurements."""
    generator = torch.Generator().manual_seed(case.seed)
    single, double = Module(case).float(), Module(case).double()
    weights = random_weights(single, case, generator)
    single.load_state_dict({name: w.float() for name, w in weights.items()})
    double.load_state_dict({name: w.float().double() for name, w in weights.items()})

    x = torch.randn(case.steps, case.input, generator=generator)
    shape = (case.layers, case.hidden)
    if case.zero_state:
        h0, c0 = torch.zeros(shape), torch.zeros(shape)
    else:
        h0 = torch.rand(shape, generator=generator) * 2 - 1
        c0 = torch.randn(shape, generator=generator)

    y, h, c, split = run(single, x, h0, c0)
    y64, h64, c64, _ = run(double, x.double(), h0.double(), c0.double())
    drifts = {
        "drift_h": largest(h, h64),
        "drift_c": largest(c, c64),
        "drift_y": largest(y, y64),
        "drift_split": split,
    }
    metadata = {"torch": torch.__version__, "seed": str(case.seed)}
    metadata.update((key, f"{value:.3e}") for key, value in drifts.items())

    tensorfile.save(GOLDEN / f"{case.name}.model.safetensors", single.state_dict(), {"format": "pt"})
    tensors = {"x": x, "h0": h0, "c0": c0, "h": h, "c": c, "y": y}
    tensorfile.save(GOLDEN / f"{case.name}.run.safetensors", tensors, metadata)
    return weights, {**drifts, "max_c": c.abs().max().item()}


def make_converted(name, storage, weights):
    """Write `weights` as `storage` (a key of STORAGE), and what PyTorch makes of them in float32."""
    stored = {key: w.to(STORAGE[storage]) for key, w in weights.items()}
    expect = {key: w.float() for key, w in stored.items()}
    tensorfile.save(GOLDEN / f"{name}.{storage}.model.safetensors", stored, {"format": "pt"})
    tensorfile.save(GOLDEN / f"{name}.{storage}.expect.safetensors", expect, {"torch": torch.__version__})


def edge_weights(storage):
    """Weights of an LSTM with I = 1 and H = 3, without biases, at the edges of a conversion to float32.

    Zeros of both signs, the smallest and largest subnormal and normal numbers and the largest finite ones of the
    stored type; for F64, whose conversion rounds, the numbers around float32's edges and the halfway cases too.
    """
    if storage == "f64":
        ulp = 2.0**-23
        edges = [0.0, 2.0**-149, 2.0**-150, 2.0**-150 + 2.0**-190, 3 * 2.0**-150, 2.0**-126 - 2.0**-150,
                 2.0**-126, 1 + ulp / 2, 1 + 3 * ulp / 2, 1 + ulp / 2 + 2.0**-52, 1 + ulp / 2 - 2.0**-52,
                 2 - ulp / 4, (2 - ulp) * 2.0**127, (2 - ulp) * 2.0**127 + 2.0**102, 2.0**-1074, 1 / 3, 16777217.0,
                 0.1]
    else:
        info = torch.finfo(STORAGE[storage])
        edges = [0.0, info.tiny * info.eps, info.tiny * info.eps * 3, info.tiny * (1 - info.eps), info.tiny,
                 info.tiny * (1 + info.eps), info.max, info.max / (2 - info.eps), 1.0, 1 + info.eps, 1 - info.eps / 2,
                 1 / 3, 0.1, 2.5, 100.0, info.max / 2, info.tiny / 2, info.tiny / 4]
    edges = torch.tensor(edges, dtype=torch.float64)
    values = torch.cat([edges, -edges, edges.flip(0)])[:48]
    return {"lstm.weight_ih_l0": values[:12].reshape(12, 1), "lstm.weight_hh_l0": values[12:].reshape(12, 3)}


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    print("| case | I | H | layers | bias | head | steps | max \\|c\\| | drift_h | drift_c | drift_y | drift_split |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for case in CASES:
        weights, measured = make(case)
        print(f"| {case.name} | {case.input} | {case.hidden} | {case.layers} | {'yes' if case.bias else 'no'} "
              f"| {case.head or '–'} | {case.steps} | {measured['max_c']:.1f} | {measured['drift_h']:.1e} "
              f"| {measured['drift_c']:.1e} | {measured['drift_y']:.1e} | {measured['drift_split']:.1e} |")
        if case.name == CONVERTED_CASE:
            for storage in STORAGE:
                make_converted(case.name, storage, weights)
    for storage in STORAGE:
        make_converted("edges", storage, edge_weights(storage))


if __name__ == "__main__":
    main()
