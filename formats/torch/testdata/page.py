import torch

model = torch.nn.ModuleDict({"lstm": torch.nn.LSTM(4, 8, 2), "head": torch.nn.Linear(8, 1)})  # and train it
torch.save(model.state_dict(), "model.pt")
