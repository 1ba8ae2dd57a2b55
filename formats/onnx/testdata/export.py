"""Exports networks of PyTorch with random weights as ONNX files, to torch/, with
torch/cases.json, which says what their inputs and outputs are.

    /usr/bin/python3 formats/onnx/testdata/export.py

See README.md, which says what runs them.
"""

import json
import os
import sys
import warnings

import torch
from torch import nn

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch")
I, H, O, B, T = 3, 5, 2, 2, 4
CASES = []


def case(name, model, inputs, outputs, axes=True, opset=14):
    """Exports a model. inputs are (name, axes, example), outputs (name, axes), where
    axes are letters: B streams, T steps, F features, L layers and directions. Where
    axes are open, they have other sizes when the graph is run."""
    torch.manual_seed(len(CASES) + 1)
    for p in model.parameters():
        nn.init.uniform_(p, -0.7, 0.7)
    for n, b in model.named_buffers():
        if n.endswith(("running_mean", "running_var")):
            nn.init.uniform_(b, 0.2, 1.2)
    dynamic = {n: {i: a for i, a in enumerate(letters) if a in "BT"} for n, letters, *_ in inputs + outputs}
    torch.onnx.export(model.eval(), tuple(x for _, _, x in inputs), os.path.join(FOLDER, name + ".onnx"), opset_version=opset,
                      input_names=[n for n, _, _ in inputs], output_names=[n for n, _ in outputs], dynamic_axes=dynamic if axes else None)
    CASES.append({
        "name": name,
        "inputs": [{"name": n, "axes": a, "shape": [s + 1 if axes and letter in "BT" else s for letter, s in zip(a, x.shape)],
                    "integers": 0 if x.is_floating_point() else int(getattr(model, "rows", 4))} for n, a, x in inputs],
        "outputs": [{"name": n, "axes": a} for n, a in outputs],
    })


