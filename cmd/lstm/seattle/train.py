#!/usr/bin/env python3
"""Train the Seattle weather model: fed one day's weather at a time, it forecasts tomorrow's maximum temperature.

    python3 train.py                   train, write model.safetensors and forecast.csv
    python3 train.py --forecast-only   remake forecast.csv from model.safetensors

The split is by year. Everything that is chosen (sizes, rates, how long to train, which seed) is chosen by training on
2012 and 2013 and validating on 2014. The network is then trained anew on 2012 to 2014. 2015 is held out: it is read
after all that, to measure the result, and nothing depends on it.

Runs are deterministic: fixed seeds, one thread. On another version of PyTorch the rounding, and with it the weights,
can come out differently.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "testdata" / "python"))
import tensorfile  # noqa: E402

DATA = HERE / "seattle-weather.csv"
MODEL = HERE / "model.safetensors"
FORECAST = HERE / "forecast.csv"

INPUTS = ["precipitation", "temp_max", "temp_min", "wind"]
TARGET = "temp_max"
OUTPUT = "temp_max_tomorrow"

HIDDEN = 32
WINDOW = 40  # days in a training sequence, each starting from a zero state
WARM_UP = 10  # days at the start of a sequence that the loss leaves out: the state has not settled
BATCH = 24  # sequences in a gradient step
LEARNING_RATE = 5e-3
WEIGHT_DECAY = 0.1
# Two years of days are few for 4,897 weights. Decaying the recurrent weights more keeps the memory short and
# simple, and dropping hidden units keeps any one of them from fitting noise.
RECURRENT_DECAY = 2.1
DROPOUT = 0.4
AVERAGE = 0.98  # per step, of the exponential moving average of the weights that is evaluated and kept
MAX_STEPS = 800
CHECK_EVERY = 25
SEEDS = [1, 2, 3]


class Forecaster(torch.nn.Module):
    """A single-layer LSTM and a linear head: x [T,B,4] normalised -> y [T,B] normalised."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(len(INPUTS), HIDDEN)
        self.head = torch.nn.Linear(HIDDEN, 1)

    def forward(self, x, keep=None):
        """`keep` [B,H] scales the hidden values that the head sees: dropout, one mask for a whole sequence."""
        h, _ = self.lstm(x)
        if keep is not None:
            h = h * keep
        return self.head(h).squeeze(-1)


def read_data():
    """The dates (list of N strings) and the input columns (float64 [N,4])."""
    with open(DATA, newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["date"] for row in rows], np.array([[float(row[name]) for name in INPUTS] for row in rows])


def moments(values):
    """Mean and standard deviation of every column of values [N,4]."""
    return values.mean(axis=0), values.std(axis=0)


def normalise(values, mean, std):
    """(value - mean) / std in float64, rounded once to float32."""
    return torch.from_numpy((values - mean) / std).float()


def train(x, seed, steps, check=None):
    """Train on the days x [N,4]; returns the averaged model.

    Each step draws sequences that start on random days. The target of a day is the next day's maximum
    temperature, so the last target is the last row of x. `check(step, model)` is called every CHECK_EVERY
    steps with the averaged model.
    """
    torch.manual_seed(seed)
    target = x[:, INPUTS.index(TARGET)]
    model, average = Forecaster(), Forecaster()
    average.load_state_dict(model.state_dict())
    recurrent = [model.lstm.weight_hh_l0]
    others = [p for p in model.parameters() if p is not model.lstm.weight_hh_l0]
    optimizer = torch.optim.AdamW(
        [{"params": others}, {"params": recurrent, "weight_decay": RECURRENT_DECAY}],
        lr=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
    )
    for step in range(1, steps + 1):
        starts = torch.randint(0, len(x) - WINDOW, (BATCH,))
        inputs = torch.stack([x[s : s + WINDOW] for s in starts], dim=1)
        truth = torch.stack([target[s + 1 : s + 1 + WINDOW] for s in starts], dim=1)
        keep = (torch.rand(BATCH, HIDDEN) >= DROPOUT) / (1 - DROPOUT)
        loss = (model(inputs, keep) - truth)[WARM_UP:].square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for mean, parameter in zip(average.parameters(), model.parameters()):
                mean.lerp_(parameter, 1 - AVERAGE)
        if check is not None and step % CHECK_EVERY == 0:
            check(step, average)
    return average


def forecast(model, x):
    """Feed the days x [N,4] one at a time, the state carried on: y [N] normalised."""
    state, ys = None, []
    with torch.no_grad():
        for day in x:
            h, state = model.lstm(day.reshape(1, -1), state)
            ys.append(model.head(h).reshape(()))
    return torch.stack(ys)


def rmse(errors):
    return float(np.sqrt(np.mean(np.square(errors))))


