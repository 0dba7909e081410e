# SPDX-License-Identifier: Apache-2.0
"""The smallest ONNX files (onnx.proto, field numbers as there), written by hand so that tests need
no library."""

FLOAT = 1


def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def _number(field, value):
    return _varint(field << 3) + _varint(value)


def _part(field, content):
    content = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _value(name, shape):
    """`None` in a shape: any length."""
    dims = b"".join(_part(1, _part(2, "n") if each is None else _number(1, each))
                    for each in shape)
    tensor = _number(1, FLOAT) + _part(2, dims)
    return _part(1, name) + _part(2, _part(1, tensor))


def identity(name, shape):
    """A float tensor in, the same out, as "<name>_out"."""
    return of_one("Identity", name, shape, name + "_out")


def of_one(operator, name, shape, out):
    """A float tensor through an operator that keeps its shape."""
    node = _part(1, name) + _part(2, out) + _part(4, operator)
    graph = (_part(1, node) + _part(2, "one") + _part(11, _value(name, shape))
             + _part(12, _value(out, shape)))
    return _number(1, 8) + _part(7, graph) + _part(8, _part(1, "") + _number(2, 17))
