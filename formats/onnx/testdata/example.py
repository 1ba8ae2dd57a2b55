import torch

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(input_size=3, hidden_size=8, num_layers=2, batch_first=True)
        self.head = torch.nn.Linear(8, 2)

    def forward(self, x):
        return torch.tanh(self.head(self.lstm(x)[0]))

model = Model()  # and train it
x = torch.zeros(1, 10, 3)  # one stream, ten steps
torch.onnx.export(model.eval(), (x,), "model.onnx", input_names=["x"], output_names=["y"], dynamic_axes={"x": [0, 1], "y": [0, 1]})