def evaluate(y, mean, std, values, rows):
    """RMSE in degrees Celsius of the forecasts y [N] (normalised) and of persistence, on the days `rows`."""
    column = INPUTS.index(TARGET)
    today, tomorrow = values[rows, column], values[np.array(rows) + 1, column]
    predicted = y.double().numpy()[rows] * std[column] + mean[column]
    return rmse(predicted - tomorrow), rmse(today - tomorrow)


def days_of(dates, year):
    """Rows of a year whose next row is in that year too."""
    return [i for i in range(len(dates) - 1) if dates[i].startswith(year) and dates[i + 1].startswith(year)]


def choose(dates, values):
    """Train on 2012 and 2013 and validate on 2014: the best seed, its number of steps, the RMSEs there."""
    known = [i for i, date in enumerate(dates) if date < "2014"]
    mean, std = moments(values[known])
    x = normalise(values[: len(known) + 365], mean, std)
    rows = days_of(dates, "2014")
    results = []
    for seed in SEEDS:

        def check(step, model):
            with torch.no_grad():
                y = model(x.unsqueeze(1)).squeeze(1)
            results.append((*evaluate(y, mean, std, values, rows), seed, step))

        train(x[: len(known)], seed, MAX_STEPS, check)
        best = min(r for r in results if r[2] == seed)
        print(f"seed {seed}: validation RMSE {best[0]:.3f} after {best[3]} steps, persistence {best[1]:.3f}", flush=True)
    error, persistence, seed, step = min(results)
    return seed, step, error, persistence


def describe(mean, std, training):
    """The metadata of the model file: how columns become inputs, outputs become values, and errors are counted."""
    column = INPUTS.index(TARGET)
    return {
        "description": "Forecasts tomorrow's maximum temperature in Seattle (degrees Celsius) from one day's weather "
        "at a time: a single-layer LSTM and a linear head.",
        "data": "Daily weather in Seattle, 2012 to 2015, from NOAA; seattle-weather.csv of the vega-datasets "
        "collection. A work of the U.S. government, in the public domain.",
        "training": training,
        "lstm.inputs": json.dumps(
            [{"name": name, "mean": float(m), "std": float(s)} for name, m, s in zip(INPUTS, mean, std)]
        ),
        "lstm.outputs": json.dumps(
            [{"name": OUTPUT, "mean": float(mean[column]), "std": float(std[column]), "truth": TARGET, "ahead": 1}]
        ),
        "lstm.index": "date",
        "lstm.evaluate": json.dumps({"column": "date", "from": "2015-01-01"}),
    }


def write_forecast(dates, y, mean, std):
    """Write the forecasts of the 2015 rows, denormalised in float64 and printed so that they read back exactly."""
    column = INPUTS.index(TARGET)
    with open(FORECAST, "w", newline="") as file:
        file.write(f"date,{OUTPUT}\n")
        for date, value in zip(dates, y.double().tolist()):
            if date >= "2015":
                file.write(f"{date},{value * float(std[column]) + float(mean[column])!r}\n")


def main():
    parser = argparse.ArgumentParser(description="Train the Seattle weather model.")
    parser.add_argument("--forecast-only", action="store_true", help="remake forecast.csv from model.safetensors")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    dates, values = read_data()

    if arguments.forecast_only:
        weights, metadata = tensorfile.load(MODEL)
        inputs = json.loads(metadata["lstm.inputs"])
        mean, std = np.array([i["mean"] for i in inputs]), np.array([i["std"] for i in inputs])
        model = Forecaster()
        model.load_state_dict(weights)
        y = forecast(model, normalise(values, mean, std))
        write_forecast(dates, y, mean, std)
        error, persistence = evaluate(y, mean, std, values, days_of(dates, "2015"))
        print(f"2015: RMSE {error:.4f}, persistence {persistence:.4f}, {1 - error / persistence:.1%} lower")
        return

    seed, steps, valid, valid_persistence = choose(dates, values)
    known = [i for i, date in enumerate(dates) if date < "2015"]
    mean, std = moments(values[known])
    x = normalise(values, mean, std)
    # Half as many days again: as many passes over them take half as many steps again.
    steps = steps * 3 // 2
    model = train(x[: len(known)], seed, steps)
    y = forecast(model, x)
    error, persistence = evaluate(y, mean, std, values, days_of(dates, "2015"))
    training = (
        f"Trained on 2012 to 2014 for {steps} steps with seed {seed}; both chosen by training on 2012 and 2013 and "
        f"validating on 2014, RMSE {valid:.3f} (persistence {valid_persistence:.3f}, {1 - valid / valid_persistence:.1%} "
        f"lower). Held-out 2015: RMSE {error:.3f} (persistence {persistence:.3f}, {1 - error / persistence:.1%} lower)."
    )
    print(training)
    tensorfile.save(MODEL, model.state_dict(), describe(mean, std, training))
    write_forecast(dates, y, mean, std)


if __name__ == "__main__":
    main()
