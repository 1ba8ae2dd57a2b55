import json, torch

model = torch.nn.ModuleDict({"lstm": torch.nn.LSTM(1, 4), "dense": torch.nn.Linear(4, 1)})  # and train it
json.dump({k: v.tolist() for k, v in model.state_dict().items()}, open("model.json", "w"))
