"""Write and read safetensors files: F32, F64, F16 and BF16 tensors, with string metadata.

A file is an 8-byte little-endian header length N, N bytes of JSON, and the tensors' bytes one after
another, little-endian and row-major. The JSON maps every tensor's name to
{"dtype", "shape", "data_offsets": [begin, end]}, offsets counted from the end of the header, and
"__metadata__" to an object of strings. The header is padded with spaces to a multiple of 8 bytes, so
that the data is as aligned in the file as the header's length field.

The same tensors and metadata in the same order give the same bytes.
"""

import json
import struct

import numpy as np
import torch

# torch dtype -> (name in the file, integer type of the same width, little-endian numpy type of that width).
# Elements travel as integers because numpy has no bfloat16 and because this keeps every bit, NaNs included.
_DTYPES = {
    torch.float64: ("F64", torch.int64, "<i8"),
    torch.float32: ("F32", torch.int32, "<i4"),
    torch.float16: ("F16", torch.int16, "<i2"),
    torch.bfloat16: ("BF16", torch.int16, "<i2"),
}
_BY_NAME = {name: (dtype, integer, little) for dtype, (name, integer, little) in _DTYPES.items()}


def save(path, tensors, metadata=None):
    """Write `tensors` (name -> torch tensor or numpy array, any shape) to `path`, in the order given.

    `metadata` maps strings to strings; other values are refused, since the format has no place for them.
    """
    header, chunks, end = {}, [], 0
    if metadata:
        for key, value in metadata.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise TypeError(f"metadata {key!r}: keys and values must be strings, not {value!r}")
        header["__metadata__"] = dict(metadata)
    for name, tensor in tensors.items():
        tensor = torch.as_tensor(tensor).detach().contiguous()
        if tensor.dtype not in _DTYPES:
            raise TypeError(f"tensor {name!r}: cannot store {tensor.dtype}")
        dtype, integer, little = _DTYPES[tensor.dtype]
        data = tensor.reshape(-1).view(integer).numpy().astype(little).tobytes()
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [end, end + len(data)]}
        chunks.append(data)
        end += len(data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        file.writelines(chunks)


def load(path):
    """Read a file: (tensors as name -> torch tensor, in the order of their data; metadata as string -> string)."""
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    data = memoryview(raw)[8 + length :]
    tensors = {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, integer, little = _BY_NAME[entry["dtype"]]
        begin, end = entry["data_offsets"]
        elements = np.frombuffer(data[begin:end], dtype=little).astype(np.dtype(little).newbyteorder("="))
        tensors[name] = torch.from_numpy(elements).view(dtype).reshape(entry["shape"])
    return tensors, metadata