class Lambda(nn.Module):
    """Modules, and a function of them and of the inputs."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, m in modules.items():
            if isinstance(m, (nn.Module, nn.Parameter)):
                setattr(self, name, m)
            else:
                self.register_buffer(name, m)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def x(*sizes):
    return torch.randn(*(sizes or (B, T, I)))


def states(layers):
    return [("h0", "LBF", x(layers, B, H)), ("c0", "LBF", x(layers, B, H))]


def lstm(inputs=I, hidden=H, **options):
    return nn.LSTM(inputs, hidden, **{"batch_first": True, **options})


BTF, OUT = [("x", "BTF", x())], [("y", "BTF")]


def main():
    os.makedirs(FOLDER, exist_ok=True)
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    sequential = lambda m, x: m.head(m.lstm(x)[0])
    case("layer_states", Lambda(lambda m, x, h, c: m.l(x, (h, c)), l=lstm(batch_first=False)),
         [("x", "TBF", x(T, B, I))] + states(1), [("y", "TBF"), ("hn", "LBF"), ("cn", "LBF")])
    case("layer_batch_first", Lambda(lambda m, x: m.l(x)[0], l=lstm()), BTF, OUT)
    case("layer_static", Lambda(lambda m, x: m.l(x)[0], l=lstm()), BTF, OUT, axes=False)
    case("layer_one_stream", Lambda(lambda m, x: m.l(x)[0], l=lstm()), [("x", "BTF", x(1, T, I))], OUT, axes=False)
    case("nobias", Lambda(lambda m, x: m.l(x)[0], l=lstm(bias=False)), BTF, OUT)
    case("stack_states", Lambda(lambda m, x, h, c: m.l(x, (h, c)), l=lstm(num_layers=3)),
         BTF + states(3), OUT + [("hn", "LBF"), ("cn", "LBF")])
    case("stack_dropout", Lambda(lambda m, x: m.d(m.l(x)[0]), l=lstm(num_layers=2, dropout=0.3), d=nn.Dropout(0.2)), BTF, OUT)
    case("bidirectional", Lambda(lambda m, x: m.l(x), l=lstm(batch_first=False, bidirectional=True)),
         [("x", "TBF", x(T, B, I))], [("y", "TBF")], opset=12)
    case("bidirectional_stack", Lambda(lambda m, x, h, c: (m.l(x, (h, c))[0], *m.l(x, (h, c))[1]) if False else m.l(x, (h, c)),
                                       l=lstm(num_layers=2, bidirectional=True)),
         BTF + states(4), OUT + [("hn", "LBF"), ("cn", "LBF")])
    case("bidirectional_static", Lambda(lambda m, x: m.l(x)[0], l=lstm(num_layers=2, bidirectional=True)), BTF, OUT, axes=False)
    case("bidirectional_sum", Lambda(lambda m, x: (lambda y: y[..., :H] + y[..., H:])(m.l(x)[0]), l=lstm(bidirectional=True)), BTF, OUT)
    case("bidirectional_mean", Lambda(lambda m, x: (lambda y: (y[..., :H] + y[..., H:]) / 2)(m.l(x)[0]), l=lstm(bidirectional=True)), BTF, OUT)
    case("bidirectional_product", Lambda(lambda m, x: (lambda y: y[0] * y[1])(m.l(x)[0].chunk(2, -1)), l=lstm(bidirectional=True)), BTF, OUT)
    case("bidirectional_last", Lambda(lambda m, x: m.head(m.l(x)[0][:, -1]), l=lstm(bidirectional=True), head=nn.Linear(2 * H, O)), BTF, [("y", "BF")])
    case("reverse", Lambda(lambda m, x: torch.flip(m.l(torch.flip(x, [1]))[0], [1]), l=lstm()), BTF, OUT)
    case("linear_before", Lambda(lambda m, x: torch.sigmoid(m.after(m.lstm(torch.relu(m.before(x)))[0])),
                                 before=nn.Linear(I, 4), lstm=lstm(4), after=nn.Linear(H, O)), BTF, OUT)
    case("linear_no_bias", Lambda(sequential, lstm=lstm(), head=nn.Linear(H, O, bias=False)), BTF, OUT, opset=11)
    case("last_step", Lambda(lambda m, x: torch.softmax(m.head(m.lstm(x)[0][:, -1]), 1), lstm=lstm(num_layers=2), head=nn.Linear(H, 3)), BTF, [("y", "BF")])
    case("last_step_opset9", Lambda(lambda m, x: m.head(m.lstm(x)[0][:, -1, :]), lstm=lstm(), head=nn.Linear(H, 3)), BTF, [("y", "BF")], opset=9)
    case("last_state", Lambda(lambda m, x: m.head(m.lstm(x)[1][0][-1]), lstm=lstm(num_layers=2), head=nn.Linear(H, O)), BTF, [("y", "BF")])
    case("heads", Lambda(lambda m, x: (lambda y: (torch.softmax(m.a(y), -1), m.b(torch.tanh(y)), y))(m.lstm(x)[0]),
                         lstm=lstm(), a=nn.Linear(H, 3), b=nn.Linear(H, 1)), BTF, [("class", "BTF"), ("value", "BTF"), ("hidden", "BTF")])
    case("heads_joined", Lambda(lambda m, x: (lambda y: torch.cat([torch.sigmoid(m.a(y)), torch.tanh(m.b(y))], -1))(m.lstm(x)[0]),
                                lstm=lstm(), a=nn.Linear(H, 3), b=nn.Linear(H, 1)), BTF, OUT)
    case("halves", Lambda(lambda m, x: m.head(m.lstm(x)[0]).chunk(2, -1), lstm=lstm(), head=nn.Linear(H, 4)), BTF, [("mean", "BTF"), ("deviation", "BTF")])
    case("residual", Lambda(lambda m, x: (lambda y: y + m.b(y)[0])(x + m.a(x)[0]), a=lstm(H), b=lstm(H)), [("x", "BTF", x(B, T, H))], OUT)
    text = Lambda(lambda m, ids, h, c: (lambda y, s: (m.head(y), *s))(*m.lstm(m.embedding(ids), (h, c))),
                  embedding=nn.Embedding(7, 4), lstm=lstm(4, num_layers=2), head=nn.Linear(H, 7))
    text.rows = 7
    case("text", text, [("ids", "BT", torch.randint(7, (B, T)))] + states(2), [("logits", "BTF"), ("hn", "LBF"), ("cn", "LBF")])
    case("learned_states", Lambda(lambda m, x: m.l(x, (m.h.expand(-1, x.size(0), -1).contiguous(), m.c.repeat(1, x.size(0), 1)))[0],
                                  l=lstm(num_layers=2), h=nn.Parameter(torch.zeros(2, 1, H)), c=nn.Parameter(torch.zeros(2, 1, H))), BTF, OUT)
    case("step", Lambda(lambda m, x, h, c: (lambda y, s: (m.head(y.squeeze(1)), *s))(*m.lstm(x.unsqueeze(1), (h, c))), lstm=lstm(), head=nn.Linear(H, O)),
         [("x", "BF", x(B, I))] + states(1), [("y", "BF"), ("hn", "LBF"), ("cn", "LBF")])
    for name, f in {"leaky_relu": nn.LeakyReLU(0.2), "elu": nn.ELU(0.7), "softplus": nn.Softplus(), "hardsigmoid": nn.Hardsigmoid(),
                    "hardtanh": nn.Hardtanh(-0.3, 0.4), "relu6": nn.ReLU6(), "selu": nn.SELU(), "prelu": nn.PReLU()}.items():
        case("after_" + name, Lambda(lambda m, x: m.f(m.head(m.lstm(x)[0])), lstm=lstm(), head=nn.Linear(H, O), f=f), BTF, OUT)
    case("scaled", Lambda(lambda m, x: m.head(m.lstm((x - m.mean) / m.std)[0]) * m.factor + 0.25, lstm=lstm(), head=nn.Linear(H, O),
                          mean=torch.randn(I), std=torch.rand(I) + 0.5, factor=torch.tensor([2.0, -3.0])), BTF, OUT)
    case("batch_norm", Lambda(lambda m, x: m.head(m.norm(torch.relu(m.lstm(x)[0][:, -1]))), lstm=lstm(), norm=nn.BatchNorm1d(H), head=nn.Linear(H, O)), BTF, [("y", "BF")])
    case("flattened", Lambda(lambda m, x: m.lstm(torch.relu(m.before(x.reshape(-1, I))).reshape(x.size(0), x.size(1), 4))[0], before=nn.Linear(I, 4), lstm=lstm(4)), BTF, OUT)
    case("flattened_static", Lambda(lambda m, x: m.lstm(torch.relu(m.before(x.reshape(-1, I))).reshape(B, T, 4))[0], before=nn.Linear(I, 4), lstm=lstm(4)), BTF, OUT, axes=False)
    case("channels_first", Lambda(lambda m, x: m.lstm(x.permute(0, 2, 1))[0].permute(0, 2, 1), lstm=lstm()), [("x", "BFT", x(B, I, T))], [("y", "BFT")])
    case("lengths", Lambda(lambda m, x, n: nn.utils.rnn.pad_packed_sequence(m.lstm(nn.utils.rnn.pack_padded_sequence(x, n, batch_first=True))[0], batch_first=True)[0],
                           lstm=lstm(bidirectional=True)), BTF + [("lengths", "B", torch.tensor([T, T - 1]))], OUT, axes=False)
    case("states_only", Lambda(lambda m, x: m.l(x)[1], l=lstm(num_layers=2)), BTF, [("hn", "LBF"), ("cn", "LBF")])
    case("effect", Lambda(lambda m, x, h, c: (lambda y, s: (m.head(y) + x, *s))(*m.lstm(x, (h, c))), lstm=lstm(1), head=nn.Linear(H, 1)),
         [("x", "BTF", x(B, T, 1))] + states(1), OUT + [("hn", "LBF"), ("cn", "LBF")])
    case("effect_with_knobs", Lambda(lambda m, x: (lambda skip: m.head(m.lstm(x)[0]) + skip)(x[:, :, 0:1]), lstm=lstm(3), head=nn.Linear(H, 1)), BTF, OUT)
    case("states_of_one_input", Lambda(lambda m, x, s: (lambda y, a: (m.head(y), torch.stack((a[0], a[1]), -1)))(*m.lstm(x, (s[..., 0], s[..., 1]))),
                                       lstm=lstm(), head=nn.Linear(H, O)), BTF + [("s", "LBFK", x(1, B, H, 2))], OUT + [("sn", "LBFK")])
    ends = lambda name, f, axes=True, opset=14, **options: case("both_end_" + name, Lambda(
        lambda m, x: m.head(torch.relu(f(*m.lstm(x)))), lstm=lstm(bidirectional=True, **options), head=nn.Linear(2 * H, O)), BTF, [("y", "BF")], axes=axes, opset=opset)
    ends("cat", lambda y, s: torch.cat((s[0][-2], s[0][-1]), dim=1), num_layers=2)
    ends("cat_static", lambda y, s: torch.cat((s[0][-2, :, :], s[0][-1, :, :]), dim=1), axes=False, opset=9)
    ends("transpose", lambda y, s: s[0].transpose(0, 1).reshape(s[0].size(1), -1))
    ends("permute", lambda y, s: s[0].permute(1, 0, 2).flatten(1), opset=11)
    ends("view", lambda y, s: (lambda h: torch.cat((h[-1, 0], h[-1, 1]), -1))(s[0].view(2, 2, s[0].size(1), H)), num_layers=2)
    ends("unbind", lambda y, s: torch.cat(s[0].unbind(0), 1), opset=13)
    ends("steps", lambda y, s: torch.cat((y[:, -1, :H], y[:, 0, H:]), 1))
    case("both_end_sum", Lambda(lambda m, x: (lambda h: m.head(h[0] + h[1]))(m.lstm(x)[1][0]), lstm=lstm(bidirectional=True), head=nn.Linear(H, O)), BTF, [("y", "BF")])
    case("both_end_mean", Lambda(lambda m, x: (lambda h: m.head((h[-2] + h[-1]) / 2))(m.lstm(x)[1][0]), lstm=lstm(bidirectional=True), head=nn.Linear(H, O)), BTF, [("y", "BF")])
    case("both_end_alone", Lambda(lambda m, x: (lambda h: torch.cat((h[-2], h[-1]), 1))(m.lstm(x)[1][0]), lstm=lstm(bidirectional=True)), BTF, [("y", "BF")])
    case("both_end_heads", Lambda(lambda m, x: (lambda h: (torch.softmax(m.a(h), -1), h, m.b(h)))((lambda h: torch.cat((h[-2], h[-1]), 1))(m.lstm(x)[1][0])),
                                  lstm=lstm(bidirectional=True), a=nn.Linear(2 * H, 3), b=nn.Linear(2 * H, 1)), BTF, [("class", "BF"), ("hidden", "BF"), ("value", "BF")])
    case("both_end_lengths", Lambda(lambda m, x, n: (lambda h: m.head(torch.cat((h[-2], h[-1]), 1)))(m.lstm(nn.utils.rnn.pack_padded_sequence(x, n, batch_first=True))[1][0]),
                                    lstm=lstm(bidirectional=True), head=nn.Linear(2 * H, O)), BTF + [("lengths", "B", torch.tensor([T, T - 1]))], [("y", "BF")], axes=False)
    with open(os.path.join(FOLDER, "cases.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c) for c in CASES) + "\n]\n")


sys.exit(main())
